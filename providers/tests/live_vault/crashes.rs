//! What is true when a call is cut: at every request, before and after it, and when a write arrives late.

use std::future::Future;

use providers::hashicorp_vault::{HashicorpVault, Settings};
use providers::port::{Fault, Meaning, Slot, Vault};
use serde_json::{Value, json};

use super::bed::{Bed, Proxy};
use super::{attempt, secret};

/// More requests than any method sends; the loop over the cuts ends before.
const REQUESTS_MAX: u32 = 10;

/// Cuts the connection at every request of `call` in turn, before and after it, on a fresh account each time.
/// Checks that the fault means the right thing, then hands over to `after`, which looks, repeats and looks.
async fn cut_everywhere<C, CF, A, AF>(label: &str, prepare: fn(&Bed, &str), call: C, after: A) -> u32
where
    C: Fn(HashicorpVault, String) -> CF,
    CF: Future<Output = Result<(), Fault>>,
    A: Fn(std::sync::Arc<Bed>, HashicorpVault, String) -> AF,
    AF: Future<Output = ()>,
{
    let bed = Bed::shared();
    let name = |at: u32, moment: &str| format!("{label}-{at}-{moment}");
    let names: Vec<_> = (1..REQUESTS_MAX).flat_map(|at| [name(at, "before"), name(at, "after")]).collect();
    bed.run("allow", &names.iter().map(String::as_str).collect::<Vec<_>>());
    for at in 1..REQUESTS_MAX {
        for moment in ["before", "after"] {
            let name = name(at, moment);
            let vault = HashicorpVault::new(bed.settings()).expect("the settings are not accepted");
            prepare(&bed, &name);
            let proxy = Proxy::cutting(&bed, at, moment);
            let through = HashicorpVault::new(Settings { url: proxy.url(), ..bed.settings() })
                .expect("the settings are not accepted");
            let result = call(through, name.clone()).await;
            let (requests, cut) = proxy.log();
            if !cut {
                result.expect("nothing was cut, so the call must succeed");
                return at - 1;
            }
            let fault = result.expect_err("the reply was cut");
            let expected = if requests[at as usize - 1].starts_with("GET") { Meaning::Later } else { Meaning::Unclear };
            assert_eq!(fault.meaning, expected, "{name}: {requests:?}: {fault}");
            after(bed.clone(), vault, name).await;
        }
    }
    panic!("{label} sends more than {REQUESTS_MAX} requests");
}

fn with_candidate(bed: &Bed, name: &str) {
    bed.put(name, &json!({"password": "old", "rotation": "r0", "username": "svc"}));
    bed.put(&format!("{name}-pending"), &json!({"password": "new", "rotation": "r1"}));
    let marks = [format!("pending-path={name}-pending"), "pending-version=1".into(), "pending-rotation=r1".into()];
    let marks = marks.map(|mark| format!("-custom-metadata={mark}"));
    let patch = ["kv", "metadata", "patch", "-mount=secret", "-custom-metadata=owner=ops"];
    bed.bao(&[&patch[..], &[&marks[0], &marks[1], &marks[2], name]].concat());
}

fn with_taken_over(bed: &Bed, name: &str) {
    let kept = json!([{"password": "earlier", "rotation": "r0"}]);
    bed.put(&format!("{name}-pending"), &json!({"password": "new", "rotation": "r1", "kept": kept}));
}

/// Everything after a promotion of `r1`, as OpenBao's own client sees it.
fn assert_promoted(bed: &Bed, name: &str) {
    assert_eq!(bed.get(name), Some(json!({"password": "new", "rotation": "r1", "username": "svc"})));
    let previous = bed.get(&format!("{name}-previous"));
    assert_eq!(previous, Some(json!({"password": "old", "rotation": "r0", "username": "svc"})));
    assert_eq!(bed.get(&format!("{name}-pending")), None);
    assert_eq!(bed.marks(name), json!({"owner": "ops"}), "{name}");
}

#[tokio::test]
async fn promote_cut_at_any_request_ends_right_at_the_second_call() {
    let promote = |vault: HashicorpVault, name: String| async move {
        vault.promote(&name, &attempt("r1", &[])).await.map(|_| ())
    };
    let requests = cut_everywhere("promote", with_candidate, promote, |bed, vault, name| async move {
        let holds = |entry: &str, word: &str| bed.password(entry).as_deref() == Some(word);
        assert!(holds(&name, "new") || holds(&format!("{name}-pending"), "new"), "{name}: the candidate is lost");
        assert!(holds(&name, "old") || holds(&format!("{name}-previous"), "old"), "{name}: the old value is lost");
        vault.promote(&name, &attempt("r1", &[])).await.unwrap();
        assert_promoted(&bed, &name);
    })
    .await;
    // Asks about the token; looks at pending, current, previous; writes previous, current; unmarks; empties pending.
    assert_eq!(requests, 8);
}

#[tokio::test]
async fn stage_cut_at_any_request_leaves_one_value_at_the_second_call() {
    let stage = |vault: HashicorpVault, name: String| async move {
        vault.stage(&name, &attempt("r1", &[]), &secret("one")).await.map(|_| ())
    };
    let requests = cut_everywhere(
        "stage",
        |_, _| (),
        stage,
        |bed, vault, name| async move {
            let before = bed.get(&format!("{name}-pending"));
            let at = vault.stage(&name, &attempt("r1", &[]), &secret("two")).await.unwrap();
            let expected = if before.is_some() { "one" } else { "two" };
            assert_eq!(vault.read(&at).await.unwrap(), secret(expected), "{name}");
        },
    )
    .await;
    // Asks about the token; looks at pending and, where that is empty, at current; writes pending.
    assert_eq!(requests, 4);
}

#[tokio::test]
async fn takeover_cut_at_any_request_loses_no_candidate() {
    let stage = |vault: HashicorpVault, name: String| async move {
        vault.stage(&name, &attempt("r2", &["r1"]), &secret("repair")).await.map(|_| ())
    };
    cut_everywhere("takeover", with_taken_over, stage, |bed, vault, name| async move {
        vault.stage(&name, &attempt("r2", &["r1"]), &secret("repair")).await.unwrap();
        let kept = json!([{"password": "earlier", "rotation": "r0"}, {"password": "new", "rotation": "r1"}]);
        let expected = json!({"password": "repair", "rotation": "r2", "kept": kept, "since-version": 1});
        assert_eq!(bed.get(&format!("{name}-pending")).unwrap(), expected);
    })
    .await;
}

#[tokio::test]
async fn discard_cut_at_any_request_restores_exactly_once() {
    let discard = |vault: HashicorpVault, name: String| async move { vault.discard(&name, &attempt("r1", &[])).await };
    cut_everywhere("discard", with_taken_over, discard, |bed, vault, name| async move {
        vault.discard(&name, &attempt("r1", &[])).await.unwrap();
        let expected = json!({"password": "earlier", "rotation": "r0", "since-version": 1});
        assert_eq!(bed.get(&format!("{name}-pending")).unwrap(), expected);
    })
    .await;
    let requests = cut_everywhere("discard-last", with_candidate, discard, |bed, vault, name| async move {
        vault.discard(&name, &attempt("r1", &[])).await.unwrap();
        assert_eq!(bed.get(&format!("{name}-pending")), None);
        assert_eq!(bed.password(&name).as_deref(), Some("old"));
        assert_eq!(bed.marks(&name), json!({"owner": "ops"}), "{name}");
    })
    .await;
    // Asks about the token; looks at pending, current; unmarks; empties pending.
    assert_eq!(requests, 5);
}

#[tokio::test]
async fn discard_of_nothing_cut_at_any_request_leaves_nothing_in_the_way() {
    let prepare = |bed: &Bed, name: &str| bed.put(name, &json!({"password": "old"}));
    let discard = |vault: HashicorpVault, name: String| async move { vault.discard(&name, &attempt("r1", &[])).await };
    let requests = cut_everywhere("discard-none", prepare, discard, |_, vault, name| async move {
        assert_eq!(vault.find(&name, Slot::Pending).await.unwrap(), None, "{name}");
        assert_eq!(vault.promote(&name, &attempt("r1", &[])).await.unwrap_err().meaning, Meaning::Refused);
        vault.discard(&name, &attempt("r1", &[])).await.unwrap();
        vault.stage(&name, &attempt("r2", &[]), &secret("new")).await.unwrap();
        vault.promote(&name, &attempt("r2", &[])).await.unwrap();
    })
    .await;
    // Asks about the token; looks at pending, current; moves pending's version and empties it.
    assert_eq!(requests, 5);
}

#[tokio::test]
async fn promote_carries_on_from_what_another_machine_wrote() {
    let bed = Bed::shared();
    let old = json!({"password": "old", "rotation": "r0", "username": "svc"});
    let new = json!({"password": "new", "rotation": "r1", "username": "svc"});
    let stages: [(&str, &[(&str, &Value)]); 3] =
        [("cut-a", &[]), ("cut-b", &[("-previous", &old)]), ("cut-c", &[("-previous", &old), ("", &new)])];
    for (name, written) in stages {
        let vault = bed.vault(&[name]);
        with_candidate(&bed, name);
        for (suffix, value) in written {
            bed.put(&format!("{name}{suffix}"), value);
        }
        vault.promote(name, &attempt("r1", &[])).await.unwrap();
        assert_promoted(&bed, name);
        // Previous was right already, so it has no second version.
        assert_eq!(bed.versions(&format!("{name}-previous")).len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_candidate_left_behind_by_a_finished_promotion_blocks_nobody() {
    let bed = Bed::shared();
    let vault = bed.vault(&["left"]);
    bed.put("left", &json!({"password": "new", "rotation": "r1", "username": "svc"}));
    bed.put("left-pending", &json!({"password": "new", "rotation": "r1"}));
    vault.stage("left", &attempt("r2", &[]), &secret("newer")).await.unwrap();
    assert_eq!(bed.get("left-pending").unwrap(), json!({"password": "newer", "rotation": "r2", "since-version": 1}));
}

#[tokio::test]
async fn a_stage_that_arrives_after_its_discard_changes_nothing() {
    let bed = Bed::shared();
    let vault = bed.vault(&["afterwards"]);
    // Never written, as far as anybody saw; then written before, and emptied.
    for cas in ["-cas=0", "-cas=2"] {
        vault.discard("afterwards", &attempt("r1", &[])).await.unwrap();
        let said = bed.refused("bao", &["kv", "put", "-mount=secret", cas, "afterwards-pending", "rotation=r1"]);
        assert!(said.contains("check-and-set"), "{said}");
        assert_eq!(bed.get("afterwards-pending"), None);
        vault.stage("afterwards", &attempt("r0", &[]), &secret("new")).await.unwrap();
        vault.discard("afterwards", &attempt("r0", &[])).await.unwrap();
    }
    assert!(bed.versions("afterwards-pending").iter().all(|&(_, destroyed)| destroyed));
}

#[tokio::test]
async fn a_write_that_arrives_late_changes_nothing() {
    let bed = Bed::shared();
    let vault = bed.vault(&["late"]);
    vault.adopt("late", &secret("old")).await.unwrap();
    vault.stage("late", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.promote("late", &attempt("r1", &[])).await.unwrap();
    // The first stage's own request again, as it was: it asked for version 0.
    let late = ["kv", "put", "-mount=secret", "-cas=0", "late-pending", "rotation=r1"];
    let said = bed.refused("bao", &late);
    assert!(said.contains("check-and-set"), "{said}");
    assert_eq!(vault.find("late", Slot::Pending).await.unwrap(), None);
    // The emptying of r1's candidate again, after r2 has staged.
    let staged = vault.stage("late", &attempt("r2", &[]), &secret("newer")).await.unwrap();
    bed.run("bao", &["kv", "destroy", "-mount=secret", "-versions=1", "late-pending"]);
    assert_eq!(vault.read(&staged).await.unwrap(), secret("newer"));
}
