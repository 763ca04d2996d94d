//! What a failed TLS handshake means, in words for the person who has to mend it.

use std::io;

use rustls::{CertificateError, Error};

use super::endpoint::Endpoint;
use crate::port::Fault;

/// A handshake that failed. A certificate that can't be trusted is `Broken`: it stays so until a person
/// acts, and nothing was sent. A connection cut during the handshake is `Later`.
pub(super) fn handshake_fault(doing: String, at: &Endpoint, error: &io::Error) -> Fault {
    // rustls reports through an I/O error; the real cause is inside.
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        let cause = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
            _ => error.to_string(),
        };
        return Fault::later(doing, format!("the TLS handshake failed: {cause}")).hint(
            "see that this port speaks LDAPS: a domain controller without a server certificate cuts the connection",
        );
    };
    let (cause, hint) = match tls {
        Error::InvalidCertificate(certificate) => certificate_words(at, certificate),
        Error::NoCertificatesPresented => {
            ("the server shows no certificate".to_owned(), "install a server certificate on the domain controller")
        }
        Error::InvalidMessage(_) => ("the server does not speak TLS".to_owned(), "name the port of LDAPS, usually 636"),
        Error::PeerIncompatible(_) | Error::AlertReceived(_) => {
            (format!("no common TLS: {tls}"), "allow TLS 1.2 or later with current ciphers on the domain controller")
        }
        other => (format!("TLS failed: {other}"), "look at the domain controller's certificate and TLS settings"),
    };
    Fault::broken(doing, cause).hint(hint)
}

fn certificate_words(at: &Endpoint, error: &CertificateError) -> (String, &'static str) {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("the server's certificate is not for the name {}: {error}", at.host),
            "use a name that stands in the certificate's subjectAltName, or have the certificate reissued",
        ),
        CertificateError::UnknownIssuer => (
            "the server's certificate comes from an unknown issuer".to_owned(),
            "name the CA that issued it as ca_file, or add that CA to the machine's trust store",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (format!("the server's certificate is expired: {error}"), "renew the domain controller's certificate")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            format!("the server's certificate is not valid yet: {error}"),
            "compare this machine's clock with the domain controller's",
        ),
        CertificateError::BadSignature => (
            "the server's certificate is not signed by the CA that is trusted here".to_owned(),
            "name the CA that really issued it as ca_file",
        ),
        other => (
            format!("the server's certificate can't be trusted: {other}"),
            "look at the certificate: it needs a subjectAltName, serverAuth and a current signature",
        ),
    }
}
