//! One token at a time, and every call with it.
//!
//! Nothing happens in the background: a token is renewed, or a new one made, on the way to a call. A new one is made
//! by one caller while the others wait. It happens in a task of its own, because a caller that gives up must not take
//! a secret id that was just unwrapped with it.
//!
//! Tokens that are replaced are not revoked. They end by themselves soon (they are replaced near their end), other
//! callers may still be using them, and a process that is killed could not revoke its last one anyway.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::authentication::{Door, Unwrapped, renewed};
use super::client_certificate::{Stamp, stamp};
use super::life::{Due, Life};
use super::login::{Login, SecretId};
use super::own_token::{self, Looked};
use super::wire::{Payload, Reply, Request, Wire};
use super::{Settings, paths, reply, wiped};
use crate::https::Effect;
use crate::port::{Fault, Secret, step_scope, tenure};

/// For a login that another caller makes: longer than all of its requests together.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// Everything that is sent to the vault goes through here.
pub(super) struct Session {
    core: Arc<Core>,
    state: Arc<Mutex<State>>,
    namespace: Option<String>,
}

struct Core {
    wire: Wire,
    login: Login,
    login_namespace: Option<String>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Counts the tokens, so that a caller can tell whether another has replaced the one it used.
    tokens: u64,
    unwrapped: Unwrapped,
    failed: Option<(Instant, Fault)>,
}

/// The token in use.
#[derive(Clone)]
struct Held {
    token: Secret,
    number: u64,
    life: Life,
    /// Of the file it was read from.
    stamp: Option<Stamp>,
    role_name: Option<String>,
}

/// Which namespace a path is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// That of the entries.
    Entries,
    /// That of the login and its token.
    Login,
}

/// Why the token is looked after.
#[derive(Clone, Copy)]
enum Why {
    Use,
    /// The vault answered 403 to the token of this number.
    Refused(u64),
}

/// What came of it.
enum Outcome {
    Usable(Held),
    /// The refused token is still the one; `known` = whether the vault knows it, where that could be seen.
    Same {
        known: Option<bool>,
    },
}

impl Session {
    pub(super) fn new(settings: Settings) -> Result<Self, Fault> {
        let namespace = paths::namespace(settings.namespace.as_deref())?;
        let login_namespace = match &settings.login_namespace {
            Some(own) => paths::namespace(Some(own))?,
            None => namespace.clone(),
        };
        let wire = Wire::new(&settings)?;
        let login = settings.login.checked(settings.client_certificate.is_some())?;
        let core = Core { wire, login, login_namespace };
        Ok(Self { core: Arc::new(core), state: Arc::default(), namespace })
    }

    pub(super) fn address(&self) -> &str {
        self.core.wire.address()
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub(super) fn login(&self) -> &Login {
        &self.core.login
    }

    /// One request with our token, about the entries.
    pub(super) async fn call(
        &self,
        effect: Effect,
        path: &[String],
        payload: Payload,
        doing: &str,
    ) -> Result<Reply, Fault> {
        self.call_in(Space::Entries, effect, path, payload, doing).await
    }

    /// What the vault says about our token.
    pub(super) async fn look_up_self(&self, doing: &str) -> Result<Reply, Fault> {
        let path = paths::parts(own_token::PATH);
        self.call_in(Space::Login, Effect::Read, &path, Payload::None, doing).await
    }

    /// One request without a token, in the topmost namespace.
    pub(super) async fn bare(&self, path: &str, doing: &str) -> Result<Reply, Fault> {
        let request =
            Request { effect: Effect::Read, path: paths::parts(path), payload: Payload::None, namespace: None };
        self.core.wire.call(request, None, doing).await
    }

    /// Where a login would unwrap the secret id first: until when its wrapping token is good, where that is told. It stays
    /// as good as it was.
    pub(super) async fn look_up_wrapped(&self, doing: &str) -> Option<Result<Option<Timestamp>, Fault>> {
        let Login::AppRole { mount, secret_id: SecretId::Wrapped(token), .. } = &self.core.login else { return None };
        let state = match self.lock().await {
            Ok(state) => state,
            Err(fault) => return Some(Err(fault)),
        };
        match state.unwrapped {
            Unwrapped::Known(_) => None,
            _ => Some(self.core.door().look_at_wrapped(mount, token, &state.unwrapped, doing).await),
        }
    }

    /// What the vault says about the AppRole's secret id; `None` where the role's name or the secret id is not known.
    pub(super) async fn look_up_secret_id(&self, doing: &str) -> Option<Result<(String, Reply), Fault>> {
        let Login::AppRole { mount, secret_id, .. } = &self.core.login else { return None };
        let (role_name, unwrapped) = {
            let state = self.lock().await.ok()?;
            let known = match &state.unwrapped {
                Unwrapped::Known(secret_id) => Some(secret_id.clone()),
                _ => None,
            };
            (state.held.as_ref()?.role_name.clone()?, known)
        };
        let secret_id = self.core.door().known_secret_id(secret_id, unwrapped).await?;
        let path = format!("auth/{mount}/role/{role_name}/secret-id/lookup");
        let body = wiped::body(&serde_json::json!({ "secret_id": secret_id.expose() })).ok()?;
        let asked = self.call_in(Space::Login, Effect::Read, &paths::parts(&path), Payload::Json(body), doing).await;
        Some(asked.map(|reply| (path, reply)))
    }

    /// One request with our token. A 403 surely did nothing, so it may have a second try with another token, once.
    pub(super) async fn call_in(
        &self,
        space: Space,
        effect: Effect,
        path: &[String],
        payload: Payload,
        doing: &str,
    ) -> Result<Reply, Fault> {
        let held = match self.look_after(Why::Use).await? {
            Outcome::Usable(held) => held,
            Outcome::Same { .. } => return Err(Fault::broken(doing, "there is no token")),
        };
        let namespace = match space {
            Space::Entries => self.namespace.as_deref(),
            Space::Login => self.core.login_namespace.as_deref(),
        };
        let request = Request { effect, path: path.to_vec(), payload, namespace };
        let mut reply = self.core.wire.call(request.clone(), Some(&held.token), doing).await?;
        if reply.status.as_u16() != 403 || !reply::is_the_vaults(&reply) {
            return Ok(reply);
        }
        match self.look_after(Why::Refused(held.number)).await? {
            Outcome::Usable(fresh) => {
                let mut reply = self.core.wire.call(request, Some(&fresh.token), doing).await?;
                reply.token_known = (reply.status.as_u16() == 403 && fresh.number != held.number).then_some(true);
                Ok(reply)
            }
            Outcome::Same { known } => {
                reply.token_known = known;
                Ok(reply)
            }
        }
    }

    async fn lock(&self) -> Result<OwnedMutexGuard<State>, Fault> {
        timeout(WAIT_LIMIT, Arc::clone(&self.state).lock_owned()).await.map_err(|_| {
            let cause = format!("another call has been logging in for more than {} s", WAIT_LIMIT.as_secs());
            Fault::later("waiting for a token of the vault", cause)
        })
    }

    /// A token that can be used.
    async fn look_after(&self, why: Why) -> Result<Outcome, Fault> {
        let arrived = Instant::now();
        let state = self.lock().await?;
        if let Some(held) = state.held.as_ref()
            && self.core.is_usable(held, why)
        {
            return Ok(Outcome::Usable(held.clone()));
        }
        // Who waited for a login that failed shares its failure, instead of trying the same again one after another.
        if let Some((at, fault)) = &state.failed
            && *at >= arrived
        {
            return Err(fault.clone());
        }
        let task = Arc::clone(&self.core).tend(state, why);
        let task = tenure::within(tenure::current(), step_scope::within(step_scope::current(), task));
        match tokio::spawn(task).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::broken("looking after the token of the vault", "it ended in a panic")),
        }
    }
}

impl Core {
    fn door(&self) -> Door<'_> {
        Door { wire: &self.wire, namespace: self.login_namespace.as_deref() }
    }

    /// Whether nothing is to be done about the token before it is used.
    fn is_usable(&self, held: &Held, why: Why) -> bool {
        match why {
            // Somebody else has replaced it since.
            Why::Refused(number) => held.number != number,
            Why::Use => match &self.login {
                Login::TokenFile(file) => held.stamp.is_some() && stamp(file) == held.stamp,
                login => match held.life.due(Instant::now()) {
                    Due::Nothing => true,
                    Due::Renewal => false,
                    Due::Replacement => !login.makes_tokens(),
                },
            },
        }
    }

    async fn tend(self: Arc<Self>, mut state: OwnedMutexGuard<State>, why: Why) -> Result<Outcome, Fault> {
        let outcome = match (state.held.take(), why) {
            (None, _) => self.begin(&mut state).await.map(Outcome::Usable),
            (Some(held), Why::Use) => self.before_use(&mut state, held).await.map(Outcome::Usable),
            (Some(held), Why::Refused(_)) => self.after_refusal(&mut state, held).await,
        };
        match &outcome {
            Ok(Outcome::Usable(held)) => {
                state.held = Some(held.clone());
                state.failed = None;
            }
            Ok(Outcome::Same { .. }) => {}
            Err(fault) => state.failed = Some((Instant::now(), fault.clone())),
        }
        outcome
    }

    /// The first token, or one in place of another.
    async fn begin(&self, state: &mut State) -> Result<Held, Fault> {
        let now = Instant::now();
        let (token, life, stamp, role_name) = match &self.login {
            Login::Token(token) => (token.clone(), self.life_of(token).await?, None, None),
            Login::TokenFile(file) => {
                let stamp = stamp(file);
                (wiped::file(file, "the vault's token").await?, Life::ENDLESS, stamp, None)
            }
            login => {
                let grant = self.door().log_in(login, &mut state.unwrapped).await?;
                let life = Life::new(grant.lease_s, grant.lease_s, grant.renewable, now);
                tracing::info!(method = login.method(), lease_s = grant.lease_s, "logged in to the vault");
                (grant.token, life, None, grant.role_name)
            }
        };
        state.tokens += 1;
        Ok(Held { token, number: state.tokens, life, stamp, role_name })
    }

    async fn before_use(&self, state: &mut State, mut held: Held) -> Result<Held, Fault> {
        if let Login::TokenFile(_) = &self.login {
            // Somebody is writing it just now; the token before may well be good still.
            return self.begin(state).await.or_else(|fault| {
                tracing::warn!(%fault, "the token file is not used yet");
                Ok(held)
            });
        }
        if held.life.due(Instant::now()) == Due::Renewal {
            self.renew(&mut held).await;
        }
        if self.login.makes_tokens() && held.life.due(Instant::now()) == Due::Replacement {
            // It has a moment left, and if it has not, the vault will say so.
            return self.begin(state).await.or_else(|fault| {
                tracing::warn!(%fault, "no new token of the vault yet");
                Ok(held)
            });
        }
        Ok(held)
    }

    /// A renewal that fails is no failure of the call it is made for: the token lives on for a while.
    async fn renew(&self, held: &mut Held) {
        let now = Instant::now();
        held.life.trying(now);
        match self.door().renew(&held.token, "renewing the token of the vault").await {
            Ok(reply) => match renewed(&reply) {
                Some((lease_s, renewable)) => held.life.renewed(lease_s, renewable, now),
                None => {
                    tracing::warn!(status = reply.status.as_u16(), "the vault does not renew the token");
                    if matches!(reply.status.as_u16(), 400 | 403) {
                        held.life.not_renewable();
                    }
                }
            },
            Err(fault) => tracing::warn!(%fault, "the token of the vault could not be renewed"),
        }
    }

    /// A 403 is either a right that is missing or a token that is no more. The vault is asked which.
    async fn after_refusal(&self, state: &mut State, held: Held) -> Result<Outcome, Fault> {
        if let Login::TokenFile(_) = &self.login
            && let Ok(fresh) = self.begin(state).await
            && fresh.token != held.token
        {
            return Ok(Outcome::Usable(fresh));
        }
        let known = match self.look_up(&held.token).await {
            Ok(reply) => match own_token::looked(&reply) {
                Looked::Known(_) | Looked::Unreadable => Some(true),
                Looked::Refused => Some(false),
                Looked::Other => None,
            },
            Err(_) => None,
        };
        if self.login.makes_tokens() && known == Some(false) {
            return self.begin(state).await.map(Outcome::Usable);
        }
        state.held = Some(held);
        Ok(Outcome::Same { known })
    }

    async fn look_up(&self, token: &Secret) -> Result<Reply, Fault> {
        let request = Request {
            effect: Effect::Read,
            path: paths::parts(own_token::PATH),
            payload: Payload::None,
            namespace: self.login_namespace.as_deref(),
        };
        self.wire.call(request, Some(token), "asking the vault about our own token").await
    }

    /// How long a token lives that somebody else made.
    async fn life_of(&self, token: &Secret) -> Result<Life, Fault> {
        let now = Instant::now();
        let reply = self.look_up(token).await?;
        match own_token::looked(&reply) {
            Looked::Known(facts) => Ok(facts.life(now)),
            Looked::Refused | Looked::Unreadable => Ok(Life::ENDLESS),
            Looked::Other => Err(reply::unexpected(&reply, "asking the vault about our own token")),
        }
    }
}
