//! What current tells its readers of a candidate, as OpenBao's own client sees it.

use providers::hashicorp_vault::{HashicorpVault, Login, Settings};
use providers::port::{Meaning, Slot, Vault};
use serde_json::{Value, json};

use super::bed::{Bed, Proxy};
use super::{attempt, secret};

fn marks(name: &str, version: u64, rotation: &str) -> Value {
    json!({"owner": "ops", "pending-path": format!("{name}-pending"), "pending-version": version.to_string(),
        "pending-rotation": rotation})
}

/// An account with a current value, whose entry a person has marked as theirs.
fn owned(bed: &Bed, name: &str) -> HashicorpVault {
    let vault = bed.vault(&[name]);
    bed.put(name, &json!({"password": "old", "rotation": "r0"}));
    bed.bao(&["kv", "metadata", "patch", "-mount=secret", "-custom-metadata=owner=ops", name]);
    vault
}

#[tokio::test]
async fn current_names_the_candidate_until_it_is_promoted() {
    let bed = Bed::shared();
    let vault = owned(&bed, "told");
    let at = vault.stage("told", &attempt("r1", &[]), &secret("new")).await.unwrap();
    assert_eq!(bed.marks("told"), json!({"owner": "ops"}));
    for _ in 0..2 {
        vault.announce(&at).await.unwrap();
        assert_eq!(bed.marks("told"), marks("told", 1, "r1"));
    }
    // What the marks name is what a reader finds, and current has no new version.
    let found = bed.json(&["kv", "get", "-mount=secret", "-version=1", "-format=json", "told-pending"]);
    assert_eq!(found["data"]["data"]["password"], "new");
    assert_eq!(bed.versions("told"), [(1, false)]);
    assert_eq!(bed.password("told").as_deref(), Some("old"));

    vault.promote("told", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.marks("told"), json!({"owner": "ops"}));
    // One that a kill left behind goes with the next call.
    bed.bao(&["kv", "metadata", "patch", "-mount=secret", "-custom-metadata=pending-rotation=r1", "told"]);
    vault.promote("told", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.marks("told"), json!({"owner": "ops"}));
}

#[tokio::test]
async fn a_discarded_candidate_is_not_named_any_more() {
    let bed = Bed::shared();
    let vault = owned(&bed, "untold");
    let at = vault.stage("untold", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.announce(&at).await.unwrap();
    vault.discard("untold", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.marks("untold"), json!({"owner": "ops"}));
    assert_eq!(bed.get("untold-pending"), None);
    let fault = vault.announce(&at).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert_eq!(bed.marks("untold"), json!({"owner": "ops"}));
    // Cut after the candidate was removed: the mark goes with the next call.
    bed.bao(&["kv", "metadata", "patch", "-mount=secret", "-custom-metadata=pending-rotation=r1", "untold"]);
    vault.discard("untold", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.marks("untold"), json!({"owner": "ops"}));
}

#[tokio::test]
async fn the_mark_of_another_rotation_is_left_alone() {
    let bed = Bed::shared();
    let vault = owned(&bed, "others");
    vault.stage("others", &attempt("r1", &[]), &secret("one")).await.unwrap();
    vault.promote("others", &attempt("r1", &[])).await.unwrap();
    let second = vault.stage("others", &attempt("r2", &[]), &secret("two")).await.unwrap();
    vault.announce(&second).await.unwrap();
    let told = bed.marks("others");
    // Calls of the finished rotation that come again.
    vault.promote("others", &attempt("r1", &[])).await.unwrap();
    vault.discard("others", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.marks("others"), told);
    assert_eq!(told["pending-rotation"], "r2");
    // A repair takes over, and names its own.
    let third = vault.stage("others", &attempt("r3", &["r2"]), &secret("three")).await.unwrap();
    vault.announce(&third).await.unwrap();
    assert_eq!(bed.marks("others")["pending-rotation"], "r3");
    assert_eq!(vault.announce(&second).await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(bed.marks("others")["pending-version"].as_str(), Some(third.version.as_str()));
}

#[tokio::test]
async fn without_a_current_value_there_is_nothing_to_tell() {
    let bed = Bed::shared();
    let vault = bed.vault(&["newborn"]);
    let at = vault.stage("newborn", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.announce(&at).await.unwrap();
    assert_eq!(vault.find("newborn", Slot::Current).await.unwrap(), None);
    vault.promote("newborn", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.marks("newborn"), Value::Null);
}

#[tokio::test]
async fn a_telling_whose_reply_was_lost_is_unclear_and_may_be_repeated() {
    let bed = Bed::shared();
    let vault = owned(&bed, "lost");
    let at = vault.stage("lost", &attempt("r1", &[]), &secret("new")).await.unwrap();
    // After the token, pending and current comes the mark.
    let proxy = Proxy::cutting(&bed, 4, "after");
    let through = HashicorpVault::new(Settings { url: proxy.url(), ..bed.settings() }).unwrap();
    let fault = through.announce(&at).await.unwrap_err();
    let (requests, cut) = proxy.log();
    assert!(cut && requests[3].starts_with("PATCH"), "{requests:?}");
    assert_eq!(fault.meaning, Meaning::Unclear, "{fault}");
    vault.announce(&at).await.unwrap();
    assert_eq!(bed.marks("lost"), marks("lost", 1, "r1"));
}

#[tokio::test]
async fn a_mark_that_can_not_be_taken_away_stops_nothing_and_is_not_called_unchanged() {
    let bed = Bed::shared();
    for name in ["stuck-promote", "stuck-discard"] {
        let vault = owned(&bed, name);
        let at = vault.stage(name, &attempt("r1", &[]), &secret("new")).await.unwrap();
        vault.announce(&at).await.unwrap();
        let policy = Bed::policy(name).replace("[\"read\", \"patch\"]", "[\"read\"]");
        let login = Login::Token(bed.token_with(name, &policy));
        let limited = HashicorpVault::new(Settings { login, ..bed.settings() }).unwrap();
        let fault = match name {
            "stuck-promote" => limited.promote(name, &attempt("r1", &[])).await.map(|_| ()),
            _ => limited.discard(name, &attempt("r1", &[])).await,
        }
        .unwrap_err();
        assert_eq!(fault.meaning, Meaning::Unclear, "{fault}");
        assert!(fault.hint.contains(&format!("\"patch\" on \"secret/metadata/{name}\"")), "{fault}");
        assert_eq!(bed.get(&format!("{name}-pending")), None);
    }
    assert_eq!(bed.password("stuck-promote").as_deref(), Some("new"));
    assert_eq!(bed.password("stuck-discard").as_deref(), Some("old"));
}
