//! A running stand-in, and what tests say to it past the adapter.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use providers::azure_key_vault::{AzureKeyVault, CONTENT_TYPE, Cloud, Identity, Settings};
use providers::port::{Attempt, Secret};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const HOST: &str = "myvault.vault.azure.net";
/// A name of another cloud that the same server answers to.
pub(crate) const ELSEWHERE: &str = "myvault.vault.azure.cn";
/// The application whose secret, certificate and federated token the stand-in knows, one of each kind.
pub(crate) const BY_SECRET: &str = "app-with-secret";
pub(crate) const BY_CERTIFICATE: &str = "app-with-certificate";
pub(crate) const BY_FEDERATION: &str = "app-with-federation";
pub(crate) const USER_ASSIGNED: &str = "user-assigned";
pub(crate) const CLIENT_SECRET: &str = "hunter2-client-secret";
pub(crate) const FEDERATED: &str = "hunter2.federated.token";
const CALL_LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn attempt(rotation: &str, takes_over: &[&str]) -> Attempt {
    Attempt { rotation: rotation.to_owned(), takes_over: takes_over.iter().map(|&taken| taken.to_owned()).collect() }
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text)
}

pub(crate) struct Bed {
    folder: TempDir,
    child: Option<Child>,
    ports: Value,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::with(&json!({}))
    }

    /// A stand-in with other settings than usual.
    pub(crate) fn with(settings: &Value) -> Self {
        let folder = TempDir::new().expect("no folder");
        let file = |name: &str| folder.path().join(name);
        let names = [HOST, ELSEWHERE, "localhost", "127.0.0.1"].map(str::to_owned);
        let key = rcgen::KeyPair::generate().expect("no key");
        let mut wanted = rcgen::CertificateParams::new(names).expect("odd names");
        wanted.is_ca = rcgen::IsCa::ExplicitNoCa;
        let certificate = wanted.self_signed(&key).expect("no certificate");
        std::fs::write(file("server.pem"), certificate.pem()).expect("no file");
        std::fs::write(file("server.key"), key.serialize_pem()).expect("no file");
        std::fs::write(file("federated.token"), format!("{FEDERATED}\n")).expect("no file");
        std::fs::create_dir(file("tokens")).expect("no folder");
        make_client_certificate(folder.path());
        let all = ["get", "list", "set", "update", "recover"];
        let mut config = json!({
            "vault": HOST, "tenant": TENANT, "tokens_folder": file("tokens"),
            "identities": {
                BY_SECRET: {"secret": CLIENT_SECRET, "rights": all},
                BY_CERTIFICATE: {"certificate": file("client.pem"), "rights": all},
                BY_FEDERATION: {"federated": FEDERATED, "rights": all},
                "system-assigned": {"managed": "system", "rights": all},
                USER_ASSIGNED: {"managed": "user", "rights": all},
                "arc-machine": {"managed": "arc", "rights": all},
            },
        });
        let given = settings.as_object().expect("no object").clone();
        config.as_object_mut().expect("no object").extend(given);
        std::fs::write(file("config.json"), config.to_string()).expect("no file");
        let mut bed = Self { folder, child: None, ports: Value::Null };
        bed.start();
        bed
    }

    /// Starts it, or starts it again with what it had on disk.
    pub(crate) fn start(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed/key-vault");
        let mut child = Command::new("python3")
            .arg(script)
            .args(["config.json", "server.pem", "server.key", "state.json"].map(|name| self.file(name)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need python3, and it does not start");
        let mut line = String::new();
        let output = child.stdout.take().expect("no output");
        BufReader::new(output).read_line(&mut line).expect("the stand-in says nothing");
        self.ports = serde_json::from_str(&line).expect("the stand-in did not start");
        self.child = Some(child);
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can't be ended");
            child.wait().expect("it did not end");
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn port(&self, name: &str) -> u64 {
        self.ports[name].as_u64().expect("no such port")
    }

    pub(crate) fn by_secret(&self) -> Identity {
        Identity::ClientSecret {
            tenant_id: TENANT.to_owned(),
            client_id: BY_SECRET.to_owned(),
            secret: secret(CLIENT_SECRET),
        }
    }

    pub(crate) fn settings(&self, identity: Identity) -> Settings {
        Settings {
            url: format!("https://{HOST}:{}", self.port("https")),
            cloud: Cloud::Other { authority: format!("https://127.0.0.1:{}", self.port("https")) },
            identity,
            ca_file: Some(self.file("server.pem")),
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            content_type: CONTENT_TYPE.to_owned(),
            expires_after_days: Some(30),
        }
    }

    pub(crate) fn vault(&self) -> AzureKeyVault {
        AzureKeyVault::new(self.settings(self.by_secret())).expect("the adapter does not start")
    }

    /// Something said to the stand-in, or asked of it.
    pub(crate) fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let port = u16::try_from(self.port("control")).expect("no port");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the stand-in is gone");
        stream.set_read_timeout(Some(CALL_LIMIT)).expect("no limit");
        let body = body.to_string();
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        write!(request, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("no request");
        stream.write_all(request.as_bytes()).expect("the stand-in does not read");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the stand-in does not answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("no answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
        serde_json::from_str(body).expect("no JSON")
    }

    pub(crate) fn fault(&self, rule: &Value) {
        self.control("POST", "/fault", rule);
    }

    pub(crate) fn clear(&self) {
        self.control("POST", "/clear", &json!({}));
    }

    /// All versions of a secret as they lie there, values too, oldest first.
    pub(crate) fn versions(&self, name: &str) -> Vec<Value> {
        let state = self.control("GET", "/state", &json!({}));
        state[name]["versions"].as_array().cloned().unwrap_or_default()
    }

    /// What a reader of current gets.
    pub(crate) fn current(&self, name: &str) -> Value {
        self.versions(name).pop().expect("there is no current")
    }

    pub(crate) fn person_sets(&self, name: &str, value: &str, more: &Value) {
        let mut body = json!({"name": name, "value": value});
        body.as_object_mut().expect("no object").extend(more.as_object().expect("no object").clone());
        self.control("POST", "/person", &body);
    }

    /// The requests so far: method, path, status, who.
    pub(crate) fn requests(&self) -> Vec<(String, String, u64, String)> {
        let all = self.control("GET", "/requests", &json!({}));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = all.as_array().expect("no list").iter();
        rows.map(|row| (text(&row[0]), text(&row[1]), row[2].as_u64().unwrap_or(0), text(&row[3]))).collect()
    }
}

/// An RSA certificate and its key: ring makes no RSA keys, so openssl does.
fn make_client_certificate(folder: &Path) {
    let done = Command::new("openssl")
        .current_dir(folder)
        .args(
            "req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=rotator -keyout client.key -out client.pem"
                .split(' '),
        )
        .output()
        .expect("these tests need openssl, and it does not start");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

pub(crate) fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock before 1970").as_secs()
}
