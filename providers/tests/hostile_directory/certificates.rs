//! A certificate authority for one test, and what it signs.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::world::HOST;

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A server's certificate: for which name, and valid from and to which year.
pub(crate) struct Leaf {
    pub(crate) name: &'static str,
    pub(crate) years: (i32, i32),
}

pub(crate) const GOOD: Leaf = Leaf { name: HOST, years: (2000, 2100) };

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2100, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("it signs itself").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// What a client trusts.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn server(&self, leaf: &Leaf) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![leaf.name.to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(leaf.years.0, 1, 1), date_time_ymd(leaf.years.1, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("it is signed");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("rustls has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.expect("the key is the certificate's"))
    }
}
