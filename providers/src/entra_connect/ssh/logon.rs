use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::client::AuthResult;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};

use crate::entra_connect::transport::{Broken, Reached};

use super::Logon;
use super::key_file::read_key;
use super::link::{Link, told};

/// So many keys of an agent are tried: OpenSSH's server ends the connection at the sixth that it doesn't take.
const AGENT_KEYS_MAX: usize = 5;

type Agent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

/// What we log on with, before there is a connection.
pub(super) enum Ready {
    Key(Arc<PrivateKey>),
    Agent(Agent, PathBuf),
}

impl Ready {
    pub(super) async fn new(logon: &Logon) -> Result<Self, Broken> {
        match logon {
            Logon::KeyFile { file, passphrase } => {
                let (file, passphrase) = (file.clone(), passphrase.clone());
                // A passphrase is stretched on purpose, which takes its time.
                tokio::task::spawn_blocking(move || read_key(&file, passphrase.as_ref()))
                    .await
                    .map_err(|cause| Broken::new(Reached::Settings, format!("the key file was not read: {cause}")))?
                    .map(Self::Key)
            }
            Logon::Agent { socket } => {
                let socket = socket.clone().or_else(default_socket).ok_or_else(|| {
                    Broken::new(Reached::Settings, "no SSH agent: SSH_AUTH_SOCK is not set")
                        .hint("start an SSH agent for the account of entra-rotator, or name its socket")
                })?;
                let agent = agent_at(&socket).await.map_err(|cause| {
                    let cause = format!("no SSH agent answers at {}: {cause}", socket.display());
                    Broken::new(Reached::Settings, cause).hint("start the SSH agent and give it the key: ssh-add FILE")
                })?;
                Ok(Self::Agent(agent, socket))
            }
        }
    }
}

#[cfg(unix)]
fn default_socket() -> Option<PathBuf> {
    std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from)
}

#[cfg(unix)]
async fn agent_at(socket: &Path) -> Result<Agent, russh::keys::Error> {
    AgentClient::connect_uds(socket).await.map(AgentClient::dynamic)
}

#[cfg(windows)]
fn default_socket() -> Option<PathBuf> {
    Some(PathBuf::from(r"\\.\pipe\openssh-ssh-agent"))
}

#[cfg(windows)]
async fn agent_at(socket: &Path) -> Result<Agent, russh::keys::Error> {
    AgentClient::connect_named_pipe(socket).await.map(AgentClient::dynamic)
}

impl Link {
    /// Proves who we are.
    pub(super) async fn log_on(&mut self, user: &str, ready: Ready) -> Result<(), Broken> {
        match ready {
            Ready::Key(key) => self.log_on_with_key(user, key).await,
            Ready::Agent(agent, socket) => self.log_on_with_agent(user, agent, &socket).await,
        }
    }

    async fn log_on_with_key(&mut self, user: &str, key: Arc<PrivateKey>) -> Result<(), Broken> {
        let print = key.fingerprint(HashAlg::Sha256);
        for hash in self.hashes_for(key.public_key()).await? {
            let key = PrivateKeyWithHashAlg::new(Arc::clone(&key), hash);
            let result = self.handle.authenticate_publickey(user, key).await;
            if self.is_in(&result.map_err(|cause| self.ended(&told(&cause)))?, user)? {
                return Ok(());
            }
        }
        Err(Broken::new(Reached::Refused, format!("the server does not let {user} in with the key {print}"))
            .hint(let_in_hint(user)))
    }

    async fn log_on_with_agent(&mut self, user: &str, mut agent: Agent, socket: &Path) -> Result<(), Broken> {
        let socket = socket.display();
        let silent = |cause: russh::keys::Error| {
            Broken::new(Reached::Settings, format!("the SSH agent at {socket} doesn't list its keys: {cause}"))
        };
        if let Some(binding) = self.handle.agent_session_binding() {
            // An agent shows keys that are meant for certain servers to nobody who hasn't said which one it talks to;
            // one that doesn't know that refuses, and shows all.
            let _ = agent.bind_session(binding, false).await;
        }
        let held = agent.request_identities().await.map_err(silent)?;
        let keys: Vec<PublicKey> = held.into_iter().filter_map(plain).collect();
        if keys.is_empty() {
            return Err(Broken::new(Reached::Settings, format!("the SSH agent at {socket} holds no key"))
                .hint("give it the key: ssh-add FILE"));
        }
        let mut unsigned = None;
        for key in keys.iter().take(AGENT_KEYS_MAX) {
            // One try a key: the server counts them.
            let hash = self.hashes_for(key).await?.first().copied().flatten();
            match self.handle.authenticate_publickey_with(user, key.clone(), hash, &mut agent).await {
                Ok(result) if self.is_in(&result, user)? => return Ok(()),
                Ok(_) => {}
                // The server would take the key, but the agent doesn't sign: locked, or not confirmed.
                Err(cause) if !self.handle.is_closed() => unsigned = Some(cause.to_string()),
                Err(_) => return Err(self.ended(self.seen.end())),
            }
        }
        if let Some(cause) = unsigned {
            return Err(Broken::new(Reached::Settings, format!("the SSH agent at {socket} doesn't sign: {cause}")));
        }
        let tried = keys.len().min(AGENT_KEYS_MAX);
        let cause = format!(
            "the server does not let {user} in with any of {tried} keys tried, of {} that the SSH agent at {socket} holds",
            keys.len()
        );
        Err(Broken::new(Reached::Refused, cause).hint(let_in_hint(user)))
    }

    /// The hashes that an RSA key may sign with, the best first; never SHA-1. Other keys have theirs built in. A server
    /// may name a hash that its configuration then forbids, so that the second one is worth a try.
    async fn hashes_for(&self, key: &PublicKey) -> Result<Vec<Option<HashAlg>>, Broken> {
        if !key.algorithm().is_rsa() {
            return Ok(vec![None]);
        }
        match self.handle.best_supported_rsa_hash().await {
            Ok(Some(Some(HashAlg::Sha256))) => Ok(vec![Some(HashAlg::Sha256)]),
            Ok(_) => Ok(vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)]),
            Err(_) => Err(self.ended(self.seen.end())),
        }
    }

    /// Whether the server let us in; an error when it gave no answer, or wants more than a key.
    fn is_in(&self, result: &AuthResult, user: &str) -> Result<bool, Broken> {
        match result {
            AuthResult::Success => Ok(true),
            AuthResult::Failure { partial_success: true, remaining_methods } => {
                let methods: Vec<&str> = remaining_methods.iter().map(Into::into).collect();
                let cause = format!("the server takes the key of {user}, but wants more: {}", methods.join(", "));
                Err(Broken::new(Reached::Refused, cause).hint("let the account in by its key alone"))
            }
            // russh says so too when the connection ended without an answer.
            AuthResult::Failure { remaining_methods, .. } if remaining_methods.is_empty() => {
                Err(self.ended(self.seen.end()))
            }
            AuthResult::Failure { .. } => Ok(false),
        }
    }

    fn ended(&self, how: &str) -> Broken {
        // What OpenSSH says instead of a last no.
        let reached =
            if how.contains("Too many authentication failures") { Reached::Refused } else { Reached::Nothing };
        Broken::new(reached, format!("no logon: {how}"))
    }
}

/// A key of the agent's, without certificates.
fn plain(identity: AgentIdentity) -> Option<PublicKey> {
    match identity {
        AgentIdentity::PublicKey { key, .. } => Some(key),
        AgentIdentity::Certificate { .. } => None,
    }
}

fn let_in_hint(user: &str) -> String {
    format!("look at the authorized keys of {user} on the server, and at what its SSH server logs")
}
