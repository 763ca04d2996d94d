//! `lab`: looks at the lab and interferes with it, past the engine.

use std::path::Path;

use providers::lab::{self, Lab, Logon, WorldPlan, faults};
use providers::port::{Fault, Secret};
use serde_json::{Value, json};

use super::arguments::{FaultCommand, Format, Global, LabCommand, LabInit};
use super::exit::Exit;
use super::output::{print, say, show, table};
use super::session;

pub(super) fn run(global: &Global, command: LabCommand) -> Exit {
    let dir = match session::lab_dir(global) {
        Ok(dir) => dir,
        Err(exit) => return exit,
    };
    let done = match command {
        LabCommand::Init(init) => make(&dir, init),
        command => ready(&dir).and_then(|()| match command {
            LabCommand::Show => lab::show(&dir).map(|truth| print(&shown(global.format, &truth))),
            LabCommand::SetPassword { account, holder } => lab::set_password(&dir, &account, &holder, None),
            LabCommand::Fault(FaultCommand::Add { name, times }) => faults::add(&dir, &name, times),
            LabCommand::Fault(FaultCommand::Clear) => faults::clear(&dir),
            LabCommand::Fault(FaultCommand::List) => list(global, &dir),
            LabCommand::Init(_) => Ok(()),
        }),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(fault) => {
            say(&session::sentence(&fault));
            Exit::Usage
        }
    }
}

/// A lab that nobody made yet is the default one.
fn ready(dir: &Path) -> Result<(), Fault> {
    if Lab::exists(dir) { Ok(()) } else { Lab::create(dir, &WorldPlan::default_world()) }
}

fn make(dir: &Path, init: LabInit) -> Result<(), Fault> {
    let first_password = init.password_file.map(|file| {
        let text = std::fs::read_to_string(&file)
            .map_err(|cause| Fault::broken(format!("reading {}", file.display()), cause.to_string()))?;
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    });
    let logon = match (init.logon, init.logon_name) {
        (Some(url), Some(bind_name)) => Logon::Ldaps { url, ca_file: init.logon_ca_file, bind_name },
        _ => Logon::Model,
    };
    let plan = WorldPlan {
        engine_user: init.account.clone(),
        account: init.account,
        active_server: init.server,
        staging_servers: init.staging_servers,
        logon,
        first_password: first_password.transpose()?,
        ..WorldPlan::default_world()
    };
    Lab::create(dir, &plan)
}

fn shown(format: Format, truth: &Value) -> String {
    if format == Format::Json {
        return format!("{truth:#}");
    }
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let accounts = truth["accounts"].as_array().into_iter().flatten();
    let rows = accounts.flat_map(|account| {
        let holders = account["holders"].as_array().into_iter().flatten();
        holders.map(|holder| vec![text(&account["account"]), text(&holder["holder"]), text(&holder["label"])])
    });
    table(&["ACCOUNT", "HOLDER", "PASSWORD"], rows.collect())
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
