//! One rustls configuration for every adapter.
//!
//! The crypto provider is named here and nowhere else: no process-wide default is set or needed, so a
//! program that embeds us keeps its own.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::port::Fault;

/// A CA file is a few kilobytes; a whole machine's bundle is below one megabyte.
const CA_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A TLS client for 1.2 and later that always verifies the server's certificate and name.
///
/// Trusted are the certificates in `ca_file` and nothing else when it is given, or else those in the
/// machine's trust store. A file that is missing or holds no certificate is `Broken`, as is a machine
/// without a trust store. The file is read at every call, so a renewed CA needs no restart.
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Fault> {
    let roots = match ca_file {
        Some(path) => roots_from_file(path)?,
        None => roots_from_machine()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Fault::broken("setting up TLS", e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A whole file that may hold a key, in a buffer that is wiped. One that is longer than it can need is an error.
pub(crate) fn file(path: &Path, bytes_max: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let length = metadata.len();
    if length > bytes_max {
        return Err(io::Error::other(format!("it has {length} bytes, more than the {bytes_max} it can need")));
    }
    fs::read(path).map(Zeroizing::new)
}

fn roots_from_file(path: &Path) -> Result<RootCertStore, Fault> {
    let doing = || format!("reading the CA file {}", path.display());
    let hint = "name a file with the issuing CA's certificate in PEM form (-----BEGIN CERTIFICATE-----)";
    let bytes = file(path, CA_FILE_BYTES_MAX).map_err(|e| Fault::broken(doing(), e.to_string()).hint(hint))?;
    let mut roots = RootCertStore::empty();
    for item in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = item.map_err(|e| Fault::broken(doing(), format!("it is not valid PEM: {e}")).hint(hint))?;
        roots
            .add(certificate)
            .map_err(|e| Fault::broken(doing(), format!("a certificate in it can't be used: {e}")).hint(hint))?;
    }
    if roots.is_empty() {
        return Err(Fault::broken(doing(), "there is no certificate in it").hint(hint));
    }
    Ok(roots)
}

/// The machine's store may hold single certificates that rustls can't use; those are skipped, the rest counts.
fn roots_from_machine() -> Result<RootCertStore, Fault> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a part of the machine's trust store can't be read");
    }
    let mut roots = RootCertStore::empty();
    let (usable, unusable) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(usable, unusable, "the machine's trust store is loaded");
    if roots.is_empty() {
        let cause = found.errors.first().map_or_else(|| "it is empty".to_owned(), ToString::to_string);
        return Err(Fault::broken("reading the machine's trust store", cause)
            .hint("install the package ca-certificates, or name the CA file in the configuration"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::port::Meaning;

    fn file_with(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("entra-rotator-tls-{}-{name}", std::process::id()));
        fs::write(&path, text).expect("the temporary folder is writable");
        path
    }

    #[test]
    fn a_missing_file_is_named() {
        let fault = client_config(Some(Path::new("/nonexistent/ca.pem"))).expect_err("it is refused");
        assert_eq!(fault.meaning, Meaning::Broken);
        assert!(fault.doing.contains("/nonexistent/ca.pem"), "{fault}");
        assert!(fault.cause.contains("No such file"), "{fault}");
    }

    #[test]
    fn a_file_without_a_certificate_is_told_apart_from_a_damaged_one() {
        let empty = file_with("empty.pem", "just a note\n");
        let damaged = file_with("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let no_certificate = client_config(Some(&empty)).expect_err("it is refused");
        let unusable = client_config(Some(&damaged)).expect_err("it is refused");
        fs::remove_file(empty).expect("it was just written");
        fs::remove_file(damaged).expect("it was just written");
        assert!(no_certificate.cause.contains("no certificate"), "{no_certificate}");
        assert!(unusable.cause.contains("can't be used"), "{unusable}");
        assert!(no_certificate.hint.contains("PEM"), "{no_certificate}");
    }
}
