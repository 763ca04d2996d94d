//! Azure Key Vault: the stand-in of the test bed with two identities, or a vault that runs elsewhere (the real one,
//! Lowkey Vault; docs/vault-conformance.md).
//!
//! For one that runs elsewhere, each behind `ENTRA_ROTATOR_CONFORMANCE_KEY_VAULT`:
//!
//! | variable | what |
//! | --- | --- |
//! | `_URL` | its address, `https://NAME.vault.azure.net` |
//! | `_IDENTITY` | `secret` (without it), `managed`, `arc`, `cli` |
//! | `_TENANT`, `_CLIENT_ID`, `_CLIENT_SECRET_FILE` | for `secret`; `_CLIENT_ID` for a user-assigned `managed` one |
//! | `_METADATA` | for `managed`: another address of the metadata service |
//! | `_AUTHORITY` | another token authority than the one of the vault's cloud |
//! | `_CA` | the CA of vault and authority, PEM; without it the machine's trust store counts |
//! | `_ADDRESS` | the address behind the vault's name, where DNS does not know it |
//! | `_READER_TOKEN_FILE` | a bearer token to read with past the adapter; without it the client secret, if any |
//!
//! Accounts are called `conformance-`, a random word and a number. They stay: nothing is deleted or purged.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use providers::azure_key_vault::{AzureKeyVault, CONTENT_TYPE, Cloud, Identity, Settings};
use providers::conformance::vault::Subject;
use providers::conformance::{Able, Stop, unable};
use providers::port::{Secret, Vault};
use providers::tls;
use reqwest::header::CONTENT_TYPE as TYPE;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::Started;
use crate::key_vault_bed::{BY_CERTIFICATE, Bed, TENANT};

/// Several requests of 15 s at most, and the wait of two seconds.
const CALL_LIMIT: Duration = Duration::from_secs(60);
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// Nearly all that a staging does is to wait, so several checks wait at once. The stand-in's own speed is the bound.
const CHECKS_AT_ONCE: usize = 12;

struct KeyVault {
    settings: [Settings; 2],
    adapters: [Arc<AzureKeyVault>; 2],
    http: reqwest::Client,
    token: OnceCell<Option<Secret>>,
    bed: Option<Arc<Mutex<Bed>>>,
    prefix: String,
    number: AtomicU32,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(format!("ENTRA_ROTATOR_CONFORMANCE_KEY_VAULT_{name}")).ok()
}

fn file(path: &str) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path} can't be read: {error}"))?;
    Ok(Secret::new(text.trim()))
}

/// Whether the suite is asked to run on a vault that runs elsewhere.
pub(crate) fn is_external() -> bool {
    variable("URL").is_some()
}

/// The stand-in, by a client secret and by a certificate.
pub(crate) async fn stand_in() -> Started {
    let started = spawn_blocking(|| {
        // Handles outlive a restart, so the port must.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?.port();
        Ok(Bed::with(&json!({"ports": {"VaultHandler": port}})))
    });
    let bed = started.await.map_err(|error| error.to_string())?.map_err(|error: std::io::Error| error.to_string())?;
    let certificate = Identity::ClientCertificate {
        tenant_id: TENANT.to_owned(),
        client_id: BY_CERTIFICATE.to_owned(),
        certificate_file: bed.file("client.pem"),
        key_file: Some(bed.file("client.key")),
    };
    let settings = [bed.settings(bed.by_secret()), bed.settings(certificate)];
    KeyVault::at(settings, None, Some(bed))
}

/// The vault that the variables name.
pub(crate) async fn external() -> Started {
    let needed = |name: &str| variable(name).ok_or(format!("ENTRA_ROTATOR_CONFORMANCE_KEY_VAULT_{name} is not set"));
    let url = needed("URL")?;
    let identity = match variable("IDENTITY").as_deref().unwrap_or("secret") {
        "secret" => Identity::ClientSecret {
            tenant_id: needed("TENANT")?,
            client_id: needed("CLIENT_ID")?,
            secret: file(&needed("CLIENT_SECRET_FILE")?)?,
        },
        "managed" => Identity::Managed { client_id: variable("CLIENT_ID"), metadata: variable("METADATA") },
        "arc" => Identity::AzureArc { endpoint: None, tokens_folder: None },
        "cli" => Identity::AzureCli { tenant_id: variable("TENANT") },
        other => return Err(format!("{other:?} is no identity that is known here")),
    };
    let host = Url::parse(&url).map_err(|error| error.to_string())?.host_str().unwrap_or_default().to_owned();
    let cloud = match variable("AUTHORITY") {
        Some(authority) => Cloud::Other { authority },
        None if host.ends_with(".usgovcloudapi.net") => Cloud::UsGovernment,
        None if host.ends_with(".azure.cn") => Cloud::China,
        None => Cloud::Public,
    };
    let address = variable("ADDRESS").map(|text| text.parse().map_err(|_| format!("{text} is no address")));
    let settings = Settings {
        url,
        cloud,
        identity,
        ca_file: variable("CA").map(PathBuf::from),
        address: address.transpose()?,
        content_type: CONTENT_TYPE.to_owned(),
        expires_after_days: None,
    };
    let token = variable("READER_TOKEN_FILE").map(|path| file(&path)).transpose()?;
    KeyVault::at([settings.clone(), settings], token, None)
}

fn trouble(error: reqwest::Error) -> Stop {
    Stop::Failed(format!("a reader gets no answer: {error:?}"))
}

impl KeyVault {
    fn at(settings: [Settings; 2], token: Option<Secret>, bed: Option<Bed>) -> Started {
        let adapter = |of: &Settings| AzureKeyVault::new(of.clone()).map(Arc::new).map_err(|fault| fault.to_string());
        let adapters = [adapter(&settings[0])?, adapter(&settings[1])?];
        let tls = tls::client_config(settings[0].ca_file.as_deref()).map_err(|fault| fault.to_string())?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(REQUEST_LIMIT);
        let url = Url::parse(&settings[0].url).map_err(|error| error.to_string())?;
        if let (Some(address), Some(host)) = (settings[0].address, url.host_str()) {
            http = http.resolve(host, (address, 0).into());
        }
        // Random enough for two runs on one vault: the hasher's keys are the system's random numbers.
        let word = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "entra-rotator");
        Ok(Arc::new(Self {
            adapters,
            http: http.build().map_err(|error| error.to_string())?,
            token: OnceCell::new_with(token.map(Some)),
            bed: bed.map(|bed| Arc::new(Mutex::new(bed))),
            prefix: format!("conformance-{word:016x}"),
            number: AtomicU32::new(0),
            settings,
        }))
    }

    /// A token to read with past the adapter.
    async fn token(&self) -> Able<&Secret> {
        let token = self.token.get_or_try_init(|| self.by_client_secret()).await?;
        token.as_ref().map_or_else(|| unable("nobody here has a token to read with"), Ok)
    }

    /// One for the client secret, if that is how we come by them.
    async fn by_client_secret(&self) -> Able<Option<Secret>> {
        let Identity::ClientSecret { tenant_id, client_id, secret } = &self.settings[0].identity else {
            return Ok(None);
        };
        let authority = match &self.settings[0].cloud {
            Cloud::Public => "https://login.microsoftonline.com",
            Cloud::UsGovernment => "https://login.microsoftonline.us",
            Cloud::China => "https://login.chinacloudapi.cn",
            Cloud::Other { authority } => authority.trim_end_matches('/'),
        };
        let host = Url::parse(&self.settings[0].url).ok().and_then(|url| Some(url.host_str()?.to_owned()));
        let domain = host.as_deref().and_then(|host| host.split_once('.')).map_or("vault.azure.net", |(_, rest)| rest);
        let scope = format!("https://{domain}/.default");
        let scope = if self.bed.is_some() { "https://vault.azure.net/.default" } else { &scope };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret.expose()),
            ("scope", scope),
        ];
        let url = format!("{authority}/{tenant_id}/oauth2/v2.0/token");
        let form = Url::parse_with_params(&url, form).map_err(|error| Stop::Failed(error.to_string()))?;
        let body = form.query().unwrap_or_default().to_owned();
        let request = self.http.post(url).header(TYPE, "application/x-www-form-urlencoded").body(body);
        let reply: Value = request.send().await.map_err(trouble)?.json().await.map_err(trouble)?;
        match reply["access_token"].as_str() {
            Some(token) => Ok(Some(Secret::new(token))),
            None => Err(Stop::Failed(format!("a reader gets no token: {}", reply["error_description"]))),
        }
    }

    /// A request past the adapter, as a reader of current makes it.
    async fn ask(&self, path: &str) -> Able<(StatusCode, Value)> {
        let url = format!("{}/secrets/{path}?api-version=7.4", self.settings[0].url.trim_end_matches('/'));
        let request = self.http.get(url).bearer_auth(self.token().await?.expose());
        let reply = request.send().await.map_err(trouble)?;
        Ok((reply.status(), reply.json().await.map_err(trouble)?))
    }

    /// The latest version of current; null = there is none.
    async fn current(&self, name: &str) -> Able<Value> {
        match self.ask(name).await? {
            (StatusCode::OK, found) => Ok(found),
            (StatusCode::NOT_FOUND, _) => Ok(Value::Null),
            (status, _) => Err(Stop::Failed(format!("a reader is answered {status}"))),
        }
    }

    fn number(&self) -> u32 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }
}

#[async_trait]
impl Subject for KeyVault {
    fn vault(&self) -> Arc<dyn Vault> {
        Arc::<AzureKeyVault>::clone(&self.adapters[0])
    }

    fn other(&self) -> Arc<dyn Vault> {
        Arc::<AzureKeyVault>::clone(&self.adapters[1])
    }

    async fn fresh_name(&self) -> Able<String> {
        Ok(format!("{}-{}", self.prefix, self.number()))
    }

    async fn announced(&self, name: &str) -> Able<Option<String>> {
        let current = self.current(name).await?;
        let tag = |tag: &str| current["tags"][tag].as_str();
        match (tag("pending"), tag("pending-rotation")) {
            (None, None) => Ok(None),
            (Some(place), Some(rotation)) => {
                // A mark that can't be followed is no mark: nobody is told anything by it.
                let (status, told) = self.ask(place).await?;
                if status == StatusCode::OK && told["tags"]["rotation"] == rotation {
                    Ok(Some(rotation.to_owned()))
                } else {
                    Err(Stop::Failed(format!("readers are told of {place}, which is not of {rotation}: {status}")))
                }
            }
            half => Err(Stop::Failed(format!("readers are told {half:?}, which is not all of it"))),
        }
    }

    async fn seen_by_readers(&self, name: &str) -> Able<Option<Secret>> {
        Ok(self.current(name).await?["value"].as_str().map(Secret::new))
    }

    async fn restart(&self) -> Able<()> {
        let Some(bed) = self.bed.clone() else { return unable("it runs elsewhere") };
        let done = spawn_blocking(move || {
            let mut bed = bed.lock().unwrap_or_else(PoisonError::into_inner);
            bed.kill();
            bed.start();
        });
        done.await.map_err(|error| Stop::Failed(error.to_string()))
    }

    async fn fresh_names(&self) -> Able<Vec<String>> {
        let forms = ["MSOL-1a2b3c4d5e6f", "0", "a--B-"];
        let mut names: Vec<String> = forms.map(|form| format!("{}-{}-{form}", self.prefix, self.number())).into();
        // Key Vault takes 127 characters, of which the candidate's name needs eight more.
        let long = format!("{}-{}-", self.prefix, self.number());
        names.push(format!("{long}{}", "x".repeat(119 - long.len())));
        Ok(names)
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    fn checks_at_once(&self) -> usize {
        CHECKS_AT_ONCE
    }

    fn own_secrets(&self) -> Vec<Secret> {
        let identities = self.settings.iter().map(|settings| &settings.identity);
        identities
            .filter_map(|identity| match identity {
                Identity::ClientSecret { secret, .. } => Some(secret.clone()),
                _ => None,
            })
            .collect()
    }

    fn shown(&self) -> Vec<String> {
        self.settings.iter().map(|settings| format!("{settings:?}")).collect()
    }

    fn log_of(&self) -> &'static [&'static str] {
        &["providers", "azure_core", "azure_identity", "reqwest", "hyper_util", "rustls"]
    }
}
