use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::seat::Seat;
use crate::journal::Listed;
use crate::notify::{Condition, Notice, Severity, Standing as Told};
use crate::order::{Came, Exit, Raised, SignerStanding, undelivered};
use crate::schedule::{AgeState, Blocked, Candidate, Due, local};

/// Attempts in a row that could not reach something, after which a person is told.
pub(super) const UNREACHED_TOLD: u32 = 3;

/// How long before its end an exemption is told.
const EXEMPT_ENDS_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long a rotation of another process, or an interrupted one, stays unmentioned.
const INTERRUPTED_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// A rotation that begins this long after it was due needs no warning of the password's age.
const SOON_ENOUGH: SignedDuration = SignedDuration::from_hours(24);

/// A late proof is told as overdue after so long.
const LATE_OVERDUE: SignedDuration = SignedDuration::from_hours(24);

/// How long after a start recoveries count as part of it.
const START: SignedDuration = SignedDuration::from_mins(15);

/// How long a rotation without approval is told after its begin.
const UNAPPROVED_TOLD: SignedDuration = SignedDuration::from_hours(24);

/// How long a step of the clock is told.
const STEP_TOLD: SignedDuration = SignedDuration::from_hours(1);

/// A row of the table of what a person may be told.
#[derive(Clone, Copy, Debug)]
pub struct KindOfNotice {
    /// The word of it, in notices, metrics and the journal.
    pub kind: &'static str,
    /// How grave.
    pub severity: Severity,
    /// What it means.
    pub meaning: &'static str,
}

const fn kind(kind: &'static str, severity: Severity, meaning: &'static str) -> KindOfNotice {
    KindOfNotice { kind, severity, meaning }
}

/// Every kind of notice there is. `drift-…` kinds are those of the watch.
pub const KINDS: [KindOfNotice; 35] = [
    kind("held", Severity::Alarm, "a rotation waits for a person; both passwords are in the vault"),
    kind("gave-up", Severity::Alarm, "the schedule has spent its tries; a person must look and let it try again"),
    kind("overdue", Severity::Alarm, "a password is older than its maximum age"),
    kind("age-unknown", Severity::Alarm, "nobody knows how old a password with a maximum age is"),
    kind("age-urgent", Severity::Alarm, "the maximum age is over soon, or no window opens before it"),
    kind("age-near", Severity::Warning, "the maximum age is near and the password was not rotated yet"),
    kind("no-window", Severity::Alarm, "no maintenance window opens for an account within 400 days"),
    kind("unreachable", Severity::Warning, "several attempts in a row could not reach something"),
    kind("failing", Severity::Warning, "the last attempt failed; it is tried again"),
    kind("interrupted", Severity::Warning, "a rotation was interrupted and could not be carried on yet"),
    kind("late-proof-failed", Severity::Alarm, "a server no longer syncs, 70 minutes after its rotation"),
    kind("late-proof-overdue", Severity::Warning, "the late proof could not be made for a day"),
    kind("exempt-ends", Severity::Warning, "an exemption ends within 14 days"),
    kind("exempt-over", Severity::Warning, "an exemption is over and still stands in the configuration"),
    kind("nothing-succeeded", Severity::Alarm, "no rotation at all succeeded for too long"),
    kind("without-approval", Severity::Alarm, "a rotation was begun without the approval that it needed"),
    kind("clock-behind", Severity::Alarm, "the clock shows a time before the journal's newest note"),
    kind("clock-stepped", Severity::Warning, "the clock was set, or the machine slept"),
    kind("configuration", Severity::Alarm, "the configuration was to be read anew and has faults; the old one stays"),
    kind("defect", Severity::Alarm, "a defect of this program ended a job"),
    kind("journal", Severity::Alarm, "the journal failed, and the service ended: nothing happens without a record"),
    kind(
        "history-unsent",
        Severity::Warning,
        "a head of the history was not signed, or did not arrive where heads are sent",
    ),
    kind("history-behind", Severity::Alarm, "the journal is older than what was sent out of it, or another one"),
    kind("drift-unseen", Severity::Warning, "several looks for drift in a row could not see everything"),
    kind("rotation", Severity::Info, "a rotation that the schedule began has ended"),
    kind("drift-password", Severity::Alarm, "somebody else set the password"),
    kind("drift-credential", Severity::Alarm, "somebody else changed a connector's credential (event 2518)"),
    kind("drift-engine", Severity::Alarm, "a sync engine is not well"),
    kind("drift-vault", Severity::Alarm, "vault and directory disagree"),
    kind("drift-certificate", Severity::Warning, "a certificate ends soon"),
    kind("drift-own-credential", Severity::Warning, "a credential of the tool itself is old or ends soon"),
    kind("drift-account-state", Severity::Alarm, "the account is disabled, locked, expired or protected"),
    kind("drift-build", Severity::Warning, "a server's build changed or no longer syncs"),
    kind("drift-roles", Severity::Warning, "servers changed between active and staging"),
    kind("drift-replication", Severity::Warning, "domain controllers show different sets"),
];

/// The table's own word and gravity for a kind.
fn row(word: &str) -> KindOfNotice {
    let unknown = kind("defect", Severity::Alarm, "a kind that is not in the table");
    KINDS.iter().find(|kind| kind.kind == word).copied().unwrap_or(unknown)
}

/// What concerns the whole service.
#[derive(Clone, Debug, Default)]
pub(super) struct Service {
    pub(super) started: Timestamp,
    /// The journal's newest note, where it lies in the future.
    pub(super) behind: Option<Timestamp>,
    /// When a step of the clock was seen, and how far it went.
    pub(super) stepped: Option<(Timestamp, SignedDuration)>,
    /// What is wrong with the configuration that was to be read anew.
    pub(super) faulty: Option<String>,
    /// Open rotations of accounts that the configuration does not have.
    pub(super) orphans: Vec<Listed>,
    /// Since when nothing succeeded, if that is too long.
    pub(super) dead_since: Option<Timestamp>,
    /// Who signs the history.
    pub(super) signer: SignerStanding,
}

impl Service {
    /// Whether it has just been started.
    pub(super) fn is_new(&self, now: Timestamp) -> bool {
        now.duration_since(self.started) < START
    }

    /// Looks whether anything succeeded in time. A service without a schedule, or that began just now, owes nothing.
    pub(super) fn nothing_succeeded<'s>(
        &mut self,
        seats: impl Iterator<Item = &'s Seat>,
        after: SignedDuration,
        now: Timestamp,
    ) {
        let scheduled = seats.filter(|seat| seat.post.policy.calendar.is_some() || seat.post.policy.max_age.is_some());
        let last = scheduled.map(|seat| seat.account.succeeded.unwrap_or(seat.account.standing.known_since)).max();
        self.dead_since = last.filter(|last| now.duration_since(*last) > after);
    }

    fn conditions(&self, now: Timestamp) -> Vec<Condition> {
        let mut holding = Vec::new();
        if let Some(newest) = self.behind {
            holding.push(condition(
                "clock-behind",
                None,
                "the clock is behind the journal",
                format!("the clock shows {now:.0}, and the journal's newest note is of {newest:.0}"),
                &[
                    "set the clock right",
                    "where the journal's times were wrong: rotate the accounts concerned by hand, once",
                ],
            ));
        }
        if let Some((at, step)) = self.stepped.filter(|(at, _)| now.duration_since(*at) < STEP_TOLD) {
            holding.push(condition(
                "clock-stepped",
                None,
                "the clock was set, or the machine slept",
                format!(
                    "at {at:.0} the clock had gone {} s further than time had; what was missed counts as missed",
                    step.as_secs()
                ),
                &["look at the clock and its source"],
            ));
        }
        if let Some(faults) = &self.faulty {
            holding.push(condition(
                "configuration",
                None,
                "the new configuration was not taken",
                faults.clone(),
                &[
                    "`entra-rotator config check` shows every fault",
                    "mend them and reload again; until then the old one counts",
                ],
            ));
        }
        for orphan in &self.orphans {
            let about = Some((orphan.account.as_str(), orphan.id.as_str()));
            let text = format!(
                "rotation {} is open, and the configuration has no account {}: nobody goes on with it",
                orphan.id, orphan.account
            );
            let steps = ["put the account back into the configuration until its rotation has ended"];
            let mut open = condition(
                "interrupted",
                about,
                "a rotation of an account that is not configured is open",
                text,
                &steps,
            );
            open.rotation = Some(orphan.id.clone());
            holding.push(open);
        }
        if let Some(since) = self.dead_since {
            holding.push(condition(
                "nothing-succeeded",
                None,
                "no rotation succeeded for too long",
                format!("the last success of any account was at {since:.0}"),
                &[
                    "`status` and `schedule next` say what each account waits for",
                    "`doctor` looks at servers and directory",
                ],
            ));
        }
        holding.extend(of_history(&self.signer));
        holding
    }
}

/// Evidence that does not leave the machine is none against whoever owns the machine.
fn of_history(signer: &SignerStanding) -> Option<Condition> {
    if let Some(why) = &signer.behind {
        let steps = [
            "find out who put an older journal, or another one, in its place; nothing is signed meanwhile",
            "put the journal back that was signed",
            "where it is lost: keep the file of sent heads as evidence under another name, and the history goes on from here",
        ];
        return Some(condition(
            "history-behind",
            None,
            "the journal is not what was sent out of it",
            why.clone(),
            &steps,
        ));
    }
    let unsent = signer.places.iter().filter(|place| place.is_behind() && place.failure.is_some()).map(undelivered);
    let why: Vec<String> = signer.unsigned.iter().cloned().chain(unsent).collect();
    let steps = ["mend that; it is tried again by itself, and the next head covers all before it"];
    (!why.is_empty())
        .then(|| condition("history-unsent", None, "the history's heads do not get out", why.join("; "), &steps))
}

fn condition(kind: &str, about: Option<(&str, &str)>, title: &str, text: String, steps: &[&str]) -> Condition {
    let row = row(kind);
    let (account, detail) = about.unzip();
    let key = match (account, detail) {
        (Some(account), Some("")) => format!("{}/{account}", row.kind),
        (Some(account), Some(detail)) => format!("{}/{account}/{detail}", row.kind),
        _ => row.kind.to_owned(),
    };
    Condition {
        key,
        kind: row.kind,
        severity: row.severity,
        account: account.map(str::to_owned),
        rotation: None,
        title: title.to_owned(),
        text,
        next_steps: steps.iter().map(|step| (*step).to_owned()).collect(),
    }
}

/// Everything that holds and should not.
pub(super) fn all(
    seats: &BTreeMap<String, Seat>,
    running: &BTreeMap<String, Candidate>,
    service: &Service,
    now: Timestamp,
) -> Vec<Condition> {
    let mut holding = service.conditions(now);
    for (name, seat) in seats {
        of_account(name, seat, running.contains_key(name), now, &mut holding);
    }
    holding
}

fn of_account(name: &str, seat: &Seat, is_running: bool, now: Timestamp, holding: &mut Vec<Condition>) {
    let about = Some((name, ""));
    let account = &seat.account;
    if let Some((at, why)) = &account.held {
        let runbook = why.runbook();
        let mut held = condition(
            "held",
            about,
            &format!("{name} is held"),
            format!("since {at:.0}: {why}. {}", runbook.meaning),
            runbook.steps,
        );
        if let Some(Blocked::Held { rotation }) = &account.standing.blocked {
            held.rotation = Some(rotation.clone());
        }
        holding.push(held);
    }
    if let Some(Blocked::Running { rotation }) = &account.standing.blocked
        && !is_running
        && !seat.rests(now)
        && account.standing.last_attempt.is_some_and(|began| now.duration_since(began) > INTERRUPTED_AFTER)
    {
        let mut interrupted = condition(
            "interrupted",
            about,
            &format!("a rotation of {name} is interrupted"),
            "it was begun and has no end; another process may be at it, or what it needs can't be reached".to_owned(),
            &["`resume` says what keeps it, and carries it on", "an attended rotation goes on at a terminal only"],
        );
        interrupted.rotation = Some(rotation.clone());
        holding.push(interrupted);
    }
    if let Some((at, rotation, why)) = &account.without_approval
        && now.duration_since(*at) < UNAPPROVED_TOLD
    {
        let steps = [
            "`history --rotation ID` says who began it, and what came of it",
            "whoever approves plans looks at it and at the reason; this alarm ends by itself after 24 hours",
        ];
        let title = format!("{name} was rotated without an approval");
        let text = format!("begun at {at:.0} as an exception, for this reason: {why}");
        let mut without = condition("without-approval", Some((name, rotation)), &title, text, &steps);
        without.rotation = Some(rotation.clone());
        holding.push(without);
    }
    of_schedule(name, seat, now, holding);
    let late = account.late_proof_due.filter(|due| now.duration_since(*due) > LATE_OVERDUE);
    if account.late_proof == Some(false) {
        let steps = ["`doctor` shows what the server says", "`rotate --repair` sets a fresh password everywhere"];
        let text = "the test sync 70 minutes after the seal failed: what the engine stores may not be the new password"
            .to_owned();
        holding.push(condition("late-proof-failed", about, &format!("the late proof of {name} failed"), text, &steps));
    } else if let Some(due) = late {
        let text = format!("it was due at {due:.0}; something that it needs can't be reached");
        let steps = ["`rotate --due` makes it and says what keeps it"];
        holding.push(condition(
            "late-proof-overdue",
            about,
            &format!("the late proof of {name} is overdue"),
            text,
            &steps,
        ));
    }
    if let Some(exempt) = &seat.post.member.exempt {
        let text = format!("until {}: {} ({})", local(exempt.until, &seat.post.zone), exempt.reason, exempt.owner);
        if exempt.until <= now {
            let steps =
                ["take the exemption out of the configuration, or renew it; its schedule counts again meanwhile"];
            holding.push(condition("exempt-over", about, &format!("the exemption of {name} is over"), text, &steps));
        } else if exempt.until.duration_since(now) < EXEMPT_ENDS_SOON {
            let steps = ["renew it in time, or let the account be rotated"];
            holding.push(condition("exempt-ends", about, &format!("the exemption of {name} ends soon"), text, &steps));
        }
    }
    if let Some(defect) = &seat.defect {
        let steps = ["tell the makers of this program, with the log", "`status` says how the account stands"];
        holding.push(condition("defect", about, &format!("a job of {name} ended by a defect"), defect.clone(), &steps));
    }
    if seat.blind >= UNREACHED_TOLD {
        let unseen =
            seat.drift.iter().flat_map(|drift| &drift.unseen).map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let steps = ["`doctor --drift` says what can't be seen", "look at the network and at that machine"];
        holding.push(condition("drift-unseen", about, &format!("{name} can't be watched"), unseen, &steps));
    }
    for found in seat.drift.iter().flat_map(|drift| &drift.found) {
        let text = if found.about.is_empty() { found.seen.clone() } else { format!("{}: {}", found.about, found.seen) };
        let title = format!("{name}: {}", row(found.kind.word()).meaning);
        holding.push(condition(found.kind.word(), Some((name, &found.about)), &title, text, &[&found.todo]));
    }
}

fn of_schedule(name: &str, seat: &Seat, now: Timestamp, holding: &mut Vec<Condition>) {
    let about = Some((name, ""));
    let account = &seat.account;
    let cause = || {
        account.failure.as_ref().map_or_else(String::new, |(outcome, why)| format!("last attempt ({outcome}): {why}"))
    };
    match &seat.due {
        Due::GaveUp { failures } => {
            let text = format!("{failures} attempts failed. {}", cause());
            let steps = [
                "mend the cause",
                "`schedule renew --account NAME` lets the schedule try again, `rotate` does so at once",
            ];
            holding.push(condition("gave-up", about, &format!("the schedule gave {name} up"), text, &steps));
        }
        Due::Never { why } if seat.post.policy.calendar.is_some() || seat.post.policy.max_age.is_some() => {
            let steps = ["look at `windows` and `blackout` in its schedule"];
            holding.push(condition("no-window", about, &format!("{name} is never rotated"), (*why).to_owned(), &steps));
        }
        _ if account.unreached >= UNREACHED_TOLD => {
            let steps =
                ["look at the network, the vault, the directory and the servers", "it is tried again by itself"];
            holding.push(condition("unreachable", about, &format!("{name} can't be rotated now"), cause(), &steps));
        }
        _ if account.standing.failures > 0 => {
            let steps = ["`history --rotation ID` or `plan` show why", "it is tried again by itself"];
            holding.push(condition("failing", about, &format!("the last attempt at {name} failed"), cause(), &steps));
        }
        _ => {}
    }
    match account.standing.blocked {
        Some(Blocked::Exempt { until }) if until > now => return,
        Some(Blocked::Managed) => return,
        _ => {}
    }
    let age = seat.age(now);
    let over = age.over_at.map_or_else(String::new, |at| format!(", over at {}", local(at, &seat.post.zone)));
    let days = age
        .age
        .map_or_else(|| "of an age that nobody knows".to_owned(), |age| format!("{} days old", age.as_hours() / 24));
    // It is due from the first warning on; that is told when its first chance is a day over.
    let policy = &seat.post.policy;
    let soon = match &seat.due {
        Due::At(fire) => {
            let chance = policy.windows.next_open(fire.nominal).unwrap_or(fire.nominal);
            chance + policy.jitter + SOON_ENOUGH > now
        }
        _ => false,
    };
    let (kind, title) = match age.state {
        AgeState::Near if soon => return,
        AgeState::Overdue => ("overdue", format!("{name} is overdue")),
        AgeState::Unknown if now.duration_since(account.standing.known_since) < START => return,
        AgeState::Unknown => ("age-unknown", format!("nobody knows how old the password of {name} is")),
        AgeState::Urgent => ("age-urgent", format!("{name} is overdue soon")),
        AgeState::Near => ("age-near", format!("{name} should be rotated soon")),
        AgeState::Fresh | AgeState::Unlimited => return,
    };
    let steps = [
        "`schedule next` says when it is tried, and what puts it off",
        "`rotate --account NAME` rotates it now, within its maintenance windows",
    ];
    holding.push(condition(kind, about, &title, format!("its password is {days}{over}"), &steps));
}

/// The journal failed: the last thing that is told.
pub(super) fn journal_failed(why: &str, host: &str, now: Timestamp) -> Notice {
    let row = row("journal");
    Notice {
        key: row.kind.to_owned(),
        kind: row.kind,
        severity: row.severity,
        standing: Told::Event,
        at: now,
        host: host.to_owned(),
        account: None,
        rotation: None,
        title: "the journal failed: the service has ended".to_owned(),
        text: why.to_owned(),
        next_steps: vec!["look at the journal's disk, folder and owner; the service must be started again".to_owned()],
    }
}

/// A condition that was raised by the service before this one is over.
pub(super) fn over(key: String, raised: &Raised, host: &str, now: Timestamp) -> Notice {
    let row = row(&raised.kind);
    Notice {
        key,
        kind: row.kind,
        severity: row.severity,
        standing: Told::Cleared,
        at: now,
        host: host.to_owned(),
        account: raised.account.clone(),
        rotation: None,
        title: raised.title.clone(),
        text: "it does not hold any more".to_owned(),
        next_steps: Vec::new(),
    }
}

/// A rotation of the schedule has ended.
pub(super) fn event(came: &Came, host: &str, now: Timestamp) -> Notice {
    Notice {
        key: format!("rotation/{}", came.rotation.as_deref().unwrap_or(&came.account)),
        kind: "rotation",
        severity: match came.exits {
            Exit::Done | Exit::Busy => Severity::Info,
            Exit::Held => Severity::Alarm,
            _ => Severity::Warning,
        },
        standing: Told::Event,
        at: now,
        host: host.to_owned(),
        account: Some(came.account.clone()),
        rotation: came.rotation.clone(),
        title: format!("{}: {}", came.account, came.outcome),
        text: came.message.clone(),
        next_steps: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::KINDS;

    /// docs/notices.md holds this table.
    #[test]
    fn the_page_has_every_kind() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/notices.md")).unwrap_or_default();
        let rows: Vec<String> = KINDS
            .iter()
            .map(|kind| {
                format!("| `{}` | {} | {} |", kind.kind, format!("{:?}", kind.severity).to_lowercase(), kind.meaning)
            })
            .collect();
        let missing: Vec<_> = rows.iter().filter(|row| !page.contains(row.as_str())).collect();
        assert!(missing.is_empty(), "docs/notices.md lacks these rows:\n{}", rows.join("\n"));
    }
}
