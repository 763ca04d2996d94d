//! What an administrator is told.

use providers::azure_key_vault::{AzureKeyVault, Identity};
use providers::port::{Standing, Vault, VaultCheck};
use serde_json::json;

use crate::bed::{BY_CERTIFICATE, BY_SECRET, Bed, CLIENT_SECRET, TENANT, attempt, secret};

fn of<'a>(checks: &'a [VaultCheck], name: &str, about: &str) -> &'a VaultCheck {
    checks
        .iter()
        .find(|check| check.name == name && check.about.contains(about))
        .unwrap_or_else(|| panic!("{checks:?}"))
}

#[tokio::test]
async fn a_vault_in_order_and_nothing_changed() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.adopt("svc", &secret("hunter2-live")).await.unwrap();
    vault.stage("svc", &attempt("r1", &[]), &secret("hunter2-next")).await.unwrap();
    let before = bed.control("GET", "/state", &json!({}));
    let checks = vault.examine(&["svc".to_owned(), "new".to_owned()]).await;
    assert_eq!(bed.control("GET", "/state", &json!({})), before);
    assert_eq!(of(&checks, "reachable", "").standing, Standing::Good);
    let identity = of(&checks, "identity", "");
    assert!(identity.seen.contains(BY_SECRET) && identity.seen.contains(TENANT), "{identity:?}");
    assert_eq!(of(&checks, "clock", "").standing, Standing::Good);
    assert_eq!(of(&checks, "recovery", "").standing, Standing::Good);
    assert_eq!(of(&checks, "credential", "client secret").standing, Standing::Unseen);
    for right in ["get", "list", "update", "recover"] {
        for about in ["svc", "svc-pending", "new", "new-pending"] {
            let check = of(&checks, "right", &format!("{right} {about}"));
            assert_eq!(check.standing, Standing::Good, "{check:?}");
        }
    }
    assert_eq!(of(&checks, "right", "set").standing, Standing::Unseen);
    assert!(!format!("{checks:?}").contains("hunter2") && !format!("{checks:?}").contains(CLIENT_SECRET));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let bed = Bed::with(&json!({"purge_protection": false}));
    let vault = bed.vault();
    vault.adopt("svc", &secret("x")).await.unwrap();
    bed.control("POST", "/change", &json!({"name": "svc", "attributes": {"enabled": false}}));
    bed.person_sets("svc-pending", "x", &json!({}));
    bed.control("POST", "/delete", &json!({"name": "svc-pending"}));
    bed.control("POST", "/config", &json!({"rights": {BY_SECRET: ["get", "list"]}}));
    let checks = vault.examine(&["svc".to_owned(), "a/b".to_owned()]).await;
    let level = checks.iter().find(|check| check.name == "recovery" && check.about.is_empty()).unwrap();
    assert_eq!(level.standing, Standing::Doubtful);
    let deleted = of(&checks, "recovery", "svc-pending");
    assert!(deleted.standing == Standing::Bad && deleted.seen.contains("was deleted on 2"), "{deleted:?}");
    assert!(deleted.todo.contains("secret recover --vault-name myvault --name svc-pending"), "{deleted:?}");
    assert_eq!(of(&checks, "right", "get svc").standing, Standing::Doubtful, "it is disabled");
    assert_eq!(of(&checks, "right", "a/b").standing, Standing::Bad);
    for right in ["update svc", "recover svc"] {
        let check = of(&checks, "right", right);
        assert!(check.standing == Standing::Bad && check.seen.contains("Microsoft.KeyVault"), "{check:?}");
        assert!(check.todo.contains("bicep"), "{check:?}");
    }
    bed.control("POST", "/config", &json!({"rights": {BY_SECRET: []}}));
    let checks = vault.examine(&["svc".to_owned()]).await;
    for right in ["get svc", "list svc", "recover svc"] {
        assert_eq!(of(&checks, "right", right).standing, Standing::Bad);
    }
    assert_eq!(of(&checks, "recovery", "").standing, Standing::Unseen);
}

#[tokio::test]
async fn only_the_vault_itself_is_reached() {
    let bed = Bed::new();
    let vault = bed.vault();
    for (does, standing) in [("302", Standing::Bad), ("429", Standing::Doubtful)] {
        bed.fault(&json!({"method": "GET", "does": does}));
        let checks = vault.examine(&["svc".to_owned()]).await;
        let reached = of(&checks, "reachable", "");
        assert!(reached.standing == standing && reached.seen.contains(does), "{reached:?}");
    }
}

/// Looking recovers nothing.
#[tokio::test]
async fn what_is_deleted_is_told_and_stays_as_it_is() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.adopt("svc", &secret("x")).await.unwrap();
    bed.control("POST", "/delete", &json!({"name": "svc"}));
    let before = bed.control("GET", "/state", &json!({}));
    let checks = vault.examine(&["svc".to_owned()]).await;
    assert_eq!(bed.control("GET", "/state", &json!({})), before);
    assert_eq!(of(&checks, "recovery", "svc").standing, Standing::Bad);
}

#[tokio::test]
async fn a_vault_that_is_away_is_one_check_and_the_certificate_another() {
    let mut bed = Bed::new();
    bed.kill();
    let identity = Identity::ClientCertificate {
        tenant_id: TENANT.to_owned(),
        client_id: BY_CERTIFICATE.to_owned(),
        certificate_file: bed.file("client.pem"),
        key_file: Some(bed.file("client.key")),
    };
    let checks = AzureKeyVault::new(bed.settings(identity)).unwrap().examine(&["svc".to_owned()]).await;
    assert_eq!(checks.len(), 2, "{checks:?}");
    assert_eq!(of(&checks, "reachable", "").standing, Standing::Unseen);
    let credential = of(&checks, "credential", "client certificate");
    assert!(credential.standing == Standing::Good && credential.seen.contains(" days"), "{credential:?}");
}
