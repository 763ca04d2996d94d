//! A running stand-in of WinRM's listener (tests/testbed/winrm), and what is said to it past the transport.
//!
//! It stands alone, so that tests of what uses the transport can include it:
//! `#[path = "../winrm/server.rs"] mod winrm_server;`.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use providers::entra_connect::winrm::{Logon, Settings};
use providers::port::Secret;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The server's name in its certificate.
pub(crate) const HOST: &str = "connect1.contoso.test";
pub(crate) const USER: &str = "CONTOSO\\rotator";
pub(crate) const PASSWORD: &str = "hunter2-ntlm-p\u{e4}ss";
/// The common name of the client certificate that is mapped to an account.
pub(crate) const MAPPED: &str = "rotator-by-certificate";

/// A CA of a test, and certificates of it, as files.
pub(crate) struct Ca {
    folder: PathBuf,
    name: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    /// Its certificate lies in `NAME.pem`.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let mut wanted = CertificateParams::new(Vec::new()).expect("no names");
        wanted.distinguished_name.push(DnType::CommonName, name);
        wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("no key");
        let certificate = wanted.self_signed(&key).expect("no certificate");
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("no file");
        Self { folder: folder.to_owned(), name: name.to_owned(), issuer: Issuer::new(wanted, key) }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// `FILE.pem` and `FILE.key`; `years` says from when to when it is valid.
    pub(crate) fn issue(&self, file: &str, host: &str, years: (i32, i32)) -> (PathBuf, PathBuf) {
        let mut wanted = CertificateParams::new(vec![host.to_owned()]).expect("an odd name");
        wanted.distinguished_name.push(DnType::CommonName, host);
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        wanted.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        wanted.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().expect("no key");
        let certificate = wanted.signed_by(&key, &self.issuer).expect("no certificate");
        let at = |end: &str| self.folder.join(format!("{file}.{end}"));
        std::fs::write(at("pem"), certificate.pem()).expect("no file");
        std::fs::write(at("key"), key.serialize_pem()).expect("no file");
        (at("pem"), at("key"))
    }
}

/// Valid now, for as long as these tests will live.
pub(crate) const GOOD_YEARS: (i32, i32) = (2020, 4000);

/// A stand-in on a free port of loopback. It ends with this value.
pub(crate) struct Server {
    folder: TempDir,
    ca: Ca,
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(&json!({}), |_| ())
    }

    /// One with other settings than usual; `prepare` may put other files into its folder before it starts.
    pub(crate) fn with(more: &Value, prepare: impl FnOnce(&Path)) -> Self {
        let folder = TempDir::new().expect("no folder");
        let file = |name: &str| folder.path().join(name);
        let ca = Ca::new(folder.path(), "ca");
        ca.issue("server", HOST, GOOD_YEARS);
        ca.issue("client", MAPPED, GOOD_YEARS);
        std::fs::write(file("users"), format!("CONTOSO:rotator:{PASSWORD}\n")).expect("no file");
        prepare(folder.path());
        let mut config = json!({
            "certificate": file("server.pem"), "key": file("server.key"), "users": file("users"),
            "client_ca": file("ca.pem"), "certificates": [MAPPED],
        });
        config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        std::fs::write(file("config.json"), config.to_string()).expect("no file");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed/winrm");
        let mut child = Command::new(std::env::var("WINRM_PYTHON").unwrap_or_else(|_| "python3".to_owned()))
            .arg(script)
            .arg("serve")
            .arg(file("config.json"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need python3, and it does not start");
        let input = child.stdin.take().expect("no input");
        let mut output = BufReader::new(child.stdout.take().expect("no output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("the stand-in says nothing");
        let said: Value = serde_json::from_str(&line).expect("the stand-in did not start");
        let port = said["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("no port");
        Self { folder, ca, child, pipes: Mutex::new((input, output)), port }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn ca(&self) -> &Ca {
        &self.ca
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can't be ended");
        self.child.wait().expect("it did not end");
    }

    /// Logs on by NTLM and runs `command`.
    pub(crate) fn settings(&self, command: &str) -> Settings {
        Settings {
            url: format!("https://{HOST}:{}/wsman", self.port),
            ca_file: Some(self.file("ca.pem")),
            logon: Logon::Ntlm { user: USER.to_owned(), password: Secret::new(PASSWORD) },
            command: command.to_owned(),
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        }
    }

    /// The same by the client certificate that is mapped.
    pub(crate) fn by_certificate(&self, command: &str) -> Settings {
        let logon = Logon::Certificate { certificate_file: self.file("client.pem"), key_file: self.file("client.key") };
        Settings { logon, ..self.settings(command) }
    }

    fn say(&self, what: &Value) -> Value {
        let mut pipes = self.pipes.lock().expect("a test before has failed");
        writeln!(pipes.0, "{what}").expect("the stand-in is gone");
        let mut line = String::new();
        pipes.1.read_line(&mut line).expect("the stand-in is gone");
        serde_json::from_str(&line).expect("no JSON")
    }

    /// What is to happen from now on; see the stand-in's own text.
    pub(crate) fn order(&self, orders: &Value) {
        self.say(&json!({ "orders": orders }));
    }

    pub(crate) fn state(&self) -> Value {
        self.say(&json!({"state": true}))
    }

    /// How often a message of this action has come.
    pub(crate) fn came(&self, action: &str) -> usize {
        let state = self.state();
        state["messages"].as_array().expect("a list").iter().filter(|message| message[0] == action).count()
    }
}
