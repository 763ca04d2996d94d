use super::*;
use crate::port::{Meaning, Slot};

async fn value(vault: &Arc<dyn Vault>, slot: Slot) -> Option<Secret> {
    let at = vault.find(ACCOUNT, slot).await.unwrap()?;
    Some(vault.read(&at).await.unwrap())
}

#[tokio::test]
async fn the_first_write_of_an_attempt_wins_even_after_its_promotion() {
    let bench = Bench::new();
    let vault = bench.vault();
    let one = vault.stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    let again = vault.stage(ACCOUNT, &attempt("r1"), &password(3)).await.unwrap();
    assert_eq!(one, again);
    assert_eq!(value(&vault, Slot::Pending).await, Some(password(2)));
    vault.promote(ACCOUNT, &attempt("r1")).await.unwrap();
    let late = vault.stage(ACCOUNT, &attempt("r1"), &password(3)).await.unwrap();
    assert_eq!(late.slot, Slot::Current);
    assert_eq!(value(&vault, Slot::Pending).await, None);
    assert_eq!(value(&vault, Slot::Current).await, Some(password(2)));
}

#[tokio::test]
async fn promotion_moves_the_candidate_and_may_be_repeated() {
    let bench = Bench::new();
    let (vault, first) = (bench.vault(), bench.first().await);
    vault.stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    let promoted = vault.promote(ACCOUNT, &attempt("r1")).await.unwrap();
    assert_eq!(vault.promote(ACCOUNT, &attempt("r1")).await.unwrap(), promoted);
    assert_eq!(value(&vault, Slot::Current).await, Some(password(2)));
    assert_eq!(value(&vault, Slot::Previous).await, Some(first));
    assert_eq!(value(&vault, Slot::Pending).await, None);
    assert_eq!(vault.promote(ACCOUNT, &attempt("r9")).await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(vault.promote("unknown", &attempt("r9")).await.unwrap_err().meaning, Meaning::Refused);
}

#[tokio::test]
async fn another_rotations_candidate_is_safe() {
    let bench = Bench::new();
    let vault = bench.vault();
    vault.stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    let refused = vault.stage(ACCOUNT, &attempt("r2"), &password(3)).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused);
    vault.discard(ACCOUNT, &attempt("r2")).await.unwrap();
    assert_eq!(value(&vault, Slot::Pending).await, Some(password(2)));
}

#[tokio::test]
async fn a_candidate_that_was_taken_over_comes_back_or_goes_with_the_promotion() {
    let bench = Bench::new();
    let vault = bench.vault();
    let repair = Attempt { rotation: "r2".to_owned(), takes_over: vec!["r1".to_owned()] };
    let first = vault.stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    vault.stage(ACCOUNT, &repair, &password(3)).await.unwrap();
    assert_eq!(vault.read(&first).await.unwrap_err().meaning, Meaning::Refused);
    vault.discard(ACCOUNT, &repair).await.unwrap();
    assert_eq!(vault.read(&first).await.unwrap(), password(2));
    vault.stage(ACCOUNT, &repair, &password(3)).await.unwrap();
    vault.promote(ACCOUNT, &repair).await.unwrap();
    vault.discard(ACCOUNT, &repair).await.unwrap();
    assert_eq!(value(&vault, Slot::Pending).await, None);
    assert_eq!(value(&vault, Slot::Current).await, Some(password(3)));
    // What was taken over is gone with the promotion: a later discard brings nothing back.
    vault.stage(ACCOUNT, &attempt("r3"), &password(4)).await.unwrap();
    vault.discard(ACCOUNT, &attempt("r3")).await.unwrap();
    assert_eq!(value(&vault, Slot::Pending).await, None);
}

#[tokio::test]
async fn adopting_needs_an_empty_place() {
    let bench = Bench::new();
    let vault = bench.vault();
    assert_eq!(vault.adopt(ACCOUNT, &password(2)).await.unwrap_err().meaning, Meaning::Refused);
    let at = vault.adopt("another", &password(2)).await.unwrap();
    assert_eq!(at.rotation, None);
    assert_eq!(vault.read(&at).await.unwrap(), password(2));
    let truth = bench.truth();
    assert_eq!(truth["accounts"][1]["account"], "another");
    assert_eq!(truth["accounts"][1]["holders"][0], serde_json::json!({"holder": "vault:current", "label": "p1"}));
    assert_eq!(vault.find("nobody", Slot::Current).await.unwrap(), None);
}
