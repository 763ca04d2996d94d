//! The vault adapter against a real OpenBao, with the rotator's few rights, checked with OpenBao's own client.

#[path = "live_vault/announcing.rs"]
mod announcing;
#[path = "live_vault/bed.rs"]
mod bed;
#[path = "live_vault/canned.rs"]
mod canned;
#[path = "live_vault/crashes.rs"]
mod crashes;
#[path = "live_vault/faults.rs"]
mod faults;
#[path = "live_vault/logins.rs"]
mod logins;
#[path = "live_vault/rights.rs"]
mod rights;
#[path = "live_vault/silence.rs"]
mod silence;
#[path = "live_vault/token_life.rs"]
mod token_life;
#[path = "live_vault/weather.rs"]
mod weather;

use bed::Bed;
use providers::hashicorp_vault::{HashicorpVault, Login, Settings};
use providers::port::{Attempt, Meaning, Secret, Slot, Vault};
use serde_json::json;

fn attempt(rotation: &str, takes_over: &[&str]) -> Attempt {
    Attempt {
        rotation: rotation.to_owned(),
        takes_over: takes_over.iter().map(|&rotation| rotation.to_owned()).collect(),
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

#[tokio::test]
async fn a_rotation_from_adopt_to_the_second_promotion() {
    let bed = Bed::shared();
    let vault = bed.vault(&["life"]);
    assert!(vault.describe().contains(&bed.url()), "{}", vault.describe());
    for slot in [Slot::Current, Slot::Pending, Slot::Previous] {
        assert_eq!(vault.find("life", slot).await.unwrap(), None);
    }
    let adopted = vault.adopt("life", &secret("first")).await.unwrap();
    assert_eq!((adopted.slot, adopted.rotation.as_deref()), (Slot::Current, None));
    let again = vault.adopt("life", &secret("other")).await.unwrap_err();
    assert_eq!(again.meaning, Meaning::Refused);
    assert_eq!(bed.password("life").as_deref(), Some("first"));

    let staged = vault.stage("life", &attempt("r1", &[]), &secret("second \"\\ ü")).await.unwrap();
    assert_eq!(vault.find("life", Slot::Pending).await.unwrap(), Some(staged.clone()));
    assert_eq!(vault.read(&staged).await.unwrap(), secret("second \"\\ ü"));
    assert_eq!(
        bed.get("life-pending").unwrap(),
        json!({"password": "second \"\\ ü", "rotation": "r1", "since-version": 1})
    );
    assert_eq!(bed.password("life").as_deref(), Some("first"));

    let promoted = vault.promote("life", &attempt("r1", &[])).await.unwrap();
    assert_eq!(vault.find("life", Slot::Current).await.unwrap(), Some(promoted.clone()));
    assert_eq!(vault.promote("life", &attempt("r1", &[])).await.unwrap(), promoted);
    assert_eq!(bed.get("life").unwrap(), json!({"password": "second \"\\ ü", "rotation": "r1"}));
    assert_eq!(bed.get("life-previous").unwrap(), json!({"password": "first"}));
    assert_eq!(bed.get("life-pending"), None);
    assert_eq!(vault.find("life", Slot::Pending).await.unwrap(), None);

    vault.stage("life", &attempt("r2", &[]), &secret("third")).await.unwrap();
    vault.promote("life", &attempt("r2", &[])).await.unwrap();
    assert_eq!(bed.password("life").as_deref(), Some("third"));
    assert_eq!(bed.get("life-previous").unwrap()["rotation"], "r1");
    assert_eq!(vault.promote("life", &attempt("r1", &[])).await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(bed.password("life").as_deref(), Some("third"));
}

#[tokio::test]
async fn the_first_write_of_an_attempt_wins() {
    let bed = Bed::shared();
    let vault = bed.vault(&["first"]);
    let one = vault.stage("first", &attempt("r1", &[]), &secret("one")).await.unwrap();
    let two = vault.stage("first", &attempt("r1", &[]), &secret("two")).await.unwrap();
    assert_eq!(one, two);
    assert_eq!(vault.read(&two).await.unwrap(), secret("one"));
}

#[tokio::test]
async fn a_reference_does_not_outlive_its_value() {
    let bed = Bed::shared();
    let vault = bed.vault(&["stale"]);
    let old = vault.adopt("stale", &secret("old")).await.unwrap();
    bed.put("stale", &json!({"password": "set by hand"}));
    assert_eq!(vault.read(&old).await.unwrap_err().meaning, Meaning::Refused);
    let staged = vault.stage("stale", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.discard("stale", &attempt("r1", &[])).await.unwrap();
    assert_eq!(vault.read(&staged).await.unwrap_err().meaning, Meaning::Refused);
    vault.stage("stale", &attempt("r2", &[]), &secret("newer")).await.unwrap();
    let fault = vault.read(&staged).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.cause.contains("r2") && fault.cause.contains("r1"), "{fault}");
    assert!(!fault.to_string().contains("newer,"), "{fault}");
}

#[tokio::test]
async fn what_people_keep_beside_the_password_stays() {
    let bed = Bed::shared();
    let vault = bed.vault(&["beside"]);
    let by_hand = json!({"password": "old", "username": "CONTOSO\\svc", "note": {"owner": ["ops"]}});
    bed.put("beside", &by_hand);
    vault.stage("beside", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.promote("beside", &attempt("r1", &[])).await.unwrap();
    let mut expected = by_hand.clone();
    expected["password"] = json!("new");
    expected["rotation"] = json!("r1");
    assert_eq!(bed.get("beside").unwrap(), expected);
    assert_eq!(bed.get("beside-previous").unwrap(), by_hand);
}

#[tokio::test]
async fn a_name_may_lie_in_a_folder() {
    let bed = Bed::shared();
    let vault = bed.vault(&["entra/eu/svc"]);
    vault.stage("entra/eu/svc", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.promote("entra/eu/svc", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.password("entra/eu/svc").as_deref(), Some("new"));
}

#[tokio::test]
async fn another_rotations_candidate_is_safe_until_taken_over() {
    let bed = Bed::shared();
    let vault = bed.vault(&["taken"]);
    vault.adopt("taken", &secret("live")).await.unwrap();
    // All in one row, which is destroyed together.
    let row = |mut document: serde_json::Value| {
        document["since-version"] = json!(1);
        document
    };
    vault.stage("taken", &attempt("r1", &[]), &secret("one")).await.unwrap();

    let refused = vault.stage("taken", &attempt("r2", &["r0"]), &secret("two")).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused);
    assert!(refused.cause.contains("r1") && !refused.hint.is_empty(), "{refused}");
    assert_eq!(vault.promote("taken", &attempt("r2", &[])).await.unwrap_err().meaning, Meaning::Refused);
    vault.discard("taken", &attempt("r2", &[])).await.unwrap();
    assert_eq!(bed.get("taken-pending").unwrap(), row(json!({"password": "one", "rotation": "r1"})));

    vault.stage("taken", &attempt("r2", &["r1"]), &secret("two")).await.unwrap();
    vault.stage("taken", &attempt("r3", &["r1", "r2"]), &secret("three")).await.unwrap();
    let kept = json!([{"rotation": "r1", "password": "one"}, {"rotation": "r2", "password": "two"}]);
    assert_eq!(bed.get("taken-pending").unwrap(), row(json!({"password": "three", "rotation": "r3", "kept": kept})));

    vault.discard("taken", &attempt("r3", &[])).await.unwrap();
    let kept = json!([{"rotation": "r1", "password": "one"}]);
    assert_eq!(bed.get("taken-pending").unwrap(), row(json!({"password": "two", "rotation": "r2", "kept": kept})));
    vault.discard("taken", &attempt("r3", &[])).await.unwrap();
    vault.discard("taken", &attempt("r2", &[])).await.unwrap();
    assert_eq!(bed.get("taken-pending").unwrap(), row(json!({"password": "one", "rotation": "r1"})));

    vault.stage("taken", &attempt("r4", &["r1"]), &secret("four")).await.unwrap();
    vault.promote("taken", &attempt("r4", &[])).await.unwrap();
    assert_eq!(bed.get("taken").unwrap(), json!({"password": "four", "rotation": "r4"}));
    assert_eq!(bed.get("taken-pending"), None);
    let versions = bed.versions("taken-pending");
    assert!(versions.iter().all(|&(_, destroyed)| destroyed), "a candidate survives in the history: {versions:?}");
}

#[tokio::test]
async fn a_pending_value_of_unknown_origin_is_left_alone() {
    let bed = Bed::shared();
    let vault = bed.vault(&["unknown"]);
    bed.put("unknown-pending", &json!({"password": "whose?"}));
    let fault = vault.stage("unknown", &attempt("r1", &["r0"]), &secret("new")).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    vault.discard("unknown", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.password("unknown-pending").as_deref(), Some("whose?"));
}

#[tokio::test]
async fn a_candidate_that_a_person_deleted_can_be_brought_back() {
    let bed = Bed::shared();
    let vault = bed.vault(&["hidden"]);
    vault.adopt("hidden", &secret("old")).await.unwrap();
    let held = vault.stage("hidden", &attempt("r1", &[]), &secret("live")).await.unwrap();
    vault.announce(&held).await.unwrap();
    bed.bao(&["kv", "delete", "-mount=secret", "hidden-pending"]);
    assert_eq!(vault.find("hidden", Slot::Pending).await.unwrap(), None);
    let refused = [
        vault.stage("hidden", &attempt("r2", &["r1"]), &secret("new")).await.unwrap_err(),
        vault.stage("hidden", &attempt("r1", &[]), &secret("live")).await.unwrap_err(),
        vault.promote("hidden", &attempt("r1", &[])).await.unwrap_err(),
    ];
    for fault in refused {
        assert_eq!(fault.meaning, Meaning::Refused, "{fault}");
        assert!(fault.cause.contains("secret/hidden-pending"), "{fault}");
        assert!(fault.hint.contains("kv undelete -mount=secret -versions=1 hidden-pending"), "{fault}");
        assert!(fault.hint.contains("kv destroy"), "{fault}");
    }
    // The turned-back attempt takes nothing with it.
    vault.discard("hidden", &attempt("r2", &["r1"])).await.unwrap();
    assert_eq!(bed.versions("hidden-pending"), [(1, false)]);
    bed.bao(&["kv", "undelete", "-mount=secret", "-versions=1", "hidden-pending"]);
    assert_eq!(vault.read(&held).await.unwrap(), secret("live"));
    // Deleted again, and destroyed on purpose: that makes way.
    bed.bao(&["kv", "delete", "-mount=secret", "hidden-pending"]);
    bed.bao(&["kv", "destroy", "-mount=secret", "-versions=1", "hidden-pending"]);
    vault.stage("hidden", &attempt("r3", &[]), &secret("new")).await.unwrap();
}

#[tokio::test]
async fn emptying_pending_destroys_no_version_of_another_row() {
    let bed = Bed::shared();
    let vault = bed.vault(&["rows"]);
    vault.adopt("rows", &secret("old")).await.unwrap();
    vault.stage("rows", &attempt("r1", &[]), &secret("live")).await.unwrap();
    // A person's slip on top of it, and its removal: the candidate lies beneath, where nobody looks.
    bed.put("rows-pending", &json!({"password": "slip"}));
    bed.bao(&["kv", "destroy", "-mount=secret", "-versions=2", "rows-pending"]);
    vault.stage("rows", &attempt("r2", &[]), &secret("two")).await.unwrap();
    vault.discard("rows", &attempt("r2", &[])).await.unwrap();
    vault.stage("rows", &attempt("r3", &[]), &secret("three")).await.unwrap();
    vault.stage("rows", &attempt("r4", &["r3"]), &secret("four")).await.unwrap();
    vault.promote("rows", &attempt("r4", &[])).await.unwrap();
    assert_eq!(bed.versions("rows-pending"), [(1, false), (2, true), (3, true), (4, true), (5, true)]);
    let found = bed.json(&["kv", "get", "-mount=secret", "-version=1", "-format=json", "rows-pending"]);
    assert_eq!(found["data"]["data"]["password"], "live");
}

#[tokio::test]
async fn callers_of_one_attempt_in_parallel_get_one_value() {
    let bed = Bed::shared();
    let vault = std::sync::Arc::new(bed.vault(&["race0", "race1", "race2", "race3"]));
    for round in 0..4 {
        let name = format!("race{round}");
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..8 {
            let (vault, name) = (vault.clone(), name.clone());
            callers.spawn(async move {
                let at = vault.stage(&name, &attempt("r1", &[]), &secret(&format!("value {caller}"))).await?;
                vault.read(&at).await.map(|value| (at, value))
            });
        }
        let results: Vec<_> = callers.join_all().await.into_iter().map(Result::unwrap).collect();
        let stored = bed.password(&format!("{name}-pending")).unwrap();
        for (at, value) in &results {
            assert_eq!((at, value.expose()), (&results[0].0, stored.as_str()));
        }
        assert_eq!(bed.versions(&format!("{name}-pending")).len(), 1);
    }
}

#[tokio::test]
async fn of_several_attempts_in_parallel_one_gets_in() {
    let bed = Bed::shared();
    let vault = std::sync::Arc::new(bed.vault(&["crowd"]));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let vault = vault.clone();
        callers.spawn(async move {
            let rotation = format!("r{caller}");
            vault.stage("crowd", &attempt(&rotation, &[]), &secret(&format!("value of {rotation}"))).await
        });
    }
    let results = callers.join_all().await;
    let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    assert!(results.iter().filter_map(|r| r.as_ref().err()).all(|fault| fault.meaning == Meaning::Refused));
    let winner = winners[0].rotation.as_deref().unwrap();
    assert_eq!(bed.password("crowd-pending"), Some(format!("value of {winner}")));
}

#[tokio::test]
async fn the_tokens_own_age_is_known_where_it_may_be_read() {
    let bed = Bed::shared();
    let own = bed.vault(&["age"]).own_credential().await.unwrap();
    let (set_at, expires_at) = (own.set_at.unwrap(), own.expires_at.unwrap());
    assert_eq!((own.holder.as_str(), own.kind.as_str()), ("vault", "token"));
    // As the test bed asked for it: 720 hours.
    let hours = (expires_at.as_second() - set_at.as_second()) / 3600;
    assert!((719..=720).contains(&hours), "{own:?}");
    assert!(!format!("{own:?}").contains(&bed.token()), "the token is shown");

    let policy = Bed::policy("age").replace("lookup-self", "nothing");
    let settings = Settings { login: Login::Token(bed.token_with("ageless", &policy)), ..bed.settings() };
    let own = HashicorpVault::new(settings).unwrap().own_credential().await.unwrap();
    assert_eq!((own.set_at, own.expires_at), (None, None));
    assert!(own.note.contains("lookup-self"), "{own:?}");
}
