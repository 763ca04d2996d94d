//! The Active Directory adapter against real domain controllers (Samba), started for this test alone: first one,
//! then two that replicate.
//!
//! The test runs itself again in a network, mounts and process tree of its own (`samba within`), so it needs
//! root, disturbs nobody, leaves nothing running, and many can run side by side. A machine without Samba
//! fails it. An argument selects the checks whose name contains it.

mod accounts;
mod checks;
mod controllers;
mod forest;
mod identity;
#[cfg(feature = "kerberos")]
mod kerberos;
mod proxy;
mod world;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use checks::Check;
use world::{Bed, World};

/// The folder of the test's domain controller; set when we are inside.
const FOLDER: &str = "ENTRA_ROTATOR_LIVE_FOLDER";

/// Which of the two beds; set when we are inside.
const BED: &str = "ENTRA_ROTATOR_LIVE_BED";
const PAIR: &str = "pair";

/// The checks for a bed, in the order to run. The last ones bend the world for good.
fn all(bed: Bed) -> Vec<(&'static str, Check)> {
    match bed {
        Bed::One => {
            let calm = identity::all().into_iter().chain(accounts::all()).chain(forest::all());
            #[cfg(feature = "kerberos")]
            let calm = calm.chain(kerberos::all());
            calm.chain(checks::all()).collect()
        }
        Bed::Pair => controllers::all(),
    }
}

/// Those that the arguments select.
fn wanted(bed: Bed) -> Vec<(&'static str, Check)> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    all(bed).into_iter().filter(|(name, _)| is_wanted(name)).collect()
}

fn main() -> ExitCode {
    #[cfg(feature = "kerberos")]
    if let Some(code) = kerberos::errand() {
        return code;
    }
    if let Some(folder) = std::env::var_os(FOLDER) {
        let bed = if std::env::var_os(BED).is_some_and(|bed| bed == PAIR) { Bed::Pair } else { Bed::One };
        return inside(PathBuf::from(folder), bed);
    }
    let beds: Vec<Bed> = [Bed::One, Bed::Pair].into_iter().filter(|&bed| !wanted(bed).is_empty()).collect();
    if beds.is_empty() {
        // A filter that matches nothing has proven nothing.
        eprintln!("no check has such a name");
        return ExitCode::FAILURE;
    }
    // Both run, whatever the first one says.
    let passed = beds.into_iter().map(outside).filter(|&passed| !passed).count() == 0;
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn outside(bed: Bed) -> bool {
    let folder = std::env::temp_dir().join(format!("entra-rotator-live-{}", std::process::id()));
    let me = std::env::current_exe().expect("a running program has a path");
    let name = |host: &str, address: &str| format!("{host}={address}");
    let names = match bed {
        Bed::One => {
            let own = [(world::HOST, world::ADDRESS), (world::OTHER_NAME, world::ADDRESS)];
            own.into_iter().chain([forest::PARENT_DC, forest::CHILD_DC]).map(|(host, at)| name(host, at)).collect()
        }
        Bed::Pair => vec![
            name("--dns", world::ADDRESS),
            name("--dns", world::SECOND_ADDRESS),
            name(world::OTHER_NAME, world::SECOND_ADDRESS),
            name(controllers::NAME_OUTSIDE, world::SECOND_ADDRESS),
        ],
    };
    let status = Command::new(world::script())
        .arg("within")
        .args(names)
        .arg("--")
        .arg(me)
        .args(std::env::args_os().skip(1))
        .env(FOLDER, &folder)
        .env(BED, if bed == Bed::Pair { PAIR } else { "" })
        .status();
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
    }
    match status {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("{} can't be run: {error}: install python3", world::script().display());
            false
        }
    }
}

fn inside(folder: PathBuf, bed: Bed) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let world = match World::start(folder, bed) {
        Ok(world) => Arc::new(world),
        Err(cause) => {
            eprintln!("no domain controller to test against: {cause}");
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, check) in wanted(bed) {
        let begun = Instant::now();
        // In a task of its own: a panic ends the check and not the run.
        let outcome = runtime.block_on(async { tokio::spawn(check(Arc::clone(&world))).await });
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("check {name} ... {verdict} ({:.2} s)", begun.elapsed().as_secs_f64());
        if outcome.is_ok() { passed += 1 } else { failed.push(name) }
    }
    world.stop();
    for name in &failed {
        println!("failed: {name}");
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {} failed; 0 ignored; 0 measured; 0 filtered out", failed.len());
    // A filter that matches nothing has proven nothing.
    if failed.is_empty() && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
