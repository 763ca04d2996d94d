//! The administrator: comes once a week, reads what was raised, mends the cause, and has the last word.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use entra_rotator::engine::{Purpose, Wish};
use entra_rotator::journal::{Journal, Note};
use entra_rotator::order::{Context, Exit, Ledger, Order, Wanted, each_open_of, open_rotations, rotate};
use entra_rotator::wiring::World;
use providers::lab::Fleet;

use crate::silent::Silent;

/// How often an account is worked on in one visit: resume, then repairs.
const TRIES_MAX: usize = 4;

pub(super) struct Administrator {
    pub(super) world: Arc<World>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) fleet: Fleet,
    pub(super) resumed: AtomicUsize,
    pub(super) repaired: AtomicUsize,
    pub(super) renewed: AtomicUsize,
}

impl Administrator {
    /// A visit: only what the journal says was raised is looked at.
    pub(super) async fn visit(&self) {
        let mut ledger = Ledger::default();
        ledger.read_on(&*self.journal).await.expect("the journal is read");
        let raised: Vec<(String, String)> = ledger
            .raised()
            .filter_map(|(_, raised)| Some((raised.kind.clone(), raised.account.clone()?)))
            .filter(|(kind, _)| ["held", "gave-up", "late-proof-failed"].contains(&kind.as_str()))
            .collect();
        for (kind, account) in raised {
            match kind.as_str() {
                "gave-up" => {
                    self.mend(&account);
                    let renewed = Note::Renewed { account, by: "the administrator".into() };
                    self.journal.note(self.world.ports().clock.now(), &renewed).await.expect("a note");
                    self.renewed.fetch_add(1, Ordering::SeqCst);
                }
                "held" => self.end_what_is_open(&account).await,
                _ => {
                    self.mend(&account);
                    self.repair(&account).await;
                }
            }
        }
    }

    /// Whatever was wrong at its site is mended.
    fn mend(&self, account: &str) {
        self.fleet.site_of(account).expect("an account of the fleet").take_faults_back().expect("a lab in memory");
    }

    fn wish(&self, account: &str) -> &Wish {
        self.world.wishes.iter().find(|wish| wish.account == account).expect("an account of the world")
    }

    fn context(&self) -> Context<'_> {
        Context { world: &self.world, journal: &*self.journal, teller: &Silent, by: None }
    }

    /// Resumes what is open, and repairs what a resume does not end.
    pub(super) async fn end_what_is_open(&self, account: &str) {
        self.mend(account);
        let is_open = async || !open_rotations(&*self.journal, account).await.expect("the journal is read").is_empty();
        if !is_open().await {
            return;
        }
        each_open_of(self.context(), self.wish(account), Order::Resume).await;
        self.resumed.fetch_add(1, Ordering::SeqCst);
        for _ in 0..TRIES_MAX {
            if !is_open().await {
                return;
            }
            self.repair(account).await;
        }
    }

    pub(super) async fn repair(&self, account: &str) {
        let wanted = Wanted { purpose: Purpose::Repair, ..Wanted::default() };
        let came = rotate(self.context(), &wanted.wish(self.wish(account)), &wanted).await;
        self.repaired.fetch_add(1, Ordering::SeqCst);
        if came.exits != Exit::Done {
            println!("the repair of {account}: {} ({:.300})", came.outcome, came.message);
        }
    }
}
