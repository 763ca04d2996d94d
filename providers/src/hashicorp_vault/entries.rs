use serde_json::json;

use super::Settings;
use super::document::Document;
use super::own_token;
use super::paths;
use super::reply::{self, Asked, Seen, Written};
use super::wire::{Effect, Reply, Wire};
use crate::port::{Fault, OwnCredential, Slot};

/// How far back pending's versions are destroyed together with the last: more than the ten that a mount
/// keeps by default, so that a candidate taken over does not survive in the history.
const VERSIONS_DESTROYED: u64 = 32;

/// The three entries of each account: look, write with check-and-set, empty pending.
pub(super) struct Entries {
    wire: Wire,
    mount: Vec<String>,
}

impl Entries {
    pub(super) fn new(settings: Settings) -> Result<Self, Fault> {
        let mount = paths::segments("mount", &settings.mount)?;
        Ok(Self { wire: Wire::new(&settings)?, mount })
    }

    pub(super) fn describe(&self) -> String {
        let place = format!("HashiCorp Vault or OpenBao at {}, mount {}", self.wire.address(), self.mount.join("/"));
        match self.wire.namespace() {
            Some(namespace) => format!("{place}, namespace {namespace}"),
            None => place,
        }
    }

    /// What the entry holds now. `purpose` begins the fault's text.
    pub(super) async fn look(&self, name: &str, slot: Slot, purpose: &str) -> Result<Seen, Fault> {
        let entry = paths::entry(name, slot)?;
        let doing = format!("{purpose}: reading {}/{entry}", self.mount.join("/"));
        let path = self.path("data", &entry);
        let reply = self.wire.call(Effect::Read, &path, None, &doing).await?;
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
        let reply = self.wire.call(Effect::Write, &path, Some(body), &doing).await?;
        reply::written(
            &reply,
            &Asked { doing: &doing, path: &path.join("/"), capabilities: "\"create\" and \"update\"" },
        )
    }

    /// Destroys pending's versions up to `version`. A version written after it stays.
    pub(super) async fn empty_pending(&self, name: &str, version: u64, purpose: &str) -> Result<(), Fault> {
        let entry = paths::entry(name, Slot::Pending)?;
        let doing = format!("{purpose}: emptying {}/{entry}", self.mount.join("/"));
        let path = self.path("destroy", &entry);
        let oldest = version.saturating_sub(VERSIONS_DESTROYED - 1).max(1);
        let body = json!({ "versions": (oldest..=version).collect::<Vec<_>>() }).to_string();
        let reply: Reply = self.wire.call(Effect::Write, &path, Some(body.into()), &doing).await?;
        reply::done(&reply, &Asked { doing: &doing, path: &path.join("/"), capabilities: "\"update\"" })
    }

    /// What the vault says about the token that all this is done with.
    pub(super) async fn own_token(&self) -> Result<OwnCredential, Fault> {
        let doing = "asking the vault about our own token";
        let path: Vec<String> = own_token::PATH.split('/').map(str::to_owned).collect();
        own_token::read(&self.wire.call(Effect::Read, &path, None, doing).await?, doing)
    }

    fn path(&self, api: &str, entry: &str) -> Vec<String> {
        let mut path = self.mount.clone();
        path.push(api.to_owned());
        path.extend(entry.split('/').map(str::to_owned));
        path
    }
}
