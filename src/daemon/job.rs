use std::sync::Arc;

use providers::port::{Fault, QuiesceMode};

use super::log::Log;
use crate::engine::{Drift, Looked, Wish, look};
use crate::journal::{Busy, Journal};
use crate::order::{
    Came, Context, Demand, Exit, Order, Wanted, each_open_as_seen, each_open_of, leases, prove_late, rotate, sharing,
};
use crate::rotation::Trigger;
use crate::schedule::Fire;
use crate::wiring::World;

/// Something small that is to be done for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Errand {
    /// Go on with an interrupted rotation.
    Recover,
    /// Prove its last password once more.
    LateProof,
    /// Look for drift.
    Look,
}

/// What is done for an account.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// Rotate it.
    Rotate {
        /// The fire that is handled.
        fire: Fire,
        /// In words.
        why: String,
        /// The newest rotation of the account when that was decided.
        newest: Option<String>,
    },
    /// What a person demands.
    Demand(Demand),
    /// Something small.
    Errand(Errand),
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) job: Job,
    pub(super) came: Vec<Came>,
    pub(super) drift: Option<Drift>,
    /// Somebody else works on the account or on one of its servers, or did during a look.
    pub(super) is_taken: bool,
    /// The journal did not say what a look must be held against.
    pub(super) journal: Option<String>,
}

/// What a job works with.
#[derive(Clone)]
pub(super) struct Hands {
    pub(super) world: Arc<World>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) log: Log,
}

impl Hands {
    async fn look(&self, wish: &Wish, done: &mut Done) {
        // A look pauses nothing.
        match leases(&*self.journal, &Wish { quiesce: QuiesceMode::Gap, ..wish.clone() }).await {
            // Somebody may be at work there: what a rotation does in passing is no drift.
            Err(Busy::Held { .. }) => done.is_taken = true,
            Err(no_lease @ Busy::NoLease { .. }) => {
                let fault = Fault::broken(format!("looking at {}", wish.account), no_lease.to_string()).hint(
                    "look at the folder and its owner: every command on this journal must run as the same user; or at the database",
                );
                done.drift = Some(Drift { unseen: vec![fault], ..Drift::default() });
            }
            Ok(taken) => {
                // Given back at once: a look must not keep a person away.
                taken.release().await;
                let (ports, sharing) = (self.world.ports(), sharing(&self.world, wish));
                match look(&*self.journal, ports, wish, &sharing).await {
                    Ok(Looked::Seen(drift)) => done.drift = Some(drift),
                    Ok(Looked::Overtaken(_)) => done.is_taken = true,
                    Err(error) => done.journal = Some(error.to_string()),
                }
            }
        }
    }

    /// Does it. Never fails: what went wrong is what came of it.
    pub(super) async fn work(self, wish: Wish, job: Job) -> Done {
        let context = Context { world: &self.world, journal: &*self.journal, teller: &self.log, by: None };
        let mut done = Done { job: job.clone(), came: Vec::new(), drift: None, is_taken: false, journal: None };
        match job {
            Job::Rotate { fire, why, newest } => {
                let wanted = Wanted {
                    trigger: Trigger::Schedule { due: fire.nominal, why },
                    newest: Some(newest),
                    ..Wanted::default()
                };
                done.came.push(rotate(context, &wanted.wish(&wish), &wanted).await);
            }
            Job::Demand(demand) => {
                let context = Context { by: Some(&demand.by), ..context };
                match demand.deed.order() {
                    None => {
                        let wanted = demand.wanted();
                        done.came.push(rotate(context, &wanted.wish(&wish), &wanted).await);
                    }
                    Some(order) => done.came = each_open_as_seen(context, &wish, order, &demand.seen).await,
                }
                if done.came.is_empty() {
                    // Another process ended it meanwhile.
                    let nothing = "no rotation is open: nothing was to be done".to_owned();
                    done.came.push(Came::without_rotation(&wish.account, Exit::Done, nothing));
                }
            }
            Job::Errand(Errand::Recover) => done.came = each_open_of(context, &wish, Order::Recover).await,
            Job::Errand(Errand::LateProof) => done.came.extend(prove_late(context, &wish).await),
            Job::Errand(Errand::Look) => self.look(&wish, &mut done).await,
        }
        done
    }
}
