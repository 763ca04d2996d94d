//! The only file that names adapters: from a configuration, or from a lab's folder, to the ports of each
//! account.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use providers::active_directory::{self, ActiveDirectory, DomainControllers, Identity, PasswordSource};
use providers::azure_key_vault::{self, AzureKeyVault};
use providers::entra_connect::ssh::{self, SshTransport};
#[cfg(windows)]
use providers::entra_connect::windows::{PowerShell, ThisMachine, WindowsServer};
use providers::entra_connect::winrm::{self, WinrmTransport};
use providers::entra_connect::{RemoteServer, Turns};
use providers::hashicorp_vault::{self, HashicorpVault};
use providers::lab::{self, Fleet, FleetPlan, Lab, LabAccount, LabAccountKind, LabSetting};
use providers::port::{ConnectServer, Directory, Fault, QuiesceMode, Secret, Vault};
use providers::sealed_file::{self, SealedFile};

use crate::approval::Approvers;
use crate::clock::{Clock, SystemClock, SystemEntropy};
use crate::config::{
    self, AccountConfig, ApprovalConfig, AzureCloud, AzureIdentityConfig, AzureIdentityKind, Config, DirectoryConfig,
    HistoryConfig, LoginMethod, Logon, PostgresConfig, Quiesce, ServerConfig, ServerKind, ServerLogon, VaultConfig,
    VaultKind,
};
use crate::engine::{AccountKind, Escrow, Nobody, Operator, Ports, Wish};
use crate::journal::{
    Busy, Cut, Entry, Journal, JournalError, Lease, Listed, Note, Noted, Password, Place, PostgresPlace, Query, Source,
    Stored, Vouching,
};
use crate::order::{Roster, Signer};
use crate::rotation::{EngineMethod, EntraAdministrator, Event, Limits};

/// The administrator of Entra ID in a lab.
const LAB_ADMINISTRATOR: &str = "admin@contoso.onmicrosoft.com";

/// The file name of the journal in a lab's folder.
const LAB_JOURNAL: &str = "journal.db";

/// The file name of what a lab's folder says of approvers: the keys of `[approval]`.
const LAB_APPROVAL: &str = "approval.toml";

/// The file name of the lock that all who answer for a server share.
const TURNS: &str = "agent.lock";

/// Where Kubernetes puts a pod's token.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// What the commands need that only read the journal: no secret, no server, nothing that a bad night may have
/// taken away.
pub struct Records {
    /// The accounts' names, in the configuration's order.
    pub accounts: Vec<String>,
    /// When each is to be rotated.
    pub roster: Roster,
    journal: Place,
}

impl Records {
    /// Those of a lab.
    pub fn of_lab(dir: &Path, named: Option<&str>) -> Result<Self, Fault> {
        let world = World::of_lab(dir, named)?;
        let accounts = world.wishes.into_iter().map(|wish| wish.account).collect();
        Ok(Self { accounts, roster: world.roster, journal: world.journal_place })
    }

    /// Those of a configuration.
    pub fn of_config(config: &Config) -> Result<Self, Fault> {
        let accounts = config.account.iter().map(|account| account.name.clone()).collect();
        let roster = Roster::of(config, &wishes(config))?;
        Ok(Self { accounts, roster, journal: place(config) })
    }

    /// The journal.
    pub async fn journal(&self) -> Result<Box<dyn Journal>, JournalError> {
        self.journal.open_as_it_is().await
    }
}

/// Everything that a command works on.
pub struct World {
    /// The accounts that can be rotated.
    pub wishes: Vec<Wish>,
    /// When each is to be rotated.
    pub roster: Roster,
    /// Where the journal is kept.
    pub journal_place: Place,
    /// Who signs the history.
    pub signer: Signer,
    /// Who approves plans.
    pub approvers: Approvers,
    ports: Ports,
    labs: Vec<Lab>,
}

impl World {
    /// The lab in `dir`; it is made when there is none, from the world named so. The lab of another world is refused.
    pub fn of_lab(dir: &Path, named: Option<&str>) -> Result<Self, Fault> {
        lab::ready(dir, named)?;
        let lab = open_lab(dir)?;
        let names = lab.server_names();
        let servers = names.iter().filter_map(|name| Some((name.clone(), lab.server(name)?))).collect();
        let wishes = lab_wishes(lab.accounts());
        Ok(Self {
            roster: Roster::by_hand(wishes.clone()),
            wishes,
            journal_place: Place::File(dir.join(LAB_JOURNAL)),
            signer: Signer::new(&HistoryConfig::default()),
            approvers: lab_approvers(&dir.join(LAB_APPROVAL))?,
            ports: ports(lab.vault(), lab.directory(), servers),
            labs: vec![lab],
        })
    }

    /// A fleet of labs in memory, with a clock of its own.
    pub fn of_fleet(fleet: &Fleet, journal_place: Place, clock: Arc<dyn Clock>) -> Self {
        let wishes: Vec<Wish> = fleet.sites().iter().flat_map(|site| lab_wishes(site.accounts())).collect();
        let ports = Ports { clock, ..ports(fleet.vault(), fleet.directory(), fleet.servers()) };
        Self {
            roster: Roster::by_hand(wishes.clone()),
            wishes,
            journal_place,
            signer: Signer::new(&HistoryConfig::default()),
            approvers: Approvers::default(),
            ports,
            labs: Vec::new(),
        }
    }

    /// A new fleet by this machine's clock, whose every answer takes `latency`; each site's last account is its service's.
    pub fn of_new_fleet(
        sites: usize,
        accounts_per_site: usize,
        latency: Duration,
        journal_place: Place,
    ) -> Result<Self, Fault> {
        let setting = LabSetting {
            now: Arc::new(|| SystemClock.now()),
            end_process: Arc::new(end_process),
            latency: Some(Arc::new(move |_: &str, _: &str| latency)),
        };
        let plan = FleetPlan { service_accounts: accounts_per_site > 1, ..FleetPlan::new(sites, accounts_per_site) };
        Ok(Self::of_fleet(&Fleet::in_memory(&plan, &setting)?, journal_place, Arc::new(SystemClock)))
    }

    /// What a configuration describes. `typed_key` = the key of the sealed file, where a person is to type it and did.
    pub fn of_config(config: &Config, typed_key: Option<Secret>) -> Result<Self, Fault> {
        let vault = vault(&config.vault, typed_key)?;
        let directory = ActiveDirectory::new(active_directory::Settings {
            controllers: match &config.directory.domain {
                Some(domain) => DomainControllers::Discovered { domain: domain.clone(), port: config.directory.port },
                None => DomainControllers::Listed(config.directory.urls.clone().unwrap_or_default()),
            },
            ca_file: config.directory.ca_file.clone(),
            identity: identity(&config.directory, &vault)?,
        })?;
        let mut labs = Vec::new();
        let mut servers: BTreeMap<String, Arc<dyn ConnectServer>> = BTreeMap::new();
        for server in &config.server {
            match server.kind {
                ServerKind::Lab => {
                    let (lab, port) = server_of_lab(&needed(server.lab_dir.as_ref(), "lab_dir")?, &server.name)?;
                    servers.insert(server.name.clone(), port);
                    labs.push(lab);
                }
                ServerKind::Local => {
                    servers.insert(server.name.clone(), this_server(&server.name)?);
                }
                ServerKind::Ssh => {
                    let way = SshTransport::new(ssh(server)?);
                    servers.insert(server.name.clone(), Arc::new(RemoteServer::new(&server.name, way)));
                }
                ServerKind::Winrm => {
                    let way = WinrmTransport::new(winrm(server)?).map_err(|broken| {
                        Fault::broken("reading a server's settings", broken.cause).hint(broken.hint)
                    })?;
                    servers.insert(server.name.clone(), Arc::new(RemoteServer::new(&server.name, way)));
                }
            }
        }
        let wishes = wishes(config);
        Ok(Self {
            roster: Roster::of(config, &wishes)?,
            wishes,
            journal_place: place(config),
            signer: Signer::new(&config.history),
            approvers: config.approval.approvers()?,
            ports: ports(vault, Arc::new(directory), servers),
            labs,
        })
    }

    /// The password that a person gave for an adoption.
    pub fn give(&mut self, given: Option<Secret>) {
        self.ports.given = given;
    }

    /// The person at the terminal, where there may be one.
    pub fn attend(&mut self, operator: Arc<dyn Operator>) {
        self.ports.operator = operator;
    }

    /// The world behind its ports.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The journal, for rotating: with its ballast.
    pub async fn journal(&self) -> Result<Box<dyn Journal>, JournalError> {
        Ok(self.watched(self.journal_place.open().await?))
    }

    /// The journal, for reading and for going on with what was begun.
    pub async fn journal_as_it_is(&self) -> Result<Box<dyn Journal>, JournalError> {
        Ok(self.watched(self.journal_place.open_as_it_is().await?))
    }

    fn watched(&self, journal: Box<dyn Journal>) -> Box<dyn Journal> {
        if self.labs.is_empty() { journal } else { Box::new(LabJournal { journal, labs: self.labs.clone() }) }
    }
}

/// Who approves plans in a lab: nobody has to, without a file that says so.
fn lab_approvers(file: &Path) -> Result<Approvers, Fault> {
    let broken = |cause: String| Fault::broken(format!("reading {}", file.display()), cause);
    match std::fs::read_to_string(file) {
        Ok(text) => ApprovalConfig::read(&text).map_err(broken)?.approvers(),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Approvers::default()),
        Err(cause) => Err(broken(cause.to_string())),
    }
}

/// Where a configuration keeps its journal.
fn place(config: &Config) -> Place {
    let Some(postgres) = &config.journal.postgres else {
        return Place::File(config.journal.file.clone().unwrap_or_default());
    };
    let PostgresConfig { database, user, tls, ca_file, .. } = postgres.clone();
    Place::Postgres(PostgresPlace {
        hosts: postgres.hosts(),
        database,
        user,
        password: postgres
            .password
            .clone()
            .map(|password| Password::new(move || password.read("the password of [journal.postgres]"))),
        tls,
        ca_file,
        client: postgres.client_cert_file.clone().zip(postgres.client_key_file.clone()),
        lease: Duration::from_secs(postgres.lease_s.into()),
    })
}

/// A server of the lab in `dir`, by its name there.
fn server_of_lab(dir: &Path, name: &str) -> Result<(Lab, Arc<dyn ConnectServer>), Fault> {
    let lab = open_lab(dir)?;
    let port = lab.server(name).ok_or_else(|| {
        Fault::broken(format!("opening the lab in {}", dir.display()), format!("it has no server {name}"))
            .hint(format!("its servers are: {}", lab.server_names().join(", ")))
    })?;
    Ok((lab, port))
}

/// The server of the lab in `dir` that an agent answers for; without a name the only one.
pub fn lab_server(dir: &Path, named: Option<&str>, server: Option<&str>) -> Result<Arc<dyn ConnectServer>, Fault> {
    lab::ready(dir, named)?;
    let names = open_lab(dir)?.server_names();
    let name = match (server, names.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            return Err(Fault::broken(format!("opening the lab in {}", dir.display()), "it has several servers")
                .hint(format!("say which one with --lab-server: {}", names.join(", "))));
        }
    };
    Ok(Arc::new(Turns::new(server_of_lab(dir, name)?.1, dir.join(TURNS))))
}

/// How to reach a server over SSH.
fn ssh(server: &ServerConfig) -> Result<ssh::Settings, Fault> {
    let logon = match server.logon {
        Some(ServerLogon::Key) => ssh::Logon::KeyFile {
            file: of_server(server.key_file.as_ref(), "key_file")?,
            passphrase: match &server.key_passphrase {
                Some(passphrase) => Some(passphrase.read("the passphrase of the SSH key")?),
                None => None,
            },
        },
        _ => ssh::Logon::Agent { socket: None },
    };
    Ok(ssh::Settings {
        host: of_server(server.host.as_ref(), "host")?,
        port: server.port.unwrap_or(ssh::DEFAULT_PORT),
        user: of_server(server.user.as_ref(), "user")?,
        known_hosts_file: of_server(server.known_hosts_file.as_ref(), "known_hosts_file")?,
        logon,
        command: server.command.clone().unwrap_or_else(|| ssh::DEFAULT_COMMAND.to_owned()),
    })
}

/// How to reach a server over WinRM.
fn winrm(server: &ServerConfig) -> Result<winrm::Settings, Fault> {
    let logon = match server.logon {
        Some(ServerLogon::Ntlm) => winrm::Logon::Ntlm {
            user: of_server(server.user.as_ref(), "user")?,
            password: of_server(server.password.as_ref(), "password")?.read("the password for WinRM")?,
        },
        Some(ServerLogon::Certificate) => winrm::Logon::Certificate {
            certificate_file: of_server(server.certificate_file.as_ref(), "certificate_file")?,
            key_file: of_server(server.key_file.as_ref(), "key_file")?,
        },
        _ => winrm::Logon::Kerberos,
    };
    Ok(winrm::Settings {
        url: of_server(server.url.as_ref(), "url")?,
        ca_file: server.ca_file.clone(),
        logon,
        command: server.command.clone().unwrap_or_else(|| winrm::COMMAND.to_owned()),
        address: server.address,
    })
}

/// What the configuration's schema asks for.
fn of_server<T: Clone>(value: Option<&T>, what: &str) -> Result<T, Fault> {
    value.cloned().ok_or_else(|| Fault::broken("reading a server's settings", format!("{what} is missing")))
}

/// The Connect server that this machine is, under the name that the configuration gives it.
#[cfg(windows)]
pub fn this_server(name: &str) -> Result<Arc<dyn ConnectServer>, Fault> {
    let folder = std::env::var_os("ProgramData").ok_or_else(|| {
        Fault::broken("answering for this machine", "the environment has no ProgramData").hint("is this Windows?")
    })?;
    let file = PathBuf::from(folder).join("entra-rotator").join(TURNS);
    Ok(Arc::new(Turns::new(Arc::new(WindowsServer::new(name, ThisMachine, PowerShell::default())), file)))
}

/// The Connect server that this machine is.
#[cfg(not(windows))]
pub fn this_server(_: &str) -> Result<Arc<dyn ConnectServer>, Fault> {
    Err(Fault::broken("answering for this machine", "it is no Windows server")
        .hint("the agent runs on the Connect server itself; with --lab it answers for a server of the lab"))
}

/// How the accounts of a lab are rotated.
fn lab_wishes(accounts: Vec<LabAccount>) -> Vec<Wish> {
    let connectors = accounts.iter().filter(|account| account.kind == LabAccountKind::Connector);
    let escrow: Arc<[Escrow]> = connectors
        .map(|account| Escrow {
            locator: account.locator.clone(),
            vault_name: account.vault_name.clone(),
            servers: account.servers.clone(),
        })
        .collect();
    accounts
        .into_iter()
        .map(|account| Wish {
            kind: match account.kind {
                LabAccountKind::Connector => AccountKind::Connector,
                LabAccountKind::Service => AccountKind::Service,
                LabAccountKind::Entra => AccountKind::Entra,
            },
            entra_administrator: account
                .admin_vault_name
                .map(|vault_name| EntraAdministrator { user: LAB_ADMINISTRATOR.to_owned(), vault_name }),
            escrow: Arc::clone(&escrow),
            locator: account.locator,
            vault_name: account.vault_name,
            servers: account.servers.into_iter().map(|server| (server, None)).collect(),
            account: account.name,
            ..Wish::default()
        })
        .collect()
}

/// What a configuration wants of each account.
fn wishes(config: &Config) -> Vec<Wish> {
    let connectors = config.account.iter().filter(|account| account.kind == config::AccountKind::Connector);
    let escrow: Arc<[Escrow]> = connectors
        .map(|account| Escrow {
            locator: account.directory_name.clone(),
            vault_name: account.vault_name.clone(),
            servers: account.servers.iter().map(|used| used.server.clone()).collect(),
        })
        .collect();
    let wish = |account: &AccountConfig| Wish {
        kind: match account.kind {
            config::AccountKind::Connector => AccountKind::Connector,
            config::AccountKind::Service => AccountKind::Service,
            config::AccountKind::Entra => AccountKind::Entra,
            config::AccountKind::Own => AccountKind::Own,
        },
        locator: account.directory_name.clone(),
        vault_name: account.vault_name.clone(),
        engine_method: match account.engine_method {
            config::EngineMethod::ObjectModel => EngineMethod::ObjectModel,
            config::EngineMethod::Attended => EngineMethod::Attended,
        },
        escrow: Arc::clone(&escrow),
        entra_administrator: account.administrator.as_ref().map(|administrator| EntraAdministrator {
            user: administrator.user.clone(),
            vault_name: administrator.vault_name.clone(),
        }),
        servers: account.servers.iter().map(|used| (used.server.clone(), used.connector.clone())).collect(),
        length: account.length,
        quiesce: match account.quiesce {
            Quiesce::Gap => QuiesceMode::Gap,
            Quiesce::Disable => QuiesceMode::Disable,
        },
        limits: Limits::default().converging_for(config.directory.converge_limit_s),
        account: account.name.clone(),
        ..Wish::default()
    };
    config.account.iter().map(wish).collect()
}

/// The vault.
fn vault(config: &VaultConfig, typed_key: Option<Secret>) -> Result<Arc<dyn Vault>, Fault> {
    match config.kind {
        VaultKind::Hashicorp => Ok(Arc::new(HashicorpVault::new(hashicorp(config)?)?)),
        VaultKind::SealedFile => Ok(Arc::new(SealedFile::open(sealed_file::Settings {
            path: needed(config.file.as_ref(), "file")?,
            recipients: config.recipients.clone(),
            identity: match needed(config.key.as_ref(), "key")?.unattended() {
                Some(key) => key.read("the key of the sealed file")?,
                None => typed_key.ok_or_else(|| {
                    Fault::broken("opening the sealed file", "its key is typed at a terminal, and nobody is there")
                        .hint("name where the key lies: key = { file = … }, { env = … } or { credential = … }")
                })?,
            },
        })?)),
        VaultKind::Azure => Ok(Arc::new(AzureKeyVault::new(azure_key_vault::Settings {
            url: needed(config.url.as_ref(), "url")?,
            cloud: match (&config.authority, config.cloud) {
                (Some(authority), _) => azure_key_vault::Cloud::Other { authority: authority.clone() },
                (None, AzureCloud::Public) => azure_key_vault::Cloud::Public,
                (None, AzureCloud::UsGovernment) => azure_key_vault::Cloud::UsGovernment,
                (None, AzureCloud::China) => azure_key_vault::Cloud::China,
            },
            identity: azure_identity(&needed(config.identity.as_ref(), "identity")?)?,
            ca_file: config.ca_file.clone(),
            address: config.address,
            content_type: azure_key_vault::CONTENT_TYPE.to_owned(),
            expires_after_days: config.expires_after_days,
        })?)),
    }
}

/// How to reach HashiCorp Vault, and as whom.
fn hashicorp(config: &VaultConfig) -> Result<hashicorp_vault::Settings, Fault> {
    let files = config.client_cert_file.clone().zip(config.client_key_file.clone());
    Ok(hashicorp_vault::Settings {
        url: needed(config.url.as_ref(), "url")?,
        ca_file: config.ca_file.clone(),
        mount: config.mount.clone().unwrap_or_else(|| "secret".to_owned()),
        namespace: config.namespace.clone(),
        login_namespace: config.login.as_ref().and_then(|login| login.namespace.clone()),
        client_certificate: files
            .map(|(certificate_file, key_file)| hashicorp_vault::ClientCertificate { certificate_file, key_file }),
        login: hashicorp_login(config)?,
    })
}

/// How a token for HashiCorp Vault is got.
fn hashicorp_login(config: &VaultConfig) -> Result<hashicorp_vault::Login, Fault> {
    use hashicorp_vault::{Login, SecretId};
    let Some(login) = &config.login else {
        let token = needed(config.token.as_ref(), "token")?;
        return Ok(match token.file {
            Some(file) => Login::TokenFile(file),
            None => Login::Token(token.read("the vault's token")?),
        });
    };
    let mount = |usual: &str| login.mount.clone().unwrap_or_else(|| usual.to_owned());
    Ok(match login.method {
        LoginMethod::Approle => {
            let secret_id = needed(login.secret_id.as_ref(), "secret_id")?;
            Login::AppRole {
                mount: mount("approle"),
                role_id: needed(login.role_id.as_ref(), "role_id")?,
                secret_id: match secret_id.file {
                    Some(file) if !login.wrapped => SecretId::File(file),
                    _ if login.wrapped => SecretId::Wrapped(secret_id.read("the wrapping token")?),
                    _ => SecretId::Plain(secret_id.read("the secret id")?),
                },
            }
        }
        LoginMethod::Kubernetes => Login::Kubernetes {
            mount: mount("kubernetes"),
            role: needed(login.role.as_ref(), "role")?,
            jwt_file: login.jwt_file.clone().unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT_TOKEN)),
        },
        LoginMethod::Cert => Login::Certificate { mount: mount("cert"), role: login.role.clone() },
    })
}

/// Who the rotator is in Entra ID.
fn azure_identity(config: &AzureIdentityConfig) -> Result<azure_key_vault::Identity, Fault> {
    use azure_key_vault::Identity;
    let tenant_id = || needed(config.tenant_id.as_ref(), "tenant_id");
    let client_id = || needed(config.client_id.as_ref(), "client_id");
    Ok(match config.kind {
        AzureIdentityKind::Managed => Identity::Managed { client_id: config.client_id.clone(), metadata: None },
        AzureIdentityKind::Arc => Identity::AzureArc { endpoint: None, tokens_folder: None },
        AzureIdentityKind::Workload => Identity::Workload {
            tenant_id: tenant_id()?,
            client_id: client_id()?,
            token_file: needed(config.token_file.as_ref(), "token_file")?,
        },
        AzureIdentityKind::Certificate => Identity::ClientCertificate {
            tenant_id: tenant_id()?,
            client_id: client_id()?,
            certificate_file: needed(config.certificate_file.as_ref(), "certificate_file")?,
            key_file: config.key_file.clone(),
        },
        AzureIdentityKind::Secret => Identity::ClientSecret {
            tenant_id: tenant_id()?,
            client_id: client_id()?,
            secret: needed(config.client_secret.as_ref(), "client_secret")?.read("the client secret")?,
        },
        AzureIdentityKind::Cli => Identity::AzureCli { tenant_id: config.tenant_id.clone() },
    })
}

/// What the configuration's schema asks for.
fn needed<T: Clone>(value: Option<&T>, what: &str) -> Result<T, Fault> {
    value.cloned().ok_or_else(|| Fault::broken("reading the vault's settings", format!("{what} is missing")))
}

/// Who the rotator is in the directory.
fn identity(directory: &DirectoryConfig, vault: &Arc<dyn Vault>) -> Result<Identity, Fault> {
    let (name, password) = match (directory.logon, &directory.bind_name, &directory.bind_password) {
        (Logon::Kerberos, ..) => return Ok(Identity::Kerberos),
        (Logon::Password, Some(name), Some(password)) => (name, password),
        // The file's own schema asks for both.
        (Logon::Password, ..) => {
            return Err(Fault::broken("reading the directory's settings", "bind_name or bind_password is missing"));
        }
    };
    let password = match &password.vault {
        Some(at) => PasswordSource::InVault { vault: Arc::clone(vault), name: at.clone() },
        None => PasswordSource::Given(password.outside_the_vault().read("the rotator's password for the directory")?),
    };
    Ok(Identity::Password { name: name.clone(), password })
}

fn ports(
    vault: Arc<dyn Vault>,
    directory: Arc<dyn Directory>,
    servers: BTreeMap<String, Arc<dyn ConnectServer>>,
) -> Ports {
    Ports {
        vault,
        directory,
        servers,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        operator: Arc::new(Nobody),
        given: None,
    }
}

/// Opens the lab in `dir` with this machine's clock.
pub fn open_lab(dir: &Path) -> Result<Lab, Fault> {
    Lab::open(
        dir,
        LabSetting { now: Arc::new(|| SystemClock.now()), end_process: Arc::new(end_process), latency: None },
    )
}

/// Ends this process as `kill -9` does: no destructor, no buffer, no goodbye.
fn end_process() {
    #[cfg(unix)]
    // It can't fail for one's own process; should it, the lab's call never returns all the same.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    #[cfg(not(unix))]
    std::process::abort();
}

/// The journal of a world with labs in it: the lab's faults may end the process at an entry.
struct LabJournal {
    journal: Box<dyn Journal>,
    labs: Vec<Lab>,
}

impl LabJournal {
    /// The step that an entry records as done, as the lab's faults name it.
    async fn completes(&self, id: &str, event: &Event) -> Option<String> {
        let Event::Done { step, .. } = event else { return None };
        let log = self.journal.read(id).await.ok()?;
        let back = log.iter().any(|entry| matches!(entry.event, Event::Turned { .. }));
        Some(if back { format!("back:{step}") } else { step.to_string() })
    }
}

#[async_trait]
impl Journal for LabJournal {
    async fn begin(&self, id: &str, account: &str, at: Timestamp, event: &Event) -> Result<Entry, JournalError> {
        for lab in &self.labs {
            lab.before_append().await;
        }
        let entry = self.journal.begin(id, account, at, event).await?;
        for lab in &self.labs {
            lab.after_append().await;
        }
        Ok(entry)
    }

    async fn append(
        &self,
        id: &str,
        epoch: i64,
        seq: i64,
        at: Timestamp,
        event: &Event,
    ) -> Result<Entry, JournalError> {
        let done = self.completes(id, event).await;
        for lab in &self.labs {
            lab.before_append().await;
            if let Some(step) = &done {
                lab.at_append(step, false).await;
            }
        }
        let entry = self.journal.append(id, epoch, seq, at, event).await?;
        for lab in &self.labs {
            lab.after_append().await;
            if let Some(step) = &done {
                lab.at_append(step, true).await;
            }
        }
        Ok(entry)
    }

    async fn claim(&self, id: &str, holder: &str, at: Timestamp) -> Result<i64, JournalError> {
        self.journal.claim(id, holder, at).await
    }

    async fn read(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        self.journal.read(id).await
    }

    async fn engine_changes(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        self.journal.engine_changes(id).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Listed>, JournalError> {
        self.journal.list(query).await
    }

    async fn note(&self, at: Timestamp, note: &Note) -> Result<Noted, JournalError> {
        self.journal.note(at, note).await
    }

    async fn notes(&self, after: i64) -> Result<Vec<Noted>, JournalError> {
        self.journal.notes(after).await
    }

    async fn stored(&self, after: i64) -> Result<Vec<Stored>, JournalError> {
        self.journal.stored(after).await
    }

    async fn vouch(&self, at: Timestamp, note: &Vouching<'_>) -> Result<Noted, JournalError> {
        self.journal.vouch(at, note).await
    }

    async fn import(&self, source: &mut dyn Source) -> Result<u64, JournalError> {
        self.journal.import(source).await
    }

    async fn prune(&self, at: Timestamp, cut: &Cut, tombstone: &Vouching<'_>) -> Result<Noted, JournalError> {
        self.journal.prune(at, cut, tombstone).await
    }

    async fn lease(&self, names: &[String], holder: &str) -> Result<Lease, Busy> {
        self.journal.lease(names, holder).await
    }

    fn release_ballast(&self) -> bool {
        self.journal.release_ballast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_may_name_its_own_namespace() {
        let of = |namespace: &str| {
            let login = format!("login = {{ method = \"cert\"{namespace} }}");
            let text = format!("kind = \"hashicorp\"\nurl = \"https://v\"\nnamespace = \"team\"\n{login}");
            let settings = hashicorp(&toml::from_str(&text).unwrap()).unwrap();
            (settings.namespace, settings.login_namespace)
        };
        let team = Some("team".to_owned());
        assert_eq!(of(""), (team.clone(), None));
        // The topmost one.
        assert_eq!(of(", namespace = \"\""), (team.clone(), Some(String::new())));
        assert_eq!(of(", namespace = \"above\""), (team, Some("above".to_owned())));
    }
}
