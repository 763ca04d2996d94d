use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use providers::port::{Fault, Meaning, QuiesceMode};

use super::arguments::Global;
use super::exit::Exit;
use super::knowledge::Knowledge;
use super::output::say;
use super::terminal::Terminal;
use crate::config::{self, Config};
use crate::engine::{self, AccountKind, Check, Prepared, Refusal, Stopped, Verdict, Wish};
use crate::journal::{Busy, Journal, JournalError, Lease, State};
use crate::wiring::{Records, World};

/// Opens the world that a command works on, or says why not.
pub(super) fn open(global: &Global) -> Result<World, Exit> {
    let world = if is_lab(global)? {
        World::of_lab(&lab_dir(global)?, global.lab_world.as_deref())
    } else {
        World::of_config(&configuration(global)?)
    };
    let mut world = world.map_err(unusable)?;
    world.attend(Arc::new(Terminal));
    Ok(world)
}

/// Opens what the commands need that only read the journal.
pub(super) fn records(global: &Global) -> Result<Records, Exit> {
    if is_lab(global)? {
        return Records::of_lab(&lab_dir(global)?, global.lab_world.as_deref()).map_err(unusable);
    }
    Ok(Records::of_config(&configuration(global)?))
}

fn configuration(global: &Global) -> Result<Config, Exit> {
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
        wishes.sort_by_key(|wish| match wish.kind {
            AccountKind::Connector => 0,
            AccountKind::Service => 1,
            AccountKind::Entra => 2,
            AccountKind::Own => 3,
        });
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

/// Who we are, for the journal and for whoever finds the lease taken.
pub(super) fn initiator() -> String {
    let user = ["SUDO_USER", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    #[cfg(unix)]
    let no_name = format!("uid {}", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    let no_name = "unknown".to_owned();
    format!("{}@{}", user.unwrap_or(no_name), host())
}

/// This machine's name.
pub(super) fn host() -> String {
    #[cfg(unix)]
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let host = std::env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".into());
    host
}

/// The same with the process, which tells one run from another.
pub(super) fn holder() -> String {
    format!("{}, process {}", initiator(), std::process::id())
}

/// The right to work on an account and on every server that uses it: two accounts of one server must not
/// restart its service under each other.
pub(super) fn leases(world: &World, wish: &Wish) -> Result<Vec<Lease>, Busy> {
    let servers = wish.servers.iter().map(|(server, _)| format!("server {server}"));
    // The scheduler's switch is one for the whole tenant.
    let tenant = (wish.quiesce == QuiesceMode::Disable).then(|| "the sync scheduler".to_owned());
    let names = std::iter::once(wish.account.clone()).chain(servers.collect::<BTreeSet<_>>()).chain(tenant);
    names.map(|name| Lease::take(&world.journal_file, &name, &holder())).collect()
}

/// A fault as a sentence with its next step.
pub(super) fn sentence(fault: &Fault) -> String {
    let hint = if fault.hint.is_empty() { String::new() } else { format!("\n  next step: {}", fault.hint) };
    format!("{}: {}{hint}", fault.doing, fault.cause)
}

/// The journal, or why there is none, told.
pub(super) fn usable<T>(opened: Result<T, JournalError>) -> Result<T, Exit> {
    opened.map_err(|error| {
        let (message, exit) = journal_failed(&error);
        say(&message);
        exit
    })
}

/// Cause, next step and exit code of a journal that did not do what it was asked.
pub(super) fn journal_failed(error: &JournalError) -> (String, Exit) {
    let (hint, exit) = match error {
        JournalError::InFlight { .. } => ("wait for it, or `resume` it", Exit::Busy),
        JournalError::Fenced { .. } => {
            ("the other process goes on with it; this one stopped without acting further", Exit::Busy)
        }
        JournalError::Unknown { .. } => ("`history` lists the rotations", Exit::Usage),
        JournalError::DiskFull { .. } => {
            ("make room on that disk; nothing is begun without a durable record", Exit::Refused)
        }
        JournalError::Unreadable { .. } => ("`history verify` says whether the journal was changed", Exit::Usage),
        JournalError::Store { .. } => ("look at the file, its folder and their owner", Exit::Usage),
    };
    (format!("{error}\n  next step: {hint}"), exit)
}

/// The same for a rotation that stopped without an outcome.
pub(super) fn stopped(stopped: &Stopped, rotation: &str) -> (String, Exit) {
    match stopped {
        Stopped::Journal(error @ (JournalError::DiskFull { .. } | JournalError::Store { .. })) => (
            format!(
                "{error}\n  rotation {rotation} stopped where it was; both passwords are in the vault\n  next step: mend that, then `resume`"
            ),
            Exit::Later,
        ),
        Stopped::Journal(error) => journal_failed(error),
        Stopped::World(fault) => {
            let exit = if fault.meaning == Meaning::Broken { Exit::Usage } else { Exit::Later };
            let text = format!(
                "rotation {rotation} stays as it is: before it goes on, the journal must be compared with vault and directory\n  {}",
                sentence(fault)
            );
            (text, exit)
        }
        Stopped::NotNow(why) => (why.clone(), Exit::Refused),
        Stopped::Endless(_) => (stopped.to_string(), Exit::Held),
    }
}

/// The same for a lease that was not to be had.
pub(super) fn busy(busy: &Busy) -> (String, Exit) {
    match busy {
        Busy::Held { .. } => (format!("{busy}\n  next step: wait for it, or look at `status`"), Exit::Busy),
        Busy::NoLock { .. } => (format!("{busy}\n  next step: look at the folder and its owner"), Exit::Usage),
    }
}

/// A check as one line, with what to do.
pub(super) fn told(check: &Check) -> String {
    let about = if check.about.is_empty() { String::new() } else { format!("{}: ", check.about) };
    let todo = if check.todo.is_empty() { String::new() } else { format!("; {}", check.todo) };
    format!("{about}{}{todo}", check.seen)
}

/// Why there is no plan.
pub(super) enum NotPrepared {
    /// Windows manages the password: nothing is to be done.
    Managed(String),
    /// Cause, next step and exit code.
    No(String, Exit),
}

/// What a refusal to begin means for people.
fn refused(refusal: &Refusal) -> NotPrepared {
    let refusing = |checks: &[Check]| -> Vec<String> {
        checks.iter().filter(|check| check.verdict == Verdict::Refuse).map(told).collect()
    };
    match refusal {
        Refusal::Managed(checks) => NotPrepared::Managed(refusing(checks).join("; ")),
        Refusal::Refused(checks) => {
            let reasons = refusing(checks).join("\n  - ");
            NotPrepared::No(format!("nothing was changed, because:\n  - {reasons}"), Exit::Refused)
        }
        Refusal::Unseen(fault) => {
            let exit = match fault.meaning {
                Meaning::Later | Meaning::Unclear => Exit::Later,
                Meaning::Refused => Exit::Refused,
                Meaning::Broken => Exit::Usage,
            };
            NotPrepared::No(format!("nothing was changed: {}", sentence(fault)), exit)
        }
    }
}

/// Looks at the world and makes a plan, knowing what the journal, where there is one yet, knows of the account.
pub(super) async fn prepare(
    world: &World,
    journal: Option<&dyn Journal>,
    wish: &Wish,
) -> Result<Prepared, NotPrepared> {
    look(world, journal, wish).await.map_err(|not| match not {
        Ok(refusal) => refused(&refusal),
        Err((message, exit)) => NotPrepared::No(message, exit),
    })
}

/// The same with the refusal itself, for whoever shows every check. `Err(Err(_))` = the journal says no already.
pub(super) async fn look(
    world: &World,
    journal: Option<&dyn Journal>,
    wish: &Wish,
) -> Result<Prepared, Result<Refusal, (String, Exit)>> {
    let Some(journal) = journal else {
        return engine::prepare(world.ports(), wish, None).await.map_err(Ok);
    };
    let failed = |error: JournalError| Err(journal_failed(&error));
    let listed = journal.list().await.map_err(failed)?;
    // Its pending candidate is no stranger's, and may be the live password.
    let mut of_account = listed.iter().rev().filter(|listed| listed.account == wish.account);
    if let Some(running) = of_account.find(|listed| listed.state == State::Running) {
        let what =
            format!("rotation {} runs or was interrupted; `resume` carries it on, or says who is at it", running.id);
        return Err(Err((what, Exit::Later)));
    }
    let known = Knowledge::of(journal, world.ports(), &wish.account).await.map_err(failed)?;
    engine::prepare(world.ports(), &known.inform(wish), known.last_known.as_ref()).await.map_err(Ok)
}
