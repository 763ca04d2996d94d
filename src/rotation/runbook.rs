//! What a person does when a rotation is held: one table, which `status`, the end of `rotate`, and docs/runbooks.md share.

#[cfg(test)]
use std::fmt::Write as _;

use super::{Step, Why};

/// The way out of a hold, for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runbook {
    /// The word of the reason, as stored and printed.
    pub reason: &'static str,
    /// Which case of that reason; empty where there is one only.
    pub case: &'static str,
    /// What holds now, in one sentence.
    pub meaning: &'static str,
    /// What to do, in order; the first is the next step.
    pub steps: &'static [&'static str],
}

const FOREIGN: Runbook = Runbook {
    reason: "foreign",
    case: "",
    meaning: "Somebody else set the account's password while the rotation was under way; nothing was set over it.",
    steps: &[
        "Find out who set it, and why: `status` names the step that saw it, the directory's own log the caller.",
        "`rotate --repair` sets a fresh password everywhere, goes forward only, and closes the held rotation. The older candidates stay in the vault until it is proven.",
        "For a local user's password set by force: its keys (DPAPI) are gone, and the next start of the service ends with event 6028. Read the runbook `key-set` first.",
    ],
};

const NOT_SEEN: Runbook = Runbook {
    reason: "not-seen",
    case: "",
    meaning: "It is not known whether the last step took effect, because it could not be looked at. Both passwords are in the vault.",
    steps: &[
        "Read the cause: make the system that it names answer again; where it names the lockout, find out who tries wrong passwords and let the observation window pass without one.",
        "`resume` looks at every step anew and carries on, forward or back, from what it sees.",
        "When a domain controller is gone for good: `rotate --repair` works at the one that holds the PDC emulator's role now.",
    ],
};

const BUDGET_SPENT_VAULT: Runbook = Runbook {
    reason: "budget-spent",
    case: "the vault",
    meaning: "The new password is live and proven, and the vault did not make it current: it lies there as pending. Readers of current still get the old one.",
    steps: &[
        "Mend the vault: the cause says what it refused.",
        "`resume` promotes and ends the rotation. Until then a reader that is refused falls back to pending.",
    ],
};

const BUDGET_SPENT_SERVER: Runbook = Runbook {
    reason: "budget-spent",
    case: "a further server",
    meaning: "The new password is live, proven on the first server, and current in the vault. A further server does not have it yet, so its imports fail.",
    steps: &[
        "Make that server reachable and its service run: the cause says what failed. A staging server exports nothing, so nobody notices but monitoring.",
        "`resume` gives it the password, restarts and proves it.",
        "When the server is gone for good: take it out of the configuration, then `rotate --repair` closes the held rotation.",
    ],
};

const FORWARD_ONLY: Runbook = Runbook {
    reason: "forward-only",
    case: "",
    meaning: "Something was done that can't be undone: the old password is not known, or may not be used again. The candidate is in the vault as pending.",
    steps: &[
        "Mend the cause: it names the step that failed.",
        "`resume` goes on forward with the same candidate.",
        "When the candidate itself is the trouble: `rotate --repair` sets a fresh one everywhere.",
    ],
};

const ROLLBACK_FAILED: Runbook = Runbook {
    reason: "rollback-failed",
    case: "",
    meaning: "The way back to the old password stopped half-way. Both passwords are in the vault: the old one as current, the candidate as pending.",
    steps: &[
        "Mend the cause: it names the step that failed; `status` and `history --rotation ID` show what was put back already.",
        "`resume` carries the rollback on.",
        "When the old password is of no use any more: `rotate --repair` sets a fresh one everywhere.",
    ],
};

const KEY_SET: Runbook = Runbook {
    reason: "key-set",
    case: "",
    meaning: "The sync engine can't open its encryption key set (event 6028): its service does not run. The rotator never abandons the key by itself.",
    steps: &[
        "Make sure that a writable domain controller answers the server: Windows needs it to recover the key of a password that was reset. Then `resume`.",
        "If event 6028 comes again, the key is lost. Copy every AD connector's password and have an Entra administrator at hand; `history --rotation ID` names the accounts.",
        "On the server, as an administrator: stop ADSync, run `miiskmu.exe /a` in the folder of miiserver.exe, start ADSync (Microsoft: \"Abandoning the ADSync service account encryption key\").",
        "Enter the password of every AD connector in the Synchronization Service Manager, run Add-ADSyncAADServiceAccount, restart ADSync.",
        "`resume`: it finds the service running, looks at every step and proves it.",
    ],
};

const KEY_LOST: Runbook = Runbook {
    reason: "key-lost",
    case: "",
    meaning: "The reset destroyed the encryption key, as it does up to build 1.1.443.0, and a step after it failed. The new password is in the vault as pending.",
    steps: &[
        "Mend the cause: it names the step that failed.",
        "`resume` at a terminal goes on from that step: service manager, key, start, every connector's password from the vault, Entra connector account, restart, proof.",
        "By hand, in this order: password in the service manager; `miiskmu.exe /a`; start; every AD connector's password; Add-ADSyncAADServiceAccount; restart. Then `resume`.",
    ],
};

const JOURNAL_BEHIND: Runbook = Runbook {
    reason: "journal-behind",
    case: "",
    meaning: "Vault or directory know more than the journal: it was restored from a backup, or another one is in use. Nothing was done on its word.",
    steps: &[
        "Find the journal that wrote those values, put it back, and `resume`.",
        "If it is lost: `rotate --repair` sets a fresh password everywhere.",
    ],
};

/// Every runbook.
pub const RUNBOOKS: [&Runbook; 9] = [
    &FOREIGN,
    &NOT_SEEN,
    &BUDGET_SPENT_VAULT,
    &BUDGET_SPENT_SERVER,
    &FORWARD_ONLY,
    &ROLLBACK_FAILED,
    &KEY_SET,
    &KEY_LOST,
    &JOURNAL_BEHIND,
];

impl Why {
    /// What a person does about it.
    pub fn runbook(&self) -> &'static Runbook {
        match self {
            Self::Foreign { .. } => &FOREIGN,
            Self::NotSeen { .. } => &NOT_SEEN,
            Self::BudgetSpent { step: Step::Promote } => &BUDGET_SPENT_VAULT,
            Self::BudgetSpent { .. } => &BUDGET_SPENT_SERVER,
            Self::ForwardOnly { .. } => &FORWARD_ONLY,
            Self::RollbackFailed { .. } => &ROLLBACK_FAILED,
            Self::KeySet { .. } => &KEY_SET,
            Self::KeyLost { .. } => &KEY_LOST,
            Self::JournalBehind { .. } => &JOURNAL_BEHIND,
        }
    }
}

/// docs/runbooks.md.
#[cfg(test)]
fn page() -> String {
    let mut page = String::from(
        "# When a rotation is held\n\n\
         A held rotation waits for a person. It blocks only its own account, both passwords are kept in the vault, and what was \
         paused was released. `status` prints the reason, the cause and these steps; this page is made from the same table.\n",
    );
    for runbook in RUNBOOKS {
        let case = if runbook.case.is_empty() { String::new() } else { format!(": {}", runbook.case) };
        let _ = write!(page, "\n## {}{case}\n\n{}\n\n", runbook.reason, runbook.meaning);
        for (number, step) in runbook.steps.iter().enumerate() {
            let _ = writeln!(page, "{}. {step}", number + 1);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_made_from_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbooks.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        if written != page() {
            println!("{}", page());
            panic!("docs/runbooks.md is not the table any more; the text above is");
        }
    }

    #[test]
    fn every_reason_has_a_runbook_under_its_own_word() {
        let step = Step::Promote;
        let reasons = [
            Why::Foreign { step: step.clone() },
            Why::NotSeen { step: step.clone() },
            Why::BudgetSpent { step: step.clone() },
            Why::BudgetSpent { step: Step::Seal },
            Why::ForwardOnly { step: step.clone() },
            Why::RollbackFailed { step: step.clone() },
            Why::KeySet { step: step.clone() },
            Why::KeyLost { step },
            Why::JournalBehind { seen: String::new() },
        ];
        for (why, runbook) in reasons.iter().zip(RUNBOOKS) {
            assert_eq!((why.runbook(), why.word()), (runbook, runbook.reason));
            assert!(!runbook.steps.is_empty());
        }
    }
}
