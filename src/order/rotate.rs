use super::came::Came;
use super::open::{as_it_is_open, drive, open_rotations, take_up};
use super::permit::{mends, permit, unspent};
use super::told::busy;
use super::{Context, Exit, NotPrepared, Teller, Wanted, journal_failed, leases, prepare, told};
use crate::engine::{Asked, Prepared, Purpose, Rotation, Verdict, Wish};
use crate::journal::{Journal, Query, State};
use crate::rotation::{Plan, Procedure};

/// Rotates one account; an interrupted rotation of it is taken up first, and is then what was asked for.
pub async fn rotate(context: Context<'_>, wish: &Wish, wanted: &Wanted) -> Came {
    let journal = context.journal;
    match leases(journal, &as_it_is_open(journal, wish).await).await {
        Ok(leases) => {
            let came = leases.during(rotate_leased(context, wish, wanted)).await;
            context.sign([&came]).await;
            came
        }
        Err(taken) => {
            let (message, exit) = busy(&taken);
            Came::without_rotation(&wish.account, exit, message)
        }
    }
}

async fn rotate_leased(context: Context<'_>, wish: &Wish, wanted: &Wanted) -> Came {
    let Context { world, journal, teller, .. } = context;
    let account = &wish.account;
    let fail = |(message, exit): (String, Exit)| Came::without_rotation(account, exit, message);
    let repair = wish.purpose == Purpose::Repair;
    let mut open = match open_rotations(journal, account).await {
        Ok(open) => open,
        Err(failed) => return fail(failed),
    };
    if wanted.only_new
        && let Some(running) = open.iter().find(|listed| listed.state == State::Running)
    {
        let id = &running.id;
        let message = format!(
            "not begun: rotation {id} of it was interrupted, and would be ended instead\n  next step: resume it or roll it back first"
        );
        return fail((message, Exit::Refused));
    }
    if let Some(known) = &wanted.newest {
        let query = Query { newest: Some(1), ..Query::of(account) };
        match journal.list(&query).await {
            Ok(listed) if listed.first().map(|listed| &listed.id) == known.as_ref() => {}
            Ok(_) => {
                let message = "not begun: another process rotated it meanwhile".to_owned();
                return Came::without_rotation(account, Exit::Busy, message);
            }
            Err(error) => return fail(journal_failed(&error)),
        }
    }
    if let Some(running) = open.iter().find(|listed| listed.state == State::Running) {
        teller.say(&format!("{account}: rotation {} was interrupted and is taken up", running.id));
        let other_purpose = purpose_of(journal, &running.id).await != ordered(wish.purpose);
        let came = take_up(context, &running.id, false).await;
        let ended = matches!(came.exits, Exit::Done | Exit::Failed);
        if !(repair && came.exits == Exit::Held || other_purpose && ended) {
            return came.of_the_one_before();
        }
        teller.say(&format!("{account}: {} ({}): now for what was ordered", running.id, came.outcome));
        open = match open_rotations(journal, account).await {
            Ok(open) => open,
            Err(failed) => return fail(failed),
        };
    }
    if let (Some(held), false) = (open.first(), repair) {
        let why = held_because(journal, &held.id).await;
        return Came::without_rotation(
            account,
            Exit::Held,
            format!(
                "rotation {} is held: {why}\n  a held rotation blocks this account only; `resume`, `rollback` or `rotate --repair` ends it",
                held.id
            ),
        );
    }
    let wish = Wish { repairs: open.into_iter().map(|listed| listed.id).collect(), ..wish.clone() };
    let mends = match mends(journal, &wish).await {
        Ok(mends) => mends,
        Err(failed) => return fail(failed),
    };
    let permit = match permit(&world.approvers, &wish, wanted, mends, world.ports().clock.now()) {
        Ok(permit) => permit,
        Err(failed) => return fail(failed),
    };
    if let Some(plan) = wanted.approved_for(account)
        && let Err(failed) = unspent(journal, plan).await
    {
        return fail(failed);
    }
    let prepared = match prepare(world, Some(journal), &wish).await {
        Ok(prepared) => prepared,
        Err(NotPrepared::Managed(sentence)) => return Came::managed(account, sentence),
        Err(NotPrepared::No(message, exit)) => return fail((message, exit)),
    };
    let plan = match as_approved(teller, prepared, wanted) {
        Ok(plan) => plan,
        Err(failed) => return fail(failed),
    };
    teller.say(&format!("{account}: {}", plan.inventory.dn));
    let asked = Asked {
        initiator: context.initiator(),
        reason: wanted.reason.clone(),
        ticket: wanted.ticket.clone(),
        trigger: wanted.trigger.clone(),
        approved: permit.approved,
        without_approval: permit.without,
    };
    match Rotation::begin(journal, world.ports(), plan, asked).await {
        Ok(rotation) => drive(context, rotation).await,
        Err(error) => fail(journal_failed(&error)),
    }
}

/// The plan to carry out; where one was approved, only when it is the same.
fn as_approved(teller: &dyn Teller, prepared: Prepared, wanted: &Wanted) -> Result<Plan, (String, Exit)> {
    let Prepared { plan, checks } = prepared;
    for check in checks.iter().filter(|check| check.verdict == Verdict::Warn) {
        teller.say(&format!("{}: note: {}", plan.inventory.account, told(check)));
    }
    if wanted.approved.is_none() {
        return Ok(plan);
    }
    let Some(approved) = wanted.approved_for(&plan.inventory.account) else {
        return Err(("no plan for this account was approved".to_owned(), Exit::Usage));
    };
    let differences = approved.differences(&plan);
    if differences.is_empty() {
        return Ok(Plan { made_at: approved.made_at, ..plan });
    }
    let what = differences.join("\n  - ");
    Err((
        format!(
            "nothing was changed: the world is not the one that the plan was approved for:\n  - {what}\n  next step: look at `plan`, and have a new one approved"
        ),
        Exit::Refused,
    ))
}

/// A rotation stands for a repair, and the other way round: both end with a new password.
fn ordered(purpose: Purpose) -> Purpose {
    if purpose == Purpose::Repair { Purpose::Rotate } else { purpose }
}

/// What was ordered when the rotation was begun. An adoption or a rehearsal that is taken up is not what `rotate` was
/// asked for, nor the other way round.
async fn purpose_of(journal: &dyn Journal, id: &str) -> Purpose {
    match Rotation::read(journal, id).await.map(|rotation| rotation.plan().inventory.procedure) {
        Ok(Procedure::Adoption) => Purpose::Adopt,
        Ok(Procedure::Rehearsal) => Purpose::Rehearse,
        _ => Purpose::Rotate,
    }
}

async fn held_because(journal: &dyn Journal, id: &str) -> String {
    match Rotation::read(journal, id).await {
        Ok(rotation) => rotation.progress().held.as_ref().map(ToString::to_string).unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}
