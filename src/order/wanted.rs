use providers::port::{QuiesceMode, Secret};

use crate::engine::{Purpose, Wish};
use crate::rotation::{Approval, EngineMethod, OldPassword, Plan, Trigger};

/// A control character in somebody's own words, which are kept in the journal and shown in many places: no reason and no ticket
/// has one.
pub fn control_character(words: &str) -> Option<char> {
    words.chars().find(|letter| letter.is_control())
}

/// The plans of a file, with the signatures under them.
#[derive(Clone, Debug)]
pub struct Approved {
    /// The plans.
    pub plans: Vec<Plan>,
    /// The SHA-256 of the plans as they are stored.
    pub digest: String,
    /// The signatures, not yet judged.
    pub approvals: Vec<Approval>,
}

/// What is to be done with each account.
pub struct Wanted {
    /// What.
    pub purpose: Purpose,
    /// Go on although there is no old password to go back to.
    pub forward_only: bool,
    /// How sync is kept out of the way, where that differs from the configuration.
    pub quiesce: Option<QuiesceMode>,
    /// How the engine is given the password, where that differs from the configuration.
    pub engine_method: Option<EngineMethod>,
    /// Go on although the build does not sync any more.
    pub allow_unsupported_build: bool,
    /// The server whose encryption key may be lost.
    pub abandon_encryption_key: Option<String>,
    /// Why, for the journal.
    pub reason: String,
    /// The ticket, for the journal.
    pub ticket: String,
    /// What wants it, for the journal.
    pub trigger: Trigger,
    /// Only when this is still the account's newest rotation (`Some(None)`: it has none): what the schedule knew when it
    /// decided. Looked at under the leases, so that two processes never rotate one account for one reason.
    pub newest: Option<Option<String>>,
    /// Only a new one: one that is open is not gone on with instead.
    pub only_new: bool,
    /// For an adoption.
    pub given: Option<Secret>,
    /// Only exactly these plans.
    pub approved: Option<Approved>,
    /// Why it is done without an approval, where one is required.
    pub without_approval: Option<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            purpose: Purpose::Rotate,
            forward_only: false,
            quiesce: None,
            engine_method: None,
            allow_unsupported_build: false,
            abandon_encryption_key: None,
            reason: String::new(),
            ticket: String::new(),
            trigger: Trigger::Person,
            newest: None,
            only_new: false,
            given: None,
            approved: None,
            without_approval: None,
        }
    }
}

impl Wanted {
    /// The plan that is meant for an account, out of a file.
    pub fn approved_for(&self, account: &str) -> Option<&Plan> {
        self.approved.iter().flat_map(|approved| &approved.plans).find(|plan| plan.inventory.account == account)
    }

    /// The wish with what is wanted. An order goes before an approved plan, and that before the configuration.
    pub fn wish(&self, wish: &Wish) -> Wish {
        let approved = self.approved_for(&wish.account);
        let (quiesce, engine_method) = approved
            .map_or((wish.quiesce, wish.engine_method), |plan| (plan.inventory.quiesce, plan.inventory.engine_method));
        let repair = approved.is_some_and(|plan| plan.inventory.repair);
        let forward_only = approved.is_some_and(|plan| !plan.inventory.repair && plan.old == OldPassword::Unknown);
        Wish {
            purpose: if repair { Purpose::Repair } else { self.purpose },
            forward_only: self.forward_only || forward_only,
            quiesce: self.quiesce.unwrap_or(quiesce),
            engine_method: self.engine_method.unwrap_or(engine_method),
            allow_unsupported_build: self.allow_unsupported_build,
            abandon_encryption_key: self.abandon_encryption_key.clone(),
            ..wish.clone()
        }
    }
}
