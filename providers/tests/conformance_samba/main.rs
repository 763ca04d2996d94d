//! The LDAPS adapter against real domain controllers (Samba), one and then two that replicate, held to every promise of
//! the port; and adapters with a defect each, which the suite must catch by name.
//!
//! The test runs itself again in a network, mounts and process tree of its own (`samba within`), so it disturbs nobody
//! and leaves nothing running. A machine without Samba fails it. Arguments choose: `single`, `pair`, the names of
//! checks or parts of them, `good` for no broken adapters.

mod bench;
mod wire;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use bench::{CONTROLLERS, SILENT, SambaBench, script};
use providers::conformance::Report;
use providers::conformance::directory::broken::{Broken, Defect};
use providers::conformance::directory::{Bench, run_some};

/// The folder of the test's domain controllers; set when we are inside.
const FOLDER: &str = "ENTRA_ROTATOR_CONFORMANCE_FOLDER";

/// What one domain controller can't show.
const NEEDS_TWO: [&str; 7] = [
    "fingerprint_is_of_the_controller_asked",
    "set_happens_at_the_controller_named",
    "change_happens_at_the_controller_named",
    "lockout_is_of_the_controller_asked",
    "accepts_asks_the_controller_named",
    "replicate_done_is_there",
    "working_dc_follows_the_role",
];

fn main() -> ExitCode {
    match std::env::var_os(FOLDER) {
        Some(folder) => inside(Path::new(&folder)),
        None => outside(),
    }
}

fn outside() -> ExitCode {
    let folder = std::env::temp_dir().join(format!("entra-rotator-conformance-{}", std::process::id()));
    let me = std::env::current_exe().expect("a running program has a path");
    let controllers = CONTROLLERS.iter().map(|(_, host, address)| (*host, *address));
    let status = Command::new(script())
        .arg("within")
        .args(CONTROLLERS.iter().map(|(_, _, address)| format!("--dns={address}")))
        .args(controllers.chain([SILENT]).map(|(host, address)| format!("{host}={address}")))
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
            eprintln!("{} can't be run: {error}: install python3", script().display());
            ExitCode::FAILURE
        }
    }
}

/// What passed and what did not.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
}

impl Tally {
    fn count(&mut self, name: &str, verdict: Result<(), String>) {
        println!("{name} ... {}", if verdict.is_ok() { "ok" } else { "FAILED" });
        match verdict {
            Ok(()) => self.passed += 1,
            Err(why) => self.failed.push(format!("{name}: {why}")),
        }
    }
}

fn inside(folder: &Path) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    let parts: Vec<&String> =
        arguments.iter().filter(|argument| !["single", "pair", "good"].contains(&argument.as_str())).collect();
    let wanted = |check: &str| parts.is_empty() || parts.iter().any(|part| check.contains(part.as_str()));
    let both = !asked("single") && !asked("pair");
    let mut tally = Tally::default();
    for (name, count) in [("single", 1), ("pair", 2)] {
        if both || asked(name) {
            // One for each world: what listens in it ends with it.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime starts");
            let tried = runtime.block_on(world(folder.join(name), count, asked("good"), &wanted, &mut tally));
            if let Err(cause) = tried {
                tally.failed.push(format!("{name}: no domain controllers to test against: {cause}"));
            }
        }
    }
    for failure in &tally.failed {
        println!("failed: {failure}");
    }
    let word = if tally.failed.is_empty() { "ok" } else { "FAILED" };
    let (passed, failed) = (tally.passed, tally.failed.len());
    println!("test result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    // A filter that matches nothing has proven nothing.
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn world(
    folder: PathBuf,
    count: usize,
    good_only: bool,
    wanted: &impl Fn(&str) -> bool,
    tally: &mut Tally,
) -> Result<(), String> {
    let begun = Instant::now();
    std::fs::create_dir_all(folder.parent().unwrap_or(&folder)).map_err(|error| error.to_string())?;
    let bench = Arc::new(SambaBench::start(folder, count).await?);
    println!("{count} domain controllers after {:.0} s", begun.elapsed().as_secs_f64());
    let good = run_some(bench.adapter(), Arc::clone(&bench) as Arc<dyn Bench>, wanted).await;
    println!("{good}the adapter after {:.0} s", begun.elapsed().as_secs_f64());
    judge_good(&good, count, tally);
    let defects = if good_only { &[] } else { Defect::WRITING };
    for &defect in defects {
        // That nothing else fails is shown on the lab, where a run takes seconds. The silent host takes its quarter of
        // a minute, whatever the defect.
        let slow = |check: &str| check == "controller_silent_is_later_and_soon";
        let chosen = |check: &str| wanted(check) && defect.caught_by().contains(&check) && !slow(check);
        let broken = Arc::new(Broken::new(bench.adapter(), defect, bench.bystander()));
        let report = run_some(broken, Arc::clone(&bench) as Arc<dyn Bench>, chosen).await;
        println!("{defect:?} fails {:?} after {:.0} s", report.failed(), begun.elapsed().as_secs_f64());
        let verdict = defect.judge(&good, &report).map_err(|how| format!("{how}\n{report}"));
        tally.count(&format!("{count} domain controllers, {defect:?}"), verdict);
    }
    bench.stop();
    Ok(())
}

fn judge_good(good: &Report, count: usize, tally: &mut Tally) {
    for (name, outcome) in &good.lines {
        use providers::conformance::Outcome::{Failed, NotApplicable, Passed};
        let verdict = match outcome {
            Passed => Ok(()),
            NotApplicable(_) if count == 1 && NEEDS_TWO.contains(name) => continue,
            NotApplicable(why) => Err(format!("this bench must show it: {why}")),
            Failed(why) => Err(why.clone()),
        };
        tally.count(&format!("{count} domain controllers, {name}"), verdict);
    }
}
