//! What happened to each account goes over the network encrypted, to a server that can show who it is, or not at all.

use std::time::Duration;

use entra_rotator::journal::{JournalError, PostgresJournal, PostgresPlace};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::cluster::{Cluster, testbed};

/// A certificate authority's PEM, and a leaf of it for a name.
fn certificates(name: &str) -> (String, String, String) {
    let (ca_key, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let mut params = CertificateParams::new(Vec::new()).expect("a CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).expect("a CA").pem();
    let issuer = Issuer::new(params, ca_key);
    let leaf = CertificateParams::new(vec![name.to_owned()]).expect("a leaf").signed_by(&key, &issuer).expect("a leaf");
    (ca, leaf.pem(), key.serialize_pem())
}

async fn refused(place: PostgresPlace) -> String {
    let opened = tokio::time::timeout(Duration::from_secs(20), PostgresJournal::open(place)).await;
    match opened.expect("without asking for a minute").err() {
        Some(JournalError::Store { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_a_server_that_shows_who_it_is_is_spoken_to() {
    let cluster = tokio::task::spawn_blocking(|| Cluster::new("tls")).await.expect("made");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let (ca, leaf, key) = certificates("localhost");
    let (ca, leaf, key) = (file("ca.pem", &ca), file("leaf.pem", &leaf), file("key.pem", &key));
    let stranger = file("stranger.pem", &certificates("localhost").0);
    let of = |path: &std::path::Path| path.display().to_string();
    testbed(&["tls", &of(&cluster.folder), &of(&leaf), &of(&key)]);

    let mut place = PostgresPlace { tls: true, ca_file: Some(ca), ..cluster.place("rotator") };
    place.hosts[0].0 = "localhost".to_owned();
    PostgresJournal::open(place.clone()).await.expect("its certificate fits");
    let other_ca = PostgresPlace { ca_file: Some(stranger), ..place.clone() };
    assert!(refused(other_ca).await.contains("certificate"));
    let mut other_name = place.clone();
    other_name.hosts[0].0 = "127.0.0.1".to_owned();
    assert!(refused(other_name).await.contains("certificate"));
    let plain = PostgresPlace { tls: false, ..place };
    assert!(refused(plain).await.contains("no encryption"));
}
