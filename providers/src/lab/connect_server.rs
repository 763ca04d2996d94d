//! The lab's Connect servers behind the port.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;

use super::clock::filetime;
use super::domain::BindAnswer;
use super::lab_handle::{Lab, Request};
use super::plan::Logon;
use super::store::Books;
use crate::port::{ConnectServer, ConnectorKind, Fault, LocalUserFacts, ProofFacts, Secret, ServerFacts};

/// The run profile's only step.
const PROOF_STEP: &str = "Delta Import";
const SUCCESS: &str = "success";
const NO_START_CREDENTIALS: &str = "no-start-credentials";
const NO_START_CONNECTION: &str = "no-start-connection";
const NO_START_ALREADY_RUNNING: &str = "no-start-ma-already-running";

pub(super) struct LabServer {
    pub(super) lab: Lab,
    pub(super) name: String,
}

/// How a run is decided.
enum Run {
    /// Inside the world.
    Ended(&'static str),
    /// By a real directory, asked with this password.
    Ask { url: String, ca_file: Option<PathBuf>, bind_name: String, secret: Secret },
}

impl LabServer {
    fn store_password(&self, books: &mut Books, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let doing = format!("setting the password of connector {connector} on {}", self.name);
        let refuses = books.faults.strikes("engine-refuses");
        let keeps_old = !refuses && books.faults.strikes("engine-keeps-old");
        let now = books.now;
        let server = books.world.server(&self.name, &doing)?;
        let known = server.connector(connector, &doing)?;
        if known.kind == ConnectorKind::Entra {
            return Err(Fault::refused(&doing, "it is the connector to Entra ID")
                .hint("its account is only reset as a repair, never on a schedule"));
        }
        if refuses {
            return Err(Fault::refused(&doing, "the engine did not take the connector's parameters")
                .hint("nothing was changed; look at the server's Application log"));
        }
        let account = known.account.clone();
        if !keeps_old {
            server.store_password(connector, secret)?;
        }
        server.touch(connector, now);
        if !keeps_old {
            books.world.labels.see(&account, secret);
        }
        books.world.count("engine-writes");
        Ok(())
    }

    fn restart_service(&self, books: &mut Books) -> Result<(), Fault> {
        let doing = format!("restarting ADSync on {}", self.name);
        let fails = books.faults.strikes("restart-fails");
        let now = books.now;
        let process_id = books.world.next_process_id;
        let epoch = books.world.key_epoch(&self.name)?;
        let server = books.world.server(&self.name, &doing)?;
        if fails {
            let (state, process) = (&server.service.state, server.service.process_id);
            return Err(Fault::refused(
                &doing,
                format!("the service did not stop: it is {state} as process {process}"),
            )
            .hint("look at the server's System log, then restart ADSync by hand"));
        }
        server.stop();
        server.start(&epoch, process_id, now, &doing)?;
        books.world.next_process_id += 4;
        books.world.count("restarts");
        Ok(())
    }

    /// Starts a run: what the running engine holds meets the directory.
    fn start_run(&self, books: &mut Books, connector: &str) -> Result<Run, Fault> {
        let doing = self.proving(connector);
        let (now, time) = (books.now, filetime(books.now));
        let busy = books.world.scheduler.facts(now).cycle_running;
        let server = books.world.server(&self.name, &doing)?;
        let known = server.connector(connector, &doing)?;
        if server.service.state != "running" {
            return Err(Fault::later(&doing, format!("the service is {}", server.service.state))
                .hint("start ADSync on the server"));
        }
        if busy {
            return Ok(Run::Ended(NO_START_ALREADY_RUNNING));
        }
        if known.kind == ConnectorKind::Entra {
            // The cloud's side is not part of this world: it always answers.
            return Ok(Run::Ended(SUCCESS));
        }
        let Some(secret) = server.cached_password(known)? else { return Ok(Run::Ended(NO_START_CREDENTIALS)) };
        let (user, dc) = (known.user.clone(), known.dc.clone());
        let logon = server.logon.clone();
        if books.proof_must_fail(&self.name, connector)? {
            return Ok(Run::Ended(NO_START_CREDENTIALS));
        }
        match logon {
            Logon::Ldaps { url, ca_file, bind_name } => Ok(Run::Ask { url, ca_file, bind_name, secret }),
            Logon::Model => Ok(Run::Ended(match bind(books, &user, dc.as_deref(), &secret, time)? {
                BindAnswer::Accepted => SUCCESS,
                BindAnswer::NoAnswer => NO_START_CONNECTION,
                _ => NO_START_CREDENTIALS,
            })),
        }
    }

    fn end_run(&self, books: &mut Books, connector: &str, result: &str) -> Result<ProofFacts, Fault> {
        let now = books.now;
        books.world.count("proofs");
        if result == NO_START_CREDENTIALS {
            let server = books.world.server(&self.name, &self.proving(connector))?;
            server.log_no_start_credentials(connector, now);
        }
        Ok(ProofFacts {
            connector: connector.to_owned(),
            result: result.to_owned(),
            steps: vec![(PROOF_STEP.to_owned(), result.to_owned())],
            connections: Vec::new(),
            at: now,
        })
    }

    fn proving(&self, connector: &str) -> String {
        format!("running a Delta Import on {connector} of {}", self.name)
    }
}

/// The engine's bind in the model directory, by the name its connector has, which need not be the account's.
fn bind(books: &mut Books, user: &str, dc: Option<&str>, secret: &Secret, time: i64) -> Result<BindAnswer, Fault> {
    let doing = "binding as the sync engine";
    let domain = books.world.domain(doing)?;
    let at = dc.map_or(Some(domain.pdc_index()), |dc| domain.controller_index(dc));
    let Some(at) = at else { return Ok(BindAnswer::NoAnswer) };
    let Some(account) = domain.account(user).map(|account| account.name.clone()) else {
        return Ok(BindAnswer::Wrong);
    };
    let digest = books.world.labels.digest(&account, secret);
    Ok(books.world.domain(doing)?.bind(at, &account, &digest, time))
}

/// The engine's bind in a real directory: the result of its run.
#[cfg(feature = "active-directory")]
async fn ask(url: &str, ca_file: Option<&Path>, bind_name: &str, secret: &Secret) -> Result<&'static str, Fault> {
    use crate::active_directory::{LogonAnswer, logon};
    match logon(url, ca_file, bind_name, secret).await {
        Ok(LogonAnswer::Accepted) => Ok(SUCCESS),
        Ok(LogonAnswer::WrongCredentials | LogonAnswer::Locked | LogonAnswer::Other(_)) => Ok(NO_START_CREDENTIALS),
        Err(trouble) => {
            tracing::debug!(%trouble, "the model engine got no answer from the real directory");
            Ok(NO_START_CONNECTION)
        }
    }
}

/// Without LDAPS in the program no run comes about.
#[cfg(not(feature = "active-directory"))]
async fn ask(url: &str, _: Option<&Path>, bind_name: &str, _: &Secret) -> Result<&'static str, Fault> {
    Err(Fault::broken(format!("binding at {url} as {bind_name}"), "this program has no LDAPS")
        .hint("use a build with the feature active-directory, or a lab with a model directory"))
}

fn switch(books: &mut Books, enabled: bool) {
    books.world.scheduler.switch(enabled, books.now);
    books.world.count("scheduler-writes");
}

impl LabServer {
    fn not_modelled<T>(&self, what: &str) -> Result<T, Fault> {
        Err(Fault::broken(format!("asking {} to {what}", self.name), "the lab does not model this yet"))
    }
}

#[async_trait]
impl ConnectServer for LabServer {
    fn name(&self) -> &str {
        &self.name
    }

    async fn describe(&self) -> Result<ServerFacts, Fault> {
        let describe = |books: &mut Books| {
            let scheduler = books.world.scheduler.facts(books.now);
            Ok(books.world.server(&self.name, &format!("describing {}", self.name))?.facts(scheduler, None))
        };
        self.lab.request(Request::new(&self.name, "describe"), describe).await
    }

    async fn pause_scheduler(&self, _restore: bool, _restore_at: Timestamp) -> Result<(), Fault> {
        let request = Request::new(&self.name, "pause_scheduler").acting();
        self.lab.request(request, |books| Ok(switch(books, false))).await
    }

    async fn release_scheduler(&self, enabled: bool) -> Result<(), Fault> {
        let request = Request::new(&self.name, format!("release_scheduler enabled={enabled}")).acting();
        self.lab.request(request, |books| Ok(switch(books, enabled))).await
    }

    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let request = Request::new(&self.name, format!("set_connector_password {connector}"))
            .acting()
            .losing(Some("engine-reply-lost"));
        self.lab.request(request, |books| self.store_password(books, connector, secret)).await
    }

    async fn restart(&self) -> Result<(), Fault> {
        let request = Request::new(&self.name, "restart").acting().losing(Some("restart-reply-lost"));
        self.lab.request(request, |books| self.restart_service(books)).await
    }

    async fn set_service_logon(&self, _account: &str, _secret: &Secret) -> Result<(), Fault> {
        self.not_modelled("set the service's logon")
    }

    async fn local_user(&self, _account: &str) -> Result<LocalUserFacts, Fault> {
        self.not_modelled("describe a local user")
    }

    async fn change_local_password(&self, _account: &str, _old: &Secret, _new: &Secret) -> Result<(), Fault> {
        self.not_modelled("change a local user's password")
    }

    async fn local_logon(&self, _account: &str, _secret: &Secret) -> Result<bool, Fault> {
        self.not_modelled("log a local user on")
    }

    async fn stop(&self) -> Result<(), Fault> {
        self.not_modelled("stop the service")
    }

    async fn start(&self) -> Result<(), Fault> {
        self.not_modelled("start the service")
    }

    async fn stored_logon(&self, _connector: &str) -> Result<Option<bool>, Fault> {
        Ok(None)
    }

    async fn reset_entra_account(&self, _user: &str, _secret: &Secret) -> Result<(), Fault> {
        self.not_modelled("reset the Entra connector account")
    }

    async fn events(&self, _since: Timestamp) -> Result<Vec<String>, Fault> {
        Ok(Vec::new())
    }

    async fn runs(&self, _connector: &str) -> Result<Vec<ProofFacts>, Fault> {
        Ok(Vec::new())
    }

    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault> {
        let request = Request::new(&self.name, format!("prove {connector}")).acting();
        let run = self.lab.arrive(&request, |books| Ok(self.start_run(books, connector))).await?;
        let result = match run {
            Ok(Run::Ended(result)) => Ok(result),
            Ok(Run::Ask { url, ca_file, bind_name, secret }) => {
                ask(&url, ca_file.as_deref(), &bind_name, &secret).await
            }
            Err(fault) => Err(fault),
        };
        self.lab.complete(&request, |books| self.end_run(books, connector, result?)).await
    }
}
