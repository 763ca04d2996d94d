//! HashiCorp Vault and OpenBao: a dev server and one with durable storage, over TLS, with exactly the policy that users
//! are given; or one that runs elsewhere.
//!
//! For one that runs elsewhere:
//!
//! | variable | what |
//! | --- | --- |
//! | `ENTRA_ROTATOR_CONFORMANCE_URL` | its address, `https://…` |
//! | `ENTRA_ROTATOR_CONFORMANCE_TOKEN_FILE` | a file with the token that the adapter works with |
//! | `ENTRA_ROTATOR_CONFORMANCE_CA` | its CA, in PEM form; without it the machine's trust store counts |
//! | `ENTRA_ROTATOR_CONFORMANCE_MOUNT` | its KV version 2 mount; `secret` without it |
//! | `ENTRA_ROTATOR_CONFORMANCE_NAMESPACE` | its namespace, if any |
//! | `ENTRA_ROTATOR_CONFORMANCE_READER_TOKEN_FILE` | the token of a reader of current and its metadata; without it the adapter's own |
//!
//! The suite's accounts lie below `entra-rotator-conformance/` and a random word, and stay there. The policy of users
//! names accounts one by one, so the token needs it for all of these: `create`, `read`, `update` on
//! `MOUNT/data/entra-rotator-conformance/*`, `update` on `MOUNT/destroy/…/*`, `read` and `patch` on
//! `MOUNT/metadata/…/*`, and the rules of that policy which name no account.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use providers::conformance::vault::Subject;
use providers::conformance::{Able, Stop, unable};
use providers::hashicorp_vault::{HashicorpVault, Login, Settings};
use providers::port::{Secret, Vault};
use providers::tls;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::Started;
use crate::openbao_server::{Kind, Server};

const URL: &str = "ENTRA_ROTATOR_CONFORMANCE_URL";
const FOLDER: &str = "entra-rotator-conformance";
/// Accounts that are let in at once: each time the whole policy is written anew.
const NAMES_AT_ONCE: usize = 60;
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// Where it is, and who we are there.
struct Place {
    url: String,
    ca_file: Option<PathBuf>,
    mount: String,
    namespace: Option<String>,
    token: Secret,
    reader: Secret,
}

struct OpenBao {
    place: Place,
    adapters: [Arc<HashicorpVault>; 2],
    http: reqwest::Client,
    server: Option<Arc<Server>>,
    word: String,
    number: AtomicUsize,
    let_in: tokio::sync::Mutex<Vec<String>>,
}

pub(crate) async fn dev() -> Started {
    own(Kind::Dev).await
}

pub(crate) async fn raft() -> Started {
    own(Kind::Raft).await
}

/// Whether the suite is asked to run on a vault that runs elsewhere.
pub(crate) fn is_external() -> bool {
    std::env::var_os(URL).is_some()
}

pub(crate) async fn external() -> Started {
    let variable = |name: &str| std::env::var(format!("ENTRA_ROTATOR_CONFORMANCE_{name}")).ok();
    let file = |path: String| {
        std::fs::read_to_string(&path).map(Secret::from).map_err(|error| format!("{path} can't be read: {error}"))
    };
    let token = variable("TOKEN_FILE").ok_or("ENTRA_ROTATOR_CONFORMANCE_TOKEN_FILE is not set")?;
    let reader = variable("READER_TOKEN_FILE").unwrap_or_else(|| token.clone());
    let place = Place {
        url: variable("URL").ok_or("no address")?,
        ca_file: variable("CA").map(PathBuf::from),
        mount: variable("MOUNT").unwrap_or_else(|| "secret".to_owned()),
        namespace: variable("NAMESPACE"),
        token: file(token)?,
        reader: file(reader)?,
    };
    OpenBao::at(place, None)
}

async fn own(kind: Kind) -> Started {
    let server = spawn_blocking(move || Server::start(kind)).await.map_err(|error| error.to_string())??;
    let token = |who: &str| std::fs::read_to_string(server.file(&format!("secrets/{who}.token"))).map(Secret::from);
    let place = Place {
        url: server.url(),
        ca_file: Some(server.file("tls/ca.pem")),
        mount: "secret".to_owned(),
        namespace: None,
        token: token("rotator").map_err(|error| error.to_string())?,
        reader: token("root").map_err(|error| error.to_string())?,
    };
    OpenBao::at(place, Some(Arc::new(server)))
}

/// The adapter's settings: a token, and nothing special.
fn settings(place: &Place) -> Settings {
    Settings {
        url: place.url.clone(),
        ca_file: place.ca_file.clone(),
        mount: place.mount.clone(),
        namespace: place.namespace.clone(),
        login_namespace: None,
        client_certificate: None,
        login: Login::Token(place.token.clone()),
    }
}

impl OpenBao {
    fn at(place: Place, server: Option<Arc<Server>>) -> Started {
        let adapter = || HashicorpVault::new(settings(&place)).map(Arc::new).map_err(|fault| fault.to_string());
        let adapters = [adapter()?, adapter()?];
        let tls = tls::client_config(place.ca_file.as_deref()).map_err(|fault| fault.to_string())?;
        let http = reqwest::Client::builder().tls_backend_preconfigured((*tls).clone()).no_proxy().timeout(CALL_LIMIT);
        let http = http.build().map_err(|error| error.to_string())?;
        // Random enough for two runs on one vault: the hasher's keys are the system's random numbers.
        let word = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "entra-rotator");
        Ok(Arc::new(Self {
            place,
            adapters,
            http,
            server,
            word: format!("{word:016x}"),
            number: AtomicUsize::new(0),
            let_in: tokio::sync::Mutex::default(),
        }))
    }

    /// A request past the adapter, as a reader of current makes it: `None` when nothing is there.
    async fn ask(&self, path: &str) -> Able<Option<Value>> {
        let url = format!("{}/v1/{}/{path}", self.place.url.trim_end_matches('/'), self.place.mount);
        let mut request = self.http.get(url).header("X-Vault-Token", self.place.reader.expose().trim());
        if let Some(namespace) = &self.place.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        let trouble = |error: reqwest::Error| Stop::Failed(format!("a reader gets no answer: {error}"));
        let reply = request.send().await.map_err(trouble)?;
        match reply.status() {
            StatusCode::OK => Ok(Some(reply.json::<Value>().await.map_err(trouble)?["data"].take())),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::FORBIDDEN if self.server.is_none() => unable("the reader's token may not look there"),
            status => Err(Stop::Failed(format!("a reader is answered {status}"))),
        }
    }
}

#[async_trait]
impl Subject for OpenBao {
    fn vault(&self) -> Arc<dyn Vault> {
        Arc::<HashicorpVault>::clone(&self.adapters[0])
    }

    fn other(&self) -> Arc<dyn Vault> {
        Arc::<HashicorpVault>::clone(&self.adapters[1])
    }

    async fn fresh_name(&self) -> Able<String> {
        let name = || format!("{FOLDER}/{}/{}", self.word, self.number.fetch_add(1, Ordering::Relaxed));
        let Some(server) = &self.server else { return Ok(name()) };
        let mut let_in = self.let_in.lock().await;
        if let_in.is_empty() {
            let names: Vec<String> = (0..NAMES_AT_ONCE).map(|_| name()).collect();
            let (server, wanted) = (Arc::clone(server), names.clone());
            let allowed = spawn_blocking(move || server.allow(&wanted)).await;
            allowed.map_err(|error| error.to_string()).flatten().map_err(Stop::Failed)?;
            *let_in = names;
        }
        Ok(let_in.swap_remove(0))
    }

    async fn announced(&self, name: &str) -> Able<Option<String>> {
        let Some(metadata) = self.ask(&format!("metadata/{name}")).await? else { return Ok(None) };
        let key = |key: &str| metadata["custom_metadata"][key].as_str().filter(|text| !text.is_empty());
        match (key("pending-path"), key("pending-version"), key("pending-rotation")) {
            (None, None, None) => Ok(None),
            (Some(path), Some(version), Some(rotation)) => {
                // A mark that can't be followed is no mark: nobody is told anything by it. A candidate that was taken
                // over lies beside the one that did, as docs/consumers.md has it.
                let told = self.ask(&format!("data/{path}")).await?.unwrap_or_default();
                let kept = told["data"]["kept"].as_array().into_iter().flatten();
                let there = match told["data"]["rotation"] == rotation {
                    true => version.parse().is_ok_and(|version: u64| told["metadata"]["version"] == version),
                    false => kept.into_iter().any(|one| one["rotation"] == rotation),
                };
                if there {
                    Ok(Some(rotation.to_owned()))
                } else {
                    Err(Stop::Failed(format!(
                        "readers are told of version {version} of {path}, which is not of {rotation}"
                    )))
                }
            }
            half => Err(Stop::Failed(format!("readers are told {half:?}, which is not all of it"))),
        }
    }

    async fn seen_by_readers(&self, name: &str) -> Able<Option<Secret>> {
        let found = self.ask(&format!("data/{name}")).await?;
        Ok(found.and_then(|found| found["data"]["password"].as_str().map(Secret::new)))
    }

    async fn restart(&self) -> Able<()> {
        let Some(server) = self.server.clone() else { return unable("it runs elsewhere") };
        if server.kind() == Kind::Dev {
            return unable("a dev server keeps nothing when it ends");
        }
        let done = spawn_blocking(move || server.restart()).await;
        done.map_err(|error| error.to_string()).flatten().map_err(Stop::Failed)
    }

    async fn fresh_names(&self) -> Able<Vec<String>> {
        let mut names = Vec::new();
        for form in ["MSOL_1a2b3c4d5e6f", "ADSyncMSA$", "eu/west/svc.sync-1", "kürzel"] {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            names.push(format!("{FOLDER}/{}/{number}/{form}", self.word));
        }
        if let Some(server) = &self.server {
            let (server, wanted) = (Arc::clone(server), names.clone());
            let allowed = spawn_blocking(move || server.allow(&wanted)).await;
            allowed.map_err(|error| error.to_string()).flatten().map_err(Stop::Failed)?;
        }
        Ok(names)
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    fn own_secrets(&self) -> Vec<Secret> {
        vec![Secret::new(self.place.token.expose().trim())]
    }

    fn shown(&self) -> Vec<String> {
        vec![format!("{:?}", settings(&self.place))]
    }

    fn log_of(&self) -> &'static [&'static str] {
        &["providers", "reqwest", "hyper_util", "rustls"]
    }
}
