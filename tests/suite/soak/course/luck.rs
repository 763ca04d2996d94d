//! Bad luck and chance, from a seed.

use std::sync::Arc;
use std::time::Duration;

use providers::lab::Fleet;

use super::clock::Time;

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub(super) fn of(&mut self, all: &[&'static str]) -> &'static str {
        all[usize::try_from(self.throw(all.len() as u64)).expect("few")]
    }

    pub(crate) fn within(&mut self, length: Duration) -> Duration {
        Duration::from_secs(self.throw(length.as_secs().max(1)))
    }
}

/// They strike once, whenever their time comes.
const ONCE: [&str; 10] = [
    "directory-reply-lost",
    "seal-reply-lost",
    "stage-reply-lost",
    "promote-reply-lost",
    "look-fails",
    "engine-reply-lost",
    "restart-reply-lost",
    "service-logon-reply-lost",
    "pause-reply-lost",
    "look-fails",
];

/// They last for hours or days.
const LASTING: [&str; 19] = [
    "no-reset-right",
    "directory-refuses",
    "stage-fails",
    "announce-fails",
    "promote-fails",
    "engine-refuses",
    "engine-keeps-old",
    "restart-fails",
    "proof-fails",
    "server-unreachable",
    "server-unreachable",
    "server-unreachable",
    "service-logon-refuses",
    "service-logon-keeps-old",
    "stop-fails",
    "start-fails",
    "rpc-unavailable",
    "connector-busy",
    "replication-right-lost",
];

/// What everybody notices: the vault is away.
const EVERYWHERE: [&str; 3] = ["stage-fails", "announce-fails", "promote-fails"];

const HOUR: u64 = 3600;

/// Plans bad luck for all sites over `length`; returns how much of it there is.
pub(super) fn plan(fleet: &Fleet, time: &Arc<Time>, dice: &mut Dice, length: Duration) -> usize {
    let mut planned = 0;
    for lab in fleet.sites() {
        for _ in 0..length.as_secs() / (150 * 24 * HOUR) {
            let (name, at) = (dice.of(&ONCE), lab.clone());
            let order = move || at.order_fault(name, Some(1)).expect("a known fault");
            time.plan(dice.within(length), Box::new(order));
            lasting(time, vec![lab.clone()], dice.of(&LASTING), dice, length);
            planned += 2;
        }
    }
    for _ in 0..length.as_secs() / (180 * 24 * HOUR) {
        lasting(time, fleet.sites().to_vec(), dice.of(&EVERYWHERE), dice, length);
        planned += 1;
    }
    planned
}

fn lasting(time: &Arc<Time>, labs: Vec<providers::lab::Lab>, name: &'static str, dice: &mut Dice, length: Duration) {
    let at = dice.within(length);
    // Mostly hours, sometimes weeks.
    let lasts = Duration::from_secs(dice.throw(30 * 24 * HOUR) * dice.throw(100) / 100 + HOUR);
    let ended = labs.clone();
    time.plan(at, Box::new(move || labs.iter().for_each(|lab| lab.order_fault(name, None).expect("a known fault"))));
    let end = move || ended.iter().for_each(|lab| lab.take_fault_back(name).expect("a lab in memory"));
    time.plan(at + lasts, Box::new(end));
}
