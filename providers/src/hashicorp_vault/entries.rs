use serde_json::json;

use super::Settings;
use super::announcement::Mark;
use super::document::Document;
use super::own_secret_id;
use super::own_token;
use super::paths;
use super::reply::{self, Asked, Seen, Written};
use super::session::Session;
use super::wire::Payload;
use crate::https::Effect;
use crate::port::{Fault, OwnCredential, Slot};

/// How many of pending's versions are destroyed at once: more than any mount keeps whose owner counts them.
const VERSIONS_DESTROYED_MAX: u64 = 1000;

/// The three entries of each account: look, write with check-and-set, empty pending.
pub(super) struct Entries {
    session: Session,
    mount: Vec<String>,
}

impl Entries {
    pub(super) fn new(settings: Settings) -> Result<Self, Fault> {
        let mount = paths::segments("mount", &settings.mount)?;
        Ok(Self { session: Session::new(settings)?, mount })
    }

    pub(super) fn describe(&self) -> String {
        let place = format!("HashiCorp Vault or OpenBao at {}, mount {}", self.session.address(), self.mount.join("/"));
        match self.session.namespace() {
            Some(namespace) => format!("{place}, namespace {namespace}"),
            None => place,
        }
    }

    /// What the entry holds now. `purpose` begins the fault's text.
    pub(super) async fn look(&self, name: &str, slot: Slot, purpose: &str) -> Result<Seen, Fault> {
        let entry = paths::entry(name, slot)?;
        let doing = format!("{purpose}: reading {}/{entry}", self.mount.join("/"));
        let path = self.path("data", &entry);
        let reply = self.session.call(Effect::Read, &path, Payload::None, &doing).await?;
        reply::seen(&reply, &Asked { doing: &doing, path: &path.join("/"), capabilities: "\"read\"" })
    }

    /// Writes the entry's next version, only while its latest is `cas`.
    pub(super) async fn write(
        &self,
        name: &str,
        slot: Slot,
        cas: u64,
        document: &Document,
        purpose: &str,
    ) -> Result<Written, Fault> {
        let entry = paths::entry(name, slot)?;
        let doing = format!("{purpose}: writing {}/{entry}", self.mount.join("/"));
        let path = self.path("data", &entry);
        // The category alone: the encoder's words could quote what it wrote.
        let body =
            document.body(cas).map_err(|e| Fault::broken(&doing, format!("can't be encoded: {:?}", e.classify())))?;
        let reply = self.session.call(Effect::Write, &path, Payload::Json(body), &doing).await?;
        reply::written(
            &reply,
            &Asked { doing: &doing, path: &path.join("/"), capabilities: "\"create\" and \"update\"" },
        )
    }

    /// Destroys pending's versions from `since` to `version`: those of one row of candidates, so that one taken over does
    /// not survive in the history. Versions below belong to others, and one written after it stays.
    pub(super) async fn empty_pending(&self, name: &str, since: u64, version: u64, purpose: &str) -> Result<(), Fault> {
        let entry = paths::entry(name, Slot::Pending)?;
        let doing = format!("{purpose}: emptying {}/{entry}", self.mount.join("/"));
        let path = self.path("destroy", &entry);
        let oldest = version.saturating_sub(VERSIONS_DESTROYED_MAX - 1).max(since);
        let body = json!({ "versions": (oldest..=version).collect::<Vec<_>>() }).to_string();
        let reply = self.session.call(Effect::Write, &path, Payload::Json(body.into()), &doing).await?;
        reply::done(&reply, &Asked { doing: &doing, path: &path.join("/"), capabilities: "\"update\"" })
    }

    /// Makes the account's current entry carry `mark`, and nothing where `mark` says nothing.
    pub(super) async fn mark(&self, name: &str, mark: &Mark, purpose: &str) -> Result<(), Fault> {
        let entry = paths::entry(name, Slot::Current)?;
        let doing = format!("{purpose}: marking {}/{entry}", self.mount.join("/"));
        let path = self.path("metadata", &entry);
        let reply = self.session.call(Effect::Write, &path, Payload::Merge(mark.patch()), &doing).await?;
        reply::done(&reply, &Asked { doing: &doing, path: &path.join("/"), capabilities: "\"patch\"" })
    }

    /// The credential that all this is done with: the token, or the secret id that tokens are made with.
    pub(super) async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        let doing = "asking the vault about our own token";
        let token = own_token::read(&self.session.look_up_self(doing).await?, self.session.login(), doing)?;
        let asked = self.session.look_up_secret_id("asking the vault about our own secret id").await;
        let facts = asked.and_then(Result::ok).and_then(|(_, reply)| own_secret_id::facts(&reply));
        Ok(match facts {
            Some(facts) => own_secret_id::credential(&facts, token),
            None => token,
        })
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// The mount, as people name it.
    pub(super) fn mount(&self) -> String {
        self.mount.join("/")
    }

    /// An API path of the mount: its settings, without `entry`.
    pub(super) fn mount_path(&self, api: &str) -> Vec<String> {
        let mut path = self.mount.clone();
        path.push(api.to_owned());
        path
    }

    /// An API path of an entry: `MOUNT/API/ENTRY`.
    pub(super) fn path(&self, api: &str, entry: &str) -> Vec<String> {
        let mut path = self.mount_path(api);
        path.extend(entry.split('/').map(str::to_owned));
        path
    }
}
