//! The table of named worlds, each of them built, opened and asked.

use std::collections::BTreeSet;

use super::*;
use crate::lab::{LabAccountKind, ready, set_password, world, worlds};
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
    let local = bench("service-local-unknown");
    assert!(local.vault().find("adsync", Slot::Current).await.unwrap().is_none());
    assert_eq!(held(&local, "adsync", "local:SYNC1").as_deref(), Some("p1"));
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

/// The label of a holder of a named account; `None` = it holds nothing, or is no holder.
fn held(bench: &Bench, account: &str, holder: &str) -> Option<String> {
    let truth = bench.truth();
    let shown = truth["accounts"].as_array().unwrap().iter().find(|shown| shown["account"] == account);
    let holders = shown.unwrap_or_else(|| panic!("no {account} in {truth}"))["holders"].as_array().unwrap().clone();
    let found = holders.iter().find(|entry| entry["holder"] == holder)?;
    found["label"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_services_password_is_held_by_the_directory_the_vault_and_every_service_manager() {
    let bench = bench("service-shared");
    let account = "svc-adsync";
    for holder in ["directory", "service:SYNC1", "service:SYNC2", "vault:current"] {
        assert_eq!(held(&bench, account, holder).as_deref(), Some("p1"), "{holder}");
    }
    set_password(&bench.dir, account, "service:SYNC2", None).unwrap();
    assert_eq!(held(&bench, account, "service:SYNC2").as_deref(), Some("p2"));
    assert_eq!(held(&bench, account, "service:SYNC1").as_deref(), Some("p1"));
    let wrong = set_password(&bench.dir, ACCOUNT, "service:SYNC1", None).unwrap_err().to_string();
    assert!(wrong.contains(r"CONTOSO\svc-adsync"), "{wrong}");
    let services: Vec<_> = bench.lab.accounts().into_iter().filter(|it| it.kind == LabAccountKind::Service).collect();
    assert_eq!((services[0].locator.as_str(), services[0].servers.len()), (r"CONTOSO\svc-adsync", 2));
    assert_eq!(bench.lab.account_names(), [ACCOUNT], "services are no connector accounts");
}

#[tokio::test]
async fn a_local_users_password_lies_on_its_server_and_a_person_resets_it_by_force() {
    let bench = bench("service-local-user");
    assert_eq!(held(&bench, "adsync", "local:SYNC1").as_deref(), Some("p1"));
    assert_eq!(held(&bench, "adsync", "service:SYNC1").as_deref(), Some("p1"));
    assert_eq!(held(&bench, "adsync", "directory"), None);
    set_password(&bench.dir, "adsync", "local:SYNC1", None).unwrap();
    assert_eq!(held(&bench, "adsync", "local:SYNC1").as_deref(), Some("p2"));
    assert_eq!(held(&bench, "adsync", "service:SYNC1").as_deref(), Some("p1"));
    for holder in ["local:SYNC9", "directory", "nowhere"] {
        assert!(set_password(&bench.dir, "adsync", holder, None).is_err(), "{holder}");
    }
    assert!(set_password(&bench.dir, ACCOUNT, "local:SYNC1", None).is_err());
}

#[tokio::test]
async fn the_configured_service_account_need_not_be_the_one_it_runs_as() {
    let bench = bench("service-other-account");
    assert_eq!(held(&bench, "svc-adsync", "service:SYNC1"), None);
    assert_eq!(held(&bench, "svc-other", "service:SYNC1").as_deref(), Some("p1"));
    assert_eq!(bench.server().describe().await.unwrap().service.account, r"CONTOSO\svc-other");
    bench.directory().account("svc-adsync").await.unwrap();
}

#[tokio::test]
async fn managed_accounts_have_no_password_in_the_vault() {
    for (name, account) in
        [("service-gmsa", "gmsa-adsync$"), ("service-smsa", "smsa-adsync$"), ("service-vsa", "adsync-virtual")]
    {
        let bench = bench(name);
        assert!(bench.vault().find(account, Slot::Current).await.unwrap().is_none(), "{name}");
        assert_eq!(held(&bench, account, "service:SYNC1"), None, "{name}");
    }
}

#[tokio::test]
async fn entra_worlds_tell_how_they_log_on() {
    for (name, days) in [("aba", 400), ("aba-due", 90), ("aba-expired", -5)] {
        let bench = bench(name);
        let now = Timestamp::from_microsecond(bench.clock.load(Ordering::SeqCst)).unwrap();
        let Some(EntraIdentity::Application { certificate_ends_at, .. }) =
            bench.server().describe().await.unwrap().entra
        else {
            panic!("{name} has no certificate");
        };
        assert_eq!(certificate_ends_at.unwrap().duration_since(now).as_hours(), days * 24, "{name}");
    }
    let bench = bench("entra-password-based");
    let accounts = bench.lab.accounts();
    let entra = accounts.iter().find(|account| account.kind == LabAccountKind::Entra).unwrap();
    let Some(EntraIdentity::ServiceAccount { user }) = bench.server().describe().await.unwrap().entra else {
        panic!("no password");
    };
    assert_eq!(entra.locator, user);
}

#[tokio::test]
async fn an_operator_types_what_is_pending_else_what_is_current() {
    let bench = bench("two-connectors");
    bench.vault().stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    bench.lab.enter_password("SYNC1", CONNECTOR, None).unwrap();
    assert_eq!(bench.label("engine:SYNC1/contoso.test").as_deref(), Some("p2"));
    let other = "MSOL_f0e1d2c3b4a5";
    assert_eq!(held(&bench, other, "engine:SYNC1/fabrikam.test").as_deref(), Some("p1"));
    let before = bench.server().describe().await.unwrap().connectors[1].version;
    bench.lab.enter_password("SYNC1", "fabrikam.test", Some(other)).unwrap();
    assert_eq!(held(&bench, other, "engine:SYNC1/fabrikam.test").as_deref(), Some("p1"));
    assert_eq!(bench.server().describe().await.unwrap().connectors[1].version, before + 1, "typed, although the same");
    assert!(bench.lab.enter_password("SYNC1", CONNECTOR, Some("nobody")).is_err());
    let cloud = "contoso.onmicrosoft.com - AAD";
    assert!(bench.lab.enter_password("SYNC1", cloud, Some(ACCOUNT)).unwrap_err().to_string().contains("Entra ID"));
    bench.server().stop().await.unwrap();
    assert!(bench.lab.enter_password("SYNC1", CONNECTOR, None).unwrap_err().to_string().contains("stopped"));
}

#[tokio::test]
async fn people_open_and_close_programs_swap_roles_and_upgrade() {
    let bench = bench("active-and-two-staging");
    bench.lab.open_program("SYNC1", "miisclient.exe").unwrap();
    bench.lab.open_program("SYNC1", "MIISCLIENT.EXE").unwrap();
    assert_eq!(bench.server().describe().await.unwrap().open_programs, ["miisclient.exe"]);
    bench.lab.close_programs("SYNC1").unwrap();
    assert!(bench.server().describe().await.unwrap().open_programs.is_empty());
    bench.lab.swap_roles().unwrap();
    assert!(bench.server().describe().await.unwrap().staging);
    assert_eq!(bench.reopen().server_names(), ["SYNC2", "SYNC1", "SYNC3"], "the active one first");
    let before = bench.server().describe().await.unwrap().service;
    bench.pass(SignedDuration::from_secs(1));
    bench.lab.upgrade("SYNC1", "2.6.99.0").await.unwrap();
    let facts = bench.server().describe().await.unwrap();
    assert_eq!(facts.build, "2.6.99.0");
    assert!(facts.service.state == "running" && facts.service.process_id != before.process_id);
    assert_eq!(bench.proof().await, "success");
    assert!(bench.lab.upgrade("SYNC1", "2.6").await.is_err() && bench.lab.upgrade("SYNC9", "2.6.99.0").await.is_err());
    bench.lab.switch_scheduler(false).unwrap();
    assert!(!bench.server().describe().await.unwrap().scheduler.enabled);
}

#[tokio::test]
async fn an_upgrade_from_a_build_that_loses_its_key_keeps_it() {
    let bench = bench("build-1.1.443.0");
    bench.lab.upgrade("SYNC1", "2.6.92.0").await.unwrap();
    assert_eq!(bench.proof().await, "success");
    set_password(&bench.dir, "svc-adsync", "directory", None).unwrap();
    bench.lab.upgrade("SYNC1", "2.6.93.0").await.unwrap();
    assert_eq!(bench.proof().await, "success", "a reset does no harm any more");
}
