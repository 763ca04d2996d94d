//! Finding the account.

use super::{Verdict, done, ensure, fault, home, nobody};
use crate::conformance::directory::Bench;
use crate::port::{Directory, Meaning};

/// `account` finds exactly one account by sAMAccountName, user principal name or distinguished name.
pub(super) async fn account_is_found_by_each_of_its_names(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let subject = bench.subject();
    for locator in &subject.locators {
        let facts = done(directory.account(locator).await, &format!("the account {locator}"))?;
        ensure!(facts.dn == subject.dn, "{locator} is found as {}, it is {}", facts.dn, subject.dn);
    }
    Ok(())
}

/// `AccountFacts` are what the directory holds: names, identifier, policy, the domain controller to work at, and no
/// reason to refuse where there is none.
pub(super) async fn account_facts_are_the_directorys(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (subject, rules) = (bench.subject(), bench.rules());
    let facts = done(directory.account(&subject.sam_account_name).await, "the account")?;
    ensure!(facts.sam_account_name == subject.sam_account_name, "{facts:?}, it is {subject:?}");
    ensure!(facts.display_name == subject.display_name, "{facts:?}, it is {subject:?}");
    ensure!(facts.sid.starts_with("S-1-5-21-"), "{} is no account's identifier", facts.sid);
    ensure!(facts.dc.eq_ignore_ascii_case(&home(bench)), "the work is to be done at {}", facts.dc);
    ensure!(facts.refusals.is_empty(), "refused without a reason: {:?}", facts.refusals);
    let policy = (facts.policy.length_min, facts.policy.complexity);
    ensure!(policy == (rules.length_min, rules.complexity), "{:?}, it is {rules:?}", facts.policy);
    ensure!(!facts.policy.source.is_empty(), "nobody knows where the policy comes from");
    Ok(())
}

/// `account` refuses a name that nobody has, and takes no pattern for a name.
pub(super) async fn account_unknown_is_refused(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let pattern = bench.subject().sam_account_name.chars().take(3).chain(['*']).collect();
    for locator in ["nobody-has-this-name".to_owned(), nobody(bench), "*".to_owned(), pattern] {
        fault(directory.account(&locator).await, Meaning::Refused, &format!("the account {locator}"))?;
    }
    Ok(())
}

/// `account` refuses a name that several accounts have.
pub(super) async fn account_ambiguous_is_refused(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let locator = bench.ambiguous_locator()?;
    fault(directory.account(&locator).await, Meaning::Refused, &format!("the account {locator}"))?;
    Ok(())
}

/// `AccountFacts::refusals` has the reasons not to rotate: disabled, locked, expired, must change at next logon.
pub(super) async fn account_barred_says_why(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    for (locator, word) in bench.barred()? {
        let facts = done(directory.account(&locator).await, &format!("the account {locator}"))?;
        let said = facts.refusals.iter().any(|reason| reason.contains(&word));
        ensure!(said, "{locator} is barred ({word}), its refusals are {:?}", facts.refusals);
    }
    Ok(())
}
