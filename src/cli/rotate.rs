//! `rotate` and `resume`: one account after the other, each under its lease.

use providers::port::{QuiesceMode, Secret};

use super::arguments::{EngineBy, Global, Manner, OpenSelection, QuiesceBy, Risk, RotateOptions};
use super::exit::Exit;
use super::outcome::{Result as Came, Results};
use super::output::{say, show};
use super::steps::Steps;
use super::{approval, late, plan, session};
use crate::engine::{Prepared, Purpose, Rotation, Verdict, Wish};
use crate::journal::{Journal, Listed, State};
use crate::rotation::{EngineMethod, OldPassword, Outcome, Plan, Procedure};
use crate::wiring::World;

/// What is to be done with each account.
pub(super) struct Wanted {
    pub(super) purpose: Purpose,
    pub(super) forward_only: bool,
    pub(super) manner: Manner,
    pub(super) risk: Risk,
    pub(super) reason: String,
    pub(super) ticket: String,
    /// For an adoption.
    pub(super) given: Option<Secret>,
    /// Only exactly these plans.
    pub(super) approved: Option<Vec<Plan>>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            purpose: Purpose::Rotate,
            forward_only: false,
            manner: Manner::default(),
            risk: Risk::default(),
            reason: String::new(),
            ticket: String::new(),
            given: None,
            approved: None,
        }
    }
}

impl Wanted {
    fn of(options: &RotateOptions) -> Self {
        Self {
            purpose: if options.repair { Purpose::Repair } else { Purpose::Rotate },
            forward_only: options.accept_forward_only,
            manner: options.manner.clone(),
            risk: options.risk.clone(),
            reason: options.reason.clone(),
            ticket: options.ticket.clone(),
            ..Self::default()
        }
    }

    /// The wish with what is wanted. An order goes before an approved plan, and that before the configuration.
    pub(super) fn wish(&self, wish: &Wish) -> Wish {
        let approved = self.approved.iter().flatten().find(|plan| plan.inventory.account == wish.account);
        let (quiesce, engine_method) = approved
            .map_or((wish.quiesce, wish.engine_method), |plan| (plan.inventory.quiesce, plan.inventory.engine_method));
        let repair = approved.is_some_and(|plan| plan.inventory.repair);
        let forward_only = approved.is_some_and(|plan| !plan.inventory.repair && plan.old == OldPassword::Unknown);
        Wish {
            purpose: if repair { Purpose::Repair } else { self.purpose },
            forward_only: self.forward_only || forward_only,
            quiesce: self.manner.quiesce.map_or(quiesce, QuiesceBy::mode),
            engine_method: self.manner.engine_method.map_or(engine_method, EngineBy::method),
            allow_unsupported_build: self.risk.allow_unsupported_build,
            abandon_encryption_key: self.risk.abandon_encryption_key.clone(),
            ..wish.clone()
        }
    }
}

impl QuiesceBy {
    fn mode(self) -> QuiesceMode {
        match self {
            Self::Gap => QuiesceMode::Gap,
            Self::Disable => QuiesceMode::Disable,
        }
    }
}

impl EngineBy {
    fn method(self) -> EngineMethod {
        match self {
            Self::ObjectModel => EngineMethod::ObjectModel,
            Self::Attended => EngineMethod::Attended,
        }
    }
}

pub(super) async fn run(global: &Global, options: &RotateOptions) -> Exit {
    let mut wanted = Wanted::of(options);
    if options.selection.due {
        return late::run(global).await;
    }
    let mut accounts = options.selection.account.clone();
    if let Some(file) = &options.selection.plan {
        let plans = match approval::read(file) {
            Ok(plans) => plans,
            Err(exit) => return exit,
        };
        accounts = plans.iter().map(|plan| plan.inventory.account.clone()).collect();
        wanted.approved = Some(plans);
    }
    if options.dry_run {
        return plan::show_plans(global, &accounts, &wanted, None).await;
    }
    each(global, &accounts, &wanted).await
}

/// Does what is wanted with each of the accounts; without a name, with all.
pub(super) async fn each(global: &Global, accounts: &[String], wanted: &Wanted) -> Exit {
    let (mut world, wishes) = match open(global, accounts) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    world.give(wanted.given.clone());
    let journal = match world.journal().await {
        Ok(journal) => journal,
        Err(error) => {
            let (message, exit) = session::journal_failed(&error);
            let results = wishes.iter().map(|wish| Came::without_rotation(&wish.account, exit, message.clone()));
            return finish(global, results.collect());
        }
    };
    let mut results = Vec::new();
    for wish in wishes {
        results.push(rotate(&world, &*journal, &wanted.wish(&wish), wanted).await);
    }
    finish(global, results)
}

/// Rotates one account; an interrupted rotation of it is taken up first, and is then what was asked for.
async fn rotate(world: &World, journal: &dyn Journal, wish: &Wish, wanted: &Wanted) -> Came {
    let account = &wish.account;
    let fail = |(message, exit): (String, Exit)| Came::without_rotation(account, exit, message);
    let repair = wish.purpose == Purpose::Repair;
    let _leases = match session::leases(world, &as_it_is_open(journal, wish).await) {
        Ok(leases) => leases,
        Err(busy) => return fail(session::busy(&busy)),
    };
    let mut open = match open_rotations(journal, account).await {
        Ok(open) => open,
        Err(failed) => return fail(failed),
    };
    if let Some(running) = open.iter().find(|listed| listed.state == State::Running) {
        say(&format!("{account}: rotation {} was interrupted and is taken up", running.id));
        let other_purpose = purpose_of(journal, &running.id).await != ordered(wish.purpose);
        let came = take_up(world, journal, &running.id, false).await;
        let ended = matches!(came.exits, Exit::Done | Exit::Failed);
        if !(repair && came.exits == Exit::Held || other_purpose && ended) {
            return came;
        }
        say(&format!("{account}: {} ({}): now for what was ordered", running.id, came.outcome));
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
    let prepared = match session::prepare(world, Some(journal), &wish).await {
        Ok(prepared) => prepared,
        Err(session::NotPrepared::Managed(sentence)) => return Came::managed(account, sentence),
        Err(session::NotPrepared::No(message, exit)) => return fail((message, exit)),
    };
    let plan = match as_approved(prepared, wanted) {
        Ok(plan) => plan,
        Err(failed) => return fail(failed),
    };
    say(&format!("{account}: {}", plan.inventory.dn));
    let initiator = session::initiator();
    match Rotation::begin(journal, world.ports(), plan, &initiator, &wanted.reason, &wanted.ticket).await {
        Ok(rotation) => drive(world, journal, rotation).await,
        Err(error) => fail(session::journal_failed(&error)),
    }
}

/// The plan to carry out; where one was approved, only when it is the same.
fn as_approved(prepared: Prepared, wanted: &Wanted) -> Result<Plan, (String, Exit)> {
    let Prepared { plan, checks } = prepared;
    for check in checks.iter().filter(|check| check.verdict == Verdict::Warn) {
        say(&format!("{}: note: {}", plan.inventory.account, session::told(check)));
    }
    let Some(approved) = &wanted.approved else { return Ok(plan) };
    let Some(approved) = approved.iter().find(|other| other.inventory.account == plan.inventory.account) else {
        return Err(("no plan for this account was approved".to_owned(), Exit::Usage));
    };
    let differences = approved.differences(&plan);
    if differences.is_empty() {
        return Ok(plan);
    }
    let what = differences.join("\n  - ");
    Err((
        format!(
            "nothing was changed: the world is not the one that the plan was approved for:\n  - {what}\n  next step: look at `plan`, and have a new one approved"
        ),
        Exit::Refused,
    ))
}

/// The wish with the scheduler's pause that an open rotation of the account may hold: going on with it needs the same
/// leases as beginning it.
async fn as_it_is_open(journal: &dyn Journal, wish: &Wish) -> Wish {
    for listed in open_rotations(journal, &wish.account).await.unwrap_or_default() {
        let read = Rotation::read(journal, &listed.id).await;
        if read.is_ok_and(|rotation| rotation.plan().inventory.quiesce == QuiesceMode::Disable) {
            return Wish { quiesce: QuiesceMode::Disable, ..wish.clone() };
        }
    }
    wish.clone()
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

pub(super) async fn open_rotations(journal: &dyn Journal, account: &str) -> Result<Vec<Listed>, (String, Exit)> {
    let listed = journal.list().await.map_err(|error| session::journal_failed(&error))?;
    Ok(listed.into_iter().filter(|listed| listed.account == account && listed.state != State::Closed).collect())
}

pub(super) async fn resume(global: &Global, options: &OpenSelection) -> Exit {
    each_open(global, &options.account, Order::Resume).await
}

/// What a person orders for an open rotation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Resume,
    RollBack,
}

/// Carries an order out on every open rotation of the chosen accounts.
pub(super) async fn each_open(global: &Global, accounts: &[String], order: Order) -> Exit {
    let (world, wishes) = match open(global, accounts) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let journal = match session::usable(world.journal_as_it_is().await) {
        Ok(journal) => journal,
        Err(exit) => return exit,
    };
    let mut results = Vec::new();
    for wish in &wishes {
        results.extend(each_open_of(&world, &*journal, wish, order).await);
    }
    if results.is_empty() {
        say("no rotation is open: nothing to do");
    }
    finish(global, results)
}

/// The newest first: a repair closes the held rotation that it replaces, and until it has ended that one has
/// nothing to work with, its candidate lies beside the repair's.
async fn each_open_of(world: &World, journal: &dyn Journal, wish: &Wish, order: Order) -> Vec<Came> {
    let fail = |(message, exit): (String, Exit)| Came::without_rotation(&wish.account, exit, message);
    let (mut results, mut ordered) = (Vec::new(), None);
    let _leases = match session::leases(world, &as_it_is_open(journal, wish).await) {
        Ok(leases) => leases,
        // Somebody else works on an account that has nothing open: not our concern.
        Err(busy) => match open_rotations(journal, &wish.account).await {
            Ok(open) if open.is_empty() => return results,
            Ok(_) => return vec![fail(session::busy(&busy))],
            Err(failed) => return vec![fail(failed)],
        },
    };
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
            Some(newest) if ordered.as_ref() != Some(&newest.id) => {
                let back = order == Order::RollBack;
                let came = take_up(world, journal, &newest.id, back).await;
                results.push(if back { came.into_ordered() } else { came });
                ordered = Some(newest.id.clone());
            }
            _ => return results,
        }
    }
}

/// Takes a rotation up that another process left, or that is held, and goes on with it.
async fn take_up(world: &World, journal: &dyn Journal, id: &str, back: bool) -> Came {
    let read = Rotation::read(journal, id).await;
    let mut rotation = match read {
        Ok(rotation) => rotation,
        Err(error) => {
            let (message, exit) = session::journal_failed(&error);
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
        rotation = match Rotation::claim(journal, world.ports(), id, &session::holder()).await {
            Ok(rotation) => rotation,
            Err(stopped) => return Came::stopped(&rotation, session::stopped(&stopped, id)),
        };
    }
    say(&format!("{}: rotation {id}", rotation.plan().inventory.account));
    let by = session::initiator();
    let ordered = if !was_held && rotation.progress().held.is_some() {
        // The claim has just found a reason to hold it. The order was given without knowing that.
        Ok(())
    } else if back {
        rotation.roll_back(journal, world.ports()).await
    } else {
        rotation.resume(journal, world.ports(), &by).await
    };
    match ordered {
        Ok(()) => drive(world, journal, rotation).await,
        Err(stopped) => Came::stopped(&rotation, session::stopped(&stopped, id)),
    }
}

async fn drive(world: &World, journal: &dyn Journal, mut rotation: Rotation) -> Came {
    let steps = Steps::new();
    let outcome: Result<Outcome, _> = rotation.drive(journal, world.ports(), &steps).await;
    drop(steps);
    match outcome {
        Ok(outcome) => Came::of(&rotation, &outcome),
        Err(stopped) => {
            let told = session::stopped(&stopped, rotation.id());
            Came::stopped(&rotation, told)
        }
    }
}

fn open(global: &Global, accounts: &[String]) -> Result<(World, Vec<Wish>), Exit> {
    let world = session::open(global)?;
    let wishes = session::choose(&world, accounts)?;
    Ok((world, wishes))
}

fn finish(global: &Global, results: Vec<Came>) -> Exit {
    let exit = results.iter().fold(Exit::Done, |worst, came| worst.worse(came.exits));
    let results = Results { results, exit: exit.code() };
    if !results.results.is_empty() || global.format == super::arguments::Format::Json {
        show(global.format, &results, Results::table);
    }
    exit
}
