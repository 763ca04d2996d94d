use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::port::{ConnectServer, Fault, LocalUserFacts, ProofFacts, Secret, ServerFacts};

/// How long a request waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(60);
/// How often it asks.
const TURN_POLL: Duration = Duration::from_millis(50);

/// A server on which whatever acts is alone: looks wait for it, and it waits for them.
///
/// An orchestrator may be ended, or lose its connection, while its request is at work on the server. Whoever carries its
/// rotation on looks first, and must not see the world of before and then be overtaken by that request. So the turn is a
/// lock on a file of the server, which the operating system takes back from a process that ended.
pub struct Turns {
    server: Arc<dyn ConnectServer>,
    file: PathBuf,
}

/// Whether a request may leave a trace in the world.
#[derive(Clone, Copy)]
enum Kind {
    Act,
    Look,
}

impl Turns {
    /// `file` is made where there is none, with its folder; everybody who answers for this server names the same.
    pub fn new(server: Arc<dyn ConnectServer>, file: PathBuf) -> Self {
        Self { server, file }
    }

    /// The lock, held until it is dropped. Nothing was done while there is none.
    ///
    /// Everybody passes a gate, a lock on a second file, one after the other: a look that comes later does not overtake an
    /// act that waits for earlier looks.
    async fn turn(&self, kind: Kind) -> Result<File, Fault> {
        let deadline = Instant::now() + TURN_LIMIT;
        let _gate = self.locked(&self.file.with_extension("gate"), Kind::Act, deadline).await?;
        self.locked(&self.file, kind, deadline).await
    }

    async fn locked(&self, path: &Path, kind: Kind, deadline: Instant) -> Result<File, Fault> {
        let doing = format!("waiting for a turn on {}", self.server.name());
        let unusable = |cause: std::io::Error| {
            Fault::broken(&doing, format!("{} can't be locked: {cause}", path.display()))
                .hint("let the account that the agent runs as write in that folder")
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(unusable)?;
        loop {
            let asked = match kind {
                Kind::Act => file.try_lock(),
                Kind::Look => file.try_lock_shared(),
            };
            match asked {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(TURN_POLL).await,
                Err(TryLockError::WouldBlock) => {
                    let cause = format!("another request is at work there for more than {} s", TURN_LIMIT.as_secs());
                    // A restart may take ten minutes: the six looks of a rotation must not be over before.
                    return Err(Fault::later(&doing, cause).retry_after_s(Some(TURN_LIMIT.as_secs() as u32)).hint(
                        "wait until it has ended; `entra-rotator agent` or powershell.exe on the server is its process",
                    ));
                }
            }
        }
    }
}

/// Each call as it is, in its turn.
#[async_trait]
impl ConnectServer for Turns {
    fn name(&self) -> &str {
        self.server.name()
    }

    async fn describe(&self) -> Result<ServerFacts, Fault> {
        let _turn = self.turn(Kind::Look).await?;
        self.server.describe().await
    }

    async fn pause_scheduler(&self, restore: bool, restore_at: Timestamp) -> Result<(), Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.pause_scheduler(restore, restore_at).await
    }

    async fn release_scheduler(&self, enabled: bool) -> Result<(), Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.release_scheduler(enabled).await
    }

    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.set_connector_password(connector, secret).await
    }

    async fn set_service_logon(&self, account: &str, secret: &Secret) -> Result<(), Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.set_service_logon(account, secret).await
    }

    async fn local_user(&self, account: &str) -> Result<LocalUserFacts, Fault> {
        let _turn = self.turn(Kind::Look).await?;
        self.server.local_user(account).await
    }

    async fn change_local_password(&self, account: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.change_local_password(account, old, new).await
    }

    async fn local_logon(&self, account: &str, secret: &Secret) -> Result<bool, Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.local_logon(account, secret).await
    }

    async fn stop(&self) -> Result<(), Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.stop().await
    }

    async fn start(&self) -> Result<(), Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.start().await
    }

    async fn restart(&self) -> Result<(), Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.restart().await
    }

    async fn stored_logon(&self, connector: &str) -> Result<Option<bool>, Fault> {
        let _turn = self.turn(Kind::Look).await?;
        self.server.stored_logon(connector).await
    }

    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.prove(connector).await
    }

    async fn reset_entra_account(&self, user: &str, secret: &Secret) -> Result<(), Fault> {
        let _turn = self.turn(Kind::Act).await?;
        self.server.reset_entra_account(user, secret).await
    }

    async fn events(&self, since: Timestamp) -> Result<Vec<String>, Fault> {
        let _turn = self.turn(Kind::Look).await?;
        self.server.events(since).await
    }

    async fn runs(&self, connector: &str) -> Result<Vec<ProofFacts>, Fault> {
        let _turn = self.turn(Kind::Look).await?;
        self.server.runs(connector).await
    }
}
