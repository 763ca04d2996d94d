//! What happens to a vault while somebody is at work with it.

use std::process::Command;
use std::time::Duration;

use providers::hashicorp_vault::{HashicorpVault, Login, SecretId, Settings};
use providers::port::{Meaning, Standing, Vault, VaultCheck};
use serde_json::json;

use super::bed::{Bed, Proxy};
use super::canned::Canned;
use super::{attempt, secret};

fn about<'a>(checks: &'a [VaultCheck], name: &str) -> &'a VaultCheck {
    checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name}: {checks:?}"))
}

#[tokio::test]
async fn sealed_in_the_middle_everything_means_later_and_goes_on_afterwards() {
    let bed = Bed::own();
    let vault = bed.vault(&["svc"]);
    vault.adopt("svc", &secret("old")).await.unwrap();
    let at = vault.stage("svc", &attempt("r1", &[]), &secret("new")).await.unwrap();
    bed.run("seal", &[]);
    let faults = [
        vault.read(&at).await.err(),
        vault.announce(&at).await.err(),
        vault.promote("svc", &attempt("r1", &[])).await.err(),
        vault.discard("svc", &attempt("r1", &[])).await.err(),
        vault.own_credential().await.err(),
    ];
    for fault in faults {
        let fault = fault.expect("a sealed vault does nothing");
        assert_eq!(fault.meaning, Meaning::Later, "{fault}");
        assert!(fault.hint.contains("unseal"), "{fault}");
    }
    let checks = vault.examine(&["svc".to_owned()]).await;
    let reachable = about(&checks, "reachable");
    assert_eq!((reachable.standing, reachable.todo.as_str()), (Standing::Bad, "unseal the vault"));
    assert_eq!(about(&checks, "right").standing, Standing::Unseen);
    bed.start();
    vault.announce(&at).await.unwrap();
    vault.promote("svc", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.password("svc").as_deref(), Some("new"));
}

#[tokio::test]
async fn killed_in_the_middle_of_a_promotion_it_is_carried_on() {
    let bed = Bed::opening_itself();
    // After the looks: previous is written, current is written, the mark is taken away, pending is emptied.
    for (at, moment) in [(5, "before"), (5, "after"), (6, "after"), (7, "after"), (8, "after")] {
        let name = format!("killed-{at}-{moment}");
        let vault = bed.vault(&[&name]);
        bed.put(&name, &json!({"password": "old", "rotation": "r0"}));
        let staged = vault.stage(&name, &attempt("r1", &[]), &secret("new")).await.unwrap();
        vault.announce(&staged).await.unwrap();
        let proxy = Proxy::cutting(&bed, at, moment);
        let through = HashicorpVault::new(Settings { url: proxy.url(), ..bed.settings() }).unwrap();
        let fault = through.promote(&name, &attempt("r1", &[])).await.unwrap_err();
        assert_eq!(fault.meaning, Meaning::Unclear, "{name}: {fault}");
        bed.kill();
        let fault = vault.promote(&name, &attempt("r1", &[])).await.unwrap_err();
        assert_eq!(fault.meaning, Meaning::Later, "{name}: {fault}");
        bed.start();
        let holds = |entry: &str, word: &str| bed.password(entry).as_deref() == Some(word);
        assert!(holds(&name, "new") || holds(&format!("{name}-pending"), "new"), "{name}: the candidate is lost");
        vault.promote(&name, &attempt("r1", &[])).await.unwrap();
        assert!(holds(&name, "new") && holds(&format!("{name}-previous"), "old"), "{name}");
        assert_eq!(bed.get(&format!("{name}-pending")), None);
        assert_eq!(bed.marks(&name), serde_json::Value::Null, "{name}");
    }
}

#[tokio::test]
async fn killed_at_any_moment_of_a_promotion_it_is_carried_on() {
    let bed = Bed::opening_itself();
    let pid_file = bed.file("pid");
    for (round, delay_ms) in [0, 4, 9, 15, 22, 30].into_iter().enumerate() {
        let name = format!("moment-{round}");
        let vault = bed.vault(&[&name]);
        bed.put(&name, &json!({"password": "old", "rotation": "r0"}));
        let staged = vault.stage(&name, &attempt("r1", &[]), &secret("new")).await.unwrap();
        vault.announce(&staged).await.unwrap();
        let pid = std::fs::read_to_string(&pid_file).unwrap();
        let killer = tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(delay_ms));
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        });
        // Whatever it says, it says nothing definite.
        if let Err(fault) = vault.promote(&name, &attempt("r1", &[])).await {
            assert!(matches!(fault.meaning, Meaning::Later | Meaning::Unclear), "{name}: {fault}");
        }
        killer.await.unwrap();
        bed.start();
        vault.promote(&name, &attempt("r1", &[])).await.unwrap();
        assert_eq!(bed.password(&name).as_deref(), Some("new"));
        assert_eq!(bed.password(&format!("{name}-previous")).as_deref(), Some("old"));
        assert_eq!(bed.get(&format!("{name}-pending")), None);
    }
}

#[tokio::test]
async fn a_limit_of_requests_means_later_and_says_when() {
    let bed = Bed::own();
    let vault = bed.vault(&["svc"]);
    vault.stage("svc", &attempt("r0", &[]), &secret("first")).await.unwrap();
    bed.bao(&["write", "sys/quotas/config", "enable_rate_limit_response_headers=true"]);
    let quota = ["write", "sys/quotas/rate-limit/few", "path=secret/", "rate=2", "interval=30s"];
    bed.bao(&quota);
    let mut limited = Vec::new();
    for _ in 0..6 {
        limited.extend(vault.stage("svc", &attempt("r1", &["r0"]), &secret("new")).await.err());
    }
    assert!(limited.len() >= 3, "{limited:?}");
    for fault in &limited {
        assert_eq!(fault.meaning, Meaning::Later, "{fault}");
        assert!(fault.retry_after_s.is_some_and(|s| (1..=30).contains(&s)), "{fault:?}");
    }
    bed.bao(&["delete", "sys/quotas/rate-limit/few"]);
    vault.stage("svc", &attempt("r1", &["r0"]), &secret("new")).await.unwrap();
    assert_eq!(bed.password("svc-pending").as_deref(), Some("new"));
}

#[tokio::test]
async fn too_few_versions_are_told_to_the_one_who_asks_and_stop_nobody() {
    let bed = Bed::own();
    let vault = bed.vault(&["few", "more"]);
    for name in ["few", "more"] {
        vault.adopt(name, &secret("old")).await.unwrap();
    }
    let names = ["few".to_owned(), "more".to_owned()];
    let retention = async || -> Vec<VaultCheck> {
        let checks = vault.examine(&names).await;
        checks.into_iter().filter(|check| check.name == "retention").collect()
    };
    assert!(retention().await.iter().all(|check| check.standing == Standing::Good));
    bed.bao(&["kv", "metadata", "patch", "-mount=secret", "-max-versions=2", "few"]);
    let found = retention().await;
    assert_eq!((found[0].standing, found[0].about.as_str()), (Standing::Bad, "secret/metadata/few"), "{found:?}");
    assert_eq!(found[1].standing, Standing::Good, "{found:?}");
    // So the vault itself has it, where the mount says nothing: two.
    for round in 0..5 {
        bed.put("few", &json!({"password": format!("p{round}")}));
    }
    let kept = |name: &str| bed.json(&["kv", "metadata", "get", "-mount=secret", "-format=json", name]);
    assert_eq!(kept("few")["data"]["versions"].as_object().unwrap().len(), 2);
    // The larger of the two counts.
    bed.bao(&["write", "secret/config", "max_versions=4"]);
    assert!(retention().await.iter().all(|check| check.standing == Standing::Good));
    for round in 0..5 {
        bed.put("few", &json!({"password": format!("q{round}")}));
    }
    assert_eq!(kept("few")["data"]["versions"].as_object().unwrap().len(), 4);
    vault.stage("few", &attempt("r1", &[]), &secret("new")).await.unwrap();
    bed.bao(&["write", "secret/config", "max_versions=4", "delete_version_after=720h"]);
    assert_eq!(retention().await[0].standing, Standing::Bad);
}

#[tokio::test]
async fn a_login_that_is_redirected_goes_nowhere_else() {
    let bed = Bed::shared();
    let (certificate, key) = (bed.file("tls/server.pem"), bed.file("tls/server.key"));
    let target = Canned::answering(&certificate, &key, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into());
    let host = target.url();
    let redirecting = Canned::answering_by(&certificate, &key, move |request| {
        let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {host}{path}\r\ncontent-length: 0\r\n\r\n")
    });
    let file = bed.file("redirected.token");
    std::fs::write(&file, "s.redirected-token").unwrap();
    let role = |secret_id| Login::AppRole { mount: "approle".into(), role_id: "role".into(), secret_id };
    for login in [
        Login::Token(secret("s.redirected-token")),
        Login::TokenFile(file.clone()),
        role(SecretId::Plain(secret("redirected-id"))),
        role(SecretId::Wrapped(secret("s.redirected-token"))),
        Login::Kubernetes { mount: "kubernetes".into(), role: "rotator".into(), jwt_file: file.clone() },
    ] {
        let settings = Settings { url: redirecting.url(), login, ..bed.settings() };
        let vault = HashicorpVault::new(settings).unwrap();
        let fault = vault.stage("svc", &attempt("r1", &[]), &secret("new")).await.unwrap_err();
        assert_eq!(fault.meaning, Meaning::Refused, "{fault}");
        assert!(fault.cause.contains("redirects are not followed"), "{fault}");
        let checks = vault.examine(&["svc".to_owned()]).await;
        assert_eq!(about(&checks, "reachable").standing, Standing::Bad);
    }
    assert!(redirecting.heads().len() >= 10);
    assert_eq!(target.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn a_standby_that_redirects_is_told_from_one_that_hands_on() {
    let bed = Bed::shared();
    let standby = |forwards: bool| {
        let health = r#"{"initialized":true,"sealed":false,"standby":true,"version":"2.7.2"}"#;
        let lookup = r#"{"data":{"display_name":"token-x","policies":["rotator"],"creation_time":1767225600,"expire_time":null}}"#;
        Canned::answering_by(&bed.file("tls/server.pem"), &bed.file("tls/server.key"), move |request| {
            let (status, body) = match request.contains("/sys/health") {
                true => ("429 Too Many Requests", health),
                false if forwards => ("200 OK", lookup),
                false => ("307 Temporary Redirect\r\nlocation: https://active.test:8200/v1/x", ""),
            };
            format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        })
    };
    for (forwards, identity) in [(true, Standing::Good), (false, Standing::Bad)] {
        let server = standby(forwards);
        let vault = HashicorpVault::new(Settings { url: server.url(), ..bed.settings() }).unwrap();
        let checks = vault.examine(&[]).await;
        assert_eq!(about(&checks, "reachable").standing, Standing::Good);
        assert!(about(&checks, "reachable").seen.contains("standby"), "{checks:?}");
        assert_eq!(about(&checks, "identity").standing, identity, "{checks:?}");
        assert_eq!(about(&checks, "identity").seen.contains("active.test:8200"), !forwards, "{checks:?}");
    }
}
