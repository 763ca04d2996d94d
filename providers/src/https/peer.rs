//! What it means that no whole reply came, or that a certificate is not accepted.

use std::error::Error;
use std::path::PathBuf;

use rustls::{AlertDescription, CertificateError};

use super::Effect;
use super::client::{CALL_LIMIT, CONNECT_LIMIT};
use crate::port::{Fault, Meaning};

/// The other side of the wire, for the words of a fault.
pub(crate) struct Peer {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whose word its certificate is believed by.
    pub(crate) trust: String,
    /// The client certificate that it is shown.
    pub(crate) certificate: Option<PathBuf>,
}

impl Peer {
    /// What this error of the client means. Where nothing was sent it is `Later` or `Broken`, whatever the effect.
    pub(crate) fn cut(&self, error: &reqwest::Error, effect: Effect, doing: &str) -> Fault {
        let host = &self.host;
        match find_tls(error) {
            Some(rustls::Error::InvalidCertificate(reason)) => return self.certificate(reason, doing),
            Some(rustls::Error::AlertReceived(alert)) => {
                if let Some(fault) = self.refused_certificate(*alert, doing) {
                    return fault;
                }
            }
            _ => {}
        }
        if error.is_builder() {
            return Fault::broken(doing, innermost(error));
        }
        let at = format!("{host}:{}", self.port);
        if error.is_connect() {
            let cause = if error.is_timeout() {
                format!("no connection to {at} within {} s", CONNECT_LIMIT.as_secs())
            } else {
                format!("no connection to {at}: {}", innermost(error))
            };
            return Fault::later(doing, cause).hint(
                "is it running, and does this machine reach it: name resolution, firewall, private endpoint (no proxy is used)?",
            );
        }
        let cause = if error.is_timeout() {
            format!("no reply from {at} within {} s", CALL_LIMIT.as_secs())
        } else {
            format!("the connection to {at} broke before the reply was complete: {}", innermost(error))
        };
        Fault::new(effect.lost(), doing, cause)
    }

    /// A certificate that is not accepted: nothing was sent. A wrong issuer or name is a matter of configuration,
    /// a date may pass (a renewal under way).
    fn certificate(&self, reason: &CertificateError, doing: &str) -> Fault {
        let host = &self.host;
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
                format!("the certificate of {host} was not issued by {}", self.trust),
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
            other => {
                (format!("the certificate of {host} is not accepted: {other}"), "look at the server's certificate")
            }
        };
        let meaning = if dated { Meaning::Later } else { Meaning::Broken };
        Fault::new(meaning, doing, cause).hint(hint)
    }

    /// The other side asks for a client certificate and is not content with ours. It reads no request before it is.
    fn refused_certificate(&self, alert: AlertDescription, doing: &str) -> Option<Fault> {
        let about_certificates = matches!(
            alert,
            AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
        );
        let host = &self.host;
        about_certificates.then(|| match &self.certificate {
            Some(file) => {
                let cause = format!("{host} does not accept the client certificate {}: {alert:?}", file.display());
                Fault::broken(doing, cause)
                    .hint("use a certificate that is in date and issued by the CA that the listener names")
            }
            None => Fault::broken(doing, format!("{host} asks for a client certificate ({alert:?})"))
                .hint("name the files of a client certificate and its key"),
        })
    }
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
