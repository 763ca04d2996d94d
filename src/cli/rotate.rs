//! `rotate` and `resume`: one account after the other, each under its lease.

use providers::port::QuiesceMode;

use super::arguments::{EngineBy, Global, Manner, OpenSelection, QuiesceBy, Risk, RotateOptions};
use super::output::{say, show};
use super::results::Results;
use super::steps::Screen;
use super::{approval, emergency, late, plan, session};
use crate::engine::{Purpose, Wish};
use crate::order::{
    Came, Context, Exit, Order, Wanted, closed, each_open_of, is_compromise, is_outside, journal_failed,
    record_population, rotate,
};
use crate::rotation::EngineMethod;
use crate::wiring::World;

/// What the options ask for.
fn wanted(options: &RotateOptions) -> Wanted {
    let wanted = Wanted {
        purpose: if options.repair { Purpose::Repair } else { Purpose::Rotate },
        forward_only: options.accept_forward_only,
        reason: options.reason.clone(),
        ticket: options.ticket.clone(),
        without_approval: options.without_approval.clone(),
        ..Wanted::default()
    };
    how(wanted, &options.manner, &options.risk)
}

/// What is wanted, in the manner and at the risk of the options.
pub(super) fn how(wanted: Wanted, manner: &Manner, risk: &Risk) -> Wanted {
    Wanted {
        quiesce: manner.quiesce.map(QuiesceBy::mode),
        engine_method: manner.engine_method.map(EngineBy::method),
        allow_unsupported_build: risk.allow_unsupported_build,
        abandon_encryption_key: risk.abandon_encryption_key.clone(),
        ..wanted
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
    let mut wanted = wanted(options);
    if options.selection.due {
        return late::run(global).await;
    }
    let mut accounts = options.selection.account.clone();
    if let Some(file) = &options.selection.plan {
        let file = match approval::read(file) {
            Ok(file) => file,
            Err(exit) => return exit,
        };
        accounts = file.plans.iter().map(|plan| plan.inventory.account.clone()).collect();
        wanted.approved = Some(file.approved());
    }
    if options.dry_run {
        return plan::show_plans(global, &accounts, &wanted, None).await;
    }
    if is_compromise(&options.reason) && !emergency::agreed(options.yes) {
        return Exit::Usage;
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
            let (message, exit) = journal_failed(&error);
            let results = wishes.iter().map(|wish| Came::without_rotation(&wish.account, exit, message.clone()));
            return finish(global, results.collect());
        }
    };
    if !global.lab
        && let Err(error) = record_population(&*journal, &world.roster, world.ports().clock.now()).await
    {
        let (message, exit) = journal_failed(&error);
        say(&message);
        return exit;
    }
    let screen = Screen::default();
    let context = Context { world: &world, journal: &*journal, teller: &screen, by: None };
    let all = async {
        let mut results = Vec::new();
        for wish in wishes {
            results.push(if screen.is_stopped() {
                Came::without_rotation(&wish.account, Exit::Later, "not begun: a signal came".to_owned())
            } else if let Some(closed) = outside(&world, &wish, wanted) {
                closed
            } else {
                rotate(context, &wanted.wish(&wish), wanted).await
            });
        }
        results
    };
    let exit = screen.heeding_signals(all).await.map_or(Exit::Later, |results| finish(global, results));
    sent(&world).await;
    exit
}

/// Waits a little for heads of the history that are still on their way; says what did not arrive.
async fn sent(world: &World) {
    world.signer.settle().await.iter().for_each(|line| say(line));
}

/// What is said instead of rotating an account outside its windows.
fn outside(world: &World, wish: &Wish, wanted: &Wanted) -> Option<Came> {
    let post = world.roster.posts.get(&wish.account)?;
    let now = world.ports().clock.now();
    let closed = closed(post, wanted, now);
    if closed.is_none() && is_outside(post, wanted, now) {
        say(&format!("{}: outside its maintenance windows, and rotated all the same", wish.account));
    }
    closed
}

pub(super) async fn resume(global: &Global, options: &OpenSelection) -> Exit {
    each_open(global, &options.account, Order::Resume).await
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
    let screen = Screen::default();
    let context = Context { world: &world, journal: &*journal, teller: &screen, by: None };
    let all = async {
        let mut results = Vec::new();
        for wish in wishes.iter().take_while(|_| !screen.is_stopped()) {
            results.extend(each_open_of(context, wish, order).await);
        }
        results
    };
    let Some(results) = screen.heeding_signals(all).await else { return Exit::Later };
    if results.is_empty() {
        say("no rotation is open: nothing to do");
    }
    let exit = finish(global, results);
    sent(&world).await;
    exit
}

fn open(global: &Global, accounts: &[String]) -> Result<(World, Vec<Wish>), Exit> {
    let world = session::open(global)?;
    let wishes = session::choose(&world, accounts)?;
    Ok((world, wishes))
}

pub(super) fn finish(global: &Global, results: Vec<Came>) -> Exit {
    let exit = results.iter().fold(Exit::Done, |worst, came| worst.worse(came.exits));
    let results = Results { results, exit: exit.code() };
    if !results.results.is_empty() || global.format == super::arguments::Format::Json {
        show(global.format, &results, Results::table);
    }
    exit
}
