//! The program as a Windows service: put in, taken out, run by the Service Control Manager. Its messages go to the
//! Application log, for a service has no standard error.

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;
use win32::Error;
use win32::installation::{Installation, install, uninstall};
use win32::service_main::{self, Running, StopSignal};
use win32::{account_right, event_log, service};

/// The service's name, and that of its event source.
pub const NAME: &str = "entra-rotator";
/// Windows' own file of messages that are nothing but their text, for the numbers 1 to 1000.
const MESSAGE_FILE: &str = r"%SystemRoot%\System32\EventCreate.exe";
/// The numbers of our events: one for each level.
const EVENT_INFORMATION: u32 = 1;
const EVENT_WARNING: u32 = 2;
const EVENT_ERROR: u32 = 3;
/// How long a service may take to stop before it is taken out: what cannot wait is brought to its end.
const STOP_LIMIT: Duration = Duration::from_secs(1200);
/// How long a service that was taken out may still be seen.
const GONE_LIMIT: Duration = Duration::from_secs(30);
/// How often the Service Control Manager hears that we still start, or still end.
const ALIVE_EVERY: Duration = Duration::from_secs(10);

static STOP: OnceLock<StopSignal> = OnceLock::new();
static TO_EVENT_LOG: AtomicBool = AtomicBool::new(false);

/// Puts the service in, or brings it up to date, with its source of events. `account` is a managed one (gMSA), for any
/// other would be one more password; it is given the right to log on as a service. `None` = LocalSystem, which has it.
pub fn put_in(config: &Path, account: Option<&str>) -> Result<(), String> {
    if let Some(account) = account.filter(|account| !account.ends_with('$')) {
        return Err(format!(
            "{account} is no managed service account: its name must end in $\n  next step: make a gMSA \
             (deploy/windows/README.md); the password of another account would have to be rotated too"
        ));
    }
    let program = std::env::current_exe().map_err(|cause| format!("our own program is not found: {cause}"))?;
    let config = std::path::absolute(config).map_err(|cause| format!("{}: {cause}", config.display()))?;
    event_log::register_source(NAME, MESSAGE_FILE).map_err(told)?;
    let what = Installation {
        name: NAME.to_owned(),
        display_name: "entra-rotator".to_owned(),
        description: "Rotates the passwords behind Microsoft Entra Connect, proves them, or puts them back.".to_owned(),
        program,
        arguments: ["service", "run", "--log", "entra_rotator=info,warn", "--config"]
            .into_iter()
            .map(str::to_owned)
            .chain([config.display().to_string()])
            .collect(),
        account: account.map(str::to_owned),
        automatic: true,
    };
    if let Some(account) = account {
        account_right::grant(account, account_right::SERVICE_LOGON).map_err(told)?;
    }
    for setting in install(&what, None).map_err(told)? {
        tracing::warn!(setting, "this Windows does not know the setting");
    }
    Ok(())
}

/// Stops the service and takes it out, with its source of events. One that is not there is no fault. `account` may not log
/// on as a service any more; `None` = whoever may keeps it, for another service may run as the same account.
pub fn take_out(account: Option<&str>) -> Result<(), String> {
    match service::stop(NAME, STOP_LIMIT) {
        Ok(_) => {}
        Err(error) if error.code == ERROR_SERVICE_DOES_NOT_EXIST => {}
        Err(error) => return Err(told(error)),
    }
    if !uninstall(NAME, GONE_LIMIT).map_err(told)? {
        return Err("the service is marked for deletion, and goes when the last program that looks at it ends\n  \
                    next step: close services.msc"
            .to_owned());
    }
    event_log::unregister_source(NAME).map_err(told)?;
    match account {
        Some(account) => account_right::revoke(account, account_right::SERVICE_LOGON).map_err(told),
        None => Ok(()),
    }
}

fn told(error: Error) -> String {
    let hint = if error.code == ERROR_ACCESS_DENIED { "\n  next step: run it as an administrator" } else { "" };
    format!("{error}{hint}")
}

/// Windows' numbers for what only an administrator may, and for a service that is not there.
const ERROR_ACCESS_DENIED: u32 = 5;
const ERROR_SERVICE_DOES_NOT_EXIST: u32 = 1060;

/// Runs `body` as the service, in a runtime of its own; what it gives is the exit code. `body` is handed what to call as
/// soon as it serves. `Err` = the Service Control Manager did not start this process.
pub fn run<F>(body: impl FnOnce(Box<dyn Fn() + Send>) -> F + Send + 'static) -> Result<(), String>
where
    F: Future<Output = u8>,
{
    let body = move |running: &Running| -> u32 {
        let _ = STOP.set(running.stop().clone());
        let (alive, serving) = (running.clone(), running.clone());
        // Ends with the process.
        std::thread::spawn(move || {
            loop {
                alive.alive();
                std::thread::sleep(ALIVE_EVERY);
            }
        });
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(body(Box::new(move || serving.running()))).into(),
            Err(cause) => {
                tracing::error!(%cause, "there is no runtime");
                1
            }
        }
    };
    service_main::run(NAME, body).map_err(|error| {
        format!(
            "{error}\n  next step: `entra-rotator service install`, then start the service; at a terminal it is `serve`"
        )
    })
}

/// The order to stop, when this process is the service.
pub fn stop() -> Option<&'static StopSignal> {
    STOP.get()
}

/// Whether messages go to the Application log.
pub fn speaks_to_event_log() -> bool {
    TO_EVENT_LOG.load(Ordering::Relaxed)
}

/// Where a log's lines go when this process is the service.
#[derive(Debug)]
pub struct EventLog;

impl EventLog {
    /// From now on messages go there.
    pub fn begin() -> Self {
        TO_EVENT_LOG.store(true, Ordering::Relaxed);
        Self
    }
}

impl<'a> MakeWriter<'a> for EventLog {
    type Writer = Event;

    fn make_writer(&'a self) -> Event {
        Event { level: Level::INFO, text: Vec::new() }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Event {
        Event { level: *meta.level(), text: Vec::new() }
    }
}

/// One event, written when it is whole.
#[derive(Debug)]
pub struct Event {
    level: Level,
    text: Vec<u8>,
}

impl Write for Event {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        self.text.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        let (level, id) = match self.level {
            Level::ERROR => (event_log::Level::Error, EVENT_ERROR),
            Level::WARN => (event_log::Level::Warning, EVENT_WARNING),
            _ => (event_log::Level::Information, EVENT_INFORMATION),
        };
        // A log that can't be written to is no reason to stop working, and there is nobody else to tell.
        let _ = event_log::write(NAME, level, id, String::from_utf8_lossy(&self.text).trim_end());
    }
}
