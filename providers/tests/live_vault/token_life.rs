//! A token that ends, is taken away, or is asked for by many at once.

use std::sync::Arc;
use std::time::Duration;

use providers::hashicorp_vault::{HashicorpVault, Login, SecretId, Settings};
use providers::port::{Meaning, Slot, Vault};
use tokio::task::JoinSet;

use super::bed::Bed;
use super::canned::Canned;
use super::logins::{AppRole, with};
use super::{attempt, secret};

#[tokio::test]
async fn a_token_that_ended_between_two_calls_is_replaced() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "life-short", &["token_ttl=2s", "token_max_ttl=2s"]);
    let vault = role.vault(SecretId::Plain(secret(&role.secret_id())));
    let staged = vault.stage("life-short", &attempt("r1", &[]), &secret("new")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    vault.announce(&staged).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    vault.promote("life-short", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.password("life-short").as_deref(), Some("new"));
}

#[tokio::test]
async fn a_token_is_renewed_as_long_as_it_may_be_and_no_other_is_made() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "life-renewed", &["token_ttl=6s", "token_max_ttl=1h"]);
    let vault = role.vault(SecretId::Plain(secret(&role.secret_id())));
    vault.find("life-renewed", Slot::Current).await.unwrap();
    let first = role.leases();
    assert_eq!(first.len(), 1);
    for _ in 0..18 {
        vault.find("life-renewed", Slot::Current).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(role.leases(), first, "it was replaced, not renewed");
}

#[tokio::test]
async fn a_given_token_is_renewed_too() {
    let bed = Bed::shared();
    let policy = bed.rotators_policy("life-given", &["life-given"]);
    let policy = format!("-policy={policy}");
    let made = bed.json(&["token", "create", "-no-default-policy", &policy, "-ttl=6s", "-format=json"]);
    let vault = with(&bed, Login::Token(secret(made["auth"]["client_token"].as_str().unwrap())));
    for _ in 0..18 {
        vault.find("life-given", Slot::Current).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // Nobody uses it for a while: it ends, and that is said.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let fault = vault.find("life-given", Slot::Current).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.hint.contains("expired or was revoked"), "{fault}");
}

#[tokio::test]
async fn a_revoked_token_costs_one_login_and_no_call() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "life-revoked", &["token_ttl=1h"]);
    let vault = role.vault(SecretId::Plain(secret(&role.secret_id())));
    let revoke = || bed.bao(&["lease", "revoke", "-prefix", "-sync", "auth/life-revoked/login"]);
    vault.find("life-revoked", Slot::Pending).await.unwrap();
    revoke();
    // The write itself is what is refused and repeated.
    vault.stage("life-revoked", &attempt("r1", &[]), &secret("new")).await.unwrap();
    assert_eq!(bed.versions("life-revoked-pending").len(), 1);
    assert_eq!(role.tokens(), 1);
    revoke();
    vault.promote("life-revoked", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.password("life-revoked").as_deref(), Some("new"));
}

#[tokio::test]
async fn a_right_that_is_missing_makes_no_new_token() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "life-lacking", &["token_ttl=1h"]);
    let vault = role.vault(SecretId::Plain(secret(&role.secret_id())));
    for _ in 0..3 {
        let fault = vault.find("somebody-elses", Slot::Current).await.unwrap_err();
        assert_eq!(fault.meaning, Meaning::Refused);
        assert!(fault.hint.contains("\"read\" on \"secret/data/somebody-elses\""), "{fault}");
        assert!(fault.hint.contains("the token itself is valid"), "{fault}");
    }
    assert_eq!(role.tokens(), 1);
    // After its roles' secret id was destroyed there is no way in: the login's own words are what is said.
    bed.bao(&["delete", "auth/life-lacking/role/rotator"]);
    bed.bao(&["lease", "revoke", "-prefix", "-sync", "auth/life-lacking/login"]);
    let fault = vault.find("life-lacking", Slot::Current).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.doing.contains("logging in"), "{fault}");
}

#[tokio::test]
async fn many_callers_share_one_login() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "life-shared", &["token_ttl=1h"]);
    let vault = Arc::new(role.vault(SecretId::Plain(secret(&role.secret_id()))));
    let all = async || {
        let mut callers = JoinSet::new();
        for _ in 0..8 {
            let vault = Arc::clone(&vault);
            callers.spawn(async move { vault.find("life-shared", Slot::Current).await });
        }
        callers.join_all().await
    };
    assert!(all().await.iter().all(Result::is_ok));
    assert_eq!(role.tokens(), 1);
    bed.bao(&["lease", "revoke", "-prefix", "-sync", "auth/life-shared/login"]);
    assert!(all().await.iter().all(Result::is_ok));
    assert_eq!(role.tokens(), 1);
}

#[tokio::test]
async fn callers_that_waited_for_a_login_share_its_failure() {
    let bed = Bed::shared();
    let refusal = r#"{"errors":["invalid role or secret ID"]}"#;
    let answer = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{refusal}", refusal.len());
    let server = Canned::answering(&bed.file("tls/server.pem"), &bed.file("tls/server.key"), answer);
    let secret_id = SecretId::Plain(secret("no-such-id"));
    let login = Login::AppRole { mount: "approle".into(), role_id: "role".into(), secret_id };
    let vault = Arc::new(HashicorpVault::new(Settings { url: server.url(), login, ..bed.settings() }).unwrap());
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let vault = Arc::clone(&vault);
        callers.spawn(async move { vault.find("svc", Slot::Current).await.unwrap_err() });
    }
    assert!(callers.join_all().await.iter().all(|fault| fault.meaning == Meaning::Refused));
    assert_eq!(server.heads().len(), 1);
    // Whoever comes later tries anew.
    vault.find("svc", Slot::Current).await.unwrap_err();
    assert_eq!(server.heads().len(), 2);
}
