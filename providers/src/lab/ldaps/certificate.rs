//! The certificates of the lab's LDAPS: a CA in the lab's folder, and a fresh leaf for each listener.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::PrivatePkcs8KeyDer;
use zeroize::Zeroizing;

use crate::port::Fault;

const CA_FILE: &str = "ldaps-ca.pem";
const CA_KEY_FILE: &str = "ldaps-ca.key";

/// What a listener shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// A good one, for the controller's name.
    #[default]
    Good,
    /// One that expired.
    Expired,
    /// One that is not valid yet.
    NotYetValid,
    /// One for another name.
    OtherName,
    /// One of another CA, which nobody trusts.
    OtherCa,
}

/// The lab's certificate authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    /// The one in the lab's folder, which is made at its first use.
    pub(super) fn in_dir(dir: &Path) -> Result<Self, Fault> {
        let (file, key_file) = (dir.join(CA_FILE), dir.join(CA_KEY_FILE));
        if file.is_file()
            && let Ok(key) = fs::read_to_string(&key_file).map(Zeroizing::new)
        {
            let key = KeyPair::from_pem(&key).map_err(|error| trouble(&error))?;
            return Ok(Self { issuer: Issuer::new(authority_params()?, key), file });
        }
        let key = KeyPair::generate().map_err(|error| trouble(&error))?;
        let certificate = authority_params()?.self_signed(&key).map_err(|error| trouble(&error))?;
        write(&key_file, &Zeroizing::new(key.serialize_pem()), 0o600)?;
        write(&file, &certificate.pem(), 0o644)?;
        Ok(Self { issuer: Issuer::new(authority_params()?, key), file })
    }

    /// The CA's certificate, PEM.
    pub(super) fn file(&self) -> PathBuf {
        self.file.clone()
    }

    /// The TLS of a controller called `host`, a host name or an address.
    pub(super) fn server_config(&self, host: &str, certificate: Certificate) -> Result<Arc<ServerConfig>, Fault> {
        let name = if certificate == Certificate::OtherName { "elsewhere.invalid" } else { host };
        let mut params = CertificateParams::new([name.to_owned()]).map_err(|error| trouble(&error))?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = match certificate {
            Certificate::Expired => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
            Certificate::NotYetValid => (date_time_ymd(2090, 1, 1), date_time_ymd(2095, 1, 1)),
            _ => (date_time_ymd(2020, 1, 1), date_time_ymd(2095, 1, 1)),
        };
        let key = KeyPair::generate().map_err(|error| trouble(&error))?;
        let leaf = if certificate == Certificate::OtherCa {
            let other = KeyPair::generate().map_err(|error| trouble(&error))?;
            params.signed_by(&key, &Issuer::new(authority_params()?, other))
        } else {
            params.signed_by(&key, &self.issuer)
        };
        let leaf = leaf.map_err(|error| trouble(&error))?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key.into()))
            .map_err(|error| trouble(&error))?;
        Ok(Arc::new(config))
    }
}

fn authority_params() -> Result<CertificateParams, Fault> {
    let mut params = CertificateParams::new(Vec::new()).map_err(|error| trouble(&error))?;
    params.distinguished_name.push(DnType::CommonName, "entra-rotator lab, for tests only");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2095, 1, 1));
    Ok(params)
}

fn write(file: &Path, text: &str, mode: u32) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    options.open(file).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Fault::broken(format!("writing {}", file.display()), error.to_string())
            .hint("look at the folder's owner, its rights and the space left")
    })
}

fn trouble(error: &dyn std::fmt::Display) -> Fault {
    Fault::broken("making the certificates of the lab's LDAPS", error.to_string())
}
