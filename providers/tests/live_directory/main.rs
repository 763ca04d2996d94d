//! The Active Directory adapter against a real domain controller (Samba), started for this test alone.
//!
//! The test runs itself again in a network, mounts and process tree of its own (`samba within`), so it needs
//! root, disturbs nobody, leaves nothing running, and many can run side by side. A machine without Samba
//! fails it. An argument selects the checks whose name contains it.

mod checks;
mod identity;
mod proxy;
mod world;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use world::World;

/// The folder of the test's domain controller; set when we are inside.
const FOLDER: &str = "ENTRA_ROTATOR_LIVE_FOLDER";

fn main() -> ExitCode {
    match std::env::var_os(FOLDER) {
        Some(folder) => inside(PathBuf::from(folder)),
        None => outside(),
    }
}

fn outside() -> ExitCode {
    let folder = std::env::temp_dir().join(format!("entra-rotator-live-{}", std::process::id()));
    let me = std::env::current_exe().expect("a running program has a path");
    let status = Command::new(world::script())
        .arg("within")
        .args([format!("{}={}", world::HOST, world::ADDRESS), format!("{}={}", world::OTHER_NAME, world::ADDRESS)])
        .arg("--")
        .arg(me)
        .args(std::env::args_os().skip(1))
        .env(FOLDER, &folder)
        .status();
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
    }
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{} can't be run: {error}: install python3", world::script().display());
            ExitCode::FAILURE
        }
    }
}

fn inside(folder: PathBuf) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let world = match World::start(folder) {
        Ok(world) => Arc::new(world),
        Err(cause) => {
            eprintln!("no domain controller to test against: {cause}");
            return ExitCode::FAILURE;
        }
    };
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, check) in identity::all().into_iter().chain(checks::all()) {
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part.as_str())) {
            continue;
        }
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
