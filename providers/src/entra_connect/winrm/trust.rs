//! Certificates: whose word we believe, what we show, and what a broken handshake means.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, ClientConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::endpoint::Endpoint;
use super::{Logon, Settings};
use crate::entra_connect::transport::{Broken, Reached};
use crate::port::Fault;
use crate::tls;

/// A chain and a key are a few kilobytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

fn settings(fault: Fault) -> Broken {
    Broken::new(Reached::Settings, format!("{}: {}", fault.doing, fault.cause)).hint(fault.hint)
}

/// TLS as these settings want it. Files are read anew each time, so that exchanged ones need no restart.
pub(super) fn config(wanted: &Settings) -> Result<Arc<ClientConfig>, Broken> {
    let plain = tls::client_config(wanted.ca_file.as_deref()).map_err(settings)?;
    let Logon::Certificate { certificate_file, key_file } = &wanted.logon else { return Ok(plain) };
    let (chain, key) = (chain(certificate_file)?, key(key_file)?);
    let unfit = |cause: rustls::Error| {
        let cause = format!("{} and {} can't be used: {cause}", certificate_file.display(), key_file.display());
        Broken::new(Reached::Settings, cause).hint("name a certificate and the key that belongs to it")
    };
    let provider = plain.crypto_provider();
    let key = provider.key_provider.load_private_key(key).map_err(unfit)?;
    let shown = rustls::sign::CertifiedKey::new(chain, key);
    match shown.keys_match() {
        // A kind of key whose public part can't be seen is the server's to judge.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
        Err(cause) => return Err(unfit(cause)),
    }
    let mut config = ClientConfig::clone(&plain);
    config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(shown));
    Ok(Arc::new(config))
}

fn unread(file: &Path, cause: impl ToString) -> Broken {
    Broken::new(Reached::Settings, format!("{} can't be read: {}", file.display(), cause.to_string()))
        .hint("name files in PEM form: the certificate (and those of its issuers), and its key, not encrypted")
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, Broken> {
    let text = tls::file(file, FILE_BYTES_MAX).map_err(|cause| unread(file, cause))?;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|cause| unread(file, cause))?;
    if chain.is_empty() { Err(unread(file, "there is no certificate in it")) } else { Ok(chain) }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Broken> {
    let text = tls::file(file, FILE_BYTES_MAX).map_err(|cause| unread(file, cause))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|cause| unread(file, cause))
}

/// What an error of the connection means, as long as no byte of a request has left.
pub(super) fn broken(error: &(dyn Error + 'static), at: &Endpoint) -> Broken {
    match find_tls(error) {
        Some(rustls::Error::InvalidCertificate(reason)) => certificate(reason, at),
        Some(rustls::Error::AlertReceived(alert)) if about_certificates(*alert) => {
            Broken::new(Reached::Refused, format!("{at} does not accept our certificate: {alert:?}"))
                .hint("show it a certificate that is in date and issued by a CA that the server trusts")
        }
        _ => Broken::new(Reached::Nothing, format!("the connection to {at} broke: {}", innermost(error)))
            .hint("is it WinRM's HTTPS listener that answers there?"),
    }
}

/// A wrong issuer or name is a matter of settings, a date may pass (a renewal under way).
fn certificate(reason: &CertificateError, at: &Endpoint) -> Broken {
    let host = &at.host;
    let (reached, cause, hint) = match reason {
        // A bad signature is what a CA of the same name with another key looks like: one made anew.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            Reached::Settings,
            format!("the certificate of {host} was not issued by a CA that is trusted here"),
            "name the CA that issued the listener's certificate as ca_file",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            Reached::Settings,
            format!("the certificate is not valid for the name {host}"),
            "use a name in the url that stands in the listener's certificate, or have one issued with this name",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            Reached::Nothing,
            format!("the certificate of {host} has expired"),
            "have the listener's certificate renewed",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (Reached::Nothing, format!("the certificate of {host} is not valid yet"), "check this machine's clock")
        }
        other => (
            Reached::Settings,
            format!("the certificate of {host} is not accepted: {other}"),
            "look at the listener's certificate",
        ),
    };
    Broken::new(reached, cause).hint(hint)
}

fn about_certificates(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

/// The TLS error inside, if there is one. `io::Error` skips the error it wraps in `source`, so it is asked.
fn find_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The text of the innermost cause. The outer ones say less.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
