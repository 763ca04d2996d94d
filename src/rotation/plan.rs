use jiff::Timestamp;
use providers::port::QuiesceMode;
use serde::{Deserialize, Serialize};

use super::{Direction, Inventory, Method, OldPassword, Procedure, Progress, Standing, Step};

/// An ordered list of steps, and everything about the account that they need. A value: printable, journaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Index of the last step that can still be undone: the last proof of the active server. Undoing a
    /// proven production server because a later step fails would be a second outage.
    pub pivot: usize,
    /// Whether there is something to go back to.
    pub old: OldPassword,
    /// What it was made from.
    pub inventory: Inventory,
    /// When it was written down to be approved. That makes it one of its kind: where the world shows no difference after a
    /// rotation, the next plan is another one all the same. `None` = it was not written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// Two active servers would export against each other; none = nothing to prove on.
    #[error("{found} active Connect servers use {account}; exactly one is needed")]
    ActiveServers {
        /// The account.
        account: String,
        /// How many there are.
        found: usize,
    },
    /// A procedure that one server goes through at a time.
    #[error("{found} Connect servers are named for {account}; this procedure is for one at a time")]
    OneServerOnly {
        /// The account.
        account: String,
        /// How many there are.
        found: usize,
    },
    /// A server without a connector that binds with the account.
    #[error("no connector on {server} binds with {account}")]
    NoConnector {
        /// The server.
        server: String,
        /// The account.
        account: String,
    },
}

impl Plan {
    /// Whether there is no way back once the account's authority may have taken the new password.
    pub fn forward_only(&self) -> bool {
        self.old == OldPassword::Unknown
            || matches!(self.inventory.method, Method::Change | Method::LocalChange)
            || self.inventory.procedure == Procedure::ServiceKeyLost
    }

    /// Whether something was done that can't be undone; `touched` tells whether a step may have taken effect.
    pub fn committed(&self, touched: impl Fn(&Step) -> bool) -> bool {
        self.steps.iter().any(|step| self.commits(step) && touched(step))
    }

    fn commits(&self, step: &Step) -> bool {
        match step {
            Step::Directory => self.forward_only(),
            // The engine held that password before, or another one that nobody knows.
            Step::Engine { .. } => self.inventory.procedure == Procedure::Rehearsal,
            Step::EntraReset { .. } => true,
            _ => false,
        }
    }

    /// How many of the first steps can be undone, whatever happens after them.
    pub fn undoable(&self) -> usize {
        let committing = self.steps.iter().position(|step| self.commits(step));
        committing.unwrap_or(usize::MAX).min(self.pivot + 1)
    }

    /// Why a person can't turn the rotation back; `None` = he can, or it is on its way back already.
    pub fn no_way_back(&self, progress: &Progress) -> Option<&'static str> {
        if progress.direction == Direction::Back {
            None
        } else if progress.pivot_passed {
            Some(
                "the active server was proven with the new password; going back would be a second outage. Use `resume`",
            )
        } else if self.inventory.method != Method::Reset && progress.touched(&Step::Directory) {
            Some("history and minimum age forbid to change back to the old password. Use `resume`")
        } else if self.committed(|step| progress.touched(step)) {
            Some("what was done can't be undone: there is nothing to go back to. Use `resume` or `rotate --repair`")
        } else {
            None
        }
    }

    /// Whether it may be left as it is for hours: nothing that sync depends on may have been touched.
    pub fn may_rest(&self, progress: &Progress) -> bool {
        let pauses = self.inventory.quiesce == QuiesceMode::Disable;
        // Once a gap is found the rotation goes through it: hours later there is another cycle, or another build.
        let harmless = |step: &Step, standing: Standing| match step {
            Step::Baseline { .. } | Step::Stage => true,
            Step::Quiesce { .. } => !pauses && standing != Standing::Done,
            _ => false,
        };
        let mut steps = progress.route.iter().zip(&progress.marks);
        progress.direction == Direction::Forward
            && steps.all(|(step, mark)| mark.standing == Standing::Fresh || harmless(step, mark.standing))
    }

    /// What another plan for the same account would do otherwise, as sentences; what only tells the time of the look does
    /// not count.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let lasting = |plan: &Self| {
            let mut inventory = plan.inventory.clone();
            inventory.fingerprint.dc_time = 0;
            inventory.credentials.clear();
            inventory
        };
        let (ours, theirs) = (lasting(self), lasting(other));
        let mut found = Vec::new();
        if ours.fingerprint != theirs.fingerprint {
            found.push("the account's password was set, or its domain controller is another one".to_owned());
        }
        if ours.servers != theirs.servers {
            found.push("a server, its role, its build or its connectors are other ones".to_owned());
        }
        if self.steps != other.steps || self.pivot != other.pivot {
            found.push("the steps are other ones".to_owned());
        }
        if self.old != other.old {
            found.push("whether there is a password to go back to".to_owned());
        }
        if ours.quiesce != theirs.quiesce {
            found.push("how sync is kept out of the way (quiesce)".to_owned());
        }
        if ours.engine_method != theirs.engine_method {
            found.push("how the engine is given the password (engine_method)".to_owned());
        }
        if found.is_empty() && ours != theirs {
            found.push("the configuration of the account".to_owned());
        }
        found
    }

    /// The way back: the same plan with the old password as its target, in the same order, the directory
    /// first. Undoing in reverse order would leave the directory new while engines go old.
    ///
    /// `touched` tells whether a step may have taken effect. Engines that surely never got the new password
    /// are left alone; the proof at the end covers them all the same.
    pub fn way_back(&self, touched: impl Fn(&Step) -> bool) -> Vec<Step> {
        let before_pivot = &self.steps[..=self.pivot];
        let server_touched = |name: &str| {
            before_pivot.iter().any(|step| {
                matches!(step, Step::Engine { server, .. } | Step::ServiceLogon { server } if server == name)
                    && touched(step)
            })
        };
        let mut back = Vec::new();
        if touched(&Step::Directory) {
            back.extend(
                before_pivot
                    .iter()
                    .filter(|step| match step {
                        Step::Directory | Step::Converge { .. } | Step::Seal | Step::Prove { .. } => true,
                        Step::Engine { .. } | Step::ServiceLogon { .. } => touched(step),
                        Step::Restart { server } | Step::Reenter { server, .. } => server_touched(server),
                        _ => false,
                    })
                    .cloned(),
            );
        }
        // A vault that does not answer must not keep a service stopped.
        let stopped =
            |step: &&Step| matches!(step, Step::Start { server } if touched(&Step::Stop { server: server.clone() }));
        back.extend(self.steps.iter().filter(stopped).cloned());
        if touched(&Step::Stage) {
            back.push(Step::Discard);
        }
        let paused = |step: &&Step| matches!(step, Step::Release { server } if touched(&Step::Quiesce { server: server.clone() }));
        back.extend(self.steps.iter().filter(paused).cloned());
        back
    }
}
