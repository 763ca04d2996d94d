//! What each script does, done on a server of the lab through the port.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;
use providers::entra_connect::windows::Script;
use providers::lab::{Lab, LabSetting};
use providers::port::{ConnectServer, Fault, RUNS_MAX, step_scope};
use serde_json::{Value, json};

use super::error_record::ErrorRecord;
use super::host::{Host, Input, Reply};
use super::objects;
use super::setting::Setting;

type Said = Result<Reply, ErrorRecord>;

/// The run of a script.
struct Run<'a> {
    setting: &'a Setting,
    server: Arc<dyn ConnectServer>,
    input: Input,
    host: Host,
}

/// Plays the script to its end. As with PowerShell, errors are told and are no status.
pub(super) fn run(script: Script, setting: &Setting) -> ExitCode {
    // Where the lab lets a process end, this one does: as by SIGKILL, in the middle.
    let lab =
        LabSetting { now: Arc::new(Timestamp::now), end_process: Arc::new(|| std::process::abort()), latency: None };
    let server = Lab::open(&setting.lab, lab).ok().and_then(|lab| lab.server(&setting.server));
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    if script == Script::Restore {
        return server.map_or(ExitCode::FAILURE, |server| runtime.block_on(restore(setting, &*server)));
    }
    let Ok(input) = Input::read() else { return ExitCode::FAILURE };
    let host = Host::default();
    host.ready();
    // A machine without the engine has no such module.
    let Some(server) = server else {
        host.reply(Err(ErrorRecord::no_module().by("Microsoft.PowerShell.Commands.ImportModuleCommand")));
        return ExitCode::SUCCESS;
    };
    let mut run = Run { setting, server, input, host };
    let said = runtime.block_on(step_scope::within(setting.step.clone(), run.play(script)));
    run.host.reply(said);
    ExitCode::SUCCESS
}

/// The planted task: gives the switch the value that the task was planted with.
async fn restore(setting: &Setting, server: &dyn ConnectServer) -> ExitCode {
    let task = world(setting).and_then(|world| world["restore_task"]["enabled"].as_bool());
    let Some(enabled) = task else { return ExitCode::FAILURE };
    server.release_scheduler(enabled).await.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// The server in the lab's own file: what a script sees on its way, and no request of its own is made for.
fn world(setting: &Setting) -> Option<Value> {
    let world: Value = serde_json::from_slice(&fs::read(setting.lab.join("world.json")).ok()?).ok()?;
    world["servers"].as_array()?.iter().find(|server| server["name"] == setting.server.as_str()).cloned()
}

/// A value of the request; strict mode knows no absent ones.
fn value<'a>(request: &'a Value, name: &str) -> Result<&'a Value, ErrorRecord> {
    let known = request.get(name).filter(|value| !value.is_null());
    known.ok_or_else(|| ErrorRecord::argument(format!("The property '{name}' cannot be found on this object.")))
}

fn text(request: &Value, name: &str) -> Result<String, ErrorRecord> {
    Ok(value(request, name)?.as_str().unwrap_or_default().to_owned())
}

fn truth(request: &Value, name: &str) -> Result<bool, ErrorRecord> {
    let given = value(request, name)?.as_bool();
    given.ok_or_else(|| ErrorRecord::argument(format!("The property '{name}' is no truth value.")))
}

fn by(cmdlet: &'static str) -> impl Fn(Fault) -> ErrorRecord {
    move |fault| ErrorRecord::of(&fault).by(cmdlet)
}

impl Run<'_> {
    async fn play(&mut self, script: Script) -> Said {
        let request = self.input.request()?;
        // Every cmdlet of the module asks the running engine.
        let world = world(self.setting).ok_or_else(ErrorRecord::no_module)?;
        if world["service"]["state"] != "running" {
            return Err(ErrorRecord::nobody_listens().by(CONNECTOR));
        }
        match script {
            Script::Describe => self.describe().await,
            Script::Pause => self.pause(&request).await,
            Script::Release => self.release(&request).await,
            Script::SetConnectorPassword => self.set_connector_password(&request, &world).await,
            Script::StoredLogon => self.stored_logon(&request, &world).await,
            Script::Prove => self.prove(&request, &world).await,
            Script::Runs => self.runs(&request, &world).await,
            Script::ResetEntraAccount => self.reset_entra_account(&request, &world).await,
            Script::Restore => Err(ErrorRecord::argument("the planted task is asked nothing")),
        }
    }

    async fn describe(&self) -> Said {
        let facts = self
            .server
            .describe()
            .await
            .map_err(by("Microsoft.IdentityManagement.PowerShell.Cmdlet.GetADSyncSchedulerCmdlet"))?;
        Ok(Reply::Done(objects::server(&facts)))
    }

    async fn pause(&mut self, request: &Value) -> Said {
        let (restore, at) = (truth(request, "restore")?, text(request, "restore_at")?);
        let at: Timestamp =
            at.parse().map_err(|_| ErrorRecord::argument("String was not recognized as a valid DateTime."))?;
        // The planted task would run these.
        let (program, arguments) = (text(request, "program")?, text(request, "arguments")?);
        if program.is_empty() || arguments != Script::Restore.arguments().join(" ") {
            return Err(ErrorRecord::argument("the planted task would run something else"));
        }
        self.host.acting();
        let done = self.server.pause_scheduler(restore, at).await;
        done.map_err(by(SCHEDULER)).map(|()| Reply::Done(json!({})))
    }

    async fn release(&mut self, request: &Value) -> Said {
        let enabled = truth(request, "enabled")?;
        self.host.acting();
        let done = self.server.release_scheduler(enabled).await;
        done.map_err(by(SCHEDULER)).map(|()| Reply::Done(json!({})))
    }

    async fn set_connector_password(&mut self, request: &Value, world: &Value) -> Said {
        let connector = match known(request, world)? {
            Known::Active(connector) => connector,
            Known::Entra(_) => return Ok(Reply::Refusal("entra-connector", String::new())),
            Known::No(others) => return Ok(Reply::Refusal("no-such-connector", others)),
        };
        let secret = self.input.secret()?;
        self.host.acting();
        let done = self.server.set_connector_password(&connector, &secret).await;
        done.map_err(by("Microsoft.IdentityManagement.PowerShell.Cmdlet.AddADSyncConnectorCmdlet"))
            .map(|()| Reply::Done(json!({})))
    }

    async fn stored_logon(&self, request: &Value, world: &Value) -> Said {
        let connector = match known(request, world)? {
            Known::Active(connector) => connector,
            Known::Entra(_) => return Ok(Reply::Refusal("entra-connector", String::new())),
            Known::No(others) => return Ok(Reply::Refusal("no-such-connector", others)),
        };
        let search = "Microsoft.IdentityManagement.PowerShell.Cmdlet.SearchADSyncDirectoryObjectsCmdlet";
        match self.server.stored_logon(&connector).await.map_err(by(search))? {
            None => Ok(Reply::Done(json!({ "searched": false }))),
            Some(true) => Ok(Reply::Done(json!({ "searched": true }))),
            Some(false) => Err(ErrorRecord::logon_refused().by(search)),
        }
    }

    async fn prove(&mut self, request: &Value, world: &Value) -> Said {
        let connector = match known(request, world)? {
            Known::Active(connector) | Known::Entra(connector) => connector,
            Known::No(others) => return Ok(Reply::Refusal("no-such-connector", others)),
        };
        self.host.acting();
        let done = self.server.prove(&connector).await;
        let facts = done.map_err(by("Microsoft.IdentityManagement.PowerShell.Cmdlet.InvokeADSyncRunProfileCmdlet"))?;
        // What was not started at all is not in the history, and only the cmdlet's own word tells.
        let busy = facts.result == "no-start-ma-already-running";
        let number = runs_of(world, &connector) + 1;
        let run = if busy { Value::Null } else { objects::run(&facts, number) };
        Ok(Reply::Done(json!({ "run": run, "returned": facts.result, "at": objects::time(Timestamp::now()) })))
    }

    async fn runs(&self, request: &Value, world: &Value) -> Said {
        let connector = match known(request, world)? {
            Known::Active(connector) | Known::Entra(connector) => connector,
            Known::No(others) => return Ok(Reply::Refusal("no-such-connector", others)),
        };
        let asked = value(request, "count")?.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(RUNS_MAX);
        let runs = self
            .server
            .runs(&connector)
            .await
            .map_err(by("Microsoft.IdentityManagement.PowerShell.Cmdlet.GetADSyncRunProfileResultCmdlet"))?;
        let count = runs.len();
        let written = runs.iter().take(asked).enumerate().map(|(index, run)| objects::run(run, count - index));
        Ok(Reply::Done(json!({ "runs": written.collect::<Vec<_>>() })))
    }

    async fn reset_entra_account(&mut self, request: &Value, world: &Value) -> Said {
        if world["entra"]["type"] == "application" {
            return Ok(Reply::Refusal("application", String::new()));
        }
        let (user, secret) = (text(request, "user")?, self.input.secret()?);
        self.host.acting();
        let done = self.server.reset_entra_account(&user, &secret).await;
        done.map_err(by("Microsoft.IdentityManagement.PowerShell.Cmdlet.AddADSyncAADServiceAccountCmdlet"))
            .map(|()| Reply::Done(json!({})))
    }
}

const CONNECTOR: &str = "Microsoft.IdentityManagement.PowerShell.Cmdlet.GetADSyncConnectorCmdlet";
const SCHEDULER: &str = "Microsoft.IdentityManagement.PowerShell.Cmdlet.SetADSyncSchedulerCmdlet";

/// What `Find-Connector` of `common.ps1` finds.
enum Known {
    /// A connector to Active Directory, by its name.
    Active(String),
    /// The one to Entra ID.
    Entra(String),
    /// None of that name; the names there are.
    No(String),
}

fn connectors(world: &Value) -> impl Iterator<Item = &Value> {
    world["connectors"].as_array().into_iter().flatten()
}

fn known(request: &Value, world: &Value) -> Result<Known, ErrorRecord> {
    let wanted = text(request, "connector")?;
    let name = |connector: &Value| connector["name"].as_str().unwrap_or_default().to_owned();
    // PowerShell's `-eq` does not mind the case.
    let found = connectors(world).find(|connector| name(connector).to_lowercase() == wanted.to_lowercase());
    Ok(match found {
        Some(connector) if connector["kind"] == "entra" => Known::Entra(name(connector)),
        Some(connector) => Known::Active(name(connector)),
        None => Known::No(connectors(world).map(name).collect::<Vec<_>>().join(", ")),
    })
}

fn runs_of(world: &Value, name: &str) -> usize {
    let found = connectors(world).find(|connector| connector["name"] == name);
    found.and_then(|connector| connector["runs"].as_array()).map_or(0, Vec::len)
}
