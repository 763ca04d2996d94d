//! What it means that a server's certificate is not accepted, for HTTPS clients: nothing was sent.

use std::error::Error;

use rustls::CertificateError;

use crate::port::{Fault, Meaning};

/// A certificate that is not accepted, if that is what is inside `error`. `trust` names whom we trust. A wrong issuer or
/// name is a matter of configuration; a date may pass (a renewal under way).
pub(crate) fn certificate(error: &(dyn Error + 'static), host: &str, trust: &str, doing: &str) -> Option<Fault> {
    let rustls::Error::InvalidCertificate(reason) = find_tls(error)? else { return None };
    let dated = matches!(
        reason,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    );
    let (cause, hint) = match reason {
        // A bad signature is what a CA of the same name with another key looks like: one made anew.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            format!("the certificate of {host} was not issued by {trust}"),
            "name the CA that issued it as ca_file; if it should be trusted already, something stands between this \
             machine and the server (a proxy that inspects TLS, for one)",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("the certificate is not valid for the name {host}"),
            "use a name in the url that stands in the certificate, or have one issued with this name",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (format!("the certificate of {host} has expired"), "have the server's certificate renewed")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (format!("the certificate of {host} is not valid yet"), "check this machine's clock")
        }
        other => (format!("the certificate of {host} is not accepted: {other}"), "look at the server's certificate"),
    };
    let meaning = if dated { Meaning::Later } else { Meaning::Broken };
    Some(Fault::new(meaning, doing, cause).hint(hint))
}

/// The TLS error inside, if there is one. `io::Error` skips the error it wraps in `source`, so it is asked.
fn find_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The text of the innermost cause. The outer ones repeat the address and say less.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
