use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::base64::decode_url_safe;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret as Sent, TokenCredential, TokenRequestOptions};
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions, Transport, Url};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertion, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, Executor,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::answer::plain;
use super::arc::ArcCredential;
use super::assertion::{CertificateAssertion, FileAssertion};
use super::token_answer::refusal;
use super::transport::{Cut, Wire, given_back, translate};
use super::{Cloud, Identity, Settings, names};
use crate::https::Effect;
use crate::port::Fault;

/// The metadata service of an Azure machine.
const METADATA: &str = "http://169.254.169.254";
/// `az` starts a Python of its own, and may ask the authority.
const CLI_LIMIT: Duration = Duration::from_secs(30);

/// What a token says of whom it was given to. Not verified: for people, never for a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Claims {
    tid: String,
    appid: String,
    azp: String,
    oid: String,
    upn: String,
}

impl Claims {
    fn read(token: &str) -> Option<Self> {
        let body = Zeroizing::new(decode_url_safe(token.split('.').nth(1)?).ok()?);
        serde_json::from_slice(&body).ok()
    }

    /// `client …, object … of tenant …`
    pub(super) fn text(&self) -> String {
        let client = if self.appid.is_empty() { &self.azp } else { &self.appid };
        let mut parts = Vec::new();
        for (what, value) in [("user", &self.upn), ("client", client), ("object", &self.oid), ("tenant", &self.tid)] {
            if !value.is_empty() {
                parts.push(format!("{what} {}", plain(value)));
            }
        }
        if parts.is_empty() { "a token without names in it".to_owned() } else { parts.join(", ") }
    }
}

/// The credential of the settings; remembers what its last token said, and makes itself anew when the vault refused that
/// token: the crate's credentials would go on giving the same one until five minutes before its end.
pub(super) struct Watched {
    settings: Settings,
    vault: Url,
    inner: Mutex<Arc<dyn TokenCredential>>,
    refused: AtomicBool,
    claims: Mutex<Option<Claims>>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl Watched {
    /// The credential that the settings name. Nothing is sent yet.
    pub(super) fn new(settings: &Settings, vault: &Url) -> Result<Self, Fault> {
        Ok(Self {
            inner: Mutex::new(of(settings, vault)?),
            settings: settings.clone(),
            vault: vault.clone(),
            refused: AtomicBool::new(false),
            claims: Mutex::new(None),
        })
    }

    /// The vault did not accept the last token: the next one is to be another.
    pub(super) fn token_refused(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    fn usable(&self) -> Result<Arc<dyn TokenCredential>, Fault> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if self.refused.swap(false, Ordering::Relaxed) {
            *inner = of(&self.settings, &self.vault)?;
        }
        Ok(inner.clone())
    }

    pub(super) fn claims(&self) -> Option<Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl TokenCredential for Watched {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let inner = self.usable().map_err(Cut::error)?;
        let token = inner.get_token(scopes, options).await?;
        *self.claims.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Claims::read(token.token.secret()).unwrap_or_default());
        Ok(token)
    }
}

/// What azure_identity asks for tokens with. It reaches the addresses it was made for, and nothing else.
struct TokenTransport {
    wire: Wire,
    allowed: Vec<Url>,
    /// The metadata service's fixed address stands for this one.
    metadata: Option<Url>,
    whom: &'static str,
}

impl fmt::Debug for TokenTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenTransport").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for TokenTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        if let Some(metadata) = &self.metadata
            && request.url().host_str() == Some("169.254.169.254")
        {
            let mut url = metadata.clone();
            url.set_path(request.url().path());
            url.set_query(request.url().query());
            *request.url_mut() = url;
        }
        if !self.allowed.iter().any(|allowed| allowed.origin() == request.url().origin()) {
            let to = request.url().host_str().unwrap_or_default().to_owned();
            return Err(Cut::error(Fault::broken("", format!("tokens are not asked for at {to}"))));
        }
        let wanted = translate(&self.wire, &request).map_err(Cut::error)?;
        let reply = self.wire.send(wanted, Effect::Read).await;
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        tracing::debug!(host = request.url().host_str(), status, "token call");
        let reply = reply.map_err(Cut::error)?;
        if reply.status != 200 {
            return Err(Cut::error(refusal(&reply, self.whom)));
        }
        Ok(given_back(reply))
    }
}

fn of(settings: &Settings, vault: &Url) -> Result<Arc<dyn TokenCredential>, Fault> {
    let doing = format!("preparing the {}", settings.identity.kind());
    let broken = |e: azure_core::Error| {
        Fault::broken(&doing, plain(&e.to_string())).hint("see tenant_id and client_id in the settings")
    };
    let inner: Arc<dyn TokenCredential> = match &settings.identity {
        Identity::Managed { client_id, metadata } => {
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                client_options: metadata_options(metadata.as_deref())?,
            };
            ManagedIdentityCredential::new(Some(options)).map_err(|e| {
                Fault::broken(&doing, plain(&e.to_string()))
                    .hint("on a machine with the Azure Arc agent, choose the Azure Arc identity in the settings")
            })?
        }
        Identity::AzureArc { endpoint, tokens_folder } => {
            Arc::new(ArcCredential::new(Wire::local()?, endpoint.as_deref(), tokens_folder.as_deref())?)
        }
        Identity::Workload { tenant_id, client_id, token_file } => {
            let assertion = FileAssertion { file: token_file.clone() };
            asserted(settings, vault, tenant_id, client_id, assertion)?
        }
        Identity::ClientCertificate { tenant_id, client_id, certificate_file, key_file } => {
            let audience = format!("{}{tenant_id}/oauth2/v2.0/token", authority(&settings.cloud)?);
            let assertion = CertificateAssertion {
                client_id: client_id.clone(),
                audience,
                certificate_file: certificate_file.clone(),
                key_file: key_file.clone(),
            };
            asserted(settings, vault, tenant_id, client_id, assertion)?
        }
        Identity::ClientSecret { tenant_id, client_id, secret } => {
            let value = secret.expose().trim();
            if value.is_empty() {
                return Err(Fault::broken(&doing, "it is empty").hint("put the client secret where the settings say"));
            }
            let options = ClientSecretCredentialOptions { client_options: authority_options(settings, vault)? };
            ClientSecretCredential::new(tenant_id, client_id.clone(), Sent::new(value.to_owned()), Some(options))
                .map_err(broken)?
        }
        Identity::AzureCli { tenant_id } => {
            let options = AzureCliCredentialOptions {
                tenant_id: tenant_id.clone(),
                executor: Some(Arc::new(BoundedExecutor { limit: CLI_LIMIT })),
                ..AzureCliCredentialOptions::default()
            };
            AzureCliCredential::new(Some(options)).map_err(broken)?
        }
    };
    Ok(inner)
}

fn asserted<C: ClientAssertion + 'static>(
    settings: &Settings,
    vault: &Url,
    tenant_id: &str,
    client_id: &str,
    assertion: C,
) -> Result<Arc<dyn TokenCredential>, Fault> {
    let options = ClientAssertionCredentialOptions { client_options: authority_options(settings, vault)? };
    let made = ClientAssertionCredential::new(tenant_id.to_owned(), client_id.to_owned(), assertion, Some(options));
    let made = made.map_err(|e| {
        Fault::broken(format!("preparing the {}", settings.identity.kind()), plain(&e.to_string()))
            .hint("see tenant_id and client_id in the settings")
    })?;
    Ok(made)
}

/// Where tokens come from, with a slash at the end.
fn authority(cloud: &Cloud) -> Result<Url, Fault> {
    names::authority(match cloud {
        Cloud::Public => "https://login.microsoftonline.com",
        Cloud::UsGovernment => "https://login.microsoftonline.us",
        Cloud::China => "https://login.chinacloudapi.cn",
        Cloud::Other { authority } => authority,
    })
}

fn authority_options(settings: &Settings, vault: &Url) -> Result<ClientOptions, Fault> {
    let authority = authority(&settings.cloud)?;
    // Named always, so that no environment variable (AZURE_AUTHORITY_HOST) can point anywhere else.
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = authority.to_string();
    let transport = TokenTransport {
        wire: Wire::secure(settings, vault)?,
        allowed: vec![authority],
        metadata: None,
        whom: "Entra ID",
    };
    Ok(ClientOptions { cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))), ..options(Arc::new(transport)) })
}

fn metadata_options(metadata: Option<&str>) -> Result<ClientOptions, Fault> {
    let doing = "preparing the managed identity";
    let parse = |url: &str| Url::parse(url).map_err(|e| Fault::broken(doing, format!("{url}: {e}")));
    let metadata = metadata.map(parse).transpose()?;
    let mut allowed = vec![metadata.clone().map_or_else(|| parse(METADATA), Ok)?];
    // App Service and the like name their own.
    if let Ok(endpoint) = std::env::var("IDENTITY_ENDPOINT") {
        allowed.push(parse(&endpoint)?);
    }
    let whom = "the machine's metadata service";
    Ok(options(Arc::new(TokenTransport { wire: Wire::local()?, allowed, metadata, whom })))
}

/// Over our transport, and without a single retry: the engine counts tries.
pub(super) fn options(transport: Arc<dyn HttpClient>) -> ClientOptions {
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(transport)),
        ..ClientOptions::default()
    }
}

/// Runs `az` with an end to it.
#[derive(Debug)]
struct BoundedExecutor {
    limit: Duration,
}

#[async_trait]
impl Executor for BoundedExecutor {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        tokio::time::timeout(self.limit, command.output()).await.map_err(|_| {
            let fault = Fault::later("", format!("az did not end within {} s", self.limit.as_secs()))
                .hint("does `az account get-access-token` answer at a terminal?");
            io::Error::new(io::ErrorKind::TimedOut, Cut(fault))
        })?
    }
}

#[cfg(test)]
mod tests {
    use azure_core::base64::encode_url_safe;

    use super::*;
    use crate::azure_key_vault::answer::{Asked, Failed};
    use crate::port::Meaning;

    #[cfg(unix)]
    #[tokio::test]
    async fn az_that_hangs_is_asked_again_later() {
        use azure_core::error::{Error, ErrorKind};

        let az = BoundedExecutor { limit: Duration::from_millis(50) };
        let error = az.run(OsStr::new("sleep"), &[OsStr::new("5")]).await.unwrap_err();
        // As the crate wraps it.
        let error = Error::with_error(ErrorKind::Credential, error, "timed out error");
        let asked = Asked { doing: "reading", secret: "svc", right: "get", effect: Effect::Read };
        let fault = Failed::read(&error, &asked).fault(&asked);
        assert!(fault.meaning == Meaning::Later && fault.cause.contains("az did not end"), "{fault}");
    }

    #[test]
    fn a_token_says_whom_it_was_given_to_and_nothing_else_of_it_is_shown() {
        let body = r#"{"tid":"t-1","appid":"c-1","oid":"o-1","secret":"hunter2"}"#;
        let token = format!("{}.{}.hunter2", encode_url_safe("{}"), encode_url_safe(body));
        let text = Claims::read(&token).unwrap().text();
        assert_eq!(text, "client c-1, object o-1, tenant t-1");
        assert_eq!(Claims::read("hunter2"), None);
        assert!(!Claims::default().text().contains("hunter2"));
    }
}
