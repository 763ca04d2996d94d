//! The managed identity of a machine on premises: the Azure Arc agent listens on the machine itself and proves that the
//! caller may read its files. It answers the first request with the name of a file that only `himds`' group (on Windows:
//! administrators and the group "Hybrid agent extension applications") can read; the second carries its content.
//!
//! azure_identity does not have this yet (it says "Azure Arc managed identity isn't supported").

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::Url;
use azure_core::time::OffsetDateTime;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::token_answer::refusal;
use super::transport::{Cut, Reply, Wire};
use crate::https::Effect;
use crate::port::Fault;
use crate::tls;

const ENDPOINT: &str = "http://localhost:40342/metadata/identity/oauth2/token";
const API_VERSION: &str = "2019-11-01";
/// What Microsoft's own clients accept as the file's size.
const KEY_BYTES_MAX: u64 = 4096;

pub(super) struct ArcCredential {
    wire: Wire,
    endpoint: Url,
    tokens_folder: PathBuf,
}

impl fmt::Debug for ArcCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArcCredential").field("endpoint", &self.endpoint.as_str()).finish_non_exhaustive()
    }
}

/// Both shapes that the agents of different years answer with.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_on: Seconds,
}

impl ArcCredential {
    pub(super) fn new(wire: Wire, endpoint: Option<&str>, tokens_folder: Option<&Path>) -> Result<Self, Fault> {
        let doing = "preparing the Azure Arc identity";
        let hint = "leave the endpoint out of the settings: the agent's own is http://localhost:40342";
        let named = endpoint.map(str::to_owned).or_else(|| std::env::var("IDENTITY_ENDPOINT").ok());
        let named = named.unwrap_or_else(|| ENDPOINT.to_owned());
        let mut endpoint = Url::parse(&named).map_err(|e| Fault::broken(doing, e.to_string()).hint(hint))?;
        // The agent's challenge proves that we may read a file of this machine: it must not go to another one.
        if endpoint.scheme() != "http" || !matches!(endpoint.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            return Err(Fault::broken(doing, format!("{named} is not on this machine")).hint(hint));
        }
        if matches!(endpoint.path(), "" | "/") {
            endpoint.set_path("/metadata/identity/oauth2/token");
        }
        let tokens_folder = match tokens_folder {
            Some(folder) => folder.to_owned(),
            None => agents_folder(),
        };
        Ok(Self { wire, endpoint, tokens_folder })
    }

    async fn token(&self, resource: &str) -> Result<AccessToken, Fault> {
        let challenge = self.ask(resource, None).await?;
        if challenge.status != 401 {
            return Err(match challenge.status {
                200 => Fault::broken("", "the Azure Arc agent gave a token without a challenge")
                    .hint("see what really listens at the agent's address"),
                _ => refusal(&challenge, "the Azure Arc agent"),
            });
        }
        let key = self.key(&challenge)?;
        let answer = self.ask(resource, Some(&key)).await?;
        if answer.status != 200 {
            return Err(refusal(&answer, "the Azure Arc agent"));
        }
        let unreadable = || Fault::later("", "the Azure Arc agent's answer can't be read");
        let token: Token = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        let seconds = match token.expires_on {
            Seconds::Number(seconds) => seconds,
            Seconds::Text(text) => text.parse().map_err(|_| unreadable())?,
        };
        let end = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| unreadable())?;
        Ok(AccessToken::new(token.access_token, end))
    }

    async fn ask(&self, resource: &str, key: Option<&str>) -> Result<Reply, Fault> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("api-version", API_VERSION).append_pair("resource", resource);
        let mut request = self.wire.client().get(url).header("Metadata", "true");
        if let Some(key) = key {
            let text = Zeroizing::new(format!("Basic {key}"));
            let mut header = reqwest::header::HeaderValue::from_str(&text).map_err(|_| {
                Fault::broken("", "the Azure Arc agent's challenge holds characters that no header takes")
            })?;
            header.set_sensitive(true);
            request = request.header("Authorization", header);
        }
        self.wire
            .send(request, Effect::Read)
            .await
            .map_err(|fault| fault.hint("is the Azure Connected Machine agent running (azcmagent show)?"))
    }

    /// What the challenge's file holds. Only a small `.key` file right in the agent's own folder is read: whoever answers
    /// on that port could name any file otherwise, and be sent it.
    fn key(&self, challenge: &Reply) -> Result<Zeroizing<String>, Fault> {
        let named = challenge
            .headers
            .get("www-authenticate")
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.strip_prefix("Basic realm="))
            .map(|path| PathBuf::from(path.trim().trim_matches('"')))
            .ok_or_else(|| Fault::broken("", "the Azure Arc agent's challenge names no file"))?;
        let fits =
            named.parent() == Some(&self.tokens_folder) && named.extension().is_some_and(|ending| ending == "key");
        if !fits {
            return Err(Fault::broken("", "the Azure Arc agent's challenge names a file that is not one of its own")
                .hint("see what really listens at the agent's address"));
        }
        let hint =
            "put the account this program runs as into the group himds (Windows: Hybrid agent extension applications)";
        let unreadable = |cause: String| format!("the Azure Arc agent's challenge {} {cause}", named.display());
        let bytes = match tls::file(&named, KEY_BYTES_MAX) {
            Ok(bytes) => bytes,
            // Its own word for a file that is too long.
            Err(e) if e.kind() == ErrorKind::Other => {
                return Err(Fault::broken("", unreadable(format!("can't be that: {e}")))
                    .hint("see what really listens at the agent's address"));
            }
            // The agent writes a new one for each question, and takes the old ones away.
            Err(e) => return Err(Fault::later("", unreadable(format!("can't be read: {e}"))).hint(hint)),
        };
        let text = str::from_utf8(&bytes).map_err(|_| {
            Fault::broken("", unreadable("is no text".to_owned())).hint("see what really listens there")
        })?;
        if text.trim().is_empty() {
            return Err(Fault::later("", unreadable("is empty".to_owned())).hint(hint));
        }
        Ok(Zeroizing::new(text.trim().to_owned()))
    }
}

/// Where the agent puts its challenges.
fn agents_folder() -> PathBuf {
    if cfg!(windows) {
        let data = std::env::var_os("ProgramData").unwrap_or_else(|| r"C:\ProgramData".into());
        Path::new(&data).join("AzureConnectedMachineAgent").join("Tokens")
    } else {
        PathBuf::from("/var/opt/azcmagent/tokens")
    }
}

#[async_trait]
impl TokenCredential for ArcCredential {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let resource = scopes.first().map(|scope| scope.trim_end_matches("/.default")).unwrap_or_default();
        self.token(resource).await.map_err(Cut::error)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::port::Meaning;

    fn challenge(header: &str) -> Reply {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("www-authenticate", header.parse().unwrap());
        Reply { status: 401, headers, body: Zeroizing::new(Vec::new()) }
    }

    #[test]
    fn only_the_agents_own_small_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let agent =
            ArcCredential::new(Wire::local().unwrap(), Some("http://127.0.0.1:1"), Some(folder.path())).unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let good = file("a.key", "hunter2\n");
        assert_eq!(agent.key(&challenge(&format!("Basic realm={good}"))).unwrap().as_str(), "hunter2");
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("b.key"), "hunter2").unwrap();
        for bad in [
            format!("Basic realm={}", outside.path().join("b.key").display()),
            format!("Basic realm={}", file("c.txt", "hunter2")),
            format!("Basic realm={}", file("deeper/d.key", "hunter2")),
            format!("Basic realm={}", file("e.key", &"x".repeat(4097))),
            format!("Basic realm={}/../{}/a.key", folder.path().display(), "x"),
            format!("Bearer realm={good}"),
        ] {
            let fault = agent.key(&challenge(&bad)).unwrap_err();
            assert_eq!(fault.meaning, Meaning::Broken, "{bad}");
            assert!(!fault.to_string().contains("hunter2"), "{fault}");
        }
        // The agent is about to write them.
        for coming in [folder.path().join("absent.key").display().to_string(), file("f.key", "\n")] {
            let fault = agent.key(&challenge(&format!("Basic realm={coming}"))).unwrap_err();
            assert!(fault.meaning == Meaning::Later && fault.cause.contains(&coming), "{fault}");
            assert!(fault.hint.contains("himds"), "{fault}");
        }
    }

    #[test]
    fn the_agent_is_on_this_machine() {
        for bad in ["http://192.0.2.1:40342", "https://localhost:40342", "http://localhost.evil.example/", "x"] {
            assert!(ArcCredential::new(Wire::local().unwrap(), Some(bad), None).is_err(), "{bad}");
        }
        let agent = ArcCredential::new(Wire::local().unwrap(), Some("http://localhost:40342"), None).unwrap();
        assert_eq!(agent.endpoint.as_str(), ENDPOINT);
    }
}
