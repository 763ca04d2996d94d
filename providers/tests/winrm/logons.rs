//! Who we are, and who the server is.

use std::fs;

use providers::entra_connect::winrm::{Logon, Settings};
use providers::entra_connect::{Broken, Reached};
use providers::port::Secret;
use serde_json::json;

use crate::bed::{REQUEST, exchange};
use crate::server::{Ca, GOOD_YEARS, HOST, MAPPED, PASSWORD, Server, USER};

fn ntlm(settings: Settings, user: &str, password: &str) -> Settings {
    Settings { logon: Logon::Ntlm { user: user.to_owned(), password: Secret::new(password) }, ..settings }
}

/// A broken exchange of which nothing came to the server's shells.
fn nothing_ran(server: &Server, broken: &Broken, reached: Reached, words: &str) {
    assert_eq!(broken.reached, reached, "{broken:?}");
    assert!(broken.cause.contains(words), "{broken:?}");
    assert!(!broken.hint.is_empty(), "{broken:?}");
    assert_eq!((server.came("Create"), server.came("Send")), (0, 0));
}

#[tokio::test]
async fn ntlm_logs_on_once_and_is_bound_to_the_connection() {
    let server = Server::new();
    assert_eq!(exchange(server.settings("cat")).await.unwrap().output, REQUEST);
    assert_eq!(server.state()["logons"], json!([["ntlm", USER]]));
}

#[tokio::test]
async fn a_logon_that_is_relayed_by_another_server_is_refused() {
    // The stand-in expects logons that are bound to another certificate than the one that it shows.
    let folder = tempfile::TempDir::new().unwrap();
    let (other, _) = Ca::new(folder.path(), "other-ca").issue("other", HOST, GOOD_YEARS);
    let server = Server::with(&json!({"bound_to": other}), |_| ());
    let broken = exchange(server.settings("cat")).await.unwrap_err();
    nothing_ran(&server, &broken, Reached::Refused, "refuses the logon");
}

#[tokio::test]
async fn a_wrong_password_or_user_is_a_refusal_and_is_tried_once() {
    for (user, password) in
        [(USER, "wrong"), ("CONTOSO\\nobody", PASSWORD), ("rotator", PASSWORD), ("OTHER\\rotator", PASSWORD)]
    {
        let server = Server::new();
        let broken = exchange(ntlm(server.settings("cat"), user, password)).await.unwrap_err();
        nothing_ran(&server, &broken, Reached::Refused, user);
        let state = server.state();
        assert_eq!((&state["refusals"], &state["logons"]), (&json!(1), &json!([])), "{user}");
        assert!(!format!("{broken:?}").contains(PASSWORD));
    }
}

#[tokio::test]
async fn users_are_named_in_each_form_and_any_case() {
    for (line, user) in [
        ("CONTOSO:rotator:pw", "contoso\\ROTATOR"),
        (":rotator@contoso.test:pw", "rotator@contoso.test"),
        (":rotator:pw", "rotator"),
        (":rotator:pw", ".\\rotator"),
    ] {
        let server = Server::with(&json!({}), |folder| fs::write(folder.join("users"), line).unwrap());
        exchange(ntlm(server.settings("cat"), user, "pw")).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_logs_on() {
    let server = Server::new();
    assert_eq!(exchange(server.by_certificate("cat")).await.unwrap().output, REQUEST);
    let state = server.state();
    assert_eq!(state["commands"][0]["who"], MAPPED);
    assert_eq!((&state["logons"], &state["connections"]), (&json!([]), &json!(1)));
}

#[tokio::test]
async fn a_certificate_that_is_not_mapped_or_not_trusted_is_refused() {
    let server = Server::with(&json!({"certificates": ["somebody-else"]}), |_| ());
    let broken = exchange(server.by_certificate("cat")).await.unwrap_err();
    nothing_ran(&server, &broken, Reached::Refused, "refuses the logon");

    let server = Server::with(&json!({}), |folder| {
        Ca::new(folder, "other-ca").issue("client", MAPPED, GOOD_YEARS);
    });
    let broken = exchange(server.by_certificate("cat")).await.unwrap_err();
    nothing_ran(&server, &broken, Reached::Refused, "certificate");
}

#[tokio::test]
async fn certificate_files_that_cannot_be_used_are_settings() {
    let server = Server::new();
    let other = server.ca().issue("second", MAPPED, GOOD_YEARS);
    fs::write(server.file("empty.pem"), "nothing\n").unwrap();
    let (good, key) = (server.file("client.pem"), server.file("client.key"));
    for (certificate_file, key_file) in [
        (server.file("absent.pem"), key.clone()),
        (server.file("empty.pem"), key.clone()),
        (good.clone(), server.file("absent.key")),
        (good.clone(), server.file("empty.pem")),
        (good, other.1),
    ] {
        let logon = Logon::Certificate { certificate_file, key_file };
        let broken = exchange(Settings { logon, ..server.settings("cat") }).await.unwrap_err();
        nothing_ran(&server, &broken, Reached::Settings, "");
    }
}

#[tokio::test]
async fn a_server_without_negotiate_is_never_given_a_password() {
    let server = Server::with(&json!({"offers": ["Basic realm=\"WSMAN\""]}), |_| ());
    let broken = exchange(server.settings("cat")).await.unwrap_err();
    nothing_ran(&server, &broken, Reached::Settings, "it offers Basic");
    assert_eq!(server.state()["refusals"], 1, "only the first message came");
}

#[tokio::test]
async fn the_servers_certificate_must_be_good() {
    let other_ca = |server: &Server| {
        let folder = server.file("elsewhere");
        fs::create_dir(&folder).unwrap();
        Ca::new(&folder, "ca").file()
    };
    let server = Server::new();
    let wrong = Settings { ca_file: Some(other_ca(&server)), ..server.settings("cat") };
    nothing_ran(&server, &exchange(wrong).await.unwrap_err(), Reached::Settings, "not issued by a CA that is trusted");
    let absent = Settings { ca_file: Some(server.file("absent.pem")), ..server.settings("cat") };
    nothing_ran(&server, &exchange(absent).await.unwrap_err(), Reached::Settings, "absent.pem");
    let url = server.settings("cat").url.replace(HOST, "connect2.contoso.test");
    let elsewhere = Settings { url, ..server.settings("cat") };
    nothing_ran(&server, &exchange(elsewhere).await.unwrap_err(), Reached::Settings, "not valid for the name");
    for (years, words) in [((2020, 2021), "has expired"), ((3000, 4000), "is not valid yet")] {
        // A renewal may be under way: that passes.
        let folder = tempfile::TempDir::new().unwrap();
        let ca = Ca::new(folder.path(), "ca");
        let (certificate, key) = ca.issue("server", HOST, years);
        let server = Server::with(&json!({"certificate": certificate, "key": key}), |_| ());
        let settings = Settings { ca_file: Some(ca.file()), ..server.settings("cat") };
        nothing_ran(&server, &exchange(settings).await.unwrap_err(), Reached::Nothing, words);
    }
}

#[cfg(not(feature = "kerberos"))]
#[tokio::test]
async fn without_kerberos_it_is_said_so() {
    let server = Server::new();
    let settings = Settings { logon: Logon::Kerberos, ..server.settings("cat") };
    nothing_ran(&server, &exchange(settings).await.unwrap_err(), Reached::Settings, "built without Kerberos");
}
