//! Calls one function of this package and prints what it gave: what `tests/e2e/wine-services` asks Wine with. It is also
//! the service that it installs, whose last argument says how it behaves.

#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match windows::ask(&arguments) {
        Ok(answer) => println!("{answer}"),
        Err(error) => {
            println!("error {}: {error}", error.code);
            return std::process::ExitCode::FAILURE;
        }
    }
    std::process::ExitCode::SUCCESS
}

#[cfg(windows)]
mod windows {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use win32::service_main::Running;
    use win32::{
        Error, domain, dpapi, event_log, file_version, installation, job, local_user, process, registry, service,
    };

    type Answer = Result<String, Error>;

    pub(crate) fn ask(arguments: &[&str]) -> Answer {
        Ok(match arguments {
            ["serve", name, behaviour] => {
                let behaviour = (*behaviour).to_owned();
                win32::service_main::run(name, move |running| behave(running, &behaviour))?;
                String::new()
            }
            ["install", name, behaviour] => install(name, &of_ours(name, behaviour), None)?,
            ["install-as", name, behaviour, account] => install(name, &of_ours(name, behaviour), Some(account))?,
            // Another program as a service.
            ["put-in", name, account, program, arguments @ ..] => {
                install(name, &(PathBuf::from(program), owned(arguments)), Some(account))?
            }
            ["uninstall", name] => text(installation::uninstall(name, Duration::from_secs(5))?),
            ["status", name] => text(service::status(name)?),
            ["config", name] => text(service::config(name)?),
            ["stop", name, limit] => text(service::stop(name, seconds(limit))?),
            ["start", name, limit] => text(service::start(name, seconds(limit))?),
            ["dependents", name] => text(service::dependents(name)?),
            ["set-logon", name, account] => text(service::set_logon(name, account, &standard_input())?),
            ["version", path] => file_version::of(path)?,
            ["running", names @ ..] => text(process::running(names)?),
            ["created", id] => text(process::created_at(id.parse().unwrap_or_default())?),
            ["orphan", how] => orphan(how)?,
            ["parent", how] => parent(how)?,
            ["sleep", limit] => {
                std::thread::sleep(seconds(limit));
                String::new()
            }
            ["self"] => text(std::process::id()),
            ["created-self"] => text(process::created_at(std::process::id())?),
            ["string", key, value] => text(registry::string(key, value)?),
            ["dword", key, value] => text(registry::dword(key, value)?),
            ["protect", entropy] => hex(&dpapi::protect(standard_input().as_bytes(), entropy.as_bytes())?),
            ["unprotect", entropy] => {
                let plain = dpapi::unprotect(&unhex(&standard_input()), entropy.as_bytes())?;
                String::from_utf8_lossy(&plain).into_owned()
            }
            ["events", channel, xpath, max] => {
                let max = max.parse().unwrap_or_default();
                event_log::query(channel, xpath, max, Duration::from_secs(20))?.join("\n")
            }
            ["write-event", source, message] => {
                text(event_log::write(source, event_log::Level::Information, 1, message)?)
            }
            ["register-source", name, file] => text(event_log::register_source(name, file)?),
            ["unregister-source", name] => text(event_log::unregister_source(name)?),
            ["computer"] => local_user::computer_name()?,
            ["user", name] => text(local_user::facts(name)?),
            ["logon", name] => text(local_user::logon(name, &standard_input())?),
            ["controller"] => text(domain::logon_controller()?),
            _ => format!("what is {arguments:?}?"),
        })
    }

    /// The command line of this program as a service that behaves so.
    fn of_ours(name: &str, behaviour: &str) -> (PathBuf, Vec<String>) {
        (std::env::current_exe().unwrap_or_default(), owned(&["serve", name, behaviour]))
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn install(name: &str, (program, arguments): &(PathBuf, Vec<String>), account: Option<&str>) -> Answer {
        let what = installation::Installation {
            name: name.to_owned(),
            display_name: format!("{name} for tests"),
            description: "A service for tests.".to_owned(),
            program: program.clone(),
            arguments: arguments.clone(),
            account: account.map(str::to_owned),
            automatic: false,
        };
        Ok(text(installation::install(&what, account.map(|_| standard_input()).as_deref())?))
    }

    /// What the service does: words with a number each, from left to right; the stop is waited for between them.
    ///
    /// `start-3` needs three seconds to start, `hang` never runs, `stop-3` needs three seconds to stop, `end-42` ends
    /// with this number, `panic` does that; `die` is the process gone without a word.
    fn behave(running: &Running, behaviour: &str) -> u32 {
        let mut told = false;
        for word in behaviour.split(',') {
            let (what, number) = word.split_once('-').unwrap_or((word, "0"));
            let number: u32 = number.parse().unwrap_or_default();
            match what {
                "start" => linger(running, number),
                "hang" => linger(running, 60),
                "run" => {
                    running.running();
                    told = true;
                    running.stop().wait(Duration::from_secs(120));
                }
                "stop" => linger(running, number),
                "end" => return number,
                "panic" => panic!("as asked"),
                "die" => std::process::abort(),
                _ => return 1,
            }
        }
        if !told {
            running.running();
        }
        0
    }

    fn linger(running: &Running, seconds: u32) {
        for _ in 0..seconds {
            running.alive();
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// What becomes of a process whose parent is killed: `how` is `tied` or `loose`.
    fn orphan(how: &str) -> Answer {
        let mut parent = own(&["parent", how]).stdout(Stdio::piped()).spawn().map_err(|error| not_started(&error))?;
        let mut line = String::new();
        if let Some(output) = parent.stdout.take() {
            // It says the number of its child as soon as there is one, and waits for its own end.
            BufReader::new(output).read_line(&mut line).map_err(|error| not_started(&error))?;
        }
        let child: u32 = line.trim().parse().unwrap_or_default();
        let created_at = process::created_at(child)?;
        let killed = parent.kill().and_then(|()| parent.wait());
        killed.map_err(|error| not_started(&error))?;
        for _ in 0..50 {
            if process::created_at(child) != Ok(created_at) {
                return Ok("gone".to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok("lives".to_owned())
    }

    fn parent(how: &str) -> Answer {
        if how == "tied" {
            job::tie_children()?;
        }
        let mut child = own(&["sleep", "20"]).stdout(Stdio::null()).spawn().map_err(|error| not_started(&error))?;
        println!("{}", child.id());
        child.wait().map_err(|error| not_started(&error))?;
        Ok(String::new())
    }

    /// This program again.
    fn own(arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap_or_default());
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn not_started(error: &std::io::Error) -> Error {
        Error { call: "CreateProcessW", code: error.raw_os_error().unwrap_or_default().cast_unsigned() }
    }

    fn text(value: impl std::fmt::Debug) -> String {
        format!("{value:?}")
    }

    fn seconds(text: &str) -> Duration {
        Duration::from_secs(text.parse().unwrap_or_default())
    }

    fn standard_input() -> String {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_or_else(|_| String::new(), |_| text)
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn unhex(text: &str) -> Vec<u8> {
        let digits = text.trim().as_bytes();
        digits.chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
    }
}
