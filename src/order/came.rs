use providers::port::Meaning;
use serde::Serialize;

use super::Exit;
use crate::engine::Rotation;
use crate::journal::Entry;
use crate::rotation::Event;
use crate::rotation::{Outcome, Procedure, Seen, Side, Step, TurnedBy};

/// What came of one account, for people and programs.
#[derive(Clone, Debug, Serialize)]
pub struct Came {
    /// The account.
    pub account: String,
    /// The rotation, where there was one.
    pub rotation: Option<String>,
    /// The outcome's word.
    pub outcome: &'static str,
    /// The exit code.
    pub exit: u8,
    /// One sentence or more: what holds now, why, and the next step.
    pub message: String,
    /// The exit.
    #[serde(skip)]
    pub exits: Exit,
}

impl Came {
    /// Nothing was begun, or it is not known which rotation it is about.
    pub fn without_rotation(account: &str, exit: Exit, message: String) -> Self {
        Self {
            account: account.to_owned(),
            rotation: None,
            outcome: exit.word(),
            exit: exit.code(),
            message,
            exits: exit,
        }
    }

    /// A rotation that came to an outcome.
    pub fn of(rotation: &Rotation, outcome: &Outcome) -> Self {
        let (exit, message) = judge(rotation, outcome);
        let account = rotation.plan().inventory.account.clone();
        let word = if *outcome == Outcome::Finished { done_word(rotation) } else { exit.word() };
        Self {
            account,
            rotation: Some(rotation.id().to_owned()),
            outcome: word,
            exit: exit.code(),
            message,
            exits: exit,
        }
    }

    /// Windows manages the password itself: nothing to do, and nothing wrong.
    pub fn managed(account: &str, message: String) -> Self {
        let exits = Exit::Done;
        Self {
            account: account.to_owned(),
            rotation: None,
            outcome: "managed-by-windows",
            exit: exits.code(),
            message,
            exits,
        }
    }

    /// About a rotation that ended before.
    pub fn told(rotation: &Rotation, outcome: &'static str, exits: Exit, message: String) -> Self {
        let account = rotation.plan().inventory.account.clone();
        Self { account, rotation: Some(rotation.id().to_owned()), outcome, exit: exits.code(), message, exits }
    }

    /// The same of an interrupted rotation that was taken up where a new one was ordered: nobody may take it for that.
    pub fn of_the_one_before(self) -> Self {
        let id = self.rotation.as_deref().unwrap_or(&self.account);
        let message = &self.message;
        let message = if self.exits == Exit::Done {
            format!(
                "this ended the interrupted rotation {id}; no new one was begun, and no newer password was made than that one's\n  \
                 {message}\n  next step: where a newer one is needed, as after a compromise, `rotate` again"
            )
        } else {
            format!("this took up the interrupted rotation {id}; no new one was begun\n  {message}")
        };
        Self { message, ..self }
    }

    /// Whether it is about a rotation that came to its end, or is held: what was not begun, or waits, has not.
    pub fn has_ended(&self) -> bool {
        self.rotation.is_some() && matches!(self.exits, Exit::Done | Exit::Failed | Exit::Held)
    }

    /// The same after `rollback`: what was rolled back by order is done, not failed.
    pub fn into_ordered(self) -> Self {
        if self.exits == Exit::Failed { Self { exit: Exit::Done.code(), exits: Exit::Done, ..self } } else { self }
    }

    /// One that stopped without an outcome.
    pub fn stopped(rotation: &Rotation, (message, exit): (String, Exit)) -> Self {
        let account = rotation.plan().inventory.account.clone();
        Self {
            account,
            rotation: Some(rotation.id().to_owned()),
            outcome: exit.word(),
            exit: exit.code(),
            message,
            exits: exit,
        }
    }
}

fn judge(rotation: &Rotation, outcome: &Outcome) -> (Exit, String) {
    let cause = || match rotation.last_fault() {
        Some((step, fault)) => format!("\n  cause: {step}: {fault}"),
        None => String::new(),
    };
    match outcome {
        Outcome::Finished => (Exit::Done, finished(rotation)),
        Outcome::RolledBack => rolled_back(rotation, &cause()),
        Outcome::Held(why) => {
            let paused = still_paused(rotation).map(|told| format!("\n  {told}")).unwrap_or_default();
            let steps = why.runbook().steps.iter().enumerate();
            let steps: String = steps.map(|(place, step)| format!("\n  {}. {step}", place + 1)).collect();
            (Exit::Held, format!("held: {why}{}{paused}\n  {}\n  next steps:{steps}", cause(), why.runbook().meaning))
        }
    }
}

/// What a finished rotation of each procedure is called.
pub fn done_word(rotation: &Rotation) -> &'static str {
    match rotation.plan().inventory.procedure {
        Procedure::Connector | Procedure::Service | Procedure::ServiceKeyLost | Procedure::Own => "rotated",
        Procedure::Entra => "reset",
        Procedure::Rehearsal => "rehearsed",
        Procedure::Adoption => "adopted",
    }
}

/// How a rotation stands, in one word.
pub fn state_word(rotation: &Rotation) -> &'static str {
    let progress = rotation.progress();
    match (&progress.ended, &progress.held) {
        _ if progress.superseded => "repaired",
        (Some(Outcome::Finished), _) => done_word(rotation),
        (Some(_), _) => "rolled-back",
        (None, Some(_)) => "held",
        (None, None) => "interrupted",
    }
}

fn finished(rotation: &Rotation) -> String {
    let inventory = &rotation.plan().inventory;
    let proof = proof(rotation);
    let told = match inventory.procedure {
        Procedure::Adoption => "the password in use, proven by a logon, is current in the vault".to_owned(),
        Procedure::Own => "all new: proven by a logon, current in the vault".to_owned(),
        Procedure::Rehearsal => format!("the method works on this build: proven by {proof}; no password was changed"),
        Procedure::Entra => format!("reset on both sides: proven by {proof}; nobody knows the password"),
        _ => format!("all new: proven by {proof}, current in the vault"),
    };
    let swapped = rotation.log().iter().rev().find_map(|entry| match &entry.event {
        Event::Done { proof: Seen::RolesSwapped { servers }, .. } => Some(servers.join(", ")),
        _ => None,
    });
    let swapped = swapped.map(|servers| {
        format!("\n  note: {servers} changed between active and staging meanwhile; all servers have the password")
    });
    format!("{told}{}", swapped.unwrap_or_default())
}

fn rolled_back(rotation: &Rotation, cause: &str) -> (Exit, String) {
    // A repair begins in a mixture, and leaves it when it never came to touch the directory.
    let ordered = rotation.progress().turned_by == Some(TurnedBy::Operator);
    if rotation.plan().inventory.repair {
        let exit = if ordered || rotation.plan().inventory.repairs.is_empty() { Exit::Failed } else { Exit::Held };
        let message = format!(
            "the repair changed nothing: all is as it was before it{cause}\n  next step: mend the cause, then `rotate --repair` again"
        );
        return (exit, message);
    }
    let wrote = |step: &Step| {
        rotation.log().iter().any(|entry| matches!(&entry.event, Event::Intent { step: of, .. } if of == step))
    };
    if !wrote(&Step::Directory) {
        let waiting = only_waited(rotation);
        let refused =
            rotation.last_fault().is_some_and(|(step, _)| matches!(step, Step::Quiesce { .. } | Step::Baseline { .. }));
        let exit = if ordered {
            Exit::Failed
        } else if waiting {
            Exit::Later
        } else if refused {
            Exit::Refused
        } else {
            Exit::Failed
        };
        let what = match rotation.plan().inventory.procedure {
            Procedure::Adoption => "nothing was stored: the vault is as it was",
            Procedure::Rehearsal => "nothing was rehearsed: no engine was given a password",
            Procedure::Entra => "nothing was reset",
            _ => "all old: the directory was not touched",
        };
        return (exit, format!("{what}{cause}"));
    }
    let proven = rotation.log().iter().rev().any(|entry| {
        matches!(&entry.event, Event::Done { step: Step::Prove { .. }, .. })
            && rotation.progress().touched(&Step::Directory)
    });
    let proven = if proven { format!(", proven by {}", proof(rotation)) } else { String::new() };
    let how = if rotation.progress().touched(&Step::Directory) {
        "put back"
    } else {
        "the directory did not take the new password"
    };
    (Exit::Failed, format!("all old: {how}{proven}{cause}"))
}

/// Whether a rotation that was rolled back only waited in vain for its time: a gap between two cycles, a server.
pub(super) fn only_waited(rotation: &Rotation) -> bool {
    let began = |entry: &Entry| matches!(entry.event, Event::Intent { step: Step::Directory, .. });
    !rotation.log().iter().any(began)
        && rotation.last_fault().is_some_and(|(step, fault)| {
            matches!(step, Step::Quiesce { .. } | Step::Baseline { .. }) && fault.meaning == Meaning::Later
        })
}

fn proof(rotation: &Rotation) -> String {
    // Those of the direction in which it ended.
    let last = rotation.log().iter().rev().map(|entry| &entry.event);
    let mut proofs: Vec<String> = Vec::new();
    for event in last.take_while(|event| !matches!(event, Event::Turned { .. })) {
        if let Event::Done { step: Step::Prove { server, .. }, proof: Seen::Sync(facts) } = event {
            let told = format!("{} on {server} ({})", facts.connector, facts.result);
            if !proofs.contains(&told) {
                proofs.push(told);
            }
        }
    }
    proofs.reverse();
    if proofs.is_empty() { "no test sync".into() } else { format!("a delta import of {}", proofs.join(", ")) }
}

/// What is to be told where Quiesce may have disabled a scheduler that was on, and Release did not bring it back.
pub fn still_paused(rotation: &Rotation) -> Option<&'static str> {
    let disables = rotation.plan().inventory.quiesce == providers::port::QuiesceMode::Disable;
    let events = || rotation.log().iter().map(|entry| &entry.event);
    let was_on = events().find_map(|event| match event {
        Event::Intent { step: Step::Quiesce { .. }, before: Seen::Scheduler { enabled } } => Some(*enabled),
        _ => None,
    });
    let last = events().rev().find_map(|event| match event {
        Event::Intent { step: Step::Quiesce { .. }, .. } => Some(true),
        Event::Done { step: Step::Release { .. }, .. } => Some(false),
        Event::Looked { step: Step::Quiesce { .. }, side: Side::Old, .. } => Some(false),
        _ => None,
    });
    (disables && was_on == Some(true) && last == Some(true))
        .then_some("the sync scheduler is still disabled: turn it on with Set-ADSyncScheduler -SyncCycleEnabled $true")
}
