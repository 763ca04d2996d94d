use providers::port::QuiesceMode;

use super::told::busy;
use super::{Came, Context, Exit, Mark, journal_failed, leases, stopped};
use crate::engine::{Rotation, Wish};
use crate::journal::{Journal, Listed, Query, State};
use crate::rotation::Outcome;
/// The wish with the scheduler's pause that an open rotation of the account may hold: going on with it needs the same
/// leases as beginning it.
pub(super) async fn as_it_is_open(journal: &dyn Journal, wish: &Wish) -> Wish {
    for listed in open_rotations(journal, &wish.account).await.unwrap_or_default() {
        let read = Rotation::read(journal, &listed.id).await;
        if read.is_ok_and(|rotation| rotation.plan().inventory.quiesce == QuiesceMode::Disable) {
            return Wish { quiesce: QuiesceMode::Disable, ..wish.clone() };
        }
    }
    wish.clone()
}

/// The open rotations of an account, oldest first.
pub async fn open_rotations(journal: &dyn Journal, account: &str) -> Result<Vec<Listed>, (String, Exit)> {
    journal.list(&Query { open: true, ..Query::of(account) }).await.map_err(|error| journal_failed(&error))
}

/// What is ordered for an open rotation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Look at every step anew, and go on.
    Resume,
    /// Turn back to the old password.
    RollBack,
    /// Go on with what was interrupted. What is held waits for a person.
    Recover,
}

/// Carries an order out on the open rotations of an account. The newest first: a repair closes the held rotation that it replaces, and until it has ended that one has
/// nothing to work with, its candidate lies beside the repair's.
pub async fn each_open_of(context: Context<'_>, wish: &Wish, order: Order) -> Vec<Came> {
    each_open(context, wish, order, None).await
}

/// The same by order of a person who saw how they stood: when they stand otherwise, nothing is done. Looked at under the leases.
pub async fn each_open_as_seen(context: Context<'_>, wish: &Wish, order: Order, seen: &Mark) -> Vec<Came> {
    each_open(context, wish, order, Some(seen)).await
}

async fn each_open(context: Context<'_>, wish: &Wish, order: Order, seen: Option<&Mark>) -> Vec<Came> {
    let journal = context.journal;
    let fail = |(message, exit): (String, Exit)| vec![Came::without_rotation(&wish.account, exit, message)];
    match leases(journal, &as_it_is_open(journal, wish).await).await {
        Ok(leases) => {
            let came = leases.during(each_leased(context, wish, order, seen)).await;
            context.sign(&came).await;
            came
        }
        // Somebody else works on an account that has nothing open: not our concern.
        Err(taken) => match open_rotations(journal, &wish.account).await {
            Ok(open) if open.is_empty() => Vec::new(),
            Ok(_) => fail(busy(&taken)),
            Err(failed) => fail(failed),
        },
    }
}

async fn each_leased(context: Context<'_>, wish: &Wish, order: Order, seen: Option<&Mark>) -> Vec<Came> {
    let journal = context.journal;
    let fail = |(message, exit): (String, Exit)| Came::without_rotation(&wish.account, exit, message);
    if let Some(seen) = seen {
        match Mark::read(journal, &wish.account).await {
            Ok(mark) if mark == *seen => {}
            Ok(_) => {
                let message = "nothing was done: it went on meanwhile, by another process\n  next step: look at its history first";
                return vec![fail((message.to_owned(), Exit::Busy))];
            }
            Err(error) => return vec![fail(journal_failed(&error))],
        }
    }
    let (mut results, mut ordered) = (Vec::new(), None);
    loop {
        let open = match open_rotations(journal, &wish.account).await {
            Ok(open) => open,
            Err(failed) => {
                results.push(fail(failed));
                return results;
            }
        };
        // One that is still open after the order keeps the older ones from being acted upon.
        match open.last() {
            Some(newest) if order == Order::Recover && newest.state == State::Held => return results,
            Some(newest) if ordered.as_ref() != Some(&newest.id) => {
                let back = order == Order::RollBack;
                let came = take_up(context, &newest.id, back).await;
                results.push(if back { came.into_ordered() } else { came });
                ordered = Some(newest.id.clone());
            }
            _ => return results,
        }
    }
}

/// Takes a rotation up that another process left, or that is held, and goes on with it.
pub(super) async fn take_up(context: Context<'_>, id: &str, back: bool) -> Came {
    let Context { world, journal, teller, .. } = context;
    let read = Rotation::read(journal, id).await;
    let mut rotation = match read {
        Ok(rotation) => rotation,
        Err(error) => {
            let (message, exit) = journal_failed(&error);
            return Came::without_rotation(id, exit, message);
        }
    };
    let was_held = rotation.progress().held.is_some();
    if !rotation.progress().is_closed() && rotation.plan().inventory.attended() && !world.ports().operator.present() {
        // A timer would find nobody to ask, and turn back what a person is in the middle of.
        let told = format!(
            "rotation {id} needs a person at the terminal, and there is none: it stays as it is\n  next step: run the same command in a terminal"
        );
        return Came::stopped(&rotation, (told, Exit::Refused));
    }
    if !rotation.progress().is_closed() {
        rotation = match Rotation::claim(journal, world.ports(), id, &context.holder()).await {
            Ok(rotation) => rotation,
            Err(why) => return Came::stopped(&rotation, stopped(&why, id)),
        };
    }
    teller.say(&format!("{}: rotation {id}", rotation.plan().inventory.account));
    let by = context.initiator();
    let ordered = if !was_held && rotation.progress().held.is_some() {
        // The claim has just found a reason to hold it. The order was given without knowing that.
        Ok(())
    } else if back {
        rotation.roll_back(journal, world.ports()).await
    } else {
        rotation.resume(journal, world.ports(), &by).await
    };
    match ordered {
        Ok(()) => drive(context, rotation).await,
        Err(why) => Came::stopped(&rotation, stopped(&why, id)),
    }
}

/// Drives a rotation to its end.
pub(super) async fn drive(context: Context<'_>, mut rotation: Rotation) -> Came {
    let Context { world, journal, teller, .. } = context;
    let watch = teller.watch(&rotation.plan().inventory.account);
    let outcome: Result<Outcome, _> = rotation.drive(journal, world.ports(), &*watch).await;
    drop(watch);
    match outcome {
        Ok(outcome) => Came::of(&rotation, &outcome),
        Err(why) => {
            let told = stopped(&why, rotation.id());
            Came::stopped(&rotation, told)
        }
    }
}
