//! Many sites behind one vault, one directory and many servers.

use std::collections::BTreeSet;

use super::*;
use crate::lab::{Fleet, FleetPlan, LabAccountKind};
use crate::port::{Meaning, Slot};

fn fleet(plan: &FleetPlan) -> Fleet {
    let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let clock = Arc::new(AtomicI64::new(start.as_microsecond()));
    Fleet::in_memory(plan, &setting(&clock, &Arc::default())).unwrap()
}

#[tokio::test]
async fn names_are_unique_over_the_fleet() {
    let fleet = fleet(&FleetPlan { service_accounts: true, ..FleetPlan::new(30, 4) });
    let accounts = fleet.accounts();
    let mut seen = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for account in &accounts {
        let facts = fleet.directory().account(&account.locator).await.unwrap();
        assert_eq!(facts.sam_account_name, account.name);
        seen[0].insert(facts.dn);
        seen[1].insert(facts.sid);
        seen[2].insert(account.name.clone());
    }
    assert!(accounts.len() == 120 && seen.iter().all(|seen| seen.len() == 120));
    assert_eq!(accounts.iter().filter(|account| account.kind == LabAccountKind::Service).count(), 30);
    assert_eq!(fleet.servers().len(), 30);
    assert_eq!(accounts[71].locator, r"CONTOSO\site017-a4");
    assert_eq!(accounts[71].servers, ["SITE017"]);
}

#[tokio::test]
async fn a_call_reaches_its_site_and_no_other() {
    let fleet = fleet(&FleetPlan { service_accounts: true, ..FleetPlan::new(20, 4) });
    let (vault, directory, servers) = (fleet.vault(), fleet.directory(), fleet.servers());
    let (name, server) = ("site017-a2", &servers["SITE017"]);
    let connector = server.describe().await.unwrap().connectors.into_iter().find(|it| it.user == name).unwrap();
    let dn = directory.account("site017-a2@contoso.test").await.unwrap().dn;
    vault.stage(name, &attempt("r1"), &password(2)).await.unwrap();
    directory.set_password(&dn.to_uppercase(), DC1, &password(2)).await.unwrap();
    server.set_connector_password(&connector.name, &password(2)).await.unwrap();
    server.restart().await.unwrap();
    directory.replicate(&dn, DC1, DC2).await.unwrap();
    assert_eq!(server.prove(&connector.name).await.unwrap().result, "success");
    vault.promote(name, &attempt("r1")).await.unwrap();
    let at = vault.find(name, Slot::Current).await.unwrap().unwrap();
    assert_eq!(vault.read(&at).await.unwrap(), password(2));
    for account in fleet.accounts() {
        let truth = fleet.truth(&account.name).unwrap();
        assert!(truth.live_is_current && truth.engines_agree && truth.converged, "{}", account.name);
        assert_eq!(truth.sets, u64::from(account.name == name));
    }
    assert!(std::ptr::eq(fleet.site_of(name).unwrap(), &fleet.sites()[17]));
    assert_eq!(directory.account("nobody").await.unwrap_err().meaning, Meaning::Refused);
    assert!(vault.find("nobody", Slot::Current).await.unwrap().is_none());
}

#[tokio::test]
async fn a_fault_of_one_site_is_not_the_others() {
    let fleet = fleet(&FleetPlan::new(3, 1));
    fleet.site_of("site001-a1").unwrap().order_fault("stage-fails", None).unwrap();
    for (name, works) in [("site000-a1", true), ("site001-a1", false), ("site002-a1", true)] {
        assert_eq!(fleet.vault().stage(name, &attempt("r1"), &password(2)).await.is_ok(), works, "{name}");
    }
}

#[test]
fn a_fleet_has_sites_with_connectors() {
    for plan in
        [FleetPlan::new(0, 4), FleetPlan::new(4, 0), FleetPlan { service_accounts: true, ..FleetPlan::new(4, 1) }]
    {
        let refused = Fleet::in_memory(&plan, &setting(&Arc::default(), &Arc::default()));
        assert_eq!(refused.err().unwrap().meaning, Meaning::Refused);
    }
}
