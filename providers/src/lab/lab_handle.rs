//! The lab as the program holds it, and the way every request takes through it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::connect_server::LabServer;
use super::directory::LabDirectory;
use super::faults;
use super::keeper::Keeper;
use super::lab_account::{LabAccount, LabAccountKind};
use super::memory::Memory;
use super::plan::WorldPlan;
use super::store::{Books, RequestLine, Store};
use super::vault::LabVault;
use super::world::World;
use crate::port::{ConnectServer, Directory, Fault, Vault, step_scope, tenure};

/// How long a request waits when the fault `slow` strikes.
const SLOW_WAIT: Duration = Duration::from_secs(3);

/// How long a call to a holder (`directory`, `vault`, or a server's name) takes on its way there, by its operation.
pub type Latency = Arc<dyn Fn(&str, &str) -> Duration + Send + Sync>;

/// What a lab needs from the program around it.
#[derive(Clone)]
pub struct LabSetting {
    /// The only clock the lab knows.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Called when a crash fault strikes. The call in which it strikes never returns afterwards.
    pub end_process: Arc<dyn Fn() + Send + Sync>,
    /// How long each request waits, on tokio's clock, before it reaches the world; `None` = not at all.
    pub latency: Option<Latency>,
}

/// A world: a directory, Connect servers and a vault. Clones share one handle; several processes may act on one world
/// in a folder.
#[derive(Clone)]
pub struct Lab {
    inner: Arc<Inner>,
}

struct Inner {
    keeper: Keeper,
    setting: LabSetting,
    server_names: Vec<String>,
    accounts: Vec<LabAccount>,
    /// Journal entries that this process was about to write.
    appends: AtomicU64,
    /// Held by whoever asks for its tenure under the folder's lock: meanwhile nobody else of this process may wait for
    /// that lock, for it would keep a thread that the answer needs.
    asking: Mutex<()>,
}

/// A request on its way to one of the world's parts.
pub(super) struct Request {
    /// `directory`, `vault`, or a server's name.
    pub(super) holder: String,
    pub(super) operation: String,
    /// Whether it is meant to change or to try something, and does not just read.
    pub(super) acts: bool,
    /// Whether it needs a tenure.
    changes: bool,
    /// The fault that loses this request's reply.
    pub(super) reply_lost: Option<&'static str>,
    pub(super) step: String,
}

impl Request {
    pub(super) fn new(holder: &str, operation: impl Into<String>) -> Self {
        Self {
            holder: holder.to_owned(),
            operation: operation.into(),
            acts: false,
            changes: false,
            reply_lost: None,
            step: step_scope::current(),
        }
    }

    pub(super) fn acting(self) -> Self {
        Self { acts: true, ..self }.changing()
    }

    /// One that needs a tenure, whether or not it is meant to change something.
    pub(super) fn changing(self) -> Self {
        Self { changes: true, ..self }
    }

    pub(super) fn losing(self, fault: Option<&'static str>) -> Self {
        Self { reply_lost: fault, ..self }
    }

    fn looks(&self) -> bool {
        self.step.starts_with("look:")
    }

    fn line(&self) -> (&str, &str, &str) {
        (&self.holder, &self.operation, &self.step)
    }

    fn doing(&self) -> String {
        format!("asking {} for {}", self.holder, self.operation)
    }
}

/// How a request goes on after the lock was released.
enum Fate<T> {
    Answer(Result<T, Fault>),
    End,
}

impl Lab {
    /// Opens the lab in `dir`. The first time ever, its clocks start: the last cycle ran five minutes ago,
    /// the password is 120 days old.
    pub fn open(dir: &Path, setting: LabSetting) -> Result<Self, Fault> {
        let store = Store::new(dir);
        let (server_names, accounts) = store.with(Some(&*setting.now), |books| {
            books.world.begin(books.now);
            Ok((active_first(&books.world), books.world.accounts.clone()))
        })?;
        Ok(Self::kept(Keeper::Folder(store), setting, server_names, accounts))
    }

    /// A new lab in memory, which is gone with its last handle. It behaves as one in a folder, but for this: no other
    /// process can act on it, no fault can end the process, and of requests, events and labels only the newest are
    /// kept, so that it may live for years of its clock.
    pub fn in_memory(plan: &WorldPlan, setting: LabSetting) -> Result<Self, Fault> {
        let (world, vault) = plan.build()?;
        let (server_names, accounts) = (active_first(&world), world.accounts.clone());
        let memory = Memory::new(world, vault, (setting.now)());
        let lab = Self::kept(Keeper::Memory(Box::new(memory)), setting, server_names, accounts);
        plan.faults.iter().try_for_each(|fault| lab.order_fault(fault, None))?;
        Ok(lab)
    }

    fn kept(keeper: Keeper, setting: LabSetting, server_names: Vec<String>, accounts: Vec<LabAccount>) -> Self {
        let inner =
            Inner { keeper, setting, server_names, accounts, appends: AtomicU64::new(0), asking: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Whether there is a lab in `dir`.
    pub fn exists(dir: &Path) -> bool {
        Store::new(dir).exists()
    }

    /// Makes a lab in `dir`, which may exist but must hold no lab.
    pub fn create(dir: &Path, plan: &WorldPlan) -> Result<(), Fault> {
        let (world, vault) = plan.build()?;
        Store::new(dir).create(&world, &vault)?;
        plan.faults.iter().try_for_each(|fault| faults::add(dir, fault, None))
    }

    /// The lab's vault.
    pub fn vault(&self) -> Arc<dyn Vault> {
        Arc::new(LabVault { lab: self.clone() })
    }

    /// The lab's directory. In a world whose servers bind to a real one it refuses every question.
    pub fn directory(&self) -> Arc<dyn Directory> {
        Arc::new(LabDirectory { lab: self.clone() })
    }

    /// One of the lab's servers.
    pub fn server(&self, name: &str) -> Option<Arc<dyn ConnectServer>> {
        self.inner.server_names.iter().any(|known| known == name).then(|| {
            let server: Arc<dyn ConnectServer> = Arc::new(LabServer { lab: self.clone(), name: name.to_owned() });
            server
        })
    }

    /// The servers' names, the active one first.
    pub fn server_names(&self) -> Vec<String> {
        self.inner.server_names.clone()
    }

    /// The connector accounts this world was made with.
    pub fn account_names(&self) -> Vec<String> {
        let connectors = self.inner.accounts.iter().filter(|account| account.kind == LabAccountKind::Connector);
        connectors.map(|account| account.name.clone()).collect()
    }

    /// The accounts this world was made with, of every kind.
    pub fn accounts(&self) -> Vec<LabAccount> {
        self.inner.accounts.clone()
    }

    /// The folder; empty for a lab in memory.
    pub fn dir(&self) -> &Path {
        self.inner.keeper.dir().unwrap_or(Path::new(""))
    }

    /// Whether the world lies in memory.
    pub fn is_in_memory(&self) -> bool {
        self.inner.keeper.dir().is_none()
    }

    /// Where the world lies, for people.
    pub(super) fn place(&self) -> String {
        self.inner.keeper.dir().map_or_else(|| "memory".to_owned(), |dir| dir.display().to_string())
    }

    /// The newest requests of a lab in memory, oldest first, one line each; one in a folder has its `requests.log`.
    pub fn last_requests(&self) -> Vec<String> {
        match &self.inner.keeper {
            Keeper::Folder(_) => Vec::new(),
            Keeper::Memory(memory) => memory.requests(),
        }
    }

    /// Call it before each entry of the journal is written: the N-th may be where the process ends.
    pub async fn before_append(&self) {
        let number = self.inner.appends.fetch_add(1, Ordering::SeqCst) + 1;
        self.end_if(&format!("crash-before-append:{number}")).await;
    }

    /// Call it after each entry of the journal was written.
    pub async fn after_append(&self) {
        let number = self.inner.appends.load(Ordering::SeqCst);
        self.end_if(&format!("crash-after-append:{number}")).await;
    }

    /// Call it around the entry that records `step` as done: with `written` false just before, with true
    /// just after. Here a crash fault strikes that found no request of its step to strike at.
    pub async fn at_append(&self, step: &str, written: bool) {
        let word = if written { "after" } else { "before" };
        self.end_if(&format!("crash-{word}:{step}")).await;
    }

    async fn end_if(&self, fault: &str) {
        let turn = self.inner.asking.lock().await;
        let strikes = self.books(|books| {
            let strikes = books.faults.strikes(fault);
            if strikes {
                self.log(books, ("journal", "append", ""), fault)?;
            }
            Ok(strikes)
        });
        drop(turn);
        match strikes {
            Ok(true) => match self.end().await {},
            Ok(false) => {}
            Err(trouble) => tracing::warn!(%trouble, fault, "the lab can't tell whether a fault strikes here"),
        }
    }

    async fn end(&self) -> std::convert::Infallible {
        (self.inner.setting.end_process)();
        std::future::pending().await
    }

    /// Runs `act` on the world under its lock, outside of any request.
    pub(super) fn books<T>(&self, act: impl FnOnce(&mut Books) -> Result<T, Fault>) -> Result<T, Fault> {
        self.inner.keeper.with(&*self.inner.setting.now, act)
    }

    /// A whole request: it arrives, acts, and is answered.
    pub(super) async fn request<T>(
        &self,
        request: Request,
        act: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.way_there(&request).await?;
        let fate = self.under_tenure(&request, |books| match self.gate(books, &request)? {
            Some(fate) => Ok(fate),
            None => self.effect(books, &request, act),
        });
        self.settle(fate.await?).await
    }

    /// The first half of a request that asks somebody outside the world in between.
    pub(super) async fn arrive<T>(
        &self,
        request: &Request,
        prepare: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.way_there(request).await?;
        let fate = self.under_tenure(request, |books| match self.gate(books, request)? {
            Some(fate) => Ok(fate),
            None => Ok(Fate::Answer(prepare(books))),
        });
        self.settle(fate.await?).await
    }

    /// Runs `act` on the world, if whoever asks for a change may still act once it holds the world's lock. Suspended
    /// between the answer and the end of the change, it keeps the lock: nobody else acts meanwhile.
    async fn under_tenure<T>(
        &self,
        request: &Request,
        act: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let _turn = self.inner.asking.lock().await;
        let lock = match request.changes && tenure::current().is_some() {
            true => {
                let lock = self.inner.keeper.lock()?;
                tenure::held(&request.doing()).await?;
                lock
            }
            false => None,
        };
        self.inner.keeper.with_lock(lock, &*self.inner.setting.now, act)
    }

    /// The second half of such a request.
    pub(super) async fn complete<T>(
        &self,
        request: &Request,
        act: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let fate = {
            let _turn = self.inner.asking.lock().await;
            self.books(|books| self.effect(books, request, act))?
        };
        self.settle(fate).await
    }

    async fn way_there(&self, request: &Request) -> Result<(), Fault> {
        let latency = self.inner.setting.latency.as_ref().map(|latency| latency(&request.holder, &request.operation));
        if let Some(latency) = latency.filter(|latency| !latency.is_zero()) {
            tokio::time::sleep(latency).await;
        }
        if !self.inner.keeper.may_have_faults() {
            return Ok(());
        }
        let slow = {
            let _turn = self.inner.asking.lock().await;
            self.books(|books| Ok(books.faults.strikes(&format!("slow:{}", request.step))))?
        };
        if slow {
            tokio::time::sleep(SLOW_WAIT).await;
        }
        Ok(())
    }

    /// The faults that strike before a request reaches the part it is meant for.
    fn gate<T>(&self, books: &mut Books, request: &Request) -> Result<Option<Fate<T>>, Fault> {
        if books.faults.is_empty() {
            return Ok(None);
        }
        if books.faults.strikes(&format!("crash-before:{}", request.step)) {
            self.log(books, request.line(), "the process ends before this request")?;
            return Ok(Some(Fate::End));
        }
        if request.looks() && books.faults.strikes("look-fails") {
            self.log(books, request.line(), "later: no answer came")?;
            let fault = Fault::later(request.doing(), "no answer came").hint("it may pass; look again");
            return Ok(Some(Fate::Answer(Err(fault))));
        }
        Ok(None)
    }

    /// The effect of a request, its answer, and the faults that strike between the two.
    fn effect<T>(
        &self,
        books: &mut Books,
        request: &Request,
        act: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<Fate<T>, Fault> {
        let mut answer = act(books);
        let mut ends = false;
        if answer.is_ok() && !books.faults.is_empty() {
            let counts = request.acts || request.looks();
            ends = counts && books.faults.strikes(&format!("crash-after:{}", request.step));
            if request.reply_lost.is_some_and(|fault| books.faults.strikes_on(fault, &request.holder)) {
                answer = Err(Fault::unclear(request.doing(), "the connection was cut before the reply came")
                    .hint("it may have happened; look before asking again"));
            }
        }
        let word = match &answer {
            Ok(_) => "ok".to_owned(),
            Err(fault) => format!("{}: {}", fault.meaning, fault.cause),
        };
        self.log(books, request.line(), if ends { "done, and the process ends" } else { &word })?;
        Ok(if ends { Fate::End } else { Fate::Answer(answer) })
    }

    async fn settle<T>(&self, fate: Fate<T>) -> Result<T, Fault> {
        match fate {
            Fate::Answer(answer) => answer,
            Fate::End => match self.end().await {},
        }
    }

    pub(super) fn log(
        &self,
        books: &Books,
        (holder, operation, step): (&str, &str, &str),
        answer: &str,
    ) -> Result<(), Fault> {
        self.inner.keeper.log(&RequestLine { time: books.now, holder, operation, step, answer })
    }
}

/// The servers' names, the active one first.
fn active_first(world: &World) -> Vec<String> {
    let mut servers: Vec<_> = world.servers.iter().collect();
    servers.sort_by_key(|server| server.staging);
    servers.into_iter().map(|server| server.name.clone()).collect()
}
