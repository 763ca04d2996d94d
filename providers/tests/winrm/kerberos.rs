//! Logon by Kerberos, with the tickets of a real domain controller. tests/e2e/winrm-kerberos starts one and runs these; they
//! are ignored by default, so that nobody takes them for passed where there is none.

use std::path::PathBuf;

use providers::entra_connect::Reached;
use providers::entra_connect::winrm::{Logon, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{REQUEST, exchange};
use crate::server::{Ca, GOOD_YEARS, HOST, Server};

/// The file with the service's key, where the stage says it is.
fn keytab() -> PathBuf {
    std::env::var_os("WINRM_SERVICE_KEYTAB").expect("run by tests/e2e/winrm-kerberos").into()
}

fn server(more: &Value) -> Server {
    let mut config = json!({"keytab": keytab()});
    config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    Server::with(&config, |_| ())
}

fn settings(server: &Server) -> Settings {
    Settings { logon: Logon::Kerberos, ..server.settings("cat") }
}

#[tokio::test]
#[ignore = "needs a domain controller: tests/e2e/winrm-kerberos"]
async fn kerberos_logs_on_with_the_ticket_of_the_process() {
    let server = server(&json!({}));
    assert_eq!(exchange(settings(&server)).await.unwrap().output, REQUEST);
    let state = server.state();
    assert_eq!(state["logons"], json!([["kerberos", "rotator@CONTOSO.TEST"]]));
    assert_eq!((&state["connections"], &state["shells"]), (&json!(1), &json!(0)));
}

#[tokio::test]
#[ignore = "needs a domain controller: tests/e2e/winrm-kerberos"]
async fn kerberos_that_is_relayed_by_another_server_is_refused() {
    let folder = TempDir::new().unwrap();
    let (other, _) = Ca::new(folder.path(), "other-ca").issue("other", HOST, GOOD_YEARS);
    let server = server(&json!({"bound_to": other}));
    let broken = exchange(settings(&server)).await.unwrap_err();
    assert_eq!((broken.reached, server.came("Create")), (Reached::Refused, 0), "{broken:?}");
}

#[tokio::test]
#[ignore = "needs a domain controller: tests/e2e/winrm-kerberos"]
async fn kerberos_for_a_server_that_the_domain_does_not_know_is_settings() {
    let folder = TempDir::new().unwrap();
    let ca = Ca::new(folder.path(), "other-ca");
    let (certificate, key) = ca.issue("server", "connect9.contoso.test", GOOD_YEARS);
    let server = server(&json!({"certificate": certificate, "key": key}));
    let url = settings(&server).url.replace(HOST, "connect9.contoso.test");
    let broken = exchange(Settings { url, ca_file: Some(ca.file()), ..settings(&server) }).await.unwrap_err();
    assert_eq!(broken.reached, Reached::Settings, "{broken:?}");
    assert!(broken.cause.contains("Kerberos") && broken.hint.contains("HTTP/"), "{broken:?}");
}

#[tokio::test]
#[ignore = "needs a domain controller: tests/e2e/winrm-kerberos"]
async fn kerberos_where_only_ntlm_is_offered_is_settings() {
    let server = server(&json!({"offers": ["NTLM"]}));
    let broken = exchange(settings(&server)).await.unwrap_err();
    assert_eq!(broken.reached, Reached::Settings, "{broken:?}");
    assert!(broken.cause.contains("it offers NTLM"), "{broken:?}");
}
