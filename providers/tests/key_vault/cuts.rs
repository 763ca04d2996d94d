//! The connection is cut, or everything ends, at each request in turn; then somebody carries on.

use std::time::Duration;

use providers::azure_key_vault::AzureKeyVault;
use providers::port::{Meaning, Slot, Vault};
use serde_json::json;

use crate::bed::{Bed, attempt, secret};

/// No operation of a short story has more requests.
const REQUESTS_MAX: usize = 30;

/// The candidate must be readable in one of the two places, by whoever looks now.
async fn assert_readable(vault: &AzureKeyVault, name: &str, wanted: &str) {
    for slot in [Slot::Pending, Slot::Current] {
        if let Some(found) = vault.find(name, slot).await.expect("it can't be looked for")
            && vault.read(&found).await.expect("it can't be read") == secret(wanted)
        {
            return;
        }
    }
    panic!("{name}: {wanted} is neither in pending nor in current");
}

#[tokio::test]
async fn a_promotion_that_ends_at_any_request_is_carried_on() {
    for does in ["before", "after"] {
        let bed = Bed::new();
        let vault = bed.vault();
        let mut cuts = 0;
        for ended_at in 0..REQUESTS_MAX {
            let name = format!("p{ended_at}");
            bed.person_sets(&name, "old", &json!({"tags": {"owner": "ops"}}));
            bed.person_sets(&format!("{name}-pending"), "held", &json!({"tags": {"rotation": "r0"}}));
            let held = bed.versions(&format!("{name}-pending"))[0]["id"].clone();
            let tags = json!({"tags": {"rotation": "r1", "took-over": held}});
            bed.person_sets(&format!("{name}-pending"), "new", &tags);
            bed.fault(&json!({"skip": ended_at, "times": -1, "does": does}));
            let ended = vault.promote(&name, &attempt("r1", &["r0"])).await;
            bed.clear();
            let Err(fault) = ended else { break };
            cuts += 1;
            assert!(matches!(fault.meaning, Meaning::Unclear | Meaning::Later), "{ended_at} {fault}");
            if fault.meaning == Meaning::Later {
                assert_eq!(bed.current(&name)["value"], "old", "{ended_at}: surely unchanged, it said");
            }
            assert_readable(&vault, &name, "new").await;
            let promoted = vault.promote(&name, &attempt("r1", &["r0"])).await.unwrap();
            assert_eq!(bed.current(&name)["value"], "new");
            assert_eq!(bed.current(&name)["tags"]["owner"], "ops");
            assert_eq!(vault.find(&name, Slot::Current).await.unwrap(), Some(promoted));
            assert_eq!(vault.find(&name, Slot::Pending).await.unwrap(), None);
            assert_eq!(
                vault.read(&vault.find(&name, Slot::Previous).await.unwrap().unwrap()).await.unwrap(),
                secret("old")
            );
            assert!(bed.versions(&format!("{name}-pending")).iter().all(|version| version["enabled"] == false));
        }
        assert!(cuts >= 8, "{does}: only {cuts} requests were cut");
    }
}

#[tokio::test]
async fn a_promotion_cut_for_good_blocks_nobody() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.adopt("left", &secret("old")).await.unwrap();
    vault.stage("left", &attempt("r1", &[]), &secret("new")).await.unwrap();
    bed.fault(&json!({"method": "PATCH", "times": -1, "does": "before"}));
    let fault = vault.promote("left", &attempt("r1", &[])).await.unwrap_err();
    assert!(fault.meaning == Meaning::Unclear && fault.cause.contains("current is promoted"), "{fault}");
    bed.clear();
    let left = vault.find("left", Slot::Pending).await.unwrap().unwrap();
    assert_eq!(left.rotation.as_deref(), Some("r1"), "whoever looks promotes once more");
    let next = vault.stage("left", &attempt("r2", &[]), &secret("newer")).await.unwrap();
    assert_eq!(vault.read(&next).await.unwrap(), secret("newer"));
    let enabled: Vec<bool> =
        bed.versions("left-pending").iter().map(|version| version["enabled"].as_bool().unwrap()).collect();
    assert_eq!(enabled, [false, true]);
}

#[tokio::test]
async fn a_staging_cut_at_any_request_leaves_one_candidate() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.find("warm-up", Slot::Current).await.unwrap();
    let mut cuts = 0;
    for ended_at in 0..REQUESTS_MAX {
        let name = format!("s{ended_at}");
        bed.fault(&json!({"skip": ended_at, "does": "after"}));
        let ended = vault.stage(&name, &attempt("r1", &[]), &secret("new")).await;
        bed.clear();
        let Err(fault) = ended else { break };
        cuts += 1;
        assert!(matches!(fault.meaning, Meaning::Unclear | Meaning::Later), "{ended_at} {fault}");
        if fault.meaning == Meaning::Later {
            assert!(bed.versions(&format!("{name}-pending")).is_empty(), "{ended_at}: surely unchanged, it said");
        }
        let staged = vault.stage(&name, &attempt("r1", &[]), &secret("another draw")).await.unwrap();
        let first = if fault.meaning == Meaning::Unclear { "new" } else { "another draw" };
        assert_eq!(vault.read(&staged).await.unwrap(), secret(first), "{ended_at}: the first write wins");
        assert_eq!(bed.versions(&format!("{name}-pending")).len(), 1);
    }
    assert!(cuts >= 5, "only {cuts} requests were cut");
}

#[tokio::test]
async fn a_write_that_arrives_late_is_the_rotations_or_dead() {
    let bed = Bed::new();
    let vault = bed.vault();
    let put =
        |name: &str| json!({"method": "PUT", "path": format!("/secrets/{name}-pending"), "does": "late", "seconds": 3});
    // Lost, written again, then it arrives: the one in use stays.
    bed.fault(&put("late"));
    assert_eq!(vault.stage("late", &attempt("r1", &[]), &secret("one")).await.unwrap_err().meaning, Meaning::Unclear);
    let staged = vault.stage("late", &attempt("r1", &[]), &secret("two")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(bed.versions("late-pending").len(), 2, "it arrived");
    assert_eq!(vault.find("late", Slot::Pending).await.unwrap(), Some(staged.clone()));
    assert_eq!(vault.read(&staged).await.unwrap(), secret("two"));
    vault.discard("late", &attempt("r1", &[])).await.unwrap();
    assert_eq!(vault.find("late", Slot::Pending).await.unwrap(), None);

    // Lost, written again, discarded, then it arrives: dead, and in nobody's way.
    bed.fault(&put("dead"));
    assert_eq!(vault.stage("dead", &attempt("r1", &[]), &secret("one")).await.unwrap_err().meaning, Meaning::Unclear);
    vault.stage("dead", &attempt("r1", &[]), &secret("two")).await.unwrap();
    vault.discard("dead", &attempt("r1", &[])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(bed.versions("dead-pending").iter().any(|version| version["enabled"] == true), "it arrived");
    assert_eq!(vault.find("dead", Slot::Pending).await.unwrap(), None);
    vault.stage("dead", &attempt("r2", &[]), &secret("three")).await.unwrap();
}

#[tokio::test]
async fn a_discard_cut_at_any_request_is_carried_on() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.find("warm-up", Slot::Current).await.unwrap();
    let mut cuts = 0;
    for ended_at in 0..REQUESTS_MAX {
        let name = format!("d{ended_at}");
        let tags = json!({"tags": {"pending": "x", "pending-rotation": "r1"}});
        bed.person_sets(&name, "live", &tags);
        bed.person_sets(&format!("{name}-pending"), "new", &json!({"tags": {"rotation": "r1"}}));
        bed.fault(&json!({"skip": ended_at, "does": "after"}));
        let ended = vault.discard(&name, &attempt("r1", &[])).await;
        bed.clear();
        let Err(fault) = ended else { break };
        cuts += 1;
        assert!(matches!(fault.meaning, Meaning::Unclear | Meaning::Later), "{ended_at} {fault}");
        if fault.meaning == Meaning::Later {
            assert_eq!(bed.versions(&format!("{name}-pending"))[0]["enabled"], true, "{ended_at}");
        }
        vault.discard(&name, &attempt("r1", &[])).await.unwrap();
        assert_eq!(vault.find(&name, Slot::Pending).await.unwrap(), None);
        assert!(bed.current(&name)["tags"].get("pending-rotation").is_none());
    }
    assert!(cuts >= 4, "only {cuts} requests were cut");
}
