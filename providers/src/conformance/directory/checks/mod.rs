//! The checks, by what they are about, and what they have in common.

mod account;
mod change;
mod fingerprint;
mod limits;
mod lockout;
mod logon;
mod replication;
mod right;
mod role;
mod set;
mod tenure;

use std::future::Future;
use std::pin::Pin;

use super::bench::{Bench, Truth};
use crate::conformance::verdict::{Able, Verdict, done, ensure, fault};
use crate::port::{Directory, Secret};

type Run = for<'a> fn(&'a dyn Directory, &'a dyn Bench) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// A check and its name.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) run: Run,
}

/// The check that judges all the words that were heard, so it is the last.
pub(super) const NO_SECRET: &str = "no_secret_is_shown";

macro_rules! checks {
    ($($room:ident :: $name:ident),* $(,)?) => {
        &[$(Check { name: stringify!($name), run: |directory, bench| Box::pin($room::$name(directory, bench)) }),*]
    };
}

pub(super) const ALL: &[Check] = checks![
    account::account_is_found_by_each_of_its_names,
    account::account_facts_are_the_directorys,
    account::account_unknown_is_refused,
    account::account_ambiguous_is_refused,
    account::account_barred_says_why,
    fingerprint::fingerprint_moves_by_one_with_each_set,
    fingerprint::fingerprint_is_the_truth,
    fingerprint::fingerprint_has_the_controllers_clock,
    fingerprint::fingerprint_is_of_the_controller_asked,
    fingerprint::fingerprint_of_nobody_is_refused,
    set::set_done_is_live,
    set::set_is_one_set,
    set::set_touches_nobody_else,
    set::set_takes_every_character,
    set::set_again_is_a_set_of_its_own,
    set::set_back_to_the_previous_password_is_a_set,
    set::set_against_policy_is_refused_with_its_code,
    set::set_without_right_is_refused,
    set::set_of_nobody_is_refused,
    set::set_with_its_reply_lost_is_unclear,
    set::set_happens_at_the_controller_named,
    change::change_done_is_live,
    change::change_needs_no_right,
    change::change_with_a_wrong_old_password_is_refused,
    change::change_against_policy_is_refused,
    change::change_obeys_history,
    change::change_obeys_minimum_age,
    change::change_happens_at_the_controller_named,
    right::reset_right_held_is_said_and_nothing_changes,
    right::reset_right_missing_is_said_and_nothing_changes,
    lockout::lockout_counts_as_the_controller_does,
    lockout::lockout_is_of_the_controller_asked,
    lockout::lockout_says_locked,
    logon::accepts_the_current_password,
    logon::accepts_not_a_wrong_password_and_tries_once,
    logon::accepts_of_a_locked_account_is_refused,
    logon::accepts_asks_the_controller_named,
    replication::replicate_to_itself_is_done,
    replication::replicate_done_is_there,
    role::working_dc_is_the_accounts,
    role::working_dc_follows_the_role,
    role::own_credential_is_named,
    limits::reading_changes_nothing,
    limits::controller_unknown_is_later,
    limits::controller_silent_is_later_and_soon,
    tenure::without_tenure_nothing_is_sent,
    tenure::without_tenure_reading_goes_on,
    tenure::the_tenure_is_asked_last,
    limits::no_secret_is_shown,
];

/// The subject with a password that is known, at the domain controller where the work is done.
struct Start {
    dn: String,
    dc: String,
    secret: Secret,
    before: Truth,
}

async fn start(bench: &dyn Bench) -> Able<Start> {
    let (dn, dc, secret) = (bench.subject().dn, home(bench), bench.fresh());
    bench.person_sets(&dn, &dc, &secret).await?;
    let before = bench.truth(&dn, &dc).await?;
    Ok(Start { dn, dc, secret, before })
}

impl Start {
    /// Nothing about the subject moved, and the password is still the one in use.
    async fn unchanged(&self, bench: &dyn Bench, after: &str) -> Able<()> {
        let now = bench.truth(&self.dn, &self.dc).await?;
        ensure!(now == self.before, "{after}: {:?} became {now:?}", self.before);
        self.in_use(bench, &self.secret, after).await
    }

    /// The subject was set exactly once, and this is the password in use.
    async fn set_once(&self, bench: &dyn Bench, secret: &Secret, after: &str) -> Able<()> {
        let now = bench.truth(&self.dn, &self.dc).await?;
        ensure!(now.key_version == self.before.key_version + 1, "{after}: {:?} became {now:?}", self.before);
        self.in_use(bench, secret, after).await
    }

    async fn in_use(&self, bench: &dyn Bench, secret: &Secret, after: &str) -> Able<()> {
        let live = bench.is_current(&self.dn, &self.dc, secret).await?;
        ensure!(live, "{after}: the password in use is another one");
        Ok(())
    }
}

/// The PDC emulator.
fn home(bench: &dyn Bench) -> String {
    bench.controllers().swap_remove(0)
}

/// The PDC emulator and another domain controller, and replication stands still from here on.
async fn separated(bench: &dyn Bench) -> Able<(String, String)> {
    bench.hold_replication().await?;
    match bench.controllers().as_slice() {
        [home, other, ..] => Ok((home.clone(), other.clone())),
        _ => crate::conformance::unable("there is one domain controller"),
    }
}

/// A distinguished name in the subject's domain that nobody has.
fn nobody(bench: &dyn Bench) -> String {
    let domain: String = domain(bench).map(|label| format!(",DC={label}")).collect();
    format!("CN=nobody-has-this-name{domain}")
}

/// A host name in the subject's domain that no domain controller has.
fn no_controller(bench: &dyn Bench) -> String {
    let domain: String = domain(bench).map(|label| format!(".{label}")).collect();
    format!("no-domain-controller{domain}")
}

fn domain(bench: &dyn Bench) -> impl Iterator<Item = String> {
    let dn = bench.subject().dn;
    let labels: Vec<String> = dn.split(",DC=").skip(1).map(str::to_owned).collect();
    labels.into_iter()
}
