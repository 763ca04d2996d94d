//! What somebody deleted comes back, whoever misses it.

use providers::port::{Meaning, Slot, Vault};
use serde_json::json;

use crate::bed::{BY_SECRET, Bed, attempt, secret};

fn delete(bed: &Bed, name: &str) {
    bed.control("POST", "/delete", &json!({"name": name}));
}

#[tokio::test]
async fn a_candidate_comes_back_for_each_step_of_its_rotation() {
    let bed = Bed::with(&json!({"recover_s": 1}));
    let vault = bed.vault();
    vault.adopt("svc", &secret("old")).await.unwrap();
    let staged = vault.stage("svc", &attempt("r1", &[]), &secret("new")).await.unwrap();
    delete(&bed, "svc-pending");
    assert_eq!(vault.find("svc", Slot::Pending).await.unwrap().as_ref(), Some(&staged));
    delete(&bed, "svc-pending");
    assert_eq!(vault.read(&staged).await.unwrap(), secret("new"));
    delete(&bed, "svc-pending");
    delete(&bed, "svc");
    vault.announce(&staged).await.unwrap();
    assert_eq!(bed.current("svc")["tags"]["pending-rotation"], "r1");
    delete(&bed, "svc-pending");
    vault.promote("svc", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.current("svc")["value"], "new");
}

#[tokio::test]
async fn a_deleted_candidate_is_discarded_all_the_same() {
    let bed = Bed::with(&json!({"recover_s": 1}));
    let vault = bed.vault();
    vault.adopt("svc", &secret("old")).await.unwrap();
    let staged = vault.stage("svc", &attempt("r1", &[]), &secret("dead")).await.unwrap();
    vault.announce(&staged).await.unwrap();
    delete(&bed, "svc-pending");
    delete(&bed, "svc");
    vault.discard("svc", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.versions("svc-pending")[0]["enabled"], false);
    assert_eq!(bed.current("svc")["tags"].get("pending"), None, "no reader is told of it");
    // It is in nobody's way.
    vault.stage("svc", &attempt("r2", &[]), &secret("new")).await.unwrap();
}

#[tokio::test]
async fn current_comes_back_for_whoever_reads_it() {
    let bed = Bed::with(&json!({"recover_s": 1}));
    let vault = bed.vault();
    let first = vault.adopt("svc", &secret("old")).await.unwrap();
    delete(&bed, "svc");
    assert_eq!(vault.find("svc", Slot::Current).await.unwrap().as_ref(), Some(&first));
    delete(&bed, "svc");
    assert_eq!(vault.read(&first).await.unwrap(), secret("old"));
    vault.stage("svc", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.promote("svc", &attempt("r1", &[])).await.unwrap();
    delete(&bed, "svc");
    let previous = vault.find("svc", Slot::Previous).await.unwrap().unwrap();
    assert_eq!(vault.read(&previous).await.unwrap(), secret("old"));
}

/// Its recovery is under way, and it is in neither list.
#[tokio::test]
async fn several_who_miss_it_at_once_wait_for_one_recovery() {
    let bed = Bed::with(&json!({"recover_s": 2}));
    let (one, other) = (bed.vault(), bed.vault());
    let staged = one.stage("svc", &attempt("r1", &[]), &secret("new")).await.unwrap();
    delete(&bed, "svc-pending");
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        other.find("svc", Slot::Pending).await
    };
    let (first, second) = tokio::join!(one.find("svc", Slot::Pending), late);
    assert_eq!(first.unwrap().as_ref(), Some(&staged));
    assert_eq!(second.unwrap().as_ref(), Some(&staged));
    let recovered = |request: &(String, String, u64, String)| request.1.ends_with("/recover") && request.2 == 200;
    assert_eq!(bed.requests().iter().filter(|request| recovered(request)).count(), 1);
}

#[tokio::test]
async fn a_recovery_that_takes_too_long_is_later() {
    let bed = Bed::with(&json!({"recover_s": 3600}));
    let vault = bed.vault();
    vault.adopt("svc", &secret("old")).await.unwrap();
    delete(&bed, "svc");
    let fault = vault.find("svc", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Later && fault.cause.contains("svc was deleted"), "{fault}");
    assert!(fault.hint.contains("az keyvault secret recover --vault-name myvault --name svc"), "{fault}");
}

#[tokio::test]
async fn what_never_was_is_nothing_whatever_we_may() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.adopt("there", &secret("old")).await.unwrap();
    vault.adopt("gone", &secret("old")).await.unwrap();
    delete(&bed, "gone");
    for rights in [&["get", "list", "set", "update", "recover"][..], &["get", "list", "set", "update"]] {
        bed.control("POST", "/config", &json!({"rights": {BY_SECRET: rights}}));
        for slot in [Slot::Current, Slot::Pending, Slot::Previous] {
            assert_eq!(vault.find("never", slot).await.unwrap(), None);
        }
        assert_eq!(vault.find("there", Slot::Pending).await.unwrap(), None);
        vault.discard("there", &attempt("r0", &[])).await.unwrap();
        let refused = vault.promote("there", &attempt("r0", &[])).await.unwrap_err();
        assert!(refused.meaning == Meaning::Refused && refused.cause.contains("neither"), "{refused}");
    }
    let fault = vault.find("gone", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Refused && fault.cause.contains("gone was deleted on 2"), "{fault}");
    assert!(fault.cause.contains("secrets/recover/action") && fault.hint.contains("role"), "{fault}");
    // A service in trouble is no answer.
    for path in ["/deletedsecrets/never", "/deletedsecrets/never/recover"] {
        bed.fault(&json!({"path": format!("{path}$"), "does": "503"}));
        let fault = vault.find("never", Slot::Current).await.unwrap_err();
        assert_eq!(fault.meaning, Meaning::Later, "{fault}");
        bed.clear();
    }
}
