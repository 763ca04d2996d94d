//! The table of named worlds: every kind of site that the documents describe, ready to be worked on.

use std::path::Path;

use super::lab_account::{LabAccount, LabAccountKind};
use super::lab_handle::Lab;
use super::plan::{WorldPlan, wizard_description};
use super::server_plan::{ConnectorPlan, EntraPlan, ServerPlan, ServicePlan};
use super::store::Store;
use crate::port::Fault;

/// A world with a name.
#[derive(Debug)]
pub struct NamedWorld {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub what: &'static str,
    plan: fn() -> WorldPlan,
}

impl NamedWorld {
    /// What it looks like.
    pub fn plan(&self) -> WorldPlan {
        WorldPlan { name: self.name.to_owned(), ..(self.plan)() }
    }
}

/// Every named world.
pub fn worlds() -> &'static [NamedWorld] {
    &WORLDS
}

/// The world of that name.
pub fn world(name: &str) -> Option<&'static NamedWorld> {
    WORLDS.iter().find(|world| world.name == name)
}

/// Makes the lab of the world of that name in `dir`, which must hold none.
pub fn make(dir: &Path, name: &str) -> Result<(), Fault> {
    Lab::create(dir, &known(name, &format!("making a lab in {}", dir.display()))?.plan())
}

/// Makes sure that there is a lab in `dir`: a new one is made from the world of that name, without a name from the
/// default plan. One that was made from another world is `Refused`.
pub fn ready(dir: &Path, name: Option<&str>) -> Result<(), Fault> {
    let wanted = name.map(|name| known(name, &format!("opening the lab in {}", dir.display()))).transpose()?;
    if !Lab::exists(dir) {
        return Lab::create(dir, &wanted.map_or_else(WorldPlan::default_world, NamedWorld::plan));
    }
    let Some(wanted) = wanted else { return Ok(()) };
    let found = Store::new(dir).with(None, |books| Ok(books.world.name.clone()))?;
    if found == wanted.name {
        return Ok(());
    }
    let found = if found.is_empty() { "a lab of no named world".to_owned() } else { format!("the world {found}") };
    Err(Fault::refused(
        format!("opening the lab in {}", dir.display()),
        format!("it holds {found}, not {}", wanted.name),
    )
    .hint("name another folder, or remove that one"))
}

/// The world of that name, or the answer to a wrong one.
fn known(name: &str, doing: &str) -> Result<&'static NamedWorld, Fault> {
    world(name).ok_or_else(|| {
        Fault::refused(doing, format!("there is no world {name}")).hint("`lab worlds` prints their names")
    })
}

/// The first and the second server.
const FIRST: &str = "SYNC1";
const SECOND: &str = "SYNC2";
const THIRD: &str = "SYNC3";
/// A second forest, reached through a trust.
const OTHER_FOREST: &str = "fabrikam.test";
/// The second connector account.
const OTHER_ACCOUNT: &str = "MSOL_f0e1d2c3b4a5";
/// The user that the service runs as.
const SERVICE_USER: &str = "svc-adsync";
/// Its StartName.
const SERVICE_NAME: &str = r"CONTOSO\svc-adsync";
/// The server's own user that the service runs as.
const LOCAL_USER: &str = "adsync";
/// Its StartName.
const LOCAL_NAME: &str = r".\adsync";
/// The one of a second server.
const OTHER_SERVICE_USER: &str = "svc-adsync-2";
/// Its StartName.
const OTHER_SERVICE_NAME: &str = r"CONTOSO\svc-adsync-2";
/// The name of the Entra connector account of the first server.
const ENTRA_ACCOUNT: &str = "entra-connector";
/// Where the vault keeps the Entra administrator's password.
const ENTRA_ADMINISTRATOR: &str = "entra-administrator";

/// The default world, with domain controllers that are soon of one mind.
fn base() -> WorldPlan {
    WorldPlan { lag_ms: 20, ..WorldPlan::default_world() }
}

/// One server, changed.
fn one(change: fn(ServerPlan) -> ServerPlan) -> WorldPlan {
    let base = base();
    WorldPlan { servers: vec![change(base.server(FIRST, false))], ..base }
}

/// One server of that build.
fn of_build(build: &str) -> WorldPlan {
    WorldPlan { build: build.to_owned(), ..base() }
}

/// Servers of one kind, the first of which is active.
fn several(names: &[&str], change: fn(ServerPlan) -> ServerPlan) -> WorldPlan {
    let base = base();
    let servers = names.iter().enumerate().map(|(at, name)| change(base.server(name, at > 0)));
    WorldPlan { servers: servers.collect(), ..base }
}

/// Servers whose service runs as `service`, an account that is configured as `name` and `start_name`.
fn run_as(names: &[&str], service: &ServicePlan, name: &str, start_name: &str) -> WorldPlan {
    let mut world = several(names, |server| server);
    for server in &mut world.servers {
        server.service = service.clone();
    }
    world.accounts = vec![LabAccount::connector(&world.account, names), LabAccount::service(name, start_name, names)];
    world
}

/// Servers whose service runs as a user of the domain.
fn domain_user(names: &[&str], start_name: &str) -> WorldPlan {
    let service = ServicePlan::Domain { start_name: start_name.to_owned(), account: SERVICE_USER.to_owned() };
    run_as(names, &service, SERVICE_USER, start_name)
}

/// Two servers, each with a domain user of its own for its service.
fn service_each() -> WorldPlan {
    let mut world = domain_user(&[FIRST, SECOND], SERVICE_NAME);
    for server in world.servers.iter_mut().skip(1) {
        server.service =
            ServicePlan::Domain { start_name: OTHER_SERVICE_NAME.to_owned(), account: OTHER_SERVICE_USER.to_owned() };
    }
    world.accounts = vec![
        LabAccount::connector(&world.account, &[FIRST, SECOND]),
        LabAccount::service(SERVICE_USER, SERVICE_NAME, &[FIRST]),
        LabAccount::service(OTHER_SERVICE_USER, OTHER_SERVICE_NAME, &[SECOND]),
    ];
    world
}

/// Two servers in the middle of a move: the second one runs as its virtual account.
fn service_mixed() -> WorldPlan {
    let mut world = domain_user(&[FIRST, SECOND], SERVICE_NAME);
    for server in world.servers.iter_mut().skip(1) {
        server.service = ServicePlan::Virtual;
    }
    world
}

/// One server whose service runs as a user of its own.
fn local_user() -> WorldPlan {
    let service = ServicePlan::Local { start_name: LOCAL_NAME.to_owned(), user: LOCAL_USER.to_owned() };
    run_as(&[FIRST], &service, LOCAL_USER, LOCAL_NAME)
}

/// One server of that build, whose service runs as a user of the domain.
fn old_build(build: &str) -> WorldPlan {
    let mut world = domain_user(&[FIRST], SERVICE_NAME);
    for server in &mut world.servers {
        server.build = build.to_owned();
    }
    for account in &mut world.accounts {
        // Where the key is lost, the Entra connector account is reset as well.
        if account.kind == LabAccountKind::Service {
            account.admin_vault_name = Some(ENTRA_ADMINISTRATOR.to_owned());
        }
    }
    WorldPlan { build: build.to_owned(), ..world }
}

/// One server that logs on to Entra ID like that, and whose Entra connector account is configured.
fn entra(identity: EntraPlan) -> WorldPlan {
    let base = base();
    let server = ServerPlan { entra: identity, ..base.server(FIRST, false) };
    let accounts = vec![
        LabAccount::connector(&base.account, &[FIRST]),
        LabAccount::entra(ENTRA_ACCOUNT, FIRST, ENTRA_ADMINISTRATOR),
    ];
    WorldPlan { servers: vec![server], accounts, ..base }
}

/// Application-based authentication whose certificate Entra Connect renews.
const fn application(days_left: i64) -> EntraPlan {
    EntraPlan::Application { days_left, managed: true }
}

/// The server imports the other forest too, through a trust, with the same account.
fn with_other_forest(server: ServerPlan) -> ServerPlan {
    let other = ConnectorPlan {
        forest: OTHER_FOREST.to_owned(),
        dc: Some(format!("dc1.{OTHER_FOREST}")),
        ..base().connector(OTHER_FOREST)
    };
    let connectors = server.connectors.into_iter().chain([other]).collect();
    ServerPlan { connectors, ..server }
}

/// The same, with an account of its own.
fn with_other_account(server: ServerPlan) -> ServerPlan {
    let mut server = with_other_forest(server);
    for connector in server.connectors.iter_mut().filter(|connector| connector.forest == OTHER_FOREST) {
        connector.account = OTHER_ACCOUNT.to_owned();
        connector.user = OTHER_ACCOUNT.to_owned();
    }
    server
}

fn opened(server: ServerPlan, program: &str) -> ServerPlan {
    ServerPlan { open_programs: vec![program.to_owned()], ..server }
}

static WORLDS: [NamedWorld; 39] = [
    NamedWorld {
        name: "one-forest",
        what: "one forest with two domain controllers, one wizard-made connector account, one server",
        plan: base,
    },
    NamedWorld {
        name: "single-dc",
        what: "one forest with a single domain controller",
        plan: || WorldPlan { single_dc: true, ..base() },
    },
    NamedWorld {
        name: "two-forests-one-account",
        what: "one server with two forests, and one account for both connectors, through a trust",
        plan: || one(with_other_forest),
    },
    NamedWorld {
        name: "two-connectors",
        what: "one server with two AD connectors, each with an account of its own",
        plan: || one(with_other_account),
    },
    NamedWorld {
        name: "active-and-staging",
        what: "an active and a staging server with one connector account",
        plan: || several(&[FIRST, SECOND], |server| server),
    },
    NamedWorld {
        name: "active-and-two-staging",
        what: "an active and two staging servers with one connector account",
        plan: || several(&[FIRST, SECOND, THIRD], |server| server),
    },
    NamedWorld {
        name: "two-forests-active-and-staging",
        what: "an active and a staging server with two forests each, and one account for all four connectors",
        plan: || several(&[FIRST, SECOND], with_other_forest),
    },
    NamedWorld {
        name: "service-domain-user",
        what: "the service runs as a domain user, CONTOSO\\svc-adsync",
        plan: || domain_user(&[FIRST], SERVICE_NAME),
    },
    NamedWorld {
        name: "service-upn-form",
        what: "the service runs as a domain user, by its user principal name svc-adsync@contoso.test",
        plan: || domain_user(&[FIRST], "svc-adsync@contoso.test"),
    },
    NamedWorld {
        name: "service-shared",
        what: "the services of an active and a staging server run as one domain user",
        plan: || domain_user(&[FIRST, SECOND], SERVICE_NAME),
    },
    NamedWorld {
        name: "service-each",
        what: "the services of an active and a staging server run each as a domain user of its own",
        plan: service_each,
    },
    NamedWorld {
        name: "service-mixed",
        what: "the service of the active server runs as a domain user, that of the staging server as its virtual account",
        plan: service_mixed,
    },
    NamedWorld {
        name: "service-local-user",
        what: "the service runs as a user of the server itself, .\\adsync",
        plan: local_user,
    },
    NamedWorld {
        name: "service-local-unknown",
        what: "the service runs as a user of the server itself, and the vault does not know its password",
        plan: || WorldPlan { unknown: vec![LOCAL_USER.to_owned()], ..local_user() },
    },
    NamedWorld {
        name: "service-gmsa",
        what: "the service runs as a group managed service account, which has no password to rotate",
        plan: || managed(r"CONTOSO\gmsa-adsync$"),
    },
    NamedWorld {
        name: "service-vsa",
        what: "the service runs as its virtual service account, which has no password to rotate",
        plan: || run_as(&[FIRST], &ServicePlan::Virtual, "adsync-virtual", r"NT SERVICE\ADSync"),
    },
    NamedWorld {
        name: "service-smsa",
        what: "the service runs as a standalone managed service account, which has no password to rotate",
        plan: || managed(r"CONTOSO\smsa-adsync$"),
    },
    NamedWorld {
        name: "service-other-account",
        what: "the service runs as another domain user than the configured one",
        plan: || {
            let service =
                ServicePlan::Domain { start_name: r"CONTOSO\svc-other".to_owned(), account: "svc-other".to_owned() };
            run_as(&[FIRST], &service, SERVICE_USER, SERVICE_NAME)
        },
    },
    NamedWorld {
        name: "build-1.1.380.0",
        what: "a build whose encryption key does not survive a new password of the service's domain user",
        plan: || old_build("1.1.380.0"),
    },
    NamedWorld {
        name: "build-1.1.443.0",
        what: "the last build whose encryption key does not survive a new password of the service's domain user",
        plan: || old_build("1.1.443.0"),
    },
    NamedWorld {
        name: "build-1.1.484.0",
        what: "the first build whose encryption key survives, of version 1, which no longer synchronizes",
        plan: || old_build("1.1.484.0"),
    },
    NamedWorld {
        name: "build-2.4.129.0",
        what: "a build below the oldest that still synchronizes",
        plan: || of_build("2.4.129.0"),
    },
    NamedWorld {
        name: "build-2.5.79.0",
        what: "the oldest build that still synchronizes",
        plan: || of_build("2.5.79.0"),
    },
    NamedWorld { name: "build-2.6.92.0", what: "the newest build seen", plan: || of_build("2.6.92.0") },
    NamedWorld {
        name: "aba",
        what: "application-based authentication with Entra ID, its certificate good for 400 days",
        plan: || entra(application(400)),
    },
    NamedWorld {
        name: "aba-due",
        what: "application-based authentication with Entra ID, its certificate good for 90 days",
        plan: || entra(application(90)),
    },
    NamedWorld {
        name: "aba-expired",
        what: "application-based authentication with Entra ID, its certificate ended five days ago",
        plan: || entra(application(-5)),
    },
    NamedWorld {
        name: "entra-password-based",
        what: "the server logs on to Entra ID with a password, and the vault knows an administrator",
        plan: || entra(EntraPlan::ServiceAccount),
    },
    NamedWorld {
        name: "alternate-credentials",
        what: "one partition of the connector binds with credentials of its own",
        plan: || {
            one(|mut server| {
                for connector in &mut server.connectors {
                    let own = ("DC=child,DC=contoso,DC=test".to_owned(), r"CONTOSO\svc-child".to_owned());
                    connector.alternate_credentials = vec![own];
                }
                server
            })
        },
    },
    NamedWorld {
        name: "broken-before",
        what: "the engine stores another password than the directory has: no run succeeds",
        plan: || WorldPlan { broken: vec![base().account], ..base() },
    },
    NamedWorld {
        name: "wizard-open",
        what: "the wizard, AzureADConnect.exe, is open on the server",
        plan: || one(|server| opened(server, "AzureADConnect.exe")),
    },
    NamedWorld {
        name: "console-open",
        what: "the Synchronization Service Manager, miisclient.exe, is open on the server",
        plan: || one(|server| opened(server, "miisclient.exe")),
    },
    NamedWorld {
        name: "cycle-running",
        what: "a synchronization cycle runs at first and ends within a few seconds",
        plan: || WorldPlan { cycle_left_s: 6, ..base() },
    },
    NamedWorld {
        name: "scheduler-disabled",
        what: "somebody turned SyncCycleEnabled off before",
        plan: || WorldPlan { scheduler_enabled: false, ..base() },
    },
    NamedWorld {
        name: "scheduler-suspended",
        what: "the scheduler is suspended",
        plan: || WorldPlan { scheduler_suspended: true, ..base() },
    },
    NamedWorld {
        name: "upgrade-running",
        what: "an upgrade of Entra Connect runs on the server",
        plan: || one(|server| ServerPlan { upgrading: true, ..server }),
    },
    NamedWorld {
        name: "unknown-old",
        what: "nobody knows the connector account's password: the vault holds none",
        plan: || WorldPlan { unknown: vec![base().account], ..base() },
    },
    NamedWorld {
        name: "unconfigured-server",
        what: "the connector account's description names a server, SYNC9, that is not configured",
        plan: || {
            let base = base();
            let text = wizard_description(&base.account, "SYNC9", &base.tenant()).unwrap_or_default();
            WorldPlan { descriptions: vec![(base.account.clone(), text)], ..base }
        },
    },
    NamedWorld {
        name: "staging-unreachable",
        what: "an active and a staging server, and the staging server does not answer",
        plan: || WorldPlan {
            faults: vec![format!("server-unreachable@{SECOND}")],
            ..several(&[FIRST, SECOND], |server| server)
        },
    },
];

/// One server whose service runs as an account that Windows manages.
fn managed(start_name: &str) -> WorldPlan {
    let name = start_name.split('\\').next_back().unwrap_or(start_name);
    run_as(&[FIRST], &ServicePlan::Managed(start_name.to_owned()), name, start_name)
}
