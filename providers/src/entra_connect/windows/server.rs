//! The port on the server itself: what Windows answers, what the cmdlets answer, and in which order they are asked.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::cmdlets::Call;
use super::facts::{Described, Proved, Runs, entra_identity};
use super::machine::{Machine, MachineError, ServiceState, ServiceStatus, Started, Stopped};
use super::powershell::PowerShell;
use super::script::Script;
use crate::entra_connect::Operation;
use crate::port::{
    ConnectServer, ConnectorKind, EVENTS_MAX, FailureClass, Fault, LocalUserFacts, ProofFacts, RUNS_MAX, Secret,
    ServerFacts, ServiceFacts, tenure,
};

/// The service of the sync engine.
const SERVICE: &str = "ADSync";
/// Programs that hold the engine's configuration while they are open.
const HOLDERS: [&str; 2] = ["AzureADConnect.exe", "miisclient.exe"];
/// Programs that change the engine itself while they run. Inferred from the published installer's name; msiexec.exe is not
/// among them: one of it runs as a service for whatever is installed, and stays for minutes after.
const UPGRADERS: [&str; 3] = ["AzureADConnectSetup.exe", "AADConnectSetup.exe", "AzureADConnectUpgrade.exe"];
/// The sources of the events that matter, by log.
const SOURCES: [(&str, &[&str]); 2] = [
    ("Application", &["ADSync", "Directory Synchronization", "Entra Connect Admin Actions"]),
    ("System", &SERVICE_MANAGER),
];

const SERVICE_MANAGER: [&str; 1] = ["Service Control Manager"];
/// That the account may not log on as a service, as the service manager's event says it.
const RIGHT_LOST: &str = ">7041</EventID>";

/// How long a service may take to stop, and to start.
const STOP_LIMIT: Duration = Duration::from_secs(280);
const START_LIMIT: Duration = Duration::from_secs(280);
/// How long a service must have run to be taken for running: one that can't open its key set ends at once.
const STEADY: Duration = Duration::from_secs(3);

/// The next step after a start that failed.
const LOOK_AT_LOGS: &str = "look at the server's System and Application logs, then start ADSync by hand";

/// Longest password of a service's logon, in UTF-16 units: services.exe takes no more.
const SERVICE_PASSWORD_MAX: usize = 127;

/// Windows' error numbers.
const ACCESS_DENIED: u32 = 5;
const WRONG_OLD_PASSWORD: u32 = 86;
const OWN_ERROR: u32 = 1066;
/// Nobody listens: the request has not left.
const SERVER_UNAVAILABLE: u32 = 1722;
const LOGON_FAILED: u32 = 1069;
/// Numbers with which an account is turned away that may have shown the right password.
const BARRED: [(u32, &str); 6] = [
    (1327, "its logon is restricted"),
    (1330, "its password has expired"),
    (1331, "the user is disabled"),
    (1793, "the user has expired"),
    (1907, "its password must be changed first"),
    (1909, "the user is locked out"),
];
/// Numbers with which a change of a password is surely refused: the old one is wrong, the user is locked, there is no such
/// user, the policy forbids the new one.
const CHANGE_REFUSED: [(u32, &str); 7] = [
    (ACCESS_DENIED, "access is denied"),
    (WRONG_OLD_PASSWORD, "the old password is not the one in use"),
    (1324, "the user may not change its password"),
    (1325, "the password does not meet the policy"),
    (1331, "the user is disabled"),
    (1909, "the user is locked out"),
    (2245, "the password does not meet the policy"),
];
/// The named user is not there.
const NO_SUCH_USER: u32 = 2221;

/// A Connect server that this process runs on.
pub struct WindowsServer<M> {
    name: String,
    machine: Arc<M>,
    powershell: PowerShell,
}

impl<M: Machine> WindowsServer<M> {
    /// The server named so in the configuration: this machine.
    pub fn new(name: impl Into<String>, machine: M, powershell: PowerShell) -> Self {
        Self { name: name.into(), machine: Arc::new(machine), powershell }
    }

    /// Calls of Windows block, so they go to a thread of their own.
    async fn ask<V: Send + 'static>(
        &self,
        doing: &str,
        call: impl FnOnce(&M) -> Result<V, MachineError> + Send + 'static,
    ) -> Result<Result<V, MachineError>, Fault> {
        let machine = self.machine.clone();
        // A call that panicked may have happened.
        tokio::task::spawn_blocking(move || call(&machine))
            .await
            .map_err(|cause| Fault::unclear(doing, format!("the call broke off: {cause}")))
    }

    /// A call that changes something: the tenure is asked on the thread that makes it, once it has got one.
    async fn act<V: Send + 'static>(
        &self,
        doing: &str,
        call: impl FnOnce(&M) -> Result<V, MachineError> + Send + 'static,
    ) -> Result<Result<V, MachineError>, Fault> {
        let (tenure, runtime, about) = (tenure::current(), Handle::current(), doing.to_owned());
        let asked = self.ask(doing, move |machine| {
            let held = runtime.block_on(tenure::within(tenure, tenure::held(&about)));
            Ok(held.map(|()| call(machine)))
        });
        match asked.await? {
            Ok(answer) => answer,
            Err(never) => Ok(Err(never)),
        }
    }

    /// A question to Windows whose failure means that it is to be asked again.
    async fn look<V: Send + 'static>(
        &self,
        doing: &str,
        call: impl FnOnce(&M) -> Result<V, MachineError> + Send + 'static,
    ) -> Result<V, Fault> {
        self.ask(doing, call).await?.map_err(|error| {
            if error.code == ACCESS_DENIED {
                Fault::refused(doing, error.to_string()).hint("entra-rotator must run as a local administrator")
            } else {
                Fault::later(doing, error.to_string())
            }
        })
    }

    async fn service(&self, doing: &str) -> Result<ServiceStatus, Fault> {
        self.look(doing, |machine| machine.service(SERVICE)).await
    }

    /// The service, which must run for a cmdlet.
    async fn running(&self, doing: &str) -> Result<(), Fault> {
        match self.service(doing).await?.state {
            ServiceState::Running => Ok(()),
            other => {
                let cause = format!("the service is {}", other.word());
                Err(Fault::later(doing, cause).hint("start ADSync on the server"))
            }
        }
    }

    /// The bare name of a StartName that is a user of this machine: `.\user`, `HOST\user`.
    async fn local_name(&self, account: &str, doing: &str) -> Result<String, Fault> {
        let host = self.look(doing, Machine::host).await?;
        match account.split_once('\\') {
            Some((place, name)) if place == "." || place.eq_ignore_ascii_case(&host) => Ok(name.to_owned()),
            _ => Err(Fault::refused(doing, format!("{account} is no user of {host}"))
                .hint(format!("a local user is named .\\user or {host}\\user"))),
        }
    }

    async fn stop_within(&self, doing: &str) -> Result<(), Fault> {
        let stopped = self.act(doing, |machine| machine.stop_service(SERVICE, STOP_LIMIT)).await?;
        match stopped.map_err(|error| match error.code {
            ACCESS_DENIED => {
                Fault::refused(doing, error.to_string()).hint("stopping a service needs a local administrator")
            }
            SERVER_UNAVAILABLE => Fault::later(doing, error.to_string()),
            _ => Fault::unclear(doing, error.to_string()),
        })? {
            Stopped::Yes => Ok(()),
            Stopped::Pending(ServiceStatus { state, process_id, .. }) => {
                let cause = format!("the service did not stop: it is {} as process {process_id}", state.word());
                Err(Fault::refused(doing, cause).hint("look at the server's System log, then restart ADSync by hand"))
            }
            Stopped::Needed(services) => {
                let cause = format!("other services need it and run: {}", services.join(", "));
                Err(Fault::refused(doing, cause).hint("nothing was changed; stop them first"))
            }
        }
    }

    async fn start_within(&self, doing: &str) -> Result<(), Fault> {
        if self.service(doing).await?.state == ServiceState::Running {
            return Ok(());
        }
        let begun = self.look(doing, |machine| Ok(machine.now())).await?;
        let started = self.act(doing, |machine| machine.start_service(SERVICE, START_LIMIT)).await?;
        let started = match started {
            Ok(started) => started,
            Err(error) => return Err(self.told(not_started(doing, &error), begun).await),
        };
        match started {
            Started::Yes => {}
            Started::Pending(status) => {
                let cause = format!("the service is {} after {} s", status.state.word(), START_LIMIT.as_secs());
                return Err(Fault::refused(doing, cause).hint(LOOK_AT_LOGS));
            }
            Started::Ended(status) => return Err(self.told(ended(doing, &status), begun).await),
        }
        sleep(STEADY).await;
        let status = self.service(doing).await?;
        if status.state == ServiceState::Running {
            return Ok(());
        }
        Err(self.told(ended(doing, &status), begun).await)
    }

    /// The same fault, where the service manager's log since then knows better: a refused logon has one number, whether
    /// the password is wrong or the right to log on as a service is gone.
    async fn told(&self, fault: Fault, begun: Timestamp) -> Fault {
        if fault.class != Some(FailureClass::ServiceLogon) {
            return fault;
        }
        let xpath = xpath(&SERVICE_MANAGER, begun);
        let events = self.look(&fault.doing, move |machine| machine.events("System", &xpath, EVENTS_MAX)).await;
        let own = format!(">{SERVICE}<");
        let lost = |event: &String| event.contains(RIGHT_LOST) && event.contains(&own);
        if events.is_ok_and(|events| events.iter().any(lost)) {
            return fault.of(FailureClass::ServiceLogonRight);
        }
        fault
    }
}

/// The start was refused.
fn not_started(doing: &str, error: &MachineError) -> Fault {
    let fault = Fault::refused(doing, error.to_string());
    match error.code {
        LOGON_FAILED => {
            fault.hint("look at the server's System log, events 7038, 7041 and 7000").of(FailureClass::ServiceLogon)
        }
        ACCESS_DENIED => fault.hint("starting a service needs a local administrator"),
        _ => fault.hint(LOOK_AT_LOGS),
    }
}

/// The service began to start, and is stopped again.
fn ended(doing: &str, status: &ServiceStatus) -> Fault {
    let number = match (status.exit_code, status.own_exit_code) {
        (OWN_ERROR, own) => format!("error {OWN_ERROR}, with the service-specific number {own}"),
        (0, _) => "without an error number".to_owned(),
        (code, _) => format!("error {code}"),
    };
    let fault = Fault::refused(doing, format!("the service ended by itself: {number}"));
    if status.exit_code == LOGON_FAILED {
        return fault
            .hint("look at the server's System log, events 7038, 7041 and 7000")
            .of(FailureClass::ServiceLogon);
    }
    // Whether it is event 6028 is for whoever reads the log: only its text tells.
    fault.hint(
        "look at the server's Application log; with event 6028 don't abandon the key before the way back is ruled out",
    )
}

/// The XPath of the events of some sources since then. `SystemTime` compares as text in UTC.
fn xpath(sources: &[&str], since: Timestamp) -> String {
    let names: Vec<String> = sources.iter().map(|name| format!("@Name='{name}'")).collect();
    // Milliseconds, rounded down: one event too many is better than one too few.
    format!("*[System[Provider[{}] and TimeCreated[@SystemTime>='{since:.3}']]]", names.join(" or "))
}

/// When an event was logged, as its XML has it: enough to put two logs into one order.
fn logged_at(event: &str) -> Option<Timestamp> {
    let (_, rest) = event.split_once("SystemTime=")?;
    let quote = rest.chars().next().filter(|quote| ['\'', '"'].contains(quote))?;
    rest[1..].split(quote).next()?.parse().ok()
}

#[async_trait]
impl<M: Machine> ConnectServer for WindowsServer<M> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn describe(&self) -> Result<ServerFacts, Fault> {
        let doing = Operation::Describe.doing(&self.name);
        let (host, account, status, build, started_at) = self
            .look(&doing, |machine| {
                let status = machine.service(SERVICE)?;
                let line = machine.service_command_line(SERVICE)?;
                // It may have ended since.
                let started_at = (status.process_id != 0).then(|| machine.process_started_at(status.process_id).ok());
                let build = machine.file_version(program_of(&line))?;
                Ok((machine.host()?, machine.service_account(SERVICE)?, status, build, started_at.flatten()))
            })
            .await?;
        let service =
            ServiceFacts { account, state: status.state.word().to_owned(), process_id: status.process_id, started_at };
        let open_programs = self.look(&doing, |machine| machine.running_of(&HOLDERS)).await?;
        let upgrading = !self.look(&doing, |machine| machine.running_of(&UPGRADERS)).await?.is_empty();
        // A machine that can't tell is no reason not to describe it.
        let logon_dc = self.ask(&doing, Machine::logon_dc).await?.ok().flatten();
        // The cmdlets ask the engine: while it stands still, Windows alone answers.
        let engine_answers = status.state == ServiceState::Running;
        let described = match engine_answers {
            true => {
                let call = Call { doing: &doing, script: Script::Describe, secret: None };
                call.run(&self.powershell, &json!({})).await?
            }
            false => Described::default(),
        };
        let Described { module, staging, scheduler, connectors, entra } = described;
        let connectors: Vec<_> = connectors.into_iter().filter_map(super::facts::Connector::facts).collect();
        let user = connectors.iter().find(|known| known.kind == ConnectorKind::Entra).map_or("", |known| &known.user);
        Ok(ServerFacts {
            server: self.name.clone(),
            host,
            build,
            module,
            staging,
            service,
            engine_answers,
            scheduler: scheduler.facts(),
            open_programs,
            upgrading,
            logon_dc,
            entra: entra.and_then(|properties| entra_identity(&properties, user)),
            connectors,
        })
    }

    async fn pause_scheduler(&self, restore: bool, restore_at: Timestamp) -> Result<(), Fault> {
        let doing = Operation::PauseScheduler { restore, restore_at }.doing(&self.name);
        let arguments = json!({
            "restore": restore,
            "restore_at": restore_at.to_string(),
            "program": self.powershell.program(),
            "arguments": Script::Restore.arguments().join(" "),
        });
        let call = Call { doing: &doing, script: Script::Pause, secret: None };
        call.run(&self.powershell, &arguments).await.map(|_: serde_json::Value| ())
    }

    async fn release_scheduler(&self, enabled: bool) -> Result<(), Fault> {
        let doing = Operation::ReleaseScheduler { enabled }.doing(&self.name);
        let call = Call { doing: &doing, script: Script::Release, secret: None };
        call.run(&self.powershell, &json!({ "enabled": enabled })).await.map(|_: serde_json::Value| ())
    }

    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let doing = format!("setting the password of connector {connector} on {}", self.name);
        self.running(&doing).await?;
        let call = Call { doing: &doing, script: Script::SetConnectorPassword, secret: Some(secret) };
        call.run(&self.powershell, &json!({ "connector": connector })).await.map(|_: serde_json::Value| ())
    }

    async fn set_service_logon(&self, account: &str, secret: &Secret) -> Result<(), Fault> {
        let doing = format!("setting the service's logon on {}", self.name);
        let holds = self.look(&doing, |machine| machine.service_account(SERVICE)).await?;
        if !account.eq_ignore_ascii_case(&holds) {
            return Err(Fault::refused(&doing, format!("the service runs as {holds}, not as {account}"))
                .hint("the password may change, the account may not"));
        }
        let managed = holds.ends_with('$')
            || ["NT SERVICE\\", "NT AUTHORITY\\"].iter().any(|place| starts_with(&holds, place))
            || holds.eq_ignore_ascii_case("LocalSystem");
        if managed {
            return Err(
                Fault::refused(&doing, format!("Windows manages the password of {holds}")).hint("leave it to Windows")
            );
        }
        let length = secret.expose().encode_utf16().count();
        if length > SERVICE_PASSWORD_MAX {
            let cause =
                format!("the password has {length} characters, a service's logon takes at most {SERVICE_PASSWORD_MAX}");
            return Err(Fault::refused(&doing, cause).hint("generate a shorter one"));
        }
        let secret = secret.clone();
        self.act(&doing, move |machine| machine.set_service_logon(SERVICE, &holds, &secret)).await?.map_err(|error| {
            if error.code == ACCESS_DENIED {
                Fault::refused(&doing, error.to_string())
                    .hint("nothing was changed; changing a service's logon needs a local administrator")
            } else {
                Fault::unclear(&doing, error.to_string())
            }
        })
    }

    async fn local_user(&self, account: &str) -> Result<LocalUserFacts, Fault> {
        let doing = Operation::LocalUser { account: account.to_owned() }.doing(&self.name);
        let name = self.local_name(account, &doing).await?;
        let wanted = name.clone();
        let asked =
            self.ask(&doing, move |machine| machine.local_user(&wanted).map(|user| (user, machine.now()))).await?;
        let (user, at) = asked.map_err(|error| user_fault(&doing, &error, &[]))?;
        let reasons = [
            (user.disabled, "the user is disabled"),
            (user.locked, "the user is locked"),
            (user.expired, "the user has expired"),
            (user.cant_change, "the user may not change its password"),
        ];
        Ok(LocalUserFacts {
            name,
            password_set_at: at - SignedDuration::from_secs(i64::from(user.password_age_s)),
            at,
            refusals: reasons.iter().filter(|(bars, _)| *bars).map(|(_, word)| (*word).to_owned()).collect(),
            length_min: user.length_min,
        })
    }

    async fn change_local_password(&self, account: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let doing = format!("changing the password of {account} on {}", self.name);
        let name = self.local_name(account, &doing).await?;
        let (old, new) = (old.clone(), new.clone());
        self.act(&doing, move |machine| machine.change_password(&name, &old, &new)).await?.map_err(|error| {
            match user_fault(&doing, &error, &CHANGE_REFUSED) {
                fault if fault.meaning == crate::port::Meaning::Later => Fault::unclear(&doing, error.to_string()),
                fault => fault.hint("nothing was changed"),
            }
        })
    }

    async fn local_logon(&self, account: &str, secret: &Secret) -> Result<bool, Fault> {
        let doing = format!("logging on as {account} on {}", self.name);
        let name = self.local_name(account, &doing).await?;
        let (secret, wanted) = (secret.clone(), name.clone());
        let accepted = self.ask(&doing, move |machine| machine.logon(&wanted, &secret)).await?;
        let accepted = accepted.map_err(|error| user_fault(&doing, &error, &BARRED))?;
        if !accepted {
            // Windows does not say whether it is the password that is wrong, or the name.
            let known = self.ask(&doing, move |machine| machine.local_user(&name)).await?;
            known.map_err(|error| user_fault(&doing, &error, &[]))?;
        }
        Ok(accepted)
    }

    async fn stop(&self) -> Result<(), Fault> {
        self.stop_within(&Operation::Stop.doing(&self.name)).await
    }

    async fn start(&self) -> Result<(), Fault> {
        self.start_within(&Operation::Start.doing(&self.name)).await
    }

    async fn restart(&self) -> Result<(), Fault> {
        let doing = Operation::Restart.doing(&self.name);
        let both = async {
            self.stop_within(&doing).await?;
            self.start_within(&doing).await
        };
        tenure::several(both).await
    }

    async fn stored_logon(&self, connector: &str) -> Result<Option<bool>, Fault> {
        let doing = Operation::StoredLogon { connector: connector.to_owned() }.doing(&self.name);
        self.running(&doing).await?;
        let call = Call { doing: &doing, script: Script::StoredLogon, secret: None };
        call.stored_logon(&self.powershell, connector).await
    }

    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault> {
        let doing = Operation::Prove { connector: connector.to_owned() }.doing(&self.name);
        self.running(&doing).await?;
        let call = Call { doing: &doing, script: Script::Prove, secret: None };
        let Proved { run, returned, at } = call.run(&self.powershell, &json!({ "connector": connector })).await?;
        match run {
            Some(run) if run.complete => Ok(run.facts(connector, at)),
            Some(_) => Err(Fault::unclear(&doing, "the run has not ended")),
            // A run that did not start leaves no trace in the history: only the cmdlet's own word tells.
            None if returned.starts_with("no-start-") => Ok(ProofFacts {
                connector: connector.to_owned(),
                result: returned,
                steps: Vec::new(),
                connections: Vec::new(),
                at,
            }),
            None => {
                Err(Fault::unclear(&doing, format!("the history has no new run; the cmdlet returned `{returned}`")))
            }
        }
    }

    async fn reset_entra_account(&self, user: &str, secret: &Secret) -> Result<(), Fault> {
        let doing = format!("resetting the Entra connector account of {}", self.name);
        self.running(&doing).await?;
        let call = Call { doing: &doing, script: Script::ResetEntraAccount, secret: Some(secret) };
        call.run(&self.powershell, &json!({ "user": user })).await.map(|_: serde_json::Value| ())
    }

    async fn events(&self, since: Timestamp) -> Result<Vec<String>, Fault> {
        let doing = Operation::Events { since }.doing(&self.name);
        let mut events = Vec::new();
        for (channel, sources) in SOURCES {
            let xpath = xpath(sources, since);
            events.extend(self.look(&doing, move |machine| machine.events(channel, &xpath, EVENTS_MAX)).await?);
        }
        // An XPath compares milliseconds.
        events.retain(|event| logged_at(event).is_none_or(|at| at >= since));
        // Each log is in order by itself.
        events.sort_by_key(|event| logged_at(event));
        let surplus = events.len().saturating_sub(EVENTS_MAX);
        events.drain(..surplus);
        Ok(events)
    }

    async fn runs(&self, connector: &str) -> Result<Vec<ProofFacts>, Fault> {
        let doing = Operation::Runs { connector: connector.to_owned() }.doing(&self.name);
        self.running(&doing).await?;
        let call = Call { doing: &doing, script: Script::Runs, secret: None };
        let arguments = json!({ "connector": connector, "count": RUNS_MAX });
        call.run(&self.powershell, &arguments).await.map(|runs: Runs| runs.facts(connector, RUNS_MAX))
    }
}

/// The program in a command line: what stands in quotes, or everything up to its `.exe`.
fn program_of(line: &str) -> &str {
    let line = line.trim();
    if let Some(quoted) = line.strip_prefix('"') {
        return quoted.split('"').next().unwrap_or(quoted);
    }
    let end = line.to_ascii_lowercase().find(".exe").map(|at| at + ".exe".len());
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}

fn starts_with(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|part| part.eq_ignore_ascii_case(beginning))
}

/// What a number says about a local user: refused where it is one of those, else to be tried again.
fn user_fault(doing: &str, error: &MachineError, refused: &[(u32, &str)]) -> Fault {
    if error.code == NO_SUCH_USER {
        return Fault::refused(doing, error.to_string()).hint("look at the account's name");
    }
    match refused.iter().find(|(code, _)| *code == error.code) {
        Some((code, word)) => Fault::refused(doing, format!("{word} (error {code})")),
        None => Fault::later(doing, error.to_string()),
    }
}
