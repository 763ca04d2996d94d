//! The account that the ADSync service runs as: of a domain, or of the server itself.

use providers::port::{ConnectorFacts, ConnectorKind, Fault, Fingerprint, ServerFacts, Slot};

use super::check::Checks;
use super::server::server_use;
use super::{Found, Look, Purpose, Refusal};
use crate::engine::connectors::binds_as;
use crate::engine::{logon, scene};
use crate::password::LENGTH_MAX;
use crate::procedure::{Build, Effect, StartName, judge};
use crate::rotation::{ConnectorUse, Method, OldPassword, Procedure, ServerUse};

/// Length when neither policy nor configuration asks for more.
const LOCAL_LENGTH: u32 = 64;

/// Where the vault keeps a connector's password.
enum Kept {
    /// As current, under this name, and the directory accepts it.
    Current(String),
    /// Its rotation is open: as current or as the candidate.
    BesideCandidate,
    Nowhere,
}

impl Look<'_> {
    /// A service account.
    pub(super) async fn service(&self, checks: &mut Checks) -> Result<Option<Found>, Refusal> {
        let (mut servers, mut managed) = (Vec::new(), Vec::new());
        for (name, _) in self.wish.each_server() {
            let facts = self.ports.server(name)?.describe().await?;
            let start_name = StartName::parse(&facts.service.account, &facts.host);
            if let Some(sentence) = start_name.managed_by_windows() {
                managed.push((name, format!("ADSync runs as {}: {sentence}", facts.service.account)));
                continue;
            }
            servers.push((name.to_owned(), self.server(checks, name).await?, start_name));
        }
        // Only where no server has anything to rotate is nothing wrong.
        let nothing_to_do = servers.is_empty() && self.wish.purpose == Purpose::Rotate;
        for (name, seen) in managed {
            if nothing_to_do {
                checks.refuse(
                    "managed",
                    name,
                    seen,
                    "take the account out of the configuration, or keep it as a record",
                );
            } else {
                checks.refuse("start-name", name, seen, "take this server out of the account's list");
            }
        }
        if checks.refused() {
            return Ok(None);
        }
        let key_is_lost = self.key_is_lost(checks, &servers);
        match servers.first() {
            Some((name, facts, StartName::LocalUser { .. })) => {
                self.local(checks, name, facts, servers.len(), key_is_lost).await
            }
            Some(_) => self.of_domain(checks, &servers, key_is_lost).await,
            None => Err(Fault::broken("looking at the servers of a service account", "none is named").into()),
        }
    }

    async fn of_domain(
        &self,
        checks: &mut Checks,
        servers: &[(String, ServerFacts, StartName)],
        key_is_lost: bool,
    ) -> Result<Option<Found>, Refusal> {
        let Some(account) = self.account(checks).await? else { return Ok(None) };
        match self.wish.purpose {
            Purpose::Adopt => return self.adoption(checks, account).await,
            Purpose::Rehearse => {
                checks.refuse("plan", "", "no connector binds with this password", "rehearse a connector account");
                return Ok(None);
            }
            Purpose::Rotate | Purpose::Repair => {}
        }
        let configured = StartName::DomainUser {
            domain: account.facts.domain.clone(),
            user: account.facts.sam_account_name.clone(),
        };
        let mut uses = Vec::new();
        for (name, facts, start_name) in servers {
            if !start_name.same_account(&configured, (&account.facts.domain, &account.facts.netbios)) {
                another_account(checks, name, facts, &account.facts.dn);
                continue;
            }
            checks.pass("start-name", name, format!("it runs as {}", facts.service.account));
            uses.push(self.service_use(checks, name, facts).await?);
        }
        if !checks.refused() {
            self.reset_right(checks, &account).await?;
        }
        if checks.refused() {
            return Ok(None);
        }
        let dcs: Vec<&str> = uses.iter().filter_map(|server| server.logon_dc.as_deref()).collect();
        self.replicated(checks, &account, &dcs).await?;
        for server in &uses {
            let at = server.logon_dc.as_deref().unwrap_or("one that it does not tell");
            checks.pass(
                "logon-dc",
                &server.server,
                format!("{} logs on at {at}, which knows the account", server.server),
            );
        }
        let (old, takes_over) = self.old_password(checks, &account).await?;
        let procedure = if key_is_lost { Procedure::ServiceKeyLost } else { Procedure::Service };
        Ok(Some(account.found(procedure, Method::Reset, uses, old, takes_over)))
    }

    /// A user of the server's own account database: changed, never reset, so the old password must be known.
    async fn local(
        &self,
        checks: &mut Checks,
        name: &str,
        facts: &ServerFacts,
        servers: usize,
        key_is_lost: bool,
    ) -> Result<Option<Found>, Refusal> {
        let start_name = &facts.service.account;
        if StartName::parse(&self.wish.locator, &facts.host) != StartName::parse(start_name, &facts.host) {
            another_account(checks, name, facts, &self.wish.locator);
        }
        if servers > 1 {
            checks.refuse("start-name", name, "a local user is one server's own", "give each server an account here");
        }
        if self.wish.purpose != Purpose::Rotate || self.wish.forward_only || key_is_lost {
            checks.refuse(
                "local-user",
                name,
                "a local user's password is only ever changed, by showing the one in use: a reset would cost it its keys (DPAPI)",
                "store the password in use in the vault, and rotate it plainly; on builds up to 1.1.443.0 upgrade first",
            );
        }
        if checks.refused() {
            return Ok(None);
        }
        let server = self.ports.server(name)?;
        let user = server.local_user(start_name).await?;
        for refusal in &user.refusals {
            checks.refuse("local-user", name, refusal, "look at the user in the server's own user management");
        }
        let uses = vec![self.service_use(checks, name, facts).await?];
        let print = scene::local_fingerprint(name, &user);
        let length = self.wish.length.unwrap_or(LOCAL_LENGTH).max(user.length_min);
        if length > LENGTH_MAX {
            checks.refuse(
                "password-policy",
                name,
                format!("{length} characters are asked for, more than a service can use"),
                "relax the server's policy",
            );
        }
        let known = self.local_password_known(checks, name, start_name, &print).await?;
        if checks.refused() || !known {
            return Ok(None);
        }
        checks.pass("start-name", name, format!("it runs as {start_name}"));
        checks.pass("local-user", name, "usable");
        Ok(Some(Found {
            procedure: Procedure::Service,
            dn: start_name.clone(),
            fingerprint: print,
            method: Method::LocalChange,
            servers: uses,
            old: OldPassword::Known,
            takes_over: Vec::new(),
            length,
            forbidden_names: vec![user.name.to_lowercase()],
        }))
    }

    /// Whether the vault's current value is a local user's password. There is no grace: a logon tells.
    async fn local_password_known(
        &self,
        checks: &mut Checks,
        name: &str,
        start_name: &str,
        print: &Fingerprint,
    ) -> Result<bool, Refusal> {
        let vault = &self.ports.vault;
        if let Some(pending) = vault.find(&self.wish.vault_name, Slot::Pending).await? {
            let whose = pending.rotation.as_deref().unwrap_or("an unknown rotation");
            checks.refuse(
                "vault-pending",
                "",
                format!("the vault holds a pending candidate of {whose}, which this journal does not have in flight"),
                "find the journal that made it, or remove it once it is known to be unused",
            );
            return Ok(false);
        }
        let Some(current) = vault.find(&self.wish.vault_name, Slot::Current).await? else {
            let seen = "the vault has no current password for this account, and a change must show it";
            checks.refuse("way-back", "", seen, "store the password in use in the vault");
            return Ok(false);
        };
        let secret = vault.read(&current).await?;
        if self.ports.server(name)?.local_logon(start_name, &secret).await? {
            checks.pass("vault-current", "", format!("version {}, accepted on {}", current.version, print.dc));
            return Ok(true);
        }
        checks.refuse(
            "vault-current",
            "",
            format!("{name} refuses the password that the vault holds as current: somebody set another one, or the vault was restored from an older copy"),
            "store the password in use in the vault",
        );
        Ok(false)
    }

    /// The server with all its connectors, whose passwords must be at hand should the engine lose its key.
    async fn service_use(&self, checks: &mut Checks, name: &str, facts: &ServerFacts) -> Result<ServerUse, Refusal> {
        let mut connectors = Vec::new();
        for connector in facts.connectors.iter().filter(|facts| facts.kind == ConnectorKind::ActiveDirectory) {
            let about = format!("{name}/{}", connector.name);
            let user = &connector.user;
            let mut vault_name = None;
            match self.kept(name, connector).await? {
                Kept::Current(at) => {
                    checks.pass("escrow", &about, format!("{user} is in the vault as {at}, and accepted"));
                    vault_name = Some(at);
                }
                // Else two repairs could wait for each other: the connector's for a service that starts, and this one.
                Kept::BesideCandidate if self.wish.purpose == Purpose::Repair => checks.warn(
                    "escrow",
                    &about,
                    format!("the vault's entry of {user} has a candidate pending beside it: one of the two is its password"),
                    "a repair goes on; end that account's rotation next. Should the encryption key be lost (event 6028), enter its password by hand",
                ),
                kept => {
                    let seen = match kept {
                        Kept::BesideCandidate => "has a candidate pending beside it in the vault",
                        _ => "is not the vault's current one",
                    };
                    checks.refuse(
                        "escrow",
                        &about,
                        format!("the password of {user}, which this connector binds as, {seen}"),
                        "configure that account and rotate or `adopt` it first: a lost encryption key (event 6028) can only be mended with it",
                    );
                }
            }
            connectors.push(ConnectorUse { connector: connector.name.clone(), dc: None, vault_name });
        }
        let entra = facts.connectors.iter().find(|facts| facts.kind == ConnectorKind::Entra);
        Ok(ServerUse {
            connectors,
            start_name: facts.service.account.clone(),
            logon_dc: facts.logon_dc.clone(),
            entra_connector: entra.map(|facts| facts.name.clone()),
            ..server_use(name, facts)
        })
    }

    /// Where the vault keeps the password that a connector binds with.
    async fn kept(&self, server: &str, connector: &ConnectorFacts) -> Result<Kept, Refusal> {
        // Those that are configured for this server first: with a thousand others, the rest would be a long search.
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            self.wish.escrow.iter().partition(|escrow| escrow.servers.iter().any(|name| name == server));
        for escrow in here.into_iter().chain(elsewhere) {
            let Ok(account) = self.ports.directory.account(&escrow.locator).await else { continue };
            if !binds_as(connector, &account) {
                continue;
            }
            let at = escrow.vault_name.clone();
            // The candidate may be the live one: then current is only accepted as the one before.
            if self.ports.vault.find(&at, Slot::Pending).await?.is_some() {
                return Ok(Kept::BesideCandidate);
            }
            let Some(current) = self.ports.vault.find(&at, Slot::Current).await? else { continue };
            let secret = self.ports.vault.read(&current).await?;
            if logon::in_use(&*self.ports.directory, &account.dn, &account.dc, &secret).await? {
                return Ok(Kept::Current(at));
            }
        }
        Ok(Kept::Nowhere)
    }

    /// Whether the build loses its encryption key by a reset, and whether a person ordered just that.
    fn key_is_lost(&self, checks: &mut Checks, servers: &[(String, ServerFacts, StartName)]) -> bool {
        let mut lost = false;
        for (name, facts, _) in servers {
            let build: Option<Build> = facts.build.parse().ok();
            let gates = judge(build.as_ref(), self.today(), self.kind());
            let Some(gate) = gates.iter().find(|gate| gate.effect == Effect::AttendedOnly) else { continue };
            lost = true;
            if self.wish.abandon_encryption_key.as_deref().is_some_and(|typed| typed.eq_ignore_ascii_case(name)) {
                checks.warn(
                    "key-loss",
                    name,
                    format!("build {}: {}", facts.build, gate.sentence),
                    "ordered by --abandon-encryption-key: a person enters what the program can't",
                );
                if self.wish.entra_administrator.is_none() {
                    checks.refuse(
                        "entra-administrator",
                        name,
                        "no administrator of Entra ID is configured for it",
                        "add `administrator` to the account",
                    );
                }
            } else {
                checks.refuse(
                    "key-loss",
                    name,
                    format!("build {}: {}", facts.build, gate.sentence),
                    format!("upgrade; or, at a terminal, order it by --abandon-encryption-key {name} (docs/procedures.md prints both documented orders)"),
                );
            }
        }
        lost
    }
}

fn another_account(checks: &mut Checks, name: &str, facts: &ServerFacts, configured: &str) {
    checks.refuse(
        "start-name",
        name,
        format!("its service runs as {}, and {configured} is configured", facts.service.account),
        "the password may change, the account may not: configure the account that it runs as",
    );
}
