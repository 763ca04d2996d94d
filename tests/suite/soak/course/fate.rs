//! What the world does to the service, and when the administrator comes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entra_rotator::daemon::Order;
use tokio::sync::mpsc;

use super::Course;
use super::clock::Time;
use super::luck::Dice;

/// Something that befalls who serves.
#[derive(Clone)]
pub(crate) enum Blow {
    /// It is told to stop.
    Stop,
    /// What the house does to itself.
    Own(Arc<dyn Fn() + Send + Sync>),
}

#[derive(Default)]
pub(super) struct Fate {
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    visits_due: AtomicUsize,
    stops: AtomicUsize,
}

impl Fate {
    /// Who serves from now on.
    pub(super) fn heard_by(&self, orders: mpsc::Sender<Order>) {
        *self.orders.lock().expect("no panic under this lock") = Some(orders);
    }

    fn stop(&self) {
        if let Some(orders) = &*self.orders.lock().expect("no panic under this lock") {
            self.stops.fetch_add(1, Ordering::SeqCst);
            // One that is being told already needs no second word.
            let _ = orders.try_send(Order::Stop);
        }
    }

    pub(super) fn stops(&self) -> usize {
        self.stops.load(Ordering::SeqCst)
    }

    pub(super) fn plan_visits(self: &Arc<Self>, time: &Arc<Time>, every: Duration, length: Duration) {
        let mut at = every;
        while at < length {
            let fate = Arc::clone(self);
            let due = move || {
                fate.visits_due.fetch_add(1, Ordering::SeqCst);
            };
            time.plan(at, Box::new(due));
            at += every;
        }
    }

    /// Whether the administrator is to come; several visits that were missed are one.
    pub(super) fn visit_is_due(&self) -> bool {
        self.visits_due.swap(0, Ordering::SeqCst) > 0
    }
}

/// Plans the blows, and the end.
pub(super) fn plan(fate: &Arc<Fate>, time: &Arc<Time>, dice: &mut Dice, course: &Course, blows: &[Blow]) {
    for _ in 0..course.length.as_secs() / course.blow_every.as_secs() {
        let at = dice.within(course.length);
        let blow = blows[usize::try_from(dice.throw(blows.len() as u64)).expect("few")].clone();
        let (fate, of) = (Arc::clone(fate), Arc::clone(time));
        let strike = move || match &blow {
            _ if of.visiting.load(Ordering::SeqCst) => {}
            Blow::Stop => fate.stop(),
            Blow::Own(strike) => strike(),
        };
        time.plan(at, Box::new(strike));
    }
    let at_the_end = Arc::clone(fate);
    time.plan(course.length, Box::new(move || at_the_end.stop()));
}
