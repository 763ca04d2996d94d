//! A real OpenBao for one run, through the script of the test bed.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const DEATH_LIMIT: Duration = Duration::from_secs(10);
const SEAL_KEY_BYTES: usize = 32;

/// What kind of server it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// OpenBao's dev server: it keeps nothing.
    Dev,
    /// Storage that survives it, and a seal that opens by itself: it starts unattended.
    Raft,
}

/// A server that ends with its handle.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    kind: Kind,
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

impl Server {
    /// Starts one in a folder of its own. Blocks.
    pub(crate) fn start(kind: Kind) -> Result<Self, String> {
        let folder = TempDir::new().map_err(text)?;
        let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
        let port = listener.local_addr().map_err(text)?.port();
        drop(listener);
        let server = Self { folder, port, kind };
        if kind == Kind::Raft {
            let (key, config) = (server.file("seal.key"), server.file("config"));
            std::fs::write(&key, [7; SEAL_KEY_BYTES]).map_err(text)?;
            std::fs::create_dir(&config).map_err(text)?;
            let key = key.display();
            let seal =
                format!("seal \"static\" {{\n  current_key_id = \"testbed\"\n  current_key = \"file://{key}\"\n}}\n");
            std::fs::write(config.join("server.hcl"), seal).map_err(text)?;
        }
        server.run()?;
        Ok(server)
    }

    fn run(&self) -> Result<(), String> {
        let command = if self.kind == Kind::Dev { "start-dev" } else { "start" };
        self.script(&[command, self.dir(), "127.0.0.1", &self.port.to_string()]).map(|_| ())
    }

    /// Ends it without warning, and starts it again with what it had. Blocks until it answers.
    pub(crate) fn restart(&self) -> Result<(), String> {
        let pid = std::fs::read_to_string(self.file("pid")).map_err(text)?;
        let killed = Command::new("kill").args(["-9", &pid]).status().map_err(text)?;
        if !killed.success() {
            return Err("the server can't be ended".to_owned());
        }
        let end = Instant::now() + DEATH_LIMIT;
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            if Instant::now() > end {
                return Err("the server does not end".to_owned());
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.run()
    }

    /// Lets the rotator's token work on these accounts, with the policy that users are given.
    pub(crate) fn allow(&self, names: &[String]) -> Result<(), String> {
        let names = names.iter().map(String::as_str);
        self.script(&["allow", self.dir()].into_iter().chain(names).collect::<Vec<_>>()).map(|_| ())
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn dir(&self) -> &str {
        self.folder.path().to_str().unwrap_or_default()
    }

    fn script(&self, arguments: &[&str]) -> Result<String, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed/openbao");
        let done = Command::new(script).args(arguments).stdin(Stdio::null()).output().map_err(text)?;
        if done.status.success() {
            Ok(String::from_utf8_lossy(&done.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&done.stderr).into_owned())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(why) = self.script(&["stop", self.dir()]) {
            // Nothing else can be done here, and the stage's own runner sees what is left.
            let _ = writeln!(std::io::stderr(), "the server can't be stopped: {why}");
        }
    }
}
