use std::path::PathBuf;
use std::sync::Arc;

use providers::port::{Fault, Secret};

use super::arguments::Global;
use super::output::say;
use super::terminal::Terminal;
use crate::config::{self, Config};
use crate::engine::Wish;
use crate::journal::JournalError;
use crate::order::{Exit, journal_failed, rank, sentence};
use crate::wiring::{Records, World};

/// Opens the world that a command works on, or says why not.
pub(super) fn open(global: &Global) -> Result<World, Exit> {
    let mut world = opened(global, true)?;
    world.attend(Arc::new(Terminal));
    Ok(world)
}

/// The same without a person.
pub(super) fn open_unattended(global: &Global) -> Result<World, Exit> {
    opened(global, false)
}

fn opened(global: &Global, attended: bool) -> Result<World, Exit> {
    if is_lab(global)? {
        return World::of_lab(&lab_dir(global)?, global.lab_world.as_deref()).map_err(unusable);
    }
    let config = configuration(global)?;
    let typed = attended && config.vault.key.as_ref().is_some_and(|key| key.prompt);
    let key = if typed { Some(typed_key()?) } else { None };
    World::of_config(&config, key).map_err(unusable)
}

/// The key of the sealed file, typed at the terminal.
fn typed_key() -> Result<Secret, Exit> {
    match rpassword::prompt_password("The key of the sealed file, AGE-SECRET-KEY-1… (it is not shown): ") {
        Ok(key) => Ok(Secret::from(key)),
        Err(cause) => {
            say(&format!(
                "the key of the sealed file was not read, as it is to be typed (`key = {{ prompt = true }}`) and there is no terminal \
                 to type it at: {cause}\n  next step: run it at a terminal, or name where the key lies: key = {{ file = … }} or \
                 {{ credential = … }}"
            ));
            Err(Exit::Usage)
        }
    }
}

/// Opens what the commands need that only read the journal.
pub(super) fn records(global: &Global) -> Result<Records, Exit> {
    if is_lab(global)? {
        return Records::of_lab(&lab_dir(global)?, global.lab_world.as_deref()).map_err(unusable);
    }
    Records::of_config(&configuration(global)?).map_err(unusable)
}

pub(super) fn configuration(global: &Global) -> Result<Config, Exit> {
    config::read(&global.config).map_err(|faulty| {
        say(&format!("the configuration can't be used:\n{faulty}"));
        Exit::Usage
    })
}

fn unusable(fault: Fault) -> Exit {
    say(&sentence(&fault));
    Exit::Usage
}

/// Whether a command works on the lab. A named world without `--lab` is a mistake: the command would work on what the
/// configuration describes.
fn is_lab(global: &Global) -> Result<bool, Exit> {
    if global.lab_world.is_some() && !global.lab {
        say("--lab-world names a lab; say --lab too");
        return Err(Exit::Usage);
    }
    Ok(global.lab)
}

/// The lab's folder: a named world has one of its own.
pub(super) fn lab_dir(global: &Global) -> Result<PathBuf, Exit> {
    if let Some(dir) = &global.lab_dir {
        return Ok(dir.clone());
    }
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = from("XDG_STATE_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".local/state")))
        .or_else(|| from("LOCALAPPDATA"));
    let name = global.lab_world.as_ref().map_or_else(|| "lab".to_owned(), |world| format!("lab-{world}"));
    state.map(|state| state.join("entra-rotator").join(name)).ok_or_else(|| {
        say("there is no state folder (XDG_STATE_HOME, HOME and LOCALAPPDATA are not set); name one with --lab-dir");
        Exit::Usage
    })
}

/// The accounts that were asked for.
pub(super) fn choose(world: &World, names: &[String]) -> Result<Vec<Wish>, Exit> {
    if names.is_empty() {
        // Connectors first: recovery of a service account's lost key needs their passwords in the vault.
        let mut wishes = world.wishes.clone();
        wishes.sort_by_key(|wish| rank(wish.kind));
        return Ok(wishes);
    }
    let mut chosen: Vec<Wish> = Vec::new();
    for name in names {
        if chosen.iter().any(|wish| wish.account == *name) {
            continue;
        }
        let Some(wish) = world.wishes.iter().find(|wish| wish.account == *name) else {
            let known: Vec<&str> = world.wishes.iter().map(|wish| wish.account.as_str()).collect();
            say(&format!("there is no account `{name}` in the configuration; it has: {}", known.join(", ")));
            return Err(Exit::Usage);
        };
        chosen.push(wish.clone());
    }
    Ok(chosen)
}

/// The journal, or why there is none, told.
pub(super) fn usable<T>(opened: Result<T, JournalError>) -> Result<T, Exit> {
    opened.map_err(|error| {
        let (message, exit) = journal_failed(&error);
        say(&message);
        exit
    })
}
