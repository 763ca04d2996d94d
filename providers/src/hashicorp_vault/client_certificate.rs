use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::ClientCertificate;
use crate::port::Fault;
use crate::tls;

/// A chain and a key are a few kilobytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// When a file was last written, and its length.
pub(super) type Stamp = (SystemTime, u64);

/// `None` when the file can't be seen.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let facts = fs::metadata(path).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

/// Shows the certificate as it is in its files now: short-lived ones are exchanged while we run.
#[derive(Debug)]
pub(super) struct Shown {
    files: ClientCertificate,
    provider: Arc<CryptoProvider>,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    stamps: [Option<Stamp>; 2],
    key: Arc<CertifiedKey>,
}

impl Shown {
    /// Reads both files; they must be there and belong together.
    pub(super) fn new(files: &ClientCertificate, provider: &Arc<CryptoProvider>) -> Result<Self, Fault> {
        let stamps = stamps(files);
        let key = read(files, provider)?;
        Ok(Self { files: files.clone(), provider: Arc::clone(provider), last: Mutex::new(Last { stamps, key }) })
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.files);
        if stamps != last.stamps {
            // Between the exchange of the one file and of the other they do not fit: the pair before goes on.
            match read(&self.files, &self.provider) {
                Ok(key) => *last = Last { stamps, key },
                Err(fault) => tracing::warn!(%fault, "the exchanged client certificate is not used yet"),
            }
        }
        Arc::clone(&last.key)
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn stamps(files: &ClientCertificate) -> [Option<Stamp>; 2] {
    [stamp(&files.certificate_file), stamp(&files.key_file)]
}

fn read(files: &ClientCertificate, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, Fault> {
    let (file, key_file) = (&files.certificate_file, &files.key_file);
    let doing = format!("reading the client certificate {}", file.display());
    let hint = "name files in PEM form: the certificate (and those of its issuers), and its key, not encrypted";
    let text = tls::file(file, FILE_BYTES_MAX).map_err(|e| Fault::broken(&doing, e.to_string()).hint(hint))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|e| Fault::broken(&doing, format!("it is not valid PEM: {e}")).hint(hint))?;
    if chain.is_empty() {
        return Err(Fault::broken(&doing, "there is no certificate in it").hint(hint));
    }
    let key_doing = format!("reading the client certificate's key {}", key_file.display());
    let text = tls::file(key_file, FILE_BYTES_MAX).map_err(|e| Fault::broken(&key_doing, e.to_string()).hint(hint))?;
    // The parser's own words could quote what it read.
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| Fault::broken(&key_doing, "there is no private key in it that is not encrypted").hint(hint))?;
    CertifiedKey::from_der(chain, key, provider)
        .map(Arc::new)
        .map_err(|e| Fault::broken(&key_doing, format!("it can't be used with the certificate: {e}")).hint(hint))
}

#[cfg(test)]
mod tests {
    use rustls::crypto::ring;

    use super::*;

    fn pair(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn an_exchanged_pair_is_taken_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let files = ClientCertificate {
            certificate_file: folder.path().join("client.pem"),
            key_file: folder.path().join("client.key"),
        };
        let provider = Arc::new(ring::default_provider());
        assert!(Shown::new(&files, &provider).unwrap_err().doing.contains("client.pem"));
        let (one, one_key) = pair("one.test");
        let (other, other_key) = pair("another.test");
        fs::write(&files.certificate_file, &one).unwrap();
        fs::write(&files.key_file, "no key").unwrap();
        assert!(Shown::new(&files, &provider).unwrap_err().doing.contains("client.key"));
        fs::write(&files.key_file, &other_key).unwrap();
        let fault = Shown::new(&files, &provider).unwrap_err();
        assert!(fault.cause.contains("with the certificate"), "{fault}");
        fs::write(&files.key_file, &one_key).unwrap();
        let shown = Shown::new(&files, &provider).unwrap();
        let first = shown.current();
        fs::write(&files.certificate_file, &other).unwrap();
        assert!(Arc::ptr_eq(&first, &shown.current()), "half an exchange was taken");
        fs::write(&files.key_file, format!("{other_key}\n")).unwrap();
        assert_ne!(first.cert, shown.current().cert, "the exchange was not seen");
        assert!(!format!("{shown:?}").contains("PRIVATE"), "{shown:?}");
    }
}
