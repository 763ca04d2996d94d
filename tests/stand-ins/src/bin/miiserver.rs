//! Plays the Windows service `ADSync` over a server of the lab: a start logs on where the lab does, and opens its key set;
//! a stop forgets what the engine had in memory.
//!
//! `miiserver FOLDER SERVER`, as the service's command line: the lab's folder, and the server's name there. In the folder
//! above it, `adsync-orders` says how the next start goes, one line a start, each taken away when it is read; and
//! `adsync-log` gets a line for whatever happens. Orders, several with a comma between them:
//!
//! - `start-5` needs five seconds to start, `stop-5` to stop
//! - `hang` stays start-pending, `stop-hang` stop-pending
//! - `end-42` ends before it runs, with this service-specific number; `later-42` right after it said that it runs
//! - `die` the process is gone without a word, before it runs

#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    match windows::serve() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("{cause}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::fs;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;
    use providers::lab::{Lab, LabSetting};
    use providers::port::{FailureClass, Fault};
    use win32::service_main::{self, Running};

    const SERVICE: &str = "ADSync";
    /// How long it hangs when it is told to: longer than anybody waits.
    const HANG_S: u32 = 1200;

    /// ERROR_SERVICE_LOGON_FAILED. A real service manager says it before the process starts, as an error of the start.
    const LOGON_FAILED: u32 = 1069;
    /// The event of a key set that can't be opened.
    const KEY_SET_LOST: u32 = 6028;
    /// ERROR_SERVICE_REQUEST_TIMEOUT: whatever else keeps the model from starting.
    const NOT_STARTED: u32 = 1053;

    pub(crate) fn serve() -> Result<(), String> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [folder, server] = arguments.as_slice() else { return Err("usage: miiserver FOLDER SERVER".to_owned()) };
        let engine = Engine { lab: PathBuf::from(folder), server: server.clone() };
        service_main::run(SERVICE, move |running| engine.run(running)).map_err(|error| error.to_string())
    }

    struct Engine {
        lab: PathBuf,
        server: String,
    }

    impl Engine {
        fn run(&self, running: &Running) -> u32 {
            let orders = self.orders();
            self.say(&format!("start {orders}"));
            let code = self.live(running, &orders).unwrap_or_else(|code| code);
            self.say(&format!("end {code}"));
            code
        }

        fn live(&self, running: &Running, orders: &str) -> Result<u32, u32> {
            let mut later = None;
            for order in orders.split(',') {
                match order.rsplit_once('-') {
                    Some(("start", seconds)) => linger(running, number(seconds)),
                    Some(("end", own)) => return Err(number(own)),
                    Some(("later", own)) => later = Some(number(own)),
                    _ if order == "hang" => linger(running, HANG_S),
                    _ if order == "die" => std::process::abort(),
                    _ => {}
                }
            }
            self.model(true).map_err(|fault| {
                self.say(&format!("refused {fault}"));
                match fault.class {
                    Some(FailureClass::ServiceLogon | FailureClass::ServiceLogonRight) => LOGON_FAILED,
                    Some(FailureClass::KeySet) => KEY_SET_LOST,
                    _ => NOT_STARTED,
                }
            })?;
            running.running();
            self.say("running");
            if let Some(own) = later {
                std::thread::sleep(Duration::from_secs(1));
                return Err(own);
            }
            while !running.stop().wait(Duration::from_secs(60)) {}
            self.say("stop");
            for order in orders.split(',') {
                match order.strip_prefix("stop-") {
                    Some("hang") => linger(running, HANG_S),
                    Some(seconds) => linger(running, number(seconds)),
                    None => {}
                }
            }
            self.model(false).map_err(|_| NOT_STARTED)?;
            Ok(0)
        }

        /// The server of the lab starts or stops. One whose process was killed still runs there: it stops first.
        fn model(&self, starts: bool) -> Result<(), Fault> {
            let setting = LabSetting {
                now: Arc::new(Timestamp::now),
                end_process: Arc::new(|| std::process::abort()),
                latency: None,
            };
            let server = Lab::open(&self.lab, setting)?
                .server(&self.server)
                .ok_or_else(|| Fault::broken("opening the lab", "it has no such server"))?;
            let work = async {
                server.stop().await?;
                if starts { server.start().await } else { Ok(()) }
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|cause| Fault::broken("making a runtime", cause.to_string()))?.block_on(work)
        }

        fn beside(&self, name: &str) -> PathBuf {
            self.lab.parent().unwrap_or(Path::new(".")).join(name)
        }

        /// How this start goes: the first line of the orders, which is taken away.
        fn orders(&self) -> String {
            let path = self.beside("adsync-orders");
            let Ok(text) = fs::read_to_string(&path) else { return String::new() };
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            if fs::write(&path, rest).is_err() {
                self.say("the orders can't be taken away");
            }
            first.trim().to_owned()
        }

        fn say(&self, what: &str) {
            let file = fs::File::options().append(true).create(true).open(self.beside("adsync-log"));
            // Whoever reads the log misses the line.
            let _ = file.and_then(|mut file| writeln!(file, "{} {what}", std::process::id()));
        }
    }

    fn linger(running: &Running, seconds: u32) {
        for _ in 0..seconds {
            running.alive();
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    fn number(text: &str) -> u32 {
        text.parse().unwrap_or_default()
    }
}
