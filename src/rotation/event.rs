use jiff::Timestamp;
use providers::port::{Fault, Fingerprint, ProofFacts, SecretRef};
use serde::{Deserialize, Serialize};

use super::{Plan, Step, Why};

/// What an action saw of the world: stored with an intent as "before", with a completion as its proof.
/// None of its parts can hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// The step has nothing to see.
    Nothing,
    /// The account's metadata on a domain controller.
    Directory(Fingerprint),
    /// A run of the Windows service.
    Service {
        /// Its process id.
        process_id: u32,
        /// When that process was created.
        started_at: Option<Timestamp>,
    },
    /// A connector's own change marks.
    Connector {
        /// Version.
        version: i64,
        /// LastModificationTime.
        modified_at: Option<Timestamp>,
    },
    /// SyncCycleEnabled.
    Scheduler {
        /// The value.
        enabled: bool,
    },
    /// Servers that have another role now than in the plan.
    RolesSwapped {
        /// Their names.
        servers: Vec<String>,
    },
    /// A place in the vault.
    Secret(SecretRef),
    /// A test sync's result.
    Sync(ProofFacts),
}

/// What a look at a step shows, relative to the direction of travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The step has not taken effect.
    Old,
    /// The step has taken effect.
    New,
    /// Something else holds: somebody else was here.
    Foreign,
    /// This step can't be looked at.
    Blind,
}

/// What came of a late proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "late-proof", rename_all = "kebab-case")]
pub enum LateProof {
    /// Every server still syncs with the new password.
    Proven {
        /// The test syncs.
        proofs: Vec<ProofFacts>,
    },
    /// One does not.
    Failed {
        /// The server.
        server: String,
        /// Its connector.
        connector: String,
        /// Why.
        fault: Fault,
    },
}

/// Who turned a rotation back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TurnedBy {
    /// The engine, because a step failed.
    Engine,
    /// A person, by `rollback`.
    Operator,
}

/// What wanted a rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Trigger {
    /// A person, or a timer of theirs, at the command line.
    #[default]
    Person,
    /// The schedule.
    Schedule {
        /// The fire that is handled by it.
        due: Timestamp,
        /// In words: why then.
        why: String,
    },
}

/// Somebody's signature under plans: as it lies in their file, and as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who approved them.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// From then on they must not be begun any more.
    pub until: Timestamp,
    /// SHA-256 of the plans as they are stored, in hex.
    pub plans: String,
    /// The public key that the signature fits, in hex.
    pub key: String,
    /// The signature (Ed25519), in hex.
    pub signature: String,
}

/// Everything that can happen to a rotation. The journal stores these, hash-chained; they are the audit record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The rotation begins with this plan.
    Begun {
        /// What will be done.
        plan: Box<Plan>,
        /// Who asked: operating system user and host, or the scheduler.
        initiator: String,
        /// Why, in the operator's words; empty when not given.
        reason: String,
        /// The ticket; empty when not given.
        ticket: String,
        /// What wanted it.
        #[serde(default)]
        trigger: Trigger,
        /// Who approved the plan, where somebody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved: Option<Box<Approval>>,
        /// Why it was begun without an approval where one is required, in the operator's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        without_approval: Option<String>,
    },
    /// Another process took the rotation up, after the one before it ended.
    Claimed {
        /// Who.
        holder: String,
    },
    /// The step is about to be applied. Durable before the effect.
    Intent {
        /// The step.
        step: Step,
        /// What was seen before.
        before: Seen,
    },
    /// The step took effect.
    Done {
        /// The step.
        step: Step,
        /// What shows it.
        proof: Seen,
    },
    /// The call failed; the fault says what that means.
    Failed {
        /// The step.
        step: Step,
        /// Meaning, cause and hint.
        fault: Fault,
    },
    /// A look at the step.
    Looked {
        /// The step.
        step: Step,
        /// What it shows.
        side: Side,
        /// The evidence.
        seen: Seen,
    },
    /// A look that gave no answer. No side follows from it.
    LookFailed {
        /// The step.
        step: Step,
        /// Why.
        fault: Fault,
    },
    /// From here on the target is the old password.
    Turned {
        /// Who said so.
        by: TurnedBy,
        /// Why, in one sentence.
        why: String,
    },
    /// A person said `resume`: every step is looked at anew, budgets start afresh.
    Resumed {
        /// Who.
        by: String,
    },
    /// The rotation waits for a person.
    Held {
        /// Why.
        why: Why,
    },
    /// All new.
    Finished,
    /// All old.
    RolledBack,
    /// The late proof of a finished rotation.
    LateProof {
        /// What came of it.
        outcome: LateProof,
    },
    /// A held rotation was closed by the repair that replaced its candidate.
    Superseded {
        /// The repair's rotation id.
        by: String,
    },
}

impl Event {
    /// One line for people.
    pub fn line(&self) -> String {
        match self {
            Self::Begun { plan, initiator, approved, without_approval, .. } => {
                let approved = approved.as_ref().map(|approval| format!(", approved by {}", approval.by));
                let without = without_approval.as_ref().map(|why| format!(", WITHOUT APPROVAL: {why}"));
                let told = approved.or(without).unwrap_or_default();
                format!("begun by {initiator}: {}{told}", plan.inventory.dn)
            }
            Self::Claimed { holder } => format!("taken up by {holder}"),
            Self::Intent { step, .. } => format!("intent {step}"),
            Self::Done { step, proof: Seen::Sync(facts) } => format!("done {step}: {}", facts.result),
            Self::Done { step, .. } => format!("done {step}"),
            Self::Failed { step, fault } => format!("failed {step} ({}): {fault}", fault.meaning),
            Self::Looked { step, side, .. } => format!("looked {step}: {side:?}"),
            Self::LookFailed { step, fault } => format!("look failed {step}: {fault}"),
            Self::Turned { why, .. } => format!("turned back: {why}"),
            Self::Resumed { by } => format!("resumed by {by}"),
            Self::Held { why } => format!("held: {why}"),
            Self::Finished => "finished: all new".into(),
            Self::RolledBack => "rolled back: all old".into(),
            Self::LateProof { outcome: LateProof::Proven { .. } } => "late proof: every server still syncs".into(),
            Self::LateProof { outcome: LateProof::Failed { fault, .. } } => format!("late proof failed: {fault}"),
            Self::Superseded { by } => format!("closed by repair {by}"),
        }
    }

    /// What went wrong, where it tells of that.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Failed { fault, .. }
            | Self::LookFailed { fault, .. }
            | Self::LateProof { outcome: LateProof::Failed { fault, .. } } => Some(fault),
            _ => None,
        }
    }
}
