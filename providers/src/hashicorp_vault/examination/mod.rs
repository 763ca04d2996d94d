//! What an administrator should know. Harmless questions only: nothing is written, not even to see whether it could be.

mod credential;
mod reach;
mod retention;
mod rights;

use std::time::Duration;

use super::entries::Entries;
use crate::port::{Fault, Standing, VaultCheck};

/// More accounts than anybody has; one doctor's look is not to become a load.
const NAMES_MAX: usize = 1000;
/// For all questions together. What was not asked by then is said to be unseen.
const EXAMINE_LIMIT: Duration = Duration::from_secs(45);

const REACHABLE: &str = "reachable";
const CLOCK: &str = "clock";
const IDENTITY: &str = "identity";
const CREDENTIAL: &str = "credential";
const RIGHT: &str = "right";
const RETENTION: &str = "retention";

pub(super) async fn examine(entries: &Entries, names: &[String]) -> Vec<VaultCheck> {
    let mut checks = Vec::new();
    // What was seen stays in `checks` when the time is over.
    if tokio::time::timeout(EXAMINE_LIMIT, all(entries, names, &mut checks)).await.is_err() {
        let seen = format!("not everything was asked within {} s", EXAMINE_LIMIT.as_secs());
        checks.push(VaultCheck::new(REACHABLE, Standing::Unseen, seen).todo("look at the vault's load, and ask again"));
    }
    checks
}

async fn all(entries: &Entries, names: &[String], checks: &mut Vec<VaultCheck>) {
    let reached = reach::checks(entries, checks).await;
    if !reached {
        let rest = [IDENTITY, CREDENTIAL, RIGHT, RETENTION];
        checks.extend(rest.map(|name| VaultCheck::new(name, Standing::Unseen, "the vault does not serve now")));
        return;
    }
    if let Err(why) = credential::checks(entries, checks).await {
        let rest = [RIGHT, RETENTION];
        checks.extend(rest.map(|name| VaultCheck::new(name, Standing::Unseen, why)));
        return;
    }
    let asked = &names[..names.len().min(NAMES_MAX)];
    rights::checks(entries, asked, checks).await;
    retention::checks(entries, asked, checks).await;
    if asked.len() < names.len() {
        let seen = format!("{} accounts were not looked at: more than {NAMES_MAX} at once", names.len() - asked.len());
        checks.push(VaultCheck::new(RIGHT, Standing::Unseen, seen));
    }
}

/// What a fault says, as a check.
fn of_fault(name: &str, standing: Standing, fault: &Fault) -> VaultCheck {
    VaultCheck::new(name, standing, format!("{}: {}", fault.doing, fault.cause)).todo(fault.hint.clone())
}
