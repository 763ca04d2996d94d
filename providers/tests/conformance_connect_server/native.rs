//! The adapter that runs on a Connect server, behind an agent: its Windows is [`LabMachine`], its powershell.exe the
//! stand-in of `tests/stand-ins`, which is this program again under another name. Both act on one server of the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use providers::entra_connect::windows::{
    LocalUser, Machine, MachineError, PowerShell, Script, ServiceState, ServiceStatus, Started, Stopped, WindowsServer,
};
use providers::entra_connect::{Answer, Broken, Reached, Transport, agent};
use providers::lab::Lab;
use providers::port::{ConnectServer, FailureClass, Fault, LocalUserFacts, Secret, step_scope};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::lab::{HOST, Place, setting};

/// Windows' error numbers.
const SERVER_UNAVAILABLE: u32 = 1722;
const KEY_SET_ERROR: u32 = 1066;

/// Where the program of the service lies.
const PROGRAM: &str = r"C:\Program Files\Microsoft Azure AD Sync\Bin\miiserver.exe";
/// The status of an agent that ended in the middle, as by SIGKILL.
const KILLED: i64 = 137;

/// How long a thread waits for a request in which the process ends.
const END_LIMIT: Duration = Duration::from_secs(2);

/// What every run of the stand-in was started with.
static ARGUMENTS: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a folder"));

fn arguments_file() -> PathBuf {
    ARGUMENTS.path().join("argv")
}

/// Whether all that was ever put into a command line of PowerShell are the arguments of the nine scripts.
pub(crate) fn only_known_arguments() -> Result<(), String> {
    let known: Vec<Vec<String>> = Script::ALL.into_iter().map(Script::arguments).collect();
    let text = fs::read_to_string(arguments_file()).map_err(|cause| format!("nothing was recorded: {cause}"))?;
    let strange = text.lines().find(|line| {
        let arguments: Vec<String> = serde_json::from_str(line).expect("a list of texts");
        !known.contains(&arguments)
    });
    strange.map_or(Ok(()), |line| Err(format!("PowerShell was started with {line}")))
}

/// An agent in this process, with the native adapter behind it.
pub(crate) struct Native {
    dir: PathBuf,
    closed: Arc<AtomicBool>,
    place: Place,
    /// The stand-in, and what it is told of the lab.
    beside: TempDir,
}

impl Native {
    pub(crate) fn new(place: &Place) -> Self {
        let beside = TempDir::new().expect("a folder");
        let program = std::env::current_exe().expect("this program's own path");
        std::os::unix::fs::symlink(program, beside.path().join("powershell.exe")).expect("a link");
        Self { dir: place.dir.clone(), closed: Arc::clone(&place.closed), place: place.clone(), beside }
    }
}

#[async_trait]
impl Transport for Native {
    fn address(&self) -> &str {
        "this machine"
    }

    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, limit: Duration) -> Result<Answer, Broken> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Broken::new(Reached::Nothing, "connection refused"));
        }
        // No step ever reaches Windows: the lab alone wants to know it.
        let step = serde_json::from_slice(request).ok().and_then(|sent: Value| Some(sent["step"].as_str()?.to_owned()));
        let step = step.unwrap_or_default();
        let told = json!({ "lab": self.dir, "server": HOST, "argv": arguments_file(), "step": step });
        fs::write(self.beside.path().join("stand-in.json"), told.to_string()).expect("the stand-in's setting");
        let ended = Arc::new(Notify::new());
        let slow = Mutex::new(self.place.delay());
        let machine =
            LabMachine { dir: self.dir.clone(), step, ended: Arc::clone(&ended), events: Mutex::default(), slow };
        let powershell = PowerShell::at(self.beside.path().join("powershell.exe"));
        let server = WindowsServer::new(HOST, machine, powershell);
        let answered = async {
            tokio::select! {
                reply = agent::answer(&server, request) => Answer {
                    output: reply.encoded().expect("a reply").into_bytes(),
                    status: Some(0),
                    ..Answer::default()
                },
                () = ended.notified() => Answer { status: Some(KILLED), ..Answer::default() },
            }
        };
        timeout(limit, answered).await.map_err(|_| Broken::new(Reached::Request, "no answer in time"))
    }
}

/// The Windows of a server of the lab. What changes something is a request to the lab; what is only read of a service is
/// read from its file.
struct LabMachine {
    dir: PathBuf,
    step: String,
    ended: Arc<Notify>,
    /// The events of the last request, for the log that is asked for next.
    events: Mutex<Option<Vec<String>>>,
    /// How long the first look takes.
    slow: Mutex<Duration>,
}

fn read(dir: &Path, name: &str) -> Value {
    let bytes = fs::read(dir.join(name)).expect("the lab's file");
    serde_json::from_slice(&bytes).expect("its form")
}

fn error(code: u32, cause: impl Into<String>) -> MachineError {
    MachineError { code, cause: cause.into() }
}

/// The number in a lab's fault, which names it as Windows would.
fn number(fault: &Fault) -> u32 {
    let (_, rest) = fault.cause.split_once("error ").unwrap_or_default();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

fn windows(fault: Fault) -> MachineError {
    error(number(&fault), fault.cause)
}

impl LabMachine {
    /// The server in the lab's file, unless it answers nobody.
    fn server(&self) -> Result<Value, MachineError> {
        let faults = fs::read_to_string(self.dir.join("faults.json")).unwrap_or_default();
        if faults.contains("server-unreachable") {
            return Err(error(SERVER_UNAVAILABLE, "the RPC server is unavailable"));
        }
        Ok(read(&self.dir, "world.json")["servers"][0].take())
    }

    /// A request to the lab, on behalf of the step.
    fn ask<V, F: Future<Output = Result<V, Fault>>>(
        &self,
        request: impl FnOnce(Arc<dyn ConnectServer>) -> F,
    ) -> Result<Result<V, Fault>, MachineError> {
        self.server()?;
        let ended = Arc::clone(&self.ended);
        let end = Arc::new(move || ended.notify_one());
        let server = Lab::open(&self.dir, setting(end)).expect("the lab").server(HOST).expect("its server");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        // A request in which the process is to end never returns; this thread has to.
        let limited = async { timeout(END_LIMIT, step_scope::within(self.step.clone(), request(server))).await };
        runtime.block_on(limited).map_err(|_| error(0, "the process ends"))
    }

    fn status(&self, exit_code: u32) -> Result<ServiceStatus, MachineError> {
        let service = self.server()?["service"].take();
        let state = if service["state"] == "running" { ServiceState::Running } else { ServiceState::Stopped };
        let process_id = service["process_id"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or_default();
        Ok(ServiceStatus { state, process_id, exit_code, own_exit_code: 0 })
    }
}

impl Machine for LabMachine {
    fn host(&self) -> Result<String, MachineError> {
        Ok(self.server()?["name"].as_str().expect("a name").to_owned())
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn service(&self, _name: &str) -> Result<ServiceStatus, MachineError> {
        std::thread::sleep(std::mem::take(&mut *self.slow.lock().unwrap_or_else(PoisonError::into_inner)));
        self.status(0)
    }

    fn service_account(&self, _name: &str) -> Result<String, MachineError> {
        Ok(self.server()?["service"]["start_name"].as_str().expect("a name").to_owned())
    }

    fn service_command_line(&self, _name: &str) -> Result<String, MachineError> {
        self.server().map(|_| format!("\"{PROGRAM}\""))
    }

    fn stop_service(&self, _name: &str, _limit: Duration) -> Result<Stopped, MachineError> {
        match self.ask(|server| async move { server.stop().await })? {
            Ok(()) => Ok(Stopped::Yes),
            Err(_) => Ok(Stopped::Pending(self.status(0)?)),
        }
    }

    fn start_service(&self, _name: &str, _limit: Duration) -> Result<Started, MachineError> {
        match self.ask(|server| async move { server.start().await })? {
            Ok(()) => Ok(Started::Yes),
            Err(fault) if fault.class == Some(FailureClass::KeySet) => Ok(Started::Ended(self.status(KEY_SET_ERROR)?)),
            Err(fault) => Err(windows(fault)),
        }
    }

    fn set_service_logon(&self, _name: &str, account: &str, secret: &Secret) -> Result<(), MachineError> {
        let (account, secret) = (account.to_owned(), secret.clone());
        self.ask(|server| async move { server.set_service_logon(&account, &secret).await })?.map_err(windows)
    }

    fn running_of(&self, programs: &[&str]) -> Result<Vec<String>, MachineError> {
        let server = self.server()?;
        let open: Vec<&str> =
            server["open_programs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let setup = server["upgrading"] == true;
        let runs = |name: &&&str| open.contains(*name) || setup && **name == "AzureADConnectSetup.exe";
        Ok(programs.iter().filter(runs).map(|name| (*name).to_owned()).collect())
    }

    fn process_started_at(&self, _process_id: u32) -> Result<Timestamp, MachineError> {
        let server = self.server()?;
        let at = server["service"]["started_at"].as_str().and_then(|at| at.parse().ok());
        at.ok_or_else(|| error(87, "the parameter is incorrect"))
    }

    fn file_version(&self, path: &str) -> Result<String, MachineError> {
        assert_eq!(path, PROGRAM);
        Ok(self.server()?["build"].as_str().expect("a version").to_owned())
    }

    fn events(&self, channel: &str, xpath: &str, most: usize) -> Result<Vec<String>, MachineError> {
        let mut known = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // The lab has one log: it is asked for once, and each of Windows' two is a part of it.
        let all = match known.take() {
            Some(all) => all,
            None => self.ask(|server| async move { server.events(Timestamp::UNIX_EPOCH).await })?.map_err(windows)?,
        };
        let between = |text: &str, begin: &str, end: &str| {
            let (_, rest) = text.split_once(begin).expect("such a part");
            rest.split_once(end).expect("its end").0.to_owned()
        };
        let since: Timestamp = between(xpath, "@SystemTime>='", "'").parse().expect("a time");
        let of = |event: &&String| {
            let provider = between(event, "<Provider Name='", "'");
            let at: Timestamp = between(event, "<TimeCreated SystemTime='", "'").parse().expect("a time");
            between(event, "<Channel>", "<") == channel && xpath.contains(&format!("@Name='{provider}'")) && at >= since
        };
        let found: Vec<String> = all.iter().filter(of).cloned().collect();
        *known = (channel == "Application").then_some(all);
        Ok(found[found.len().saturating_sub(most)..].to_vec())
    }

    fn local_user(&self, name: &str) -> Result<LocalUser, MachineError> {
        let account = format!(".\\{name}");
        let user: LocalUserFacts =
            self.ask(|server| async move { server.local_user(&account).await })?.map_err(windows)?;
        let age = user.at.duration_since(user.password_set_at).as_secs();
        let says = |word: &str| user.refusals.iter().any(|refusal| refusal.contains(word));
        Ok(LocalUser {
            password_age_s: u32::try_from(age).expect("an age"),
            disabled: says("disabled"),
            locked: says("locked"),
            expired: false,
            cant_change: false,
            length_min: user.length_min,
        })
    }

    fn change_password(&self, name: &str, old: &Secret, new: &Secret) -> Result<(), MachineError> {
        let (account, old, new) = (format!(".\\{name}"), old.clone(), new.clone());
        self.ask(|server| async move { server.change_local_password(&account, &old, &new).await })?.map_err(windows)
    }

    fn logon(&self, name: &str, secret: &Secret) -> Result<bool, MachineError> {
        let (account, secret) = (format!(".\\{name}"), secret.clone());
        match self.ask(|server| async move { server.local_logon(&account, &secret).await })? {
            // Windows does not say which of the two was wrong.
            Err(fault) if number(&fault) == 2221 => Ok(false),
            answer => answer.map_err(windows),
        }
    }

    fn logon_dc(&self) -> Result<Option<String>, MachineError> {
        self.server()?;
        Ok(read(&self.dir, "world.json")["domain"]["controllers"][0]["host"].as_str().map(str::to_owned))
    }
}
