//! The truth about one account, for whoever checks what the engine did. Written without knowing the engine, and from
//! digests rather than labels, so that it holds however long a world has lived.

use jiff::Timestamp;

use super::clock::{filetime, instant};
use super::engine::Server;
use super::lab_account::LabAccountKind;
use super::lab_handle::Lab;
use super::store::Books;
use crate::port::{Fault, Secret, Slot};

/// Who holds the account's live password: the one that its directory has, or, for a local user, its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The vault's current value is the live password.
    pub live_is_current: bool,
    /// Every domain controller has the live password. Always so for a local user.
    pub converged: bool,
    /// Every engine that binds with the account stores the live password, every running one holds it in memory, and
    /// every service manager that logs a service on with the account holds it too. With nobody who uses it, true.
    pub engines_agree: bool,
    /// The service of every server that uses the account runs.
    pub services_run: bool,
    /// A candidate lies in the vault, or some that a repair took over.
    pub pending: bool,
    /// The account is locked out.
    pub locked: bool,
    /// How often the password was set since the world was made. One more set of the same password counts.
    pub sets: u64,
    /// How many of these gave the account another password than it had.
    pub changes: u64,
    /// When it was last set; `None` before the world was opened.
    pub set_at: Option<Timestamp>,
    /// SyncCycleEnabled has been given back, and no server holds a task that would.
    pub scheduler_free: bool,
}

/// What an account's own database says.
struct Live {
    digest: String,
    converged: bool,
    locked: bool,
    sets: u64,
    changes: u64,
    set_at: Option<Timestamp>,
}

impl Lab {
    /// The truth about an account that this world was made with. One of Entra ID has no password that a vault keeps,
    /// and an account of a real directory lies outside this world: both are `Refused`.
    pub fn truth(&self, account: &str) -> Result<Truth, Fault> {
        self.books(|books| {
            let now = filetime(books.now);
            if let Some(domain) = &mut books.world.domain {
                domain.catch_up(now);
            }
            truth(books, account)
        })
    }
}

fn truth(books: &Books, name: &str) -> Result<Truth, Fault> {
    let doing = format!("telling the truth about {name}");
    let known = books.world.accounts.iter().find(|account| account.name == name);
    let known = known.ok_or_else(|| {
        Fault::refused(&doing, "this lab was made without such an account")
            .hint(format!("its accounts are: {}", books.world.account_names().join(", ")))
    })?;
    let live = in_directory(books, name).or_else(|| on_its_server(books, name));
    let live = live.filter(|_| known.kind != LabAccountKind::Entra).ok_or_else(|| {
        Fault::refused(&doing, "this world does not hold its password")
            .hint("ask about a connector's or a service's account of a model directory")
    })?;
    let is_live =
        |secret: Option<&Secret>| secret.is_some_and(|secret| books.world.labels.digest(name, secret) == live.digest);
    let (mut engines_agree, mut services_run) = (true, true);
    for server in &books.world.servers {
        if let Some(agrees) = agrees(server, name, &is_live)? {
            engines_agree &= agrees;
            services_run &= server.service.runs();
        }
    }
    let places = books.vault.accounts.get(&known.vault_name);
    let scheduler = &books.world.scheduler;
    Ok(Truth {
        live_is_current: is_live(places.and_then(|places| places.secret(Slot::Current))),
        converged: live.converged,
        engines_agree,
        services_run,
        pending: places.is_some_and(|places| places.secret(Slot::Pending).is_some() || places.kept().next().is_some()),
        locked: live.locked,
        sets: live.sets,
        changes: live.changes,
        set_at: live.set_at,
        scheduler_free: scheduler.enabled && books.world.servers.iter().all(|server| server.restore_task.is_none()),
    })
}

/// Whether all that a server holds for the account is the live password; `None` = it has no use for the account.
fn agrees(server: &Server, account: &str, is_live: &dyn Fn(Option<&Secret>) -> bool) -> Result<Option<bool>, Fault> {
    let mut found = None;
    for connector in server.connectors.iter().filter(|connector| connector.account == account) {
        let stored = is_live(server.stored_password(connector)?.as_ref());
        // A stopped service has no memory that could differ.
        let cached = !server.service.runs() || is_live(server.cached_password(connector)?.as_ref());
        found = Some(found.unwrap_or(true) && stored && cached);
    }
    if server.service.account() == Some(account) {
        found = Some(found.unwrap_or(true) && is_live(server.scm_password()?.as_ref()));
    }
    Ok(found)
}

fn in_directory(books: &Books, name: &str) -> Option<Live> {
    let domain = books.world.domain.as_ref()?;
    let account = domain.account(name)?;
    let replica = domain.live(&account.name)?;
    let digest = replica.history.first()?;
    let converged = (0..domain.controllers.len()).all(|at| domain.holds(at, &account.name, digest));
    Some(Live {
        digest: digest.clone(),
        converged,
        locked: account.is_locked(filetime(books.now)),
        sets: account.password_sets,
        changes: account.password_changes,
        set_at: instant(replica.password_last_set),
    })
}

fn on_its_server(books: &Books, name: &str) -> Option<Live> {
    let user = books.world.servers.iter().flat_map(|server| &server.local_users).find(|user| user.name == name)?;
    Some(Live {
        digest: user.digest()?.to_owned(),
        converged: true,
        locked: user.is_locked(books.now),
        sets: user.sets,
        changes: user.changes,
        set_at: user.password_set_at,
    })
}
