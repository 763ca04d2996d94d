//! The lab's Connect servers behind the port.

use async_trait::async_trait;
use jiff::Timestamp;

use super::domain::BindAnswer;
use super::engine::Server;
use super::lab_handle::{Lab, Request};
use super::plan::Logon;
use super::real_logon::RealLogon;
use super::restore_task::RestoreTask;
use super::runs::{Outcome, Run, Search, model_bind};
use super::service::{LogonRefusal, ServiceAccount};
use super::store::Books;
use crate::port::{ConnectServer, ConnectorKind, FailureClass, Fault, LocalUserFacts, ProofFacts, Secret, ServerFacts};

pub(super) struct LabServer {
    pub(super) lab: Lab,
    pub(super) name: String,
}

/// How far a start has come before its logon is decided.
enum Starting {
    /// It runs already.
    Runs,
    /// It will not come up, whatever the logon gives.
    TimesOut,
    /// The logon's answer; `None` = granted.
    Answered(Option<LogonRefusal>),
    /// A real directory has to be asked.
    Ask(RealLogon),
}

impl LabServer {
    /// Every request needs the server.
    pub(super) fn reach(&self, books: &mut Books) -> Result<(), Fault> {
        if books.faults.strikes_on("server-unreachable", &self.name) {
            return Err(Fault::later(format!("reaching {}", self.name), "the server does not answer")
                .hint("look whether it is up and whether the network lets you through"));
        }
        Ok(())
    }

    /// The server, whose service must run for this.
    pub(super) fn running<'a>(&self, books: &'a mut Books, doing: &str) -> Result<&'a mut Server, Fault> {
        let server = books.world.server(&self.name, doing)?;
        if !server.service.runs() {
            return Err(Fault::later(doing, format!("the service is {}", server.service.state))
                .hint("start ADSync on the server"));
        }
        Ok(server)
    }

    /// A request that reaches the server.
    async fn call<T>(&self, request: Request, act: impl FnOnce(&mut Books) -> Result<T, Fault>) -> Result<T, Fault> {
        self.lab
            .request(request, |books| {
                self.reach(books)?;
                act(books)
            })
            .await
    }

    fn store_password(&self, books: &mut Books, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let doing = format!("setting the password of connector {connector} on {}", self.name);
        let busy = books.faults.strikes_on("connector-busy", &self.name);
        let refuses = !busy && books.faults.strikes_on("engine-refuses", &self.name);
        let keeps_old = !busy && !refuses && books.faults.strikes_on("engine-keeps-old", &self.name);
        let now = books.now;
        let server = self.running(books, &doing)?;
        let known = server.connector(connector, &doing)?;
        if known.kind == ConnectorKind::Entra {
            return Err(Fault::refused(&doing, "it is the connector to Entra ID")
                .hint("its account is only reset as a repair, never on a schedule"));
        }
        if busy {
            return Err(Fault::later(&doing, "ma-update-in-progress, somebody else configures the connector")
                .hint("wait until they are done")
                .of(FailureClass::Busy));
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

    fn store_service_logon(&self, books: &mut Books, account: &str, secret: &Secret) -> Result<(), Fault> {
        let doing = format!("setting the service's logon on {}", self.name);
        let server = books.world.server(&self.name, &doing)?;
        server.check_service_logon(account, secret, &doing)?;
        let label = server.service.account().map(str::to_owned);
        if books.faults.strikes_on("service-logon-refuses", &self.name) {
            return Err(Fault::refused(&doing, "error 5, the service manager did not take the password")
                .hint("nothing was changed; changing a service's logon needs a local administrator"));
        }
        if !books.faults.strikes_on("service-logon-keeps-old", &self.name) {
            books.world.server(&self.name, &doing)?.keep_scm_password(secret);
            if let Some(label) = label {
                books.world.labels.see(&label, secret);
            }
        }
        books.world.count("service-writes");
        Ok(())
    }

    /// The service stops, unless it can't. `faults` are those that keep it from stopping.
    fn stop_service(&self, books: &mut Books, faults: &[&str], doing: &str) -> Result<(), Fault> {
        let fails = faults.iter().any(|fault| books.faults.strikes_on(fault, &self.name));
        let server = books.world.server(&self.name, doing)?;
        if fails && server.service.runs() {
            let (state, process) = (&server.service.state, server.service.process_id);
            return Err(Fault::refused(doing, format!("the service did not stop: it is {state} as process {process}"))
                .hint("look at the server's System log, then restart ADSync by hand"));
        }
        server.stop();
        Ok(())
    }

    /// The first half of a start: what the service manager holds meets whoever knows the account.
    fn begin_start(&self, books: &mut Books, doing: &str) -> Result<Starting, Fault> {
        let now = books.now;
        if books.world.server(&self.name, doing)?.service.runs() {
            return Ok(Starting::Runs);
        }
        if books.faults.strikes_on("start-fails", &self.name) {
            return Ok(Starting::TimesOut);
        }
        if books.world.server(&self.name, doing)?.service.kind == ServiceAccount::Managed {
            return Ok(Starting::Answered(None));
        }
        let loses_right = books.faults.strikes_on("service-right-lost", &self.name);
        let server = books.world.server(&self.name, doing)?;
        server.service.right_lost |= loses_right;
        let secret = server.scm_password()?;
        let refusal = match (server.service.kind.clone(), secret) {
            (ServiceAccount::Managed, _) => None,
            (_, None) => LogonRefusal::of_bind(BindAnswer::Wrong),
            (ServiceAccount::Local { user }, Some(secret)) => {
                let digest = books.world.labels.digest(&user, &secret);
                let server = books.world.server(&self.name, doing)?;
                let policy = server.local_policy.clone();
                let user = server.local_user(&format!(".\\{user}"), doing)?;
                user.logon(&digest, &policy, now).err().map(LogonRefusal::of_local)
            }
            (ServiceAccount::Domain { .. }, Some(secret)) => {
                if let Logon::Ldaps { url, ca_file, .. } = server.logon.clone() {
                    let bind_name = server.service.start_name.clone();
                    return Ok(Starting::Ask(RealLogon { url, ca_file, bind_name, secret }));
                }
                LogonRefusal::of_bind(self.domain_logon(books, &secret, doing)?)
            }
        };
        Ok(Starting::Answered(refusal))
    }

    /// The service's logon in the model directory, at the server's own controller.
    fn domain_logon(&self, books: &mut Books, secret: &Secret, doing: &str) -> Result<BindAnswer, Fault> {
        let domain = books.world.domain(doing)?;
        let (forest, netbios) = (domain.forest.clone(), domain.netbios());
        let dc = domain.controllers.first().map(|controller| controller.host.clone());
        let server = books.world.server(&self.name, doing)?;
        let Some((place, user)) = server.service.domain_user() else { return Ok(BindAnswer::Wrong) };
        if ![&forest, &netbios].iter().any(|known| known.eq_ignore_ascii_case(place)) {
            return Ok(BindAnswer::Wrong);
        }
        let user = user.to_owned();
        model_bind(books, &user, dc.as_deref(), secret)
    }

    /// The second half: the process starts, or the refusal is written down.
    fn end_start(&self, books: &mut Books, starting: Starting, doing: &str) -> Result<(), Fault> {
        let now = books.now;
        let process_id = books.world.next_process_id;
        let refusal = match starting {
            Starting::Runs => return Ok(()),
            Starting::TimesOut => return Err(books.world.server(&self.name, doing)?.time_out_start(now, doing)),
            Starting::Answered(refusal) => refusal,
            Starting::Ask(_) => return Err(Fault::broken(doing, "the logon was never asked about")),
        };
        let server = books.world.server(&self.name, doing)?;
        let may = server.service.kind == ServiceAccount::Managed || !server.service.right_lost;
        if let Some(refusal) = refusal.or((!may).then_some(LogonRefusal::RightLost)) {
            return Err(server.refuse_start(refusal, now, doing));
        }
        let epoch = books.world.key_epoch(&self.name)?;
        let loses_key = books.faults.strikes_on("key-set-lost", &self.name);
        let loses_passwords = books.faults.strikes_on("connectors-undecryptable", &self.name);
        let server = books.world.server(&self.name, doing)?;
        if loses_key {
            server.service.lose_dpapi();
        }
        if loses_passwords {
            server.renew_key_set(&epoch);
        }
        server.start(&epoch, process_id, now, doing)?;
        books.world.next_process_id += 4;
        Ok(())
    }

    /// A whole start, whose logon may be decided outside the world.
    async fn run_start(&self, request: Request, stops: bool, doing: &str) -> Result<(), Fault> {
        let begin = |books: &mut Books| {
            self.reach(books)?;
            if stops {
                self.stop_service(books, &["restart-fails", "stop-fails"], doing)?;
            }
            self.begin_start(books, doing)
        };
        let mut starting = self.lab.arrive(&request, |books| Ok(begin(books))).await?;
        if let Ok(Starting::Ask(logon)) = &starting {
            starting = logon.ask().await.map(|answer| Starting::Answered(LogonRefusal::of_bind(answer)));
        }
        let end = |books: &mut Books| {
            self.end_start(books, starting?, doing)?;
            if stops {
                books.world.count("restarts");
            }
            Ok(())
        };
        self.lab.complete(&request, end).await
    }

    fn reset_entra(&self, books: &mut Books) -> Result<(), Fault> {
        let doing = format!("resetting the Entra connector account of {}", self.name);
        let now = books.now;
        let refused = books.faults.strikes_on("entra-reset-refused", &self.name);
        let server = self.running(books, &doing)?;
        if refused {
            return Err(Fault::refused(&doing, "AADSTS50076: you must use multi-factor authentication")
                .hint(
                    "a credential of name and password can't satisfy a second factor; use an administrator without one",
                )
                .of(FailureClass::CloudCredential));
        }
        server.reset_entra_account(now, &doing)?;
        books.world.count("entra-resets");
        Ok(())
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
            let domain = books.world.domain.take();
            let facts = books.world.server(&self.name, &format!("describing {}", self.name));
            let facts = facts.map(|server| server.facts(scheduler, domain.as_ref()));
            books.world.domain = domain;
            facts
        };
        self.call(Request::new(&self.name, "describe"), describe).await
    }

    async fn pause_scheduler(&self, restore: bool, restore_at: Timestamp) -> Result<(), Fault> {
        let request = Request::new(&self.name, "pause_scheduler").acting().losing(Some("pause-reply-lost"));
        let task = RestoreTask { enabled: restore, at: restore_at };
        let doing = format!("switching the scheduler off on {}", self.name);
        self.call(request, |books| books.world.pause_scheduler(&self.name, task, books.now, &doing)).await
    }

    async fn release_scheduler(&self, enabled: bool) -> Result<(), Fault> {
        let request = Request::new(&self.name, format!("release_scheduler enabled={enabled}")).acting();
        let doing = format!("giving the scheduler's switch back on {}", self.name);
        let release = |books: &mut Books| {
            if books.faults.strikes_on("release-fails", &self.name) {
                return Err(Fault::later(&doing, "the scheduler's setting in the cloud can't be reached"));
            }
            books.world.release_scheduler(&self.name, enabled, books.now, &doing)
        };
        self.call(request, release).await
    }

    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let request = Request::new(&self.name, format!("set_connector_password {connector}"))
            .acting()
            .losing(Some("engine-reply-lost"));
        self.call(request, |books| self.store_password(books, connector, secret)).await
    }

    async fn set_service_logon(&self, account: &str, secret: &Secret) -> Result<(), Fault> {
        let request = Request::new(&self.name, format!("set_service_logon {account}"))
            .acting()
            .losing(Some("service-logon-reply-lost"));
        self.call(request, |books| self.store_service_logon(books, account, secret)).await
    }

    async fn local_user(&self, account: &str) -> Result<LocalUserFacts, Fault> {
        let request = Request::new(&self.name, format!("local_user {account}"));
        let read = |books: &mut Books| {
            let now = books.now;
            books.world.server(&self.name, "reading a local user")?.local_user_facts(account, now)
        };
        self.call(request, read).await
    }

    async fn change_local_password(&self, account: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let request = Request::new(&self.name, format!("change_local_password {account}"))
            .acting()
            .losing(Some("local-change-reply-lost"));
        let change = |books: &mut Books| {
            let now = books.now;
            let (server, labels) = books.world.server_and_labels(&self.name, "changing a local user's password")?;
            server.change_local_password(account, (old, new), labels, now)?;
            books.world.count("local-changes");
            Ok(())
        };
        self.call(request, change).await
    }

    async fn local_logon(&self, account: &str, secret: &Secret) -> Result<bool, Fault> {
        let request = Request::new(&self.name, format!("local_logon {account}"));
        let logon = |books: &mut Books| {
            let now = books.now;
            let (server, labels) = books.world.server_and_labels(&self.name, "logging a local user on")?;
            server.local_logon(account, secret, labels, now)
        };
        self.call(request, logon).await
    }

    async fn stop(&self) -> Result<(), Fault> {
        let doing = format!("stopping ADSync on {}", self.name);
        let request = Request::new(&self.name, "stop").acting();
        self.call(request, |books| self.stop_service(books, &["stop-fails"], &doing)).await
    }

    async fn start(&self) -> Result<(), Fault> {
        let request = Request::new(&self.name, "start").acting();
        self.run_start(request, false, &format!("starting ADSync on {}", self.name)).await
    }

    async fn restart(&self) -> Result<(), Fault> {
        let request = Request::new(&self.name, "restart").acting().losing(Some("restart-reply-lost"));
        self.run_start(request, true, &format!("restarting ADSync on {}", self.name)).await
    }

    async fn stored_logon(&self, connector: &str) -> Result<Option<bool>, Fault> {
        let request = Request::new(&self.name, format!("stored_logon {connector}"));
        let mut search = self.lab.arrive(&request, |books| Ok(self.start_search(books, connector))).await?;
        if let Ok(Search::Ask(logon)) = &search {
            search = logon.ask().await.map(Search::Bound);
        }
        let end = |_: &mut Books| match search? {
            Search::Ended(answer) => Ok(answer),
            Search::Bound(answer) => self.end_search(connector, answer),
            Search::Ask(_) => Err(Fault::broken("searching with a stored password", "it was never asked")),
        };
        self.lab.complete(&request, end).await
    }

    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault> {
        let request = Request::new(&self.name, format!("prove {connector}")).acting();
        let run = self.lab.arrive(&request, |books| Ok(self.start_run(books, connector))).await?;
        let outcome = match run {
            Ok(Run::Ended(outcome)) => Ok(outcome),
            Ok(Run::Ask(logon)) => logon.ask().await.map(Outcome::of_bind),
            Err(fault) => Err(fault),
        };
        self.lab.complete(&request, |books| self.end_run(books, connector, &outcome?)).await
    }

    async fn reset_entra_account(&self, user: &str, _secret: &Secret) -> Result<(), Fault> {
        let request = Request::new(&self.name, format!("reset_entra_account as {user}")).acting();
        self.call(request, |books| self.reset_entra(books)).await
    }

    async fn events(&self, since: Timestamp) -> Result<Vec<String>, Fault> {
        let request = Request::new(&self.name, format!("events since {since}"));
        let read = |books: &mut Books| Ok(books.world.server(&self.name, "reading the events")?.events_since(since));
        self.call(request, read).await
    }

    async fn runs(&self, connector: &str) -> Result<Vec<ProofFacts>, Fault> {
        let request = Request::new(&self.name, format!("runs {connector}"));
        let read = |books: &mut Books| {
            let doing = format!("reading the runs of {connector} on {}", self.name);
            Ok(books.world.server(&self.name, &doing)?.connector(connector, &doing)?.runs.clone())
        };
        self.call(request, read).await
    }
}
