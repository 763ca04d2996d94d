//! A dutiful operator: what the tool asks a person to do, and what people do on a server of their own accord.

use std::sync::Arc;

use super::cipher::seal;
use super::lab_handle::Lab;
use super::store::Books;
use crate::port::{ConnectServer, ConnectorKind, Fault, ProofFacts, Secret, Slot};

impl Lab {
    /// Types a connector's password into the console, as the tool asks: the account's pending one in the vault, else
    /// its current one. `account` = another name in the vault than the connector's own account.
    pub fn enter_password(&self, server: &str, connector: &str, account: Option<&str>) -> Result<(), Fault> {
        let doing = format!("entering the password of connector {connector} on {server} by hand");
        self.books(|books| {
            let now = books.now;
            let known = books.world.server(server, &doing)?.connector(connector, &doing)?;
            if known.kind == ConnectorKind::Entra {
                return Err(Fault::refused(&doing, "it is the connector to Entra ID")
                    .hint("name a connector to Active Directory"));
            }
            let of = known.account.clone();
            if !books.world.server(server, &doing)?.service.runs() {
                return Err(Fault::refused(&doing, "the console needs the service, which is stopped")
                    .hint("start ADSync first"));
            }
            let secret = from_vault(books, account.unwrap_or(&of), &doing)?;
            let server = books.world.server(server, &doing)?;
            server.store_password(connector, &secret)?;
            server.touch(connector, now);
            books.world.labels.see(&of, &secret);
            Ok(())
        })
    }

    /// Abandons a server's encryption key set (`miiskmu.exe /a`): what was enciphered under it is lost.
    pub fn abandon_key(&self, server: &str) -> Result<(), Fault> {
        let doing = format!("abandoning the encryption key of {server}");
        self.books(|books| {
            let epoch = books.world.key_epoch(server)?;
            books.world.server(server, &doing)?.abandon_key(&epoch, &doing)
        })
    }

    /// Presses "Run" in the console: a Delta Import of `connector`, and how it ended.
    pub async fn run_connector(&self, server: &str, connector: &str) -> Result<ProofFacts, Fault> {
        let doing = format!("running {connector} on {server} by hand");
        self.known_server(server, &doing)?.prove(connector).await
    }

    /// Starts the service of a server where it does not run.
    pub async fn start_service(&self, server: &str) -> Result<(), Fault> {
        self.known_server(server, &format!("starting ADSync on {server} by hand"))?.start().await
    }

    /// Resets the Entra connector account of a server (`Add-ADSyncAADServiceAccount`).
    pub async fn reset_entra_by_hand(&self, server: &str) -> Result<(), Fault> {
        let doing = format!("resetting the Entra connector account of {server} by hand");
        // The model's cloud asks for no administrator's password.
        self.known_server(server, &doing)?.reset_entra_account("administrator", &Secret::new("")).await
    }

    fn known_server(&self, server: &str, doing: &str) -> Result<Arc<dyn ConnectServer>, Fault> {
        self.server(server).ok_or_else(|| {
            Fault::refused(doing, format!("this lab has no server {server}"))
                .hint(format!("its servers are: {}", self.server_names().join(", ")))
        })
    }

    /// Closes the wizard and the console on a server.
    pub fn close_programs(&self, server: &str) -> Result<(), Fault> {
        let doing = format!("closing the programs on {server}");
        self.books(|books| {
            books.world.server(server, &doing)?.open_programs.clear();
            Ok(())
        })
    }

    /// Opens a program on a server: `miisclient.exe`, `AzureADConnect.exe`.
    pub fn open_program(&self, server: &str, program: &str) -> Result<(), Fault> {
        let doing = format!("opening {program} on {server}");
        self.books(|books| {
            let open = &mut books.world.server(server, &doing)?.open_programs;
            if !open.iter().any(|known| known.eq_ignore_ascii_case(program)) {
                open.push(program.to_owned());
            }
            Ok(())
        })
    }

    /// Makes a new password take so long to reach the other domain controllers.
    pub fn let_replication_take(&self, seconds: u32) -> Result<(), Fault> {
        self.books(|books| {
            let domain = books.world.domain("slowing the directory's replication")?;
            domain.controllers.iter_mut().for_each(|controller| controller.lag_ms = seconds.saturating_mul(1000));
            Ok(())
        })
    }

    /// Turns SyncCycleEnabled, which is one setting for the tenant.
    pub fn switch_scheduler(&self, enabled: bool) -> Result<(), Fault> {
        self.books(|books| {
            books.world.scheduler.switch(enabled, books.now);
            Ok(())
        })
    }

    /// Makes the first staging server active and the active one staging.
    pub fn swap_roles(&self) -> Result<(), Fault> {
        let doing = "swapping the roles of the servers";
        self.books(|books| {
            let servers = &mut books.world.servers;
            let active = servers.iter().position(|server| !server.staging);
            let staging = servers.iter().position(|server| server.staging);
            let (Some(active), Some(staging)) = (active, staging) else {
                return Err(Fault::refused(doing, "there is no active and staging server")
                    .hint("make a lab with a staging server"));
            };
            servers[active].staging = true;
            servers[staging].staging = false;
            Ok(())
        })
    }

    /// Brings a server to another build of Entra Connect, whose setup restarts the service where it runs.
    pub async fn upgrade(&self, server: &str, build: &str) -> Result<(), Fault> {
        let doing = format!("upgrading {server} to {build}");
        let numbers: Vec<&str> = build.split('.').collect();
        if numbers.len() != 4 || numbers.iter().any(|number| number.parse::<u32>().is_err()) {
            return Err(Fault::refused(&doing, "this is no build").hint("a build is four numbers, such as 2.6.92.0"));
        }
        let runs = self.books(|books| {
            let before = books.world.key_epoch(server)?;
            let known = books.world.server(server, &doing)?;
            let opens = known.key_set_opens(&before)?;
            build.clone_into(&mut known.build);
            known.upgrading = false;
            // What protects the key may depend on the build; a key that can't be opened can't be protected anew.
            let after = books.world.key_epoch(server)?;
            let known = books.world.server(server, &doing)?;
            if opens {
                known.key_set.protected = seal(&known.service.protection(&after), &known.key()?);
            }
            Ok(known.service.runs())
        })?;
        match self.server(server).filter(|_| runs) {
            Some(server) => server.restart().await,
            None => Ok(()),
        }
    }
}

/// What the vault tells an operator to type: the candidate where there is one.
fn from_vault(books: &Books, account: &str, doing: &str) -> Result<Secret, Fault> {
    let places = books.vault.accounts.get(account);
    let secret = places.and_then(|places| places.secret(Slot::Pending).or_else(|| places.secret(Slot::Current)));
    secret.cloned().ok_or_else(|| {
        Fault::refused(doing, format!("the vault has no password of {account}"))
            .hint("name an account that the vault knows")
    })
}
