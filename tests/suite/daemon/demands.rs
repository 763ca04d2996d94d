//! What a person demands of the service, from inside: how it is judged against what that person saw.

use std::sync::Arc;
use std::time::Duration;

use entra_rotator::clock::SystemClock;
use entra_rotator::daemon::{Board, Keeper, Order as ToKeeper, Setting};
use entra_rotator::journal::Journal;
use entra_rotator::order::{
    Context, Deed, Demand, Exit, Mark, Order, Wanted, each_open_as_seen, open_rotations, rotate,
};
use entra_rotator::wiring::World;
use jiff::SignedDuration;
use tokio::sync::{mpsc, oneshot};

use super::configured::ACCOUNT;
use crate::lab::Lab;
use crate::silent::Silent;

/// What is said to a demand that nothing is wrong with, where nothing may be under way.
const GOOD: &str = "as many as [limits] in_flight allows";

fn demand(deed: Deed, seen: &Mark) -> Demand {
    let (reason, ticket) = ("compromise".to_owned(), String::new());
    Demand { account: ACCOUNT.to_owned(), deed, by: "ada via page".to_owned(), reason, ticket, seen: seen.clone() }
}

async fn mark(lab: &Lab) -> Mark {
    let world = World::of_lab(&lab.dir(), None).expect("a world");
    Mark::read(&*world.journal().await.expect("a journal"), ACCOUNT).await.expect("read")
}

/// What a service that may begin nothing says to these, one after the other.
async fn told(lab: &Lab, demands: &[Demand]) -> Vec<String> {
    let mut world = World::of_lab(&lab.dir(), None).expect("a world");
    world.roster.limits.in_flight = 0;
    let journal: Arc<dyn Journal> = Arc::from(world.journal().await.expect("a journal"));
    let setting = Setting {
        tick: Duration::from_millis(200),
        look_every: None,
        first_looks: SignedDuration::ZERO,
        errands: 1,
        stop_limit: Duration::from_secs(60),
        host: "lab".into(),
        repeat_h: 24,
        nothing_succeeded: None,
    };
    let (world, board) = (Arc::new(world), Arc::new(Board::default()));
    let mut keeper =
        Keeper::new(world, journal, Arc::new(SystemClock), setting, board, Arc::new(|_| {})).await.expect("one");
    let (sender, mut orders) = mpsc::channel(demands.len() + 1);
    let mut answers = Vec::new();
    for demand in demands {
        let (answer, answered) = oneshot::channel();
        assert!(sender.send(ToKeeper::Demand(demand.clone(), answer)).await.is_ok());
        answers.push(answered);
    }
    assert!(sender.send(ToKeeper::Stop).await.is_ok());
    keeper.run(&mut orders).await.expect("the journal works");
    let mut told = Vec::new();
    for answer in answers {
        told.push(answer.await.expect("an answer").err().unwrap_or_default());
    }
    told
}

/// A lab with a rotation that died before the directory knew the new password.
async fn interrupted() -> (Lab, Mark) {
    let lab = Lab::made();
    lab.order("crash-after:stage");
    assert_eq!(lab.rotate().code, None);
    let mark = mark(&lab).await;
    (lab, mark)
}

#[tokio::test]
async fn no_new_rotation_is_begun_where_one_is_open() {
    let (lab, seen) = interrupted().await;
    let demands = Deed::ALL.map(|deed| demand(deed, &seen));
    let answers = told(&lab, &demands).await;
    let [new, resume, back] = &answers[..] else { panic!("three answers") };
    assert!(new.contains("was interrupted") && new.contains("resume it or roll it back first"), "{new}");
    assert!(resume.contains(GOOD) && back.contains(GOOD), "{resume}\n{back}");

    // It became open after the service had looked.
    let world = World::of_lab(&lab.dir(), None).expect("a world");
    let journal = world.journal().await.expect("a journal");
    let context = Context { world: &world, journal: &*journal, teller: &Silent, by: None };
    let of_schedule = Wanted { newest: Some(seen.newest.clone()), ..Wanted::default() };
    for (wanted, is_taken_up) in [(demands[0].wanted(), false), (of_schedule, true)] {
        let came = rotate(context, &wanted.wish(&world.wishes[0]), &wanted).await;
        if is_taken_up {
            assert!(came.exits == Exit::Done && came.rotation == seen.newest, "{came:?}");
        } else {
            assert!(came.exits == Exit::Refused && came.rotation.is_none(), "{came:?}");
            assert!(came.message.contains("resume it or roll it back first"), "{came:?}");
            assert_eq!(open_rotations(&*journal, ACCOUNT).await.expect("read").len(), 1, "nothing was done to it");
            lab.expect("directory=p1 engine=p1 current=p1", "refused");
        }
    }

    let held = Lab::made();
    held.order("foreign-password");
    assert_eq!(held.rotate().code, Some(3));
    let refused = told(&held, &[demand(Deed::Rotate, &mark(&held).await)]).await;
    assert!(refused[0].contains("is held"), "{refused:?}");
}

#[tokio::test]
async fn a_form_is_worth_nothing_once_the_rotation_stands_otherwise() {
    let lab = Lab::made();
    let never = mark(&lab).await;
    lab.order("foreign-password");
    assert_eq!(lab.rotate().code, Some(3));
    let first = mark(&lab).await;
    // Somebody resumes it at the command line, and it is held anew.
    assert_eq!(lab.run("resume --lab").code, Some(3));
    let anew = mark(&lab).await;
    assert!(first.newest == anew.newest && first != anew, "{first:?} {anew:?}");
    let both = [Deed::Resume, Deed::RollBack];
    let old = both.map(|deed| demand(deed, &first));
    for refused in told(&lab, &old).await {
        assert!(refused.contains("stands otherwise than when this page was shown"), "{refused}");
    }
    for good in told(&lab, &both.map(|deed| demand(deed, &anew))).await {
        assert!(good.contains(GOOD), "{good}");
    }
    let refused = told(&lab, &[demand(Deed::Rotate, &never)]).await;
    assert!(refused[0].contains("another rotation of it was begun"), "{refused:?}");

    // The same under the leases.
    let world = World::of_lab(&lab.dir(), None).expect("a world");
    let journal = world.journal().await.expect("a journal");
    let context = Context { world: &world, journal: &*journal, teller: &Silent, by: None };
    let came = each_open_as_seen(context, &world.wishes[0], Order::RollBack, &first).await;
    assert!(came.len() == 1 && came[0].exits == Exit::Busy && came[0].rotation.is_none(), "{came:?}");
    assert_eq!(mark(&lab).await, anew, "nothing was done to it");
    let came = each_open_as_seen(context, &world.wishes[0], Order::Resume, &anew).await;
    assert!(came.len() == 1 && came[0].rotation == anew.newest, "{came:?}");
}

#[tokio::test]
async fn a_rotation_that_is_only_tried_again_still_hears_a_person() {
    let (lab, seen) = interrupted().await;
    let entries = async || {
        let world = World::of_lab(&lab.dir(), None).expect("a world");
        let journal = world.journal().await.expect("a journal");
        journal.read(seen.newest.as_deref().expect("one")).await.expect("read").len()
    };
    let before = entries().await;
    // As the service does with what was interrupted: it is taken up, and dies once more.
    lab.order("crash-after:directory");
    assert_eq!(lab.run("resume --lab").code, None);
    assert!(entries().await > before + 2, "it went on");
    for good in told(&lab, &[Deed::Resume, Deed::RollBack].map(|deed| demand(deed, &seen))).await {
        assert!(good.contains(GOOD), "{good}");
    }
    // Once it has ended there is nothing to say to it.
    assert_eq!(lab.run("resume --lab").code, Some(0));
    for refused in told(&lab, &[Deed::Resume, Deed::RollBack].map(|deed| demand(deed, &seen))).await {
        assert!(refused.contains("stands otherwise"), "{refused}");
    }
    let finished = mark(&lab).await;
    assert!(told(&lab, &[demand(Deed::Rotate, &finished)]).await[0].contains(GOOD));
}
