//! The table of named worlds, each of them built, opened and asked.

use std::collections::BTreeSet;

use super::*;
use crate::lab::{LabAccountKind, ready, world, worlds};
use crate::port::{EntraIdentity, Slot};

/// A bench in a named world.
fn bench(name: &str) -> Bench {
    Bench::with(&world(name).unwrap_or_else(|| panic!("no world {name}")).plan())
}

#[tokio::test]
async fn every_world_is_built_and_answers() {
    for named in worlds() {
        let bench = Bench::with(&named.plan());
        let truth = bench.truth();
        let accounts = bench.lab.accounts();
        assert!(!bench.lab.account_names().is_empty(), "{}: nothing to rotate", named.name);
        for account in &accounts {
            assert!(!account.locator.is_empty(), "{}: {} has no locator", named.name, account.name);
            let shown = truth["accounts"].as_array().unwrap().iter().any(|shown| shown["account"] == account.name);
            assert!(shown, "{}: {} is not shown in {truth}", named.name, account.name);
            if account.kind == LabAccountKind::Connector {
                bench.directory().account(&account.locator).await.unwrap();
            }
            if let Some(administrator) = &account.admin_vault_name {
                assert!(bench.vault().find(administrator, Slot::Current).await.unwrap().is_some(), "{}", named.name);
            }
        }
        for name in bench.lab.server_names() {
            if named.plan().faults.is_empty() {
                bench.lab.server(&name).unwrap().describe().await.unwrap();
            }
        }
    }
}

#[test]
fn names_are_unique_words_and_sentences_are_not_empty() {
    let names: BTreeSet<&str> = worlds().iter().map(|world| world.name).collect();
    assert_eq!(names.len(), worlds().len());
    for named in worlds() {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
        assert!(named.name.chars().all(plain), "{}", named.name);
        assert!(named.what.split_whitespace().count() >= 4, "{}", named.name);
        assert_eq!(named.plan().name, named.name);
    }
}

#[tokio::test]
async fn every_world_that_may_synchronize_does() {
    for named in worlds() {
        let stuck = ["broken-before", "cycle-running", "staging-unreachable"].contains(&named.name);
        let bench = Bench::with(&named.plan());
        if stuck {
            continue;
        }
        for name in bench.lab.server_names() {
            let server = bench.lab.server(&name).unwrap();
            let facts = server.describe().await.unwrap();
            for connector in facts.connectors.iter().filter(|it| it.kind == crate::port::ConnectorKind::ActiveDirectory)
            {
                let proof = server.prove(&connector.name).await.unwrap();
                assert_eq!(proof.result, "success", "{}: {name}/{}", named.name, connector.name);
            }
        }
    }
}

#[tokio::test]
async fn a_folder_keeps_the_world_it_was_made_from() {
    let dir = fresh_dir();
    assert!(ready(&dir, Some("nowhere")).is_err());
    assert!(!Lab::exists(&dir));
    ready(&dir, Some("single-dc")).unwrap();
    ready(&dir, Some("single-dc")).unwrap();
    ready(&dir, None).unwrap();
    let refused = ready(&dir, Some("one-forest")).unwrap_err().to_string();
    assert!(refused.contains("single-dc") && refused.contains("one-forest"), "{refused}");
    std::fs::remove_dir_all(&dir).unwrap();
    ready(&dir, None).unwrap();
    assert!(ready(&dir, Some("one-forest")).is_err(), "a lab of no named world is nobody's");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn one_account_for_two_forests_lies_in_both_connectors() {
    let bench = bench("two-forests-active-and-staging");
    let engines = ["SYNC1/contoso.test", "SYNC1/fabrikam.test", "SYNC2/contoso.test", "SYNC2/fabrikam.test"];
    for engine in engines {
        assert_eq!(bench.label(&format!("engine:{engine}")).as_deref(), Some("p1"));
    }
    assert_eq!(bench.lab.account_names(), [ACCOUNT]);
    assert_eq!(bench.lab.accounts()[0].servers, ["SYNC1", "SYNC2"]);
    let facts = bench.server().describe().await.unwrap();
    let other = facts.connectors.iter().find(|connector| connector.name == "fabrikam.test").unwrap();
    assert_eq!((other.domain.as_str(), other.dc.as_deref()), ("contoso.test", Some("dc1.fabrikam.test")));
}

#[tokio::test]
async fn the_wizard_names_its_server_in_the_description() {
    let of = async |name: &str| bench(name).directory().account(ACCOUNT).await.unwrap().description;
    let start = "Account created by Microsoft Azure Active Directory Connect with installation identifier 1a2b3c4d5e6f";
    let known = of("one-forest").await;
    assert!(known.starts_with(start), "{known}");
    assert!(known.contains(" running on computer SYNC1 configured to synchronize to tenant contoso.onmicrosoft.com. "));
    assert!(of("unconfigured-server").await.contains(" running on computer SYNC9 "));
}

#[tokio::test]
async fn a_broken_engine_is_broken_and_an_unknown_password_is_in_no_vault() {
    let broken = bench("broken-before");
    assert_eq!(broken.proof().await, "no-start-credentials");
    assert_eq!(broken.label("directory").as_deref(), Some("p1"));
    assert_eq!(broken.label("vault:current").as_deref(), Some("p1"));
    assert_eq!(broken.label("engine:SYNC1/contoso.test").as_deref(), Some("p2"));
    let unknown = bench("unknown-old");
    assert!(unknown.vault().find(ACCOUNT, Slot::Current).await.unwrap().is_none());
    assert_eq!(unknown.proof().await, "success");
}

#[tokio::test]
async fn the_scheduler_is_as_the_world_says() {
    let scheduler = async |bench: &Bench| bench.server().describe().await.unwrap().scheduler;
    let running = bench("cycle-running");
    assert!(scheduler(&running).await.cycle_running);
    running.pass(SignedDuration::from_secs(6));
    let ended = scheduler(&running).await;
    assert!(!ended.cycle_running && ended.next_cycle_at.is_some());
    assert!(!scheduler(&bench("scheduler-disabled")).await.enabled);
    assert!(scheduler(&bench("scheduler-suspended")).await.suspended);
}
