//! Two orchestrators that share no journal: creating the candidate is the lock.

use std::sync::Arc;

use providers::port::{Meaning, Slot, Vault};
use serde_json::json;
use tokio::task::JoinSet;

use crate::bed::{Bed, attempt, secret};

const ROUNDS: usize = 24;

#[tokio::test]
async fn of_two_who_stage_at_once_exactly_one_wins() {
    let bed = Bed::new();
    let vaults = [Arc::new(bed.vault()), Arc::new(bed.vault())];
    let mut rounds = JoinSet::new();
    for round in 0..ROUNDS {
        for (side, vault) in vaults.iter().enumerate() {
            let vault = vault.clone();
            rounds.spawn(async move {
                let (name, rotation) = (format!("race-{round}"), format!("r{round}-{side}"));
                let value = secret(&format!("value of {side}"));
                (round, side, vault.stage(&name, &attempt(&rotation, &[]), &value).await)
            });
        }
    }
    let mut winners = [0; ROUNDS];
    let mut both_wrote = 0;
    while let Some(ended) = rounds.join_next().await {
        let (round, side, staged) = ended.unwrap();
        match staged {
            Ok(staged) => {
                winners[round] += 1;
                assert_eq!(vaults[1 - side].read(&staged).await.unwrap(), secret(&format!("value of {side}")));
            }
            Err(fault) => {
                assert_eq!(fault.meaning, Meaning::Refused, "{fault}");
                assert!(fault.cause.contains(&format!("r{round}-{}", 1 - side)), "{fault}");
            }
        }
    }
    assert_eq!(winners, [1; ROUNDS]);
    for round in 0..ROUNDS {
        let versions = bed.versions(&format!("race-{round}-pending"));
        assert_eq!(versions.iter().filter(|version| version["enabled"] == true).count(), 1);
        both_wrote += usize::from(versions.len() == 2);
    }
    assert!(both_wrote > ROUNDS / 2, "in {both_wrote} rounds of {ROUNDS} both wrote: the race was not run");
}

#[tokio::test]
async fn of_two_who_take_over_at_once_exactly_one_wins() {
    let bed = Bed::new();
    let vaults = [Arc::new(bed.vault()), Arc::new(bed.vault())];
    bed.person_sets("heir-pending", "held", &json!({"tags": {"rotation": "held"}}));
    let mut both = JoinSet::new();
    for (side, vault) in vaults.iter().cloned().enumerate() {
        both.spawn(async move {
            vault.stage("heir", &attempt(&format!("r{side}"), &["held"]), &secret(&format!("value of {side}"))).await
        });
    }
    let ended = both.join_all().await;
    let won: Vec<_> = ended.iter().filter_map(|staged| staged.as_ref().ok()).collect();
    let lost: Vec<_> = ended.iter().filter_map(|staged| staged.as_ref().err()).collect();
    assert!(won.len() == 1 && lost[0].meaning == Meaning::Refused, "{ended:?}");
    assert_eq!(vaults[0].find("heir", Slot::Pending).await.unwrap().as_ref(), Some(won[0]));
    vaults[0].discard("heir", &attempt(won[0].rotation.as_deref().unwrap(), &[])).await.unwrap();
    assert_eq!(vaults[0].find("heir", Slot::Pending).await.unwrap().unwrap().rotation.as_deref(), Some("held"));
}

#[tokio::test]
async fn whoever_came_second_by_a_lost_look_takes_its_own_back() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.stage("late", &attempt("r1", &[]), &secret("one")).await.unwrap();
    // Both lists of the first look are from before.
    bed.fault(&json!({"method": "GET", "path": "/secrets/late-pending/versions", "does": "stale"}));
    let refused = vault.stage("late", &attempt("r2", &[]), &secret("two")).await.unwrap_err();
    assert!(refused.meaning == Meaning::Refused && refused.cause.contains("r1"), "{refused}");
    let versions = bed.versions("late-pending");
    assert_eq!(versions.len(), 2, "the stale look let it write");
    assert_eq!(versions[1]["enabled"], false);
    assert_eq!(vault.find("late", Slot::Pending).await.unwrap().unwrap().rotation.as_deref(), Some("r1"));
}
