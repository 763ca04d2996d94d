// limit: 900
//! Every way to a Connect server, held to every promise of the port; and adapters and transports with a defect each,
//! which the suite must catch by name.
//!
//! A subject is a row in [`SUBJECTS`]. Arguments choose: the names of subjects, and names of checks or parts of them
//! (docs/connect-server-conformance.md). As `agent FOLDER` this program is the agent of the lab there; with the arguments
//! of powershell.exe it is the stand-in of that.

mod broken_transport;
mod lab;
mod native;
#[path = "../../../tests/stand-ins/src/powershell/mod.rs"]
#[expect(unreachable_pub, reason = "it is a part of a library, too")]
mod powershell;
mod servers;
#[path = "../ssh/sshd.rs"]
#[expect(dead_code, reason = "the transport's own tests need more of it")]
mod sshd;
#[path = "../winrm/server.rs"]
#[expect(dead_code, reason = "the transport's own tests need more of it")]
mod winrm_server;
mod wire;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use providers::conformance::Outcome::{Failed, NotApplicable, Passed};
use providers::conformance::connect_server::broken::{Broken, Defect};
use providers::conformance::connect_server::{Subject, clause, names, run_some};
use providers::conformance::{Report, judge, listen};
use providers::entra_connect::{RemoteServer, Transport};

use self::broken_transport::{BROKEN, Odd, SOUND, Strange};
use self::lab::{LabSubject, Labs, Place, delayed};
use self::native::Native;
use self::wire::{AGENT, InMemory};

/// The server's name in the configuration, which is not its own.
const CONFIGURED: &str = "connect-größe";

/// An adapter to hold the suite to.
struct Row {
    name: &'static str,
    start: fn(&Arc<Labs>) -> Result<LabSubject, NotThere>,
    /// Checks that it can't show, all of which another one does.
    lacks: &'static [&'static str],
    /// How long the whole suite may take on it, on a machine that has other things to do.
    limit_s: u64,
}

/// Why a subject can't be tried on this machine.
struct NotThere(&'static str);

/// What only somebody else who may end alone can show.
const ENDS: [&str; 3] =
    ["a_lost_reply_of_what_acts_is_unclear", "an_end_before_the_act_is_unclear", "a_lost_reply_of_a_look_is_for_later"];
const CLOSED: &str = "a_closed_way_is_for_later";
/// A slow way is one that this process makes slow.
const SLOW: &str = "the_tenure_is_asked_last";

const SUBJECTS: &[Row] = &[
    Row { name: "lab", start: |labs| Ok(local(labs)), lacks: &[ENDS[0], ENDS[1], ENDS[2], CLOSED], limit_s: 60 },
    Row { name: "memory", start: |labs| Ok(memory(labs)), lacks: &[], limit_s: 60 },
    Row { name: "process", start: |labs| Ok(over(labs, false, wire::process)), lacks: &[CLOSED, SLOW], limit_s: 120 },
    Row { name: "windows", start: |labs| Ok(windows(labs)), lacks: &[], limit_s: 240 },
    Row { name: "ssh", start: servers::ssh, lacks: &[SLOW], limit_s: 300 },
    Row { name: "winrm", start: servers::winrm, lacks: &[SLOW], limit_s: 120 },
];

/// The lab itself.
fn local(labs: &Arc<Labs>) -> LabSubject {
    LabSubject {
        labs: Arc::clone(labs),
        name: lab::HOST,
        way: Arc::new(delayed),
        agent_ends: false,
        way_closes: false,
        way_delays: true,
        own_words: false,
        log_of: &[],
        own_secrets: Vec::new(),
    }
}

/// The lab behind an agent, at the end of a transport.
fn over<T: Transport + 'static>(
    labs: &Arc<Labs>,
    way_closes: bool,
    transport: impl Fn(&Place) -> T + Send + Sync + 'static,
) -> LabSubject {
    LabSubject {
        labs: Arc::clone(labs),
        name: CONFIGURED,
        way: Arc::new(move |place| Arc::new(RemoteServer::new(CONFIGURED, transport(place)))),
        agent_ends: true,
        way_closes,
        way_delays: false,
        own_words: false,
        log_of: &["providers"],
        own_secrets: Vec::new(),
    }
}

/// The lab behind an agent in this process.
fn memory(labs: &Arc<Labs>) -> LabSubject {
    LabSubject { way_delays: true, ..over(labs, true, InMemory::new) }
}

/// The adapter that runs on a Connect server, on the lab's.
fn windows(labs: &Arc<Labs>) -> LabSubject {
    LabSubject { own_words: true, way_delays: true, ..over(labs, true, Native::new) }
}

fn strange(labs: &Arc<Labs>, strange: Strange) -> LabSubject {
    // As a later transport may be made: by a table, in a box.
    let transport = move |place: &Place| -> Box<dyn Transport> { Box::new(Odd::new(InMemory::new(place), strange)) };
    LabSubject { way_delays: true, ..over(labs, true, transport) }
}

fn broken(labs: &Arc<Labs>, defect: Defect) -> LabSubject {
    let way = move |place: &Place| -> Arc<dyn providers::port::ConnectServer> {
        Arc::new(Broken::new(delayed(place), defect))
    };
    LabSubject { way: Arc::new(way), ..local(labs) }
}

/// What passed and what did not.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    skipped: usize,
}

impl Tally {
    fn count(&mut self, name: &str, verdict: Result<(), String>) {
        println!("{name} ... {}", if verdict.is_ok() { "ok" } else { "FAILED" });
        match verdict {
            Ok(()) => self.passed += 1,
            Err(why) => self.failed.push(format!("{name}: {why}")),
        }
    }

    /// Every check of a run on an adapter that must keep every promise. `lacks`: what it need not show.
    fn judge(&mut self, subject: &str, report: &Report, lacks: &[&str]) {
        for (check, outcome) in &report.lines {
            let verdict = match outcome {
                Passed => Ok(()),
                NotApplicable(why) if lacks.contains(check) => {
                    println!("{subject}, {check}: not applicable: {why}");
                    continue;
                }
                NotApplicable(why) => Err(format!("this subject must show it: {why}")),
                Failed(why) => Err(format!("{why}\n  the port: {:?}", clause(check).unwrap_or_default())),
            };
            self.count(&format!("{subject}, {check}"), verdict);
        }
    }
}

/// What the arguments chose.
struct Wish {
    subjects: Vec<String>,
    parts: Vec<String>,
}

impl Wish {
    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let known = |name: &String| {
            ["defects", "transports"].contains(&name.as_str()) || SUBJECTS.iter().any(|row| row.name == name)
        };
        let (subjects, parts) = arguments.filter(|argument| !argument.starts_with('-')).partition(known);
        Self { subjects, parts }
    }

    fn asked(&self, subject: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|name| name == subject)
    }

    fn wanted(&self, check: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|part| check.contains(part.as_str()))
    }

    async fn run(&self, subject: LabSubject) -> Report {
        let subject: Arc<dyn Subject> = Arc::new(subject);
        run_some(subject, |check| self.wanted(check)).await
    }
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("-NoLogo") {
        return powershell::run(std::env::args().collect());
    }
    let mut arguments = std::env::args().skip(1);
    if let (Some(AGENT), Some(dir)) = (arguments.next().as_deref(), arguments.next()) {
        return wire::be_agent(Path::new(&dir));
    }
    let wish = Wish::read(std::env::args().skip(1));
    let (mut tally, labs) = (Tally::default(), Arc::<Labs>::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        for row in SUBJECTS.iter().filter(|row| wish.asked(row.name)) {
            one(row, &labs, &mut tally, &wish).await;
            if row.name == "windows" {
                tally.count("windows, no other argument of PowerShell's", native::only_known_arguments());
            }
        }
        if wish.asked("defects") {
            defects(&labs, &mut tally, &wish).await;
        }
        if wish.asked("transports") {
            transports(&labs, &mut tally, &wish).await;
        }
    });
    for failure in &tally.failed {
        println!("failed: {failure}");
    }
    let (passed, failed, skipped) = (tally.passed, tally.failed.len(), tally.skipped);
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    // A filter that matches nothing has proven nothing.
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn one(row: &Row, labs: &Arc<Labs>, tally: &mut Tally, wish: &Wish) {
    let begun = Instant::now();
    let subject = match (row.start)(labs) {
        Ok(subject) => subject,
        Err(NotThere(why)) => {
            println!("skipped: {}: {why}", row.name);
            tally.skipped += 1;
            return;
        }
    };
    let report = wish.run(subject).await;
    let taken = begun.elapsed();
    tally.judge(row.name, &report, row.lacks);
    println!("{} after {:.1} s; heard so far: {:?}", row.name, taken.as_secs_f64(), listen().map(|ear| ear.crates()));
    if wish.parts.is_empty() {
        assert_eq!(report.lines.len(), names().len());
        let late = format!("the suite took {:.1} s, and {} are enough", taken.as_secs_f64(), row.limit_s);
        let verdict = if taken.as_secs() < row.limit_s { Ok(()) } else { Err(late) };
        tally.count(&format!("{}, in time", row.name), verdict);
    }
}

/// Whether what is wrong was found by the checks that are meant for it, and by no other.
fn caught(good: &Report, broken: &Report, caught_by: &[&str], may: &[&str]) -> Result<(), String> {
    if caught_by.is_empty() {
        return Err("no check is meant for it".to_owned());
    }
    if let Some(unknown) = caught_by.iter().chain(may).find(|check| **check != "*" && clause(check).is_none()) {
        return Err(format!("there is no check {unknown}"));
    }
    judge(good, broken, caught_by, may).map_err(|how| format!("it {how}\n{broken}"))
}

/// A good adapter with a defect breaks just those promises that it must.
async fn defects(labs: &Arc<Labs>, tally: &mut Tally, wish: &Wish) {
    let begun = Instant::now();
    let good = wish.run(local(labs)).await;
    for &defect in Defect::ALL {
        let report = wish.run(broken(labs, defect)).await;
        println!("{defect:?} fails {:?}", report.failed());
        let verdict = caught(&good, &report, defect.caught_by(), defect.may_be_caught_by());
        tally.count(&format!("defects, {defect:?}"), verdict);
    }
    println!("defects after {:.1} s", begun.elapsed().as_secs_f64());
}

/// So does a transport, and one that only looks strange breaks none.
async fn transports(labs: &Arc<Labs>, tally: &mut Tally, wish: &Wish) {
    let begun = Instant::now();
    let good = wish.run(memory(labs)).await;
    for row in BROKEN {
        let report = wish.run(strange(labs, row.strange)).await;
        println!("{} fails {:?}", row.name, report.failed());
        tally.count(&format!("transports, {}", row.name), caught(&good, &report, row.caught_by, row.may));
    }
    for row in SOUND {
        let report = wish.run(strange(labs, row.strange)).await;
        tally.judge(&format!("transports, {}", row.name), &report, &[]);
    }
    println!("transports after {:.1} s", begun.elapsed().as_secs_f64());
}
