use std::fmt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use azure_core::Uuid;
use azure_core::base64::encode_url_safe;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use jiff::Timestamp;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::Signer;
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
        match text.trim() {
            "" => Err(Cut::error(
                Fault::broken("", format!("the federated token in {} is empty", self.file.display()))
                    .hint("see that what writes that file runs: in Kubernetes the workload identity webhook, which the pod's label asks for"),
            )),
            token => Ok(token.to_owned()),
        }
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
        let der = certificate_of(&self.certificate_file)?;
        let key = key_of(self.key_file.as_deref().unwrap_or(&self.certificate_file))?;
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
        let signature =
            key.sign(signed.as_bytes()).map_err(|_| Fault::broken("", "the client certificate's key does not sign"))?;
        Ok(format!("{signed}.{}", encode_url_safe(signature)))
    }
}

/// From when and until when the certificate is good.
pub(super) fn validity_of(file: &Path) -> Result<(Timestamp, Timestamp), Fault> {
    let der = certificate_of(file)?;
    certificate::validity(&der).ok_or_else(|| {
        Fault::broken("", format!("the client certificate in {} can't be read", file.display()))
            .hint("put the certificate there in PEM form")
    })
}

fn certificate_of(file: &Path) -> Result<CertificateDer<'static>, Fault> {
    let text = read(file, "the client certificate")?;
    CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        Fault::broken("", format!("there is no certificate in {}", file.display()))
            .hint("put the certificate there in PEM form (-----BEGIN CERTIFICATE-----), the leaf first")
    })
}

/// The certificate's key, ready to sign as PS256 does.
fn key_of(file: &Path) -> Result<Box<dyn Signer>, Fault> {
    let text = read(file, "the client certificate's key")?;
    let unusable = |cause: &str| {
        Fault::broken("", format!("the private key in {} {cause}", file.display()))
            .hint("Entra ID takes RSA keys of 2048 bits or more; store it in PEM form without a passphrase, mode 0600")
    };
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| unusable("is not there, or is encrypted"))?;
    let key = any_supported_type(&key).map_err(|_| unusable("can't be used"))?;
    key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]).ok_or_else(|| unusable("is no RSA key"))
}

/// A whole small text file, wiped after use.
pub(super) fn read(file: &Path, what: &str) -> Result<Zeroizing<String>, Fault> {
    let fault = |cause: String| {
        Fault::broken("", format!("{what} can't be read from {}: {cause}", file.display()))
            .hint("see that the file is there, and that the account this program runs as may read it")
    };
    let bytes = tls::file(file, FILE_BYTES_MAX).map_err(|e| fault(e.to_string()))?;
    let text = str::from_utf8(&bytes).map_err(|_| fault("it holds no text".to_owned()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn an_empty_federated_token_is_not_sent() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let assertion = FileAssertion { file: file.path().to_owned() };
        fs::write(file.path(), " \n").unwrap();
        let told = assertion.secret(None).await.unwrap_err().to_string();
        assert!(told.contains("is empty"), "{told}");
        fs::write(file.path(), "a.b.c\n").unwrap();
        assert_eq!(assertion.secret(None).await.unwrap(), "a.b.c");
    }
}
