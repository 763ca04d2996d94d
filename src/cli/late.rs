//! `rotate --due`: the late proofs whose time has come.

use super::arguments::{Format, Global};
use super::output::{say, show};
use super::results::Results;
use super::session;
use super::steps::Screen;
use crate::order::{Came, Context, Exit, prove_late};

pub(super) async fn run(global: &Global) -> Exit {
    let world = match session::open(global) {
        Ok(world) => world,
        Err(exit) => return exit,
    };
    let journal = match session::usable(world.journal_as_it_is().await) {
        Ok(journal) => journal,
        Err(exit) => return exit,
    };
    let context = Context { world: &world, journal: &*journal, teller: &Screen::default(), by: None };
    let mut results = Vec::new();
    for wish in &world.wishes {
        results.extend(prove_late(context, wish).await);
    }
    if results.is_empty() {
        say("no late proof is due");
        if global.format == Format::Table {
            return Exit::Done;
        }
    }
    let exit = results.iter().fold(Exit::Done, |worst, came: &Came| worst.worse(came.exits));
    show(global.format, &Results { results, exit: exit.code() }, Results::table);
    exit
}
