//! `lab`: looks at the lab and interferes with it, past the engine.

use std::io::Write;
use std::path::Path;

use providers::lab::ldaps::{self, Options, Serving};
use providers::lab::{self, AccountPlan, Lab, Logon, WorldPlan, faults};
use providers::port::{Fault, Secret};
use serde_json::{Value, json};

use super::arguments::{FaultCommand, Format, Global, LabCommand, LabInit, LabServe, OperatorCommand};
use super::bench;
use super::output::{print, say, show, table};
use super::session;
use crate::order::{self, Exit};
use crate::wiring;

pub(super) async fn run(global: &Global, command: LabCommand) -> Exit {
    if let LabCommand::Bench(options) = &command {
        return bench::run(global, options).await;
    }
    let dir = match session::lab_dir(global) {
        Ok(dir) => dir,
        Err(exit) => return exit,
    };
    let world = global.lab_world.as_deref();
    let ready = match &command {
        LabCommand::Init(_) | LabCommand::Worlds => Ok(()),
        // An order may come before everything else.
        LabCommand::Fault(FaultCommand::Add { .. }) => lab::ready(&dir, world),
        _ => there(&dir, world),
    };
    let done = match ready {
        Ok(()) => work(global, &dir, command).await,
        Err(fault) => Err(fault),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(fault) => {
            say(&order::sentence(&fault));
            Exit::Usage
        }
    }
}

async fn work(global: &Global, dir: &Path, command: LabCommand) -> Result<(), Fault> {
    match command {
        LabCommand::Init(init) => make(dir, global.lab_world.as_deref(), init),
        LabCommand::Worlds => {
            worlds(global.format);
            Ok(())
        }
        LabCommand::Show => lab::show(dir).map(|truth| print(&shown(global.format, &truth))),
        LabCommand::SetPassword { account, holder } => lab::set_password(dir, &account, &holder, None),
        LabCommand::Operator(command) => operate(&wiring::open_lab(dir)?, command).await,
        LabCommand::Fault(FaultCommand::Add { name, times }) => faults::add(dir, &name, times),
        LabCommand::Fault(FaultCommand::Clear) => faults::clear(dir),
        LabCommand::Fault(FaultCommand::List) => list(global, dir),
        LabCommand::Serve(options) => serve(global, dir, &options).await,
        // It has a world of its own, and was carried out above.
        LabCommand::Bench(_) => Ok(()),
    }
}

/// Looking at a lab, and interfering with it, makes none.
fn there(dir: &Path, world: Option<&str>) -> Result<(), Fault> {
    if Lab::exists(dir) {
        return lab::ready(dir, world);
    }
    Err(Fault::refused(format!("opening the lab in {}", dir.display()), "there is no lab")
        .hint("`lab init` makes one, and so does a rotation or a plan with --lab"))
}

async fn operate(lab: &Lab, command: OperatorCommand) -> Result<(), Fault> {
    match command {
        OperatorCommand::EnterPassword { server, connector, account } => {
            lab.enter_password(&server, &connector, account.as_deref())
        }
        OperatorCommand::AbandonKey { server } => lab.abandon_key(&server),
        OperatorCommand::Run { server, connector } => {
            let facts = lab.run_connector(&server, &connector).await?;
            print(&format!("{} on {server}: {}", facts.connector, facts.result));
            Ok(())
        }
        OperatorCommand::Start { server } => lab.start_service(&server).await,
        OperatorCommand::ResetEntra { server } => lab.reset_entra_by_hand(&server).await,
        OperatorCommand::ServiceRight { server, held } => lab.let_log_on_as_service(&server, held),
        OperatorCommand::ClosePrograms { server } => lab.close_programs(&server),
        OperatorCommand::OpenProgram { server, program } => lab.open_program(&server, &program),
        OperatorCommand::Replication { seconds } => lab.let_replication_take(seconds),
        OperatorCommand::Scheduler { enabled } => lab.switch_scheduler(enabled),
        OperatorCommand::SwapRoles => lab.swap_roles(),
        OperatorCommand::Upgrade { server, build } => lab.upgrade(&server, &build).await,
    }
}

fn worlds(format: Format) {
    let worlds: Vec<Value> =
        lab::worlds().iter().map(|world| json!({ "name": world.name, "what": world.what })).collect();
    show(format, &json!({ "worlds": worlds }), |all| {
        let word = |world: &Value, part: &str| world[part].as_str().unwrap_or_default().to_owned();
        let worlds = all["worlds"].as_array().into_iter().flatten();
        table(&["WORLD", "WHAT IT IS"], worlds.map(|world| vec![word(world, "name"), word(world, "what")]).collect())
    });
}

fn make(dir: &Path, lab_world: Option<&str>, init: LabInit) -> Result<(), Fault> {
    let doing = || format!("making a lab in {}", dir.display());
    match (init.world.as_deref(), lab_world) {
        (Some(name), Some(other)) if name != other => {
            return Err(Fault::refused(doing(), "--world and --lab-world name two worlds").hint("name one"));
        }
        (Some(name), _) => return lab::make(dir, name),
        (None, Some(name)) => {
            return Err(Fault::refused(doing(), "--lab-world names its folder, but not what to make")
                .hint(format!("say --world {name} too")));
        }
        (None, None) => {}
    }
    let first_password = init.password_file.map(|file| {
        let text = std::fs::read_to_string(&file)
            .map_err(|cause| Fault::broken(format!("reading {}", file.display()), cause.to_string()))?;
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    });
    let logon = match (init.logon, init.logon_name) {
        (Some(url), Some(bind_name)) => Logon::Ldaps { url, ca_file: init.logon_ca_file, bind_name },
        _ => Logon::Model,
    };
    let rotator = init.rotator_password_file.map(|file| (file, AccountPlan::rotator(&init.rotator, &[&init.account])));
    if Lab::exists(dir) {
        // Said before the rotator's password is written: that lab has another one.
        return Err(Fault::refused(doing(), "there is one already").hint("choose another folder, or remove that one"));
    }
    if let Some((file, rotator)) = &rotator {
        write_new(file, &rotator.password)?;
    }
    let plan = WorldPlan {
        engine_user: init.account.clone(),
        account: init.account,
        active_server: init.server,
        staging_servers: init.staging_servers,
        controller_hosts: init.addresses.iter().map(ToString::to_string).collect(),
        more_accounts: rotator.into_iter().map(|(_, rotator)| rotator).collect(),
        logon,
        first_password: first_password.transpose()?,
        ..WorldPlan::default_world()
    };
    Lab::create(dir, &plan)
}

/// Writes a password into a file that was not there, for its owner alone.
fn write_new(file: &Path, password: &Secret) -> Result<(), Fault> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = options.open(file).and_then(|mut opened| opened.write_all(password.expose().as_bytes()));
    written.map_err(|cause| {
        Fault::refused(format!("writing {}", file.display()), cause.to_string())
            .hint("name a file that is not there yet")
    })
}

/// Serves the lab's directory until a signal comes, or standard input ends where that is wanted.
async fn serve(global: &Global, dir: &Path, options: &LabServe) -> Result<(), Fault> {
    let signals = signals().map_err(|cause| Fault::broken("serving the lab's directory", cause.to_string()))?;
    let lab = wiring::open_lab(dir)?;
    let serving = ldaps::serve(&lab, &Options { port: options.port, ..Options::default() }).await?;
    let told = json!({ "urls": serving.urls(), "ca_file": serving.ca_file(), "port": serving.port() });
    show(global.format, &told, |_| told_to_people(&serving));
    tokio::select! { () = signals => {}, () = stdin_ends(options.until_stdin_ends) => {} }
    Ok(())
}

fn told_to_people(serving: &Serving) -> String {
    format!("{}\nCA: {}", serving.urls().join("\n"), serving.ca_file().display())
}

/// Comes when this process is asked to end. From the call on, a signal is not lost.
#[cfg(unix)]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    })
}

/// Comes when this process is asked to end.
#[cfg(not(unix))]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Comes when standard input ends, if that is wanted.
async fn stdin_ends(wanted: bool) {
    let (ended, end) = tokio::sync::oneshot::channel();
    if !wanted {
        return std::future::pending().await;
    }
    // In a thread that nobody waits for: a read that hangs must not keep the process.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

fn shown(format: Format, truth: &Value) -> String {
    if format == Format::Json {
        return format!("{truth:#}");
    }
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let yes = |value: &Value| value.as_bool().unwrap_or_default();
    let mut holders = Vec::new();
    for account in all(&truth["accounts"]) {
        for holder in all(&account["holders"]) {
            holders.push(vec![text(&account["account"]), text(&holder["holder"]), text(&holder["label"])]);
        }
    }
    let servers = all(&truth["servers"]).into_iter().map(|server| {
        let mut open: Vec<String> = all(&server["open-programs"]).iter().map(text).collect();
        open.extend(yes(&server["upgrading"]).then(|| "an upgrade".to_owned()));
        let role = if yes(&server["staging"]) { "staging" } else { "active" };
        let mut row = vec![text(&server["server"]), role.to_owned()];
        row.extend(["build", "service-account", "service-state"].map(|part| text(&server[part])));
        row.push(if open.is_empty() { "-".to_owned() } else { open.join(", ") });
        row
    });
    let scheduler = &truth["scheduler"];
    let switch = |on: bool| if on { "on" } else { "off" };
    let mut lines = vec![format!("SyncCycleEnabled: {}", switch(yes(&scheduler["enabled"])))];
    lines.extend(yes(&scheduler["suspended"]).then(|| "the scheduler is suspended".to_owned()));
    lines.extend(all(&scheduler["restore-tasks"]).iter().map(|task| {
        let to = switch(yes(&task["enabled"]));
        format!("planted on {}: switch {to} at {}", text(&task["server"]), text(&task["at"]))
    }));
    let servers = table(&["SERVER", "ROLE", "BUILD", "SERVICE ACCOUNT", "SERVICE", "OPEN"], servers.collect());
    [table(&["ACCOUNT", "HOLDER", "PASSWORD"], holders), servers, lines.join("\n")].join("\n\n")
}

fn list(global: &Global, dir: &Path) -> Result<(), Fault> {
    let ordered = faults::list(dir)?;
    let times = |times: Option<u32>| times.map_or_else(|| "always".to_owned(), |times| times.to_string());
    let ordered: Vec<Value> = ordered.iter().map(|fault| json!({ "name": fault.name, "times": fault.times })).collect();
    let known: Vec<Value> = faults::known()
        .into_iter()
        .map(|(name, by_default, what)| json!({ "name": name, "times": by_default, "what": what }))
        .collect();
    show(global.format, &json!({ "ordered": ordered, "known": known }), |all| {
        let rows = |key: &str| -> Vec<Vec<String>> {
            let faults = all[key].as_array().into_iter().flatten();
            faults
                .map(|fault| {
                    let word = |part: &str| fault[part].as_str().unwrap_or_default().to_owned();
                    let count = fault["times"].as_u64().and_then(|count| u32::try_from(count).ok());
                    vec![word("name"), times(count), word("what")]
                })
                .collect()
        };
        let known = table(&["CAN BE ORDERED", "TIMES", "WHAT HAPPENS"], rows("known"));
        let ordered = rows("ordered");
        if ordered.is_empty() { known } else { format!("{}\n\n{known}", table(&["ORDERED", "TIMES", ""], ordered)) }
    });
    Ok(())
}
