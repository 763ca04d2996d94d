use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::Uuid;
use azure_core::base64::encode_url_safe;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use jiff::Timestamp;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::certificate;
use super::transport::Cut;
use crate::port::Fault;
use crate::tls;

/// How long an assertion may be used: for one request, and a clock that is somewhat wrong.
const ASSERTION_SECONDS: i64 = 600;
/// A certificate with its chain and key is below ten kilobytes, a federated token below four.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A federated token, read anew for each use: its issuer renews the file.
#[derive(Debug)]
pub(super) struct FileAssertion {
    pub(super) file: PathBuf,
}

#[async_trait]
impl ClientAssertion for FileAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let text = read(&self.file, "the federated token").map_err(Cut::error)?;
        let token = text.trim();
        let part =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        // Three parts, of which a file in the middle of being written has fewer.
        if token.split('.').count() != 3 || !token.split('.').all(part) {
            return Err(Cut::error(
                Fault::later("", format!("there is no whole federated token in {}", self.file.display()))
                    .hint("see that what writes that file runs: in Kubernetes the workload identity webhook, which the pod's label asks for"),
            ));
        }
        Ok(token.to_owned())
    }
}

/// An assertion signed with the key of a certificate: what azure_identity's own certificate credential does, which needs
/// OpenSSL for it. PS256 and the certificate's SHA-256 thumbprint, as Entra ID documents it.
pub(super) struct CertificateAssertion {
    pub(super) client_id: String,
    /// The token endpoint.
    pub(super) audience: String,
    pub(super) certificate_file: PathBuf,
    pub(super) key_file: Option<PathBuf>,
}

impl fmt::Debug for CertificateAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAssertion").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[async_trait]
impl ClientAssertion for CertificateAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.signed(Timestamp::now()).map_err(Cut::error)
    }
}

impl CertificateAssertion {
    fn signed(&self, now: Timestamp) -> Result<String, Fault> {
        let together = self.key_file.is_none();
        let der = certificate_of(&self.certificate_file, together)?;
        let key_file = self.key_file.as_deref().unwrap_or(&self.certificate_file);
        let key = key_of(key_file, together)?;
        let signer = key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]);
        let signer = signer.ok_or_else(|| unusable(key_file, "is no RSA key"))?;
        let mismatch = Error::InconsistentKeys(InconsistentKeys::KeyMismatch);
        if CertifiedKey::new(vec![der.clone()], key).keys_match() == Err(mismatch) {
            let (certificate, key) = (self.certificate_file.display(), key_file.display());
            // Two files can't be exchanged at one moment.
            return Err(Fault::later("", format!("the certificate in {certificate} is not that of the key in {key}"))
                .hint("is one of the two being renewed? Put both of one pair there"));
        }
        let header = serde_json::json!({
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": encode_url_safe(Sha256::digest(&der)),
        });
        let claims = serde_json::json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": Uuid::new_v4().to_string(),
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "exp": now.as_second() + ASSERTION_SECONDS,
        });
        let signed = format!("{}.{}", encode_url_safe(header.to_string()), encode_url_safe(claims.to_string()));
        let signature = signer
            .sign(signed.as_bytes())
            .map_err(|_| Fault::broken("", "the client certificate's key does not sign"))?;
        Ok(format!("{signed}.{}", encode_url_safe(signature)))
    }
}

/// From when and until when the certificate is good.
pub(super) fn validity_of(file: &Path) -> Result<(Timestamp, Timestamp), Fault> {
    let der = certificate_of(file, false)?;
    certificate::validity(&der).ok_or_else(|| {
        Fault::broken("", format!("the client certificate in {} can't be read", file.display()))
            .hint("put the certificate there in PEM form")
    })
}

fn certificate_of(file: &Path, together: bool) -> Result<CertificateDer<'static>, Fault> {
    let text = read(file, "the client certificate")?;
    CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        let hint = "put the certificate there in PEM form (-----BEGIN CERTIFICATE-----), the leaf first";
        torn(file, &text, together)
            .unwrap_or_else(|| Fault::broken("", format!("there is no certificate in {}", file.display())))
            .hint(hint)
    })
}

/// The certificate's key.
fn key_of(file: &Path, together: bool) -> Result<Arc<dyn SigningKey>, Fault> {
    let text = read(file, "the client certificate's key")?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| torn(file, &text, together).unwrap_or_else(|| unusable(file, "is not there, or is encrypted")))?;
    any_supported_type(&key).map_err(|_| unusable(file, "can't be used"))
}

fn unusable(file: &Path, cause: &str) -> Fault {
    Fault::broken("", format!("the private key in {} {cause}", file.display()))
        .hint("Entra ID takes RSA keys of 2048 bits or more; store it in PEM form without a passphrase, mode 0600")
}

/// A file that does not end as PEM does is being written, as far as anybody can see; so is one that holds but the first
/// of two things that lie there together.
fn torn(file: &Path, text: &str, together: bool) -> Option<Fault> {
    let last = text.trim_end().lines().next_back().unwrap_or_default();
    let whole = last.starts_with("-----END ") && last.ends_with("-----");
    let both = !together || text.contains("BEGIN CERTIFICATE-----") && text.contains("PRIVATE KEY-----");
    let cause = match (whole, both) {
        (true, true) => return None,
        (false, _) => "does not end as a PEM file does (-----END …-----)",
        (true, false) => "does not hold both certificate and key",
    };
    Some(
        Fault::later("", format!("{} {cause}", file.display()))
            .hint("is it being renewed? Otherwise put the whole PEM file there"),
    )
}

/// A whole small text file, wiped after use. One that is not there, or empty, may be about to be: its owner renews it.
pub(super) fn read(file: &Path, what: &str) -> Result<Zeroizing<String>, Fault> {
    let at = file.display();
    let hint =
        "see that the file is there, that what renews it runs, and that the account this program runs as may read it";
    let bytes = match tls::file(file, FILE_BYTES_MAX) {
        Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {
            return Err(Fault::later("", format!("{what} in {at} is empty")).hint(hint));
        }
        Ok(bytes) => bytes,
        // Its own word for a file that is too long.
        Err(e) if e.kind() == ErrorKind::Other => {
            return Err(Fault::broken("", format!("{what} in {at} can't be that: {e}")).hint("is it the right file?"));
        }
        Err(e) => return Err(Fault::later("", format!("{what} can't be read from {at}: {e}")).hint(hint)),
    };
    let text = str::from_utf8(&bytes)
        .map_err(|_| Fault::broken("", format!("{what} in {at} is no text")).hint("is it the right file?"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::port::Meaning;

    /// Of the wrong kind: ring makes no RSA keys.
    fn pair() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let wanted = rcgen::CertificateParams::new(vec!["rotator".to_owned()]).unwrap();
        (wanted.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[tokio::test]
    async fn a_federated_token_that_is_being_renewed_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let assertion = FileAssertion { file: file.clone() };
        let told = async || {
            let error = assertion.secret(None).await.unwrap_err();
            let found = super::super::answer::find_cut(&error).unwrap().0.clone();
            assert!(found.cause.contains(&file.display().to_string()) && !found.hint.is_empty(), "{found}");
            found.meaning
        };
        assert_eq!(told().await, Meaning::Later);
        for (text, meaning) in [
            (&b" \n"[..], Meaning::Later),
            (b"eyJh.eyJp", Meaning::Later),
            (b"eyJh.eyJp.", Meaning::Later),
            (b"\0\0\0", Meaning::Later),
            (&[0xff; 9], Meaning::Broken),
            (&[b'x'; FILE_BYTES_MAX as usize + 1], Meaning::Broken),
        ] {
            fs::write(&file, text).unwrap();
            assert_eq!(told().await, meaning, "{:?}", &text[..9.min(text.len())]);
        }
        fs::write(&file, "a.b.c\n").unwrap();
        assert_eq!(assertion.secret(None).await.unwrap(), "a.b.c");
    }

    #[test]
    fn a_certificate_that_is_being_renewed_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate_file, key_file) = (folder.path().join("client.pem"), folder.path().join("client.key"));
        let assertion = CertificateAssertion {
            client_id: "c".to_owned(),
            audience: "a".to_owned(),
            certificate_file: certificate_file.clone(),
            key_file: Some(key_file.clone()),
        };
        let (certificate, key) = pair();
        let torn = |text: &str| text[..text.len() / 2].to_owned();
        for (certificate, key, meaning, words) in [
            (None, Some(key.clone()), Meaning::Later, "client.pem"),
            (Some(String::new()), Some(key.clone()), Meaning::Later, "client.pem is empty"),
            (Some(torn(&certificate)), Some(key.clone()), Meaning::Later, "client.pem does not end"),
            (Some(certificate.clone()), None, Meaning::Later, "client.key"),
            (Some(certificate.clone()), Some("\n".to_owned()), Meaning::Later, "client.key is empty"),
            (Some(certificate.clone()), Some(torn(&key)), Meaning::Later, "client.key does not end"),
            // Whole, and wrong.
            (Some(key.clone()), Some(key.clone()), Meaning::Broken, "no certificate"),
            (Some(certificate.clone()), Some(certificate.clone()), Meaning::Broken, "is not there"),
            (Some(certificate), Some(key), Meaning::Broken, "is no RSA key"),
        ] {
            for (file, text) in [(&certificate_file, certificate), (&key_file, key)] {
                drop(fs::remove_file(file));
                if let Some(text) = text {
                    fs::write(file, text).unwrap();
                }
            }
            let fault = assertion.signed(Timestamp::now()).unwrap_err();
            assert_eq!(fault.meaning, meaning, "{words}: {fault}");
            assert!(fault.cause.contains(words) && !fault.hint.is_empty(), "{words}: {fault}");
        }
        // Both in one file, of which the second is still to come.
        let (certificate, key) = pair();
        let assertion = CertificateAssertion { key_file: None, ..assertion };
        for (text, meaning) in
            [(&certificate, Meaning::Later), (&key, Meaning::Later), (&format!("{key}{certificate}"), Meaning::Broken)]
        {
            fs::write(&certificate_file, text).unwrap();
            assert_eq!(assertion.signed(Timestamp::now()).unwrap_err().meaning, meaning, "{text}");
        }
    }
}
