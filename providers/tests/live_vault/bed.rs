//! A running OpenBao, its own client, and the wire proxy, all through the scripts of the test bed.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use providers::hashicorp_vault::{ClientCertificate, HashicorpVault, Login, Settings};
use providers::port::Secret;
use serde_json::Value;
use tempfile::TempDir;

/// `get` ends with this when there is nothing.
const NOTHING_THERE: i32 = 3;
const DEATH_LIMIT: Duration = Duration::from_secs(10);

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed").join(name)
}

/// A file that users get.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/hashicorp-vault").join(name)
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("no free port");
    listener.local_addr().expect("no address").port()
}

/// Runs the `openbao` script; `Err` holds its exit code and what it said.
fn openbao(arguments: &[&str], input: &str) -> Result<String, (Option<i32>, String)> {
    let mut child = Command::new(script("openbao"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the openbao script does not run: is python3 installed?");
    child.stdin.take().expect("no stdin").write_all(input.as_bytes()).expect("the script does not read");
    let done = child.wait_with_output().expect("the script can't be waited for");
    if done.status.success() {
        Ok(String::from_utf8(done.stdout).expect("the script's output is no text"))
    } else {
        Err((done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned()))
    }
}

pub(crate) struct Bed {
    folder: TempDir,
    port: u16,
}

impl Bed {
    /// The server that tests share; it ends with the last of them.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Bed>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let bed = Arc::new(Self::own());
            *shared = Arc::downgrade(&bed);
            bed
        })
    }

    /// A server of one's own, to be sealed or ended.
    pub(crate) fn own() -> Self {
        let bed = Self { folder: TempDir::new().expect("no folder"), port: free_port() };
        bed.start();
        bed
    }

    /// A server of one's own with more in its configuration: lines of its listener, whole blocks. In both, DIR is
    /// the bed's folder. The leaf `client` is made first, and shown by the bed itself.
    pub(crate) fn configured(listener: &str, server: &str) -> Self {
        let bed = Self { folder: TempDir::new().expect("no folder"), port: free_port() };
        std::fs::create_dir(bed.file("config")).expect("no folder");
        for (name, text) in [("listener", listener), ("server", server)] {
            let text = text.replace("DIR", bed.dir());
            std::fs::write(bed.file(&format!("config/{name}.hcl")), text).expect("can't write");
        }
        bed.certificate("client");
        bed.start();
        bed
    }

    /// A server of one's own that opens itself: after `kill -9`, starting it is enough.
    pub(crate) fn opening_itself() -> Self {
        let seal =
            "seal \"static\" {\n current_key_id = \"1\"\n current_key = \"0123456789abcdef0123456789abcdef\"\n}\n";
        Self::configured("", &seal.replace("0123456789abcdef0123456789abcdef", &"5a".repeat(32)))
    }

    /// A certificate for clients, of the bed's CA.
    pub(crate) fn certificate(&self, label: &str) -> ClientCertificate {
        self.run("cert", &[label, &format!("{label}.test")]);
        ClientCertificate {
            certificate_file: self.file(&format!("tls/{label}.pem")),
            key_file: self.file(&format!("tls/{label}.key")),
        }
    }

    pub(crate) fn start(&self) {
        let port = self.port.to_string();
        if let Err((_, said)) = openbao(&["start", self.dir(), "127.0.0.1", &port], "") {
            panic!("these tests need a real OpenBao, and it could not be installed or started: {said}");
        }
    }

    pub(crate) fn dir(&self) -> &str {
        self.folder.path().to_str().expect("an odd folder name")
    }

    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Ends the server without warning, and waits until its port is closed.
    pub(crate) fn kill(&self) {
        let pid = std::fs::read_to_string(self.file("pid")).expect("no pid file");
        assert!(Command::new("kill").args(["-9", &pid]).status().expect("no kill").success());
        let end = Instant::now() + DEATH_LIMIT;
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            assert!(Instant::now() < end, "the server is still there");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Any other command of the script; it must succeed.
    pub(crate) fn run(&self, command: &str, arguments: &[&str]) -> String {
        self.run_with(command, arguments, "")
    }

    pub(crate) fn run_with(&self, command: &str, arguments: &[&str], input: &str) -> String {
        openbao(&[&[command, self.dir()], arguments].concat(), input).expect("the openbao script failed")
    }

    /// OpenBao's own client as root, quietly.
    pub(crate) fn bao(&self, arguments: &[&str]) {
        self.run("bao", arguments);
    }

    /// The same, for an answer in JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run("bao", arguments)).expect("no JSON")
    }

    /// A shell with OpenBao's own client as root, in `folder`.
    pub(crate) fn shell(&self, words: &str, folder: &Path) {
        let instance = std::fs::read_to_string(self.file("instance.json")).expect("no instance");
        let instance: Value = serde_json::from_str(&instance).expect("no JSON");
        let program = Path::new(instance["bao"].as_str().expect("no program"));
        let root = std::fs::read_to_string(self.file("secrets/root.token")).expect("no token");
        let done = Command::new("sh")
            .args(["-euc", words])
            .current_dir(folder)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", program.parent().expect("no folder").display()))
            .env("HOME", self.dir())
            .env("BAO_ADDR", self.url())
            .env("BAO_CACERT", self.file("tls/ca.pem"))
            .env("BAO_TOKEN", root.trim())
            .output()
            .expect("the shell does not run");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// The same with somebody else's token; `Err` holds what the client said.
    pub(crate) fn json_as(&self, token: &Secret, arguments: &[&str]) -> Result<Value, String> {
        let instance = std::fs::read_to_string(self.file("instance.json")).expect("no instance");
        let instance: Value = serde_json::from_str(&instance).expect("no JSON");
        let done = Command::new(instance["bao"].as_str().expect("no program"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.dir())
            .env("BAO_ADDR", self.url())
            .env("BAO_CACERT", self.file("tls/ca.pem"))
            .env("BAO_MAX_RETRIES", "0")
            .env("BAO_TOKEN", token.expose())
            .output()
            .expect("OpenBao's client does not run");
        if done.status.success() {
            Ok(serde_json::from_slice(&done.stdout).expect("no JSON"))
        } else {
            Err(String::from_utf8_lossy(&done.stderr).into_owned())
        }
    }

    /// A policy with the rotator's rights for `names`; gives back its label.
    pub(crate) fn rotators_policy(&self, label: &str, names: &[&str]) -> String {
        let text: String = names.iter().map(|name| Self::policy(name)).collect();
        self.run_with("bao", &["policy", "write", label, "-"], &text);
        label.to_owned()
    }

    /// A command of the script that must fail, and what it says.
    pub(crate) fn refused(&self, command: &str, arguments: &[&str]) -> String {
        openbao(&[&[command, self.dir()], arguments].concat(), "").expect_err("this must not succeed").1
    }

    /// What OpenBao's own client finds, as root.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        match openbao(&["get", self.dir(), name], "") {
            Ok(text) => Some(serde_json::from_str(&text).expect("no JSON")),
            Err((Some(NOTHING_THERE), _)) => None,
            Err((_, said)) => panic!("{said}"),
        }
    }

    /// The password that OpenBao's own client finds.
    pub(crate) fn password(&self, name: &str) -> Option<String> {
        Some(self.get(name)?["password"].as_str().expect("no password").to_owned())
    }

    pub(crate) fn put(&self, name: &str, data: &Value) {
        self.run_with("put", &[name], &data.to_string());
    }

    /// The entry's custom metadata, `null` when there is none.
    pub(crate) fn marks(&self, name: &str) -> Value {
        let found = self.json(&["kv", "metadata", "get", "-mount=secret", "-format=json", name]);
        found["data"]["custom_metadata"].clone()
    }

    /// The entry's versions as `(number, destroyed)`, as OpenBao's own client shows them.
    pub(crate) fn versions(&self, name: &str) -> Vec<(u64, bool)> {
        let text = self.run("bao", &["kv", "metadata", "get", "-mount=secret", "-format=json", name]);
        let found: Value = serde_json::from_str(&text).expect("no JSON");
        let mut versions: Vec<_> = found["data"]["versions"]
            .as_object()
            .expect("no versions")
            .iter()
            .map(|(number, facts)| (number.parse().expect("no number"), facts["destroyed"] == true))
            .collect();
        versions.sort_unstable();
        versions
    }

    pub(crate) fn settings(&self) -> Settings {
        let token = std::fs::read_to_string(self.file("secrets/rotator.token")).expect("no token");
        Settings {
            url: self.url(),
            ca_file: Some(self.file("tls/ca.pem")),
            mount: "secret".to_owned(),
            namespace: None,
            login_namespace: None,
            client_certificate: None,
            login: Login::Token(Secret::from(token)),
        }
    }

    /// The rotator's own token, as the file has it.
    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.file("secrets/rotator.token")).expect("no token").trim().to_owned()
    }

    /// The login by the token that can do everything.
    pub(crate) fn root(&self) -> Login {
        Login::Token(Secret::from(std::fs::read_to_string(self.file("secrets/root.token")).expect("no token")))
    }

    /// The adapter with the rotator's few rights, extended to `names`.
    pub(crate) fn vault(&self, names: &[&str]) -> HashicorpVault {
        self.run("allow", names);
        HashicorpVault::new(self.settings()).expect("the settings are not accepted")
    }

    /// A token with a policy of its own.
    pub(crate) fn token_with(&self, label: &str, policy: &str) -> Secret {
        self.run_with("bao", &["policy", "write", label, "-"], policy);
        let policy = format!("-policy={label}");
        let text = self.run("bao", &["token", "create", "-no-default-policy", &policy, "-format=json"]);
        let made: Value = serde_json::from_str(&text).expect("no JSON");
        Secret::new(made["auth"]["client_token"].as_str().expect("no token"))
    }

    /// The rotator's policy as it is shipped, for one account.
    pub(crate) fn policy(name: &str) -> String {
        let text = std::fs::read_to_string(shipped("rotator-policy.hcl")).expect("no policy");
        text.replace("MOUNT/", "secret/").replace("ACCOUNT", name)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Err((_, said)) = openbao(&["stop", self.dir()], "") {
            eprintln!("{said}");
        }
    }
}

/// A wire proxy in front of a bed, that breaks the connection at one request.
pub(crate) struct Proxy {
    process: Child,
    folder: TempDir,
    address: String,
}

impl Proxy {
    pub(crate) fn cutting(bed: &Bed, at: u32, moment: &str) -> Self {
        let folder = TempDir::new().expect("no folder");
        let path = |name: &str| folder.path().join(name);
        let mut process = Command::new(script("wire-proxy"))
            .args(["--listen", "127.0.0.1:0", "--protocol", "http", "--to", &format!("127.0.0.1:{}", bed.port)])
            .args(["--cut-at", &at.to_string(), "--moment", moment])
            .arg("--cert")
            .arg(bed.file("tls/server.pem"))
            .arg("--key")
            .arg(bed.file("tls/server.key"))
            .arg("--ca")
            .arg(bed.file("tls/ca.pem"))
            .arg("--counter")
            .arg(path("counter"))
            .arg("--log")
            .arg(path("log"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the wire proxy does not run");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("no stdout")).read_line(&mut line).expect("no first line");
        let address = line.trim().strip_prefix("listening ").expect("the proxy did not start").to_owned();
        Self { process, folder, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The requests so far as `GET /v1/…`, and whether the cut took place.
    pub(crate) fn log(&self) -> (Vec<String>, bool) {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let requests = text.lines().filter_map(|line| Some(line.split_once(" http ")?.1.to_owned())).collect();
        (requests, text.lines().any(|line| line.contains(" cut ")))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if self.process.kill().is_ok() {
            self.process.wait().expect("the proxy can't be waited for");
        }
    }
}
