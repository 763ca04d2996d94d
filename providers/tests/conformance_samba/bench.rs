//! A Samba domain as a bench, with one domain controller or two. What it tells comes from the databases on disk and
//! from Kerberos; what it does, an administrator does in the databases.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use providers::active_directory::{ActiveDirectory, DomainControllers, Identity, Settings};
use providers::conformance::directory::{Account, Bench, Rules, Truth};
use providers::conformance::{Able, Stop, unable};
use providers::port::Secret;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use crate::wire::{DELAY, Wire};

/// The domain controllers, the PDC emulator first: short name, host name, address.
pub(crate) const CONTROLLERS: [(&str, &str, &str); 2] =
    [("dc1", "dc1.contoso.test", "127.0.0.2"), ("dc2", "dc2.contoso.test", "127.0.0.3")];
/// Takes connections and says nothing.
pub(crate) const SILENT: (&str, &str) = ("silent.contoso.test", "127.0.0.9");

const SUBJECT: &str = "MSOL_1a2b3c4d5e6f";
const BYSTANDER: &str = "display-tokens";
const UNRELATED: &str = "bystander";
const AMBIGUOUS: &str = "twin@elsewhere";
/// msDS-User-Account-Control-Computed.
const LOCKED: i64 = 0x10;
/// The wires' port, on every address.
const PORT: u16 = 10636;
/// The adapter's own limits for a connection and a handshake are 15 s together.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// How long two domain controllers may take to agree, and the pause between two looks.
const AGREE_LOOKS_MAX: u32 = 100;
const AGREE_PAUSE: Duration = Duration::from_millis(300);

/// A running domain.
pub(crate) struct SambaBench {
    folder: PathBuf,
    seed: Value,
    /// How many of the domain controllers run.
    count: usize,
    wires: Vec<Wire>,
    silent: JoinHandle<()>,
    number: AtomicU32,
    held: AtomicBool,
    role_moved: AtomicBool,
    age_demanded: AtomicBool,
}

pub(crate) fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed/samba")
}

/// The bench's own trouble.
fn trouble<T>(what: &str, output: &Output) -> Able<T> {
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Stop::Failed(format!("the bench: {what} ended with {}: {}", output.status, said.trim())))
}

/// Runs a command away from the runtime's thread; `input` is its standard input.
async fn execute(mut command: Command, input: Vec<u8>) -> Able<Output> {
    let run = move || {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("LC_ALL", "C.UTF-8");
        let mut child = command.spawn()?;
        let written = child.stdin.take().map(|mut stdin| stdin.write_all(&input)).transpose();
        let output = child.wait_with_output()?;
        written.map(|_| output)
    };
    let ended = spawn_blocking(run).await.expect("it does not panic");
    ended.map_err(|error| Stop::Failed(format!("the bench can't run a command: {error}")))
}

impl SambaBench {
    /// Starts `count` domain controllers in `folder`.
    pub(crate) async fn start(folder: PathBuf, count: usize) -> Result<Self, String> {
        let addresses = CONTROLLERS[..count].iter().map(|(_, _, address)| address);
        let verb = if count == 1 { "start" } else { "start-pair" };
        let output = Command::new(script()).arg(verb).arg(&folder).args(addresses).output();
        let output = output.map_err(|error| format!("{}: {error}", script().display()))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let seed = fs::read(folder.join("seed.json")).map_err(|error| format!("seed.json: {error}"))?;
        let mut wires = Vec::new();
        for (_, _, address) in &CONTROLLERS[..count] {
            wires.push(Wire::start(address, PORT).await);
        }
        let listener = TcpListener::bind((SILENT.1, PORT)).await.map_err(|error| error.to_string())?;
        let silent = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                held.push(connection);
            }
        });
        Ok(Self {
            folder,
            seed: serde_json::from_slice(&seed).map_err(|error| format!("seed.json: {error}"))?,
            count,
            wires,
            silent,
            number: AtomicU32::new(0),
            held: AtomicBool::new(false),
            role_moved: AtomicBool::new(false),
            // As it is seeded.
            age_demanded: AtomicBool::new(true),
        })
    }

    /// Ends the domain controllers.
    pub(crate) fn stop(&self) {
        self.silent.abort();
        let verb = if self.count == 1 { "stop" } else { "stop-pair" };
        let output = Command::new(script()).arg(verb).arg(&self.folder).output().expect("the script runs");
        assert!(output.status.success(), "{output:?}");
    }

    /// The adapter, as the delegated rotator.
    pub(crate) fn adapter(&self) -> Arc<ActiveDirectory> {
        let hosts = CONTROLLERS[..self.count].iter().map(|(_, host, _)| *host).chain([SILENT.0]);
        let settings = Settings {
            controllers: DomainControllers::Listed(hosts.map(|host| format!("ldaps://{host}:{PORT}")).collect()),
            ca_file: Some(self.folder.join("tls/ca.pem")),
            identity: Identity::password("rotator@contoso.test", self.seeded("rotator")),
        };
        Arc::new(ActiveDirectory::new(settings).expect("good settings"))
    }

    fn seeded(&self, sam: &str) -> Secret {
        Secret::new(fs::read_to_string(self.folder.join("secrets").join(sam)).expect("the test bed makes it"))
    }

    fn dn(&self, sam: &str) -> String {
        self.seed["accounts"][sam].as_str().expect("it is seeded").to_owned()
    }

    fn account(&self, sam: &str, display_name: &str, principal: &str) -> Account {
        let dn = self.dn(sam);
        let mut locators = vec![sam.to_owned(), sam.to_uppercase(), dn.clone(), dn.to_lowercase()];
        locators.push(principal.to_owned());
        Account { dn, sam_account_name: sam.to_owned(), display_name: display_name.to_owned(), locators }
    }

    /// The folder of one domain controller.
    fn of(&self, dc: &str) -> PathBuf {
        let short = dc.split('.').next().unwrap_or(dc);
        if self.count == 1 { self.folder.clone() } else { self.folder.join(short) }
    }

    fn ldb(&self, tool: &str, dc: &str) -> Command {
        let folder = self.of(dc);
        let mut command = Command::new(tool);
        command.arg("-H").arg(folder.join("state/private/sam.ldb"));
        command.arg(format!("--configfile={}", folder.join("smb.conf").display()));
        command
    }

    /// Replaces one attribute in the database of one domain controller.
    async fn replace(&self, dn: &str, dc: &str, attribute: &str, value: &[u8]) -> Able<()> {
        let record = format!(
            "dn:: {}\nchangetype: modify\nreplace: {attribute}\n{attribute}:: {}\n",
            base64(dn.as_bytes()),
            base64(value)
        );
        let output = execute(self.ldb("ldbmodify", dc), record.into_bytes()).await?;
        if output.status.success() { Ok(()) } else { trouble("ldbmodify", &output) }
    }

    /// A verb of the test bed.
    async fn order(&self, verb: &str, arguments: &[&str]) -> Able<()> {
        let mut command = Command::new(script());
        command.arg(verb).arg(&self.folder).args(arguments);
        let output = execute(command, Vec::new()).await?;
        if output.status.success() { Ok(()) } else { trouble(verb, &output) }
    }

    /// A logon by Kerberos, at one domain controller.
    async fn kinit(&self, dn: &str, dc: &str, secret: &Secret) -> Able<Output> {
        let accounts = self.seed["accounts"].as_object().expect("accounts");
        let (sam, _) = accounts.iter().find(|(_, known)| *known == dn).expect("it is seeded");
        let mut command = Command::new("kinit");
        command.args(["-c", "MEMORY:"]).arg(sam.replace('@', "\\@"));
        command.env("KRB5_CONFIG", self.of(dc).join("krb5.conf"));
        execute(command, format!("{}\n", secret.expose()).into_bytes()).await
    }

    /// The accounts at which wrong passwords count.
    async fn tried(&self, dc: &str) -> Able<Vec<String>> {
        let ours: String = [SUBJECT, BYSTANDER, UNRELATED].map(|sam| format!("(sAMAccountName={sam})")).concat();
        let mut command = self.ldb("ldbsearch", dc);
        command.arg(format!("(&(|{ours})(|(badPwdCount>=1)(lockoutTime>=1)))")).arg("sAMAccountName");
        let output = execute(command, Vec::new()).await?;
        if !output.status.success() {
            return trouble("ldbsearch", &output);
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().filter_map(|line| line.strip_prefix("sAMAccountName: ")).map(|sam| self.dn(sam)).collect())
    }

    async fn agree(&self) -> Able<()> {
        if self.count == 1 {
            return Ok(());
        }
        for sam in [SUBJECT, BYSTANDER, UNRELATED] {
            let dn = self.dn(sam);
            let mut last = None;
            for _ in 0..AGREE_LOOKS_MAX {
                let mut sets = Vec::new();
                for (_, host, _) in &CONTROLLERS {
                    let truth = self.truth(&dn, host).await?;
                    sets.push((truth.key_version, truth.password_last_set, truth.locked));
                }
                last = (sets[0] != sets[1]).then_some(sets);
                if last.is_none() {
                    break;
                }
                sleep(AGREE_PAUSE).await;
            }
            if let Some(sets) = last {
                return Err(Stop::Failed(format!("the bench: the domain controllers disagree on {sam}: {sets:?}")));
            }
        }
        Ok(())
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = char::from(DIGITS[(word >> (18 - 6 * at) & 63) as usize]);
            text.push(if at <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

#[async_trait]
impl Bench for SambaBench {
    fn subject(&self) -> Account {
        self.account(SUBJECT, "On-Premises Sync", "msol@contoso.test")
    }

    fn bystander(&self) -> Account {
        self.account(BYSTANDER, "", "")
    }

    fn controllers(&self) -> Vec<String> {
        CONTROLLERS[..self.count].iter().map(|(_, host, _)| (*host).to_owned()).collect()
    }

    fn rules(&self) -> Rules {
        let number = |name: &str| u32::try_from(self.seed[name].as_u64().expect("a number")).expect("a small one");
        Rules { length_min: number("length_min"), complexity: true, lockout_threshold: number("lockout_threshold") }
    }

    fn fresh(&self) -> Secret {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        Secret::new(format!("Fresh-Pässword-\u{1d11e}-{number:04}-{}", "x".repeat(40)))
    }

    fn against_policy(&self) -> Secret {
        Secret::new("Zq7#v")
    }

    async fn truth(&self, dn: &str, dc: &str) -> Able<Truth> {
        let mut command = self.ldb("ldbsearch", dc);
        command.args(["-b", dn, "-s", "base", "msDS-KeyVersionNumber", "pwdLastSet", "badPwdCount"]);
        command.arg("msDS-User-Account-Control-Computed");
        let output = execute(command, Vec::new()).await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = |name: &str| -> Option<i64> {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse().ok())
        };
        match (number("msDS-KeyVersionNumber"), number("pwdLastSet")) {
            (Some(key_version), Some(password_last_set)) => Ok(Truth {
                key_version,
                password_last_set,
                wrong: number("badPwdCount").and_then(|count| count.try_into().ok()).unwrap_or_default(),
                locked: number("msDS-User-Account-Control-Computed").is_some_and(|flags| flags & LOCKED != 0),
            }),
            _ => trouble("ldbsearch", &output),
        }
    }

    async fn clock(&self, _: &str) -> Able<i64> {
        const UNIX_EPOCH_AS_FILETIME: i64 = 116_444_736_000_000_000;
        Ok(i64::try_from(Timestamp::now().as_nanosecond() / 100).expect("it is not that late") + UNIX_EPOCH_AS_FILETIME)
    }

    async fn is_current(&self, dn: &str, dc: &str, secret: &Secret) -> Able<bool> {
        let output = self.kinit(dn, dc, secret).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let refused = ["Password incorrect", "Preauthentication failed"].iter().any(|words| said.contains(words));
        match output.status.success() {
            true => Ok(true),
            false if refused => Ok(false),
            false => trouble("kinit", &output),
        }
    }

    async fn person_sets(&self, dn: &str, dc: &str, secret: &Secret) -> Able<()> {
        let quoted: Vec<u8> = format!("\"{}\"", secret.expose()).encode_utf16().flat_map(u16::to_le_bytes).collect();
        self.replace(dn, dc, "unicodePwd", &quoted).await
    }

    async fn somebody_tries(&self, dn: &str, dc: &str, secret: &Secret) -> Able<()> {
        self.kinit(dn, dc, secret).await.map(|_| ())
    }

    async fn settle(&self) -> Able<()> {
        for wire in &self.wires {
            wire.lose(false);
            wire.delay(false);
        }
        if self.role_moved.swap(false, Ordering::SeqCst) {
            self.order("pdc-role", &["dc1"]).await?;
        }
        if self.age_demanded.swap(false, Ordering::SeqCst) {
            self.order("min-pwd-age", &["0"]).await?;
        }
        let released = self.held.swap(false, Ordering::SeqCst);
        if released {
            for (short, ..) in &CONTROLLERS {
                self.order("replication", &[short, "on"]).await?;
            }
        }
        for (_, host, _) in &CONTROLLERS[..self.count] {
            for dn in self.tried(host).await? {
                self.replace(&dn, host, "lockoutTime", b"0").await?;
            }
        }
        if released { self.agree().await } else { Ok(()) }
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    fn own_secrets(&self) -> Vec<Secret> {
        vec![self.seeded("rotator")]
    }

    fn shown(&self) -> Vec<String> {
        vec![format!("{:?}", self.adapter())]
    }

    fn ambiguous_locator(&self) -> Able<String> {
        Ok(AMBIGUOUS.to_owned())
    }

    fn barred(&self) -> Able<Vec<(String, String)>> {
        let barred = [("disabled", "disabled"), ("must-change", "next logon"), ("expired", "expired")];
        Ok(barred.map(|(sam, word)| (sam.to_owned(), word.to_owned())).to_vec())
    }

    async fn without_right(&self) -> Able<Account> {
        Ok(self.account(UNRELATED, "", ""))
    }

    async fn hold_replication(&self) -> Able<()> {
        if self.count < 2 {
            return unable("there is one domain controller");
        }
        self.agree().await?;
        self.held.store(true, Ordering::SeqCst);
        for (short, ..) in &CONTROLLERS {
            self.order("replication", &[short, "off"]).await?;
        }
        Ok(())
    }

    fn may_replicate(&self) -> Able<bool> {
        // The right is granted; Samba does not offer it.
        Ok(false)
    }

    async fn lose_the_next_reply(&self) -> Able<()> {
        self.wires[0].lose(true);
        Ok(())
    }

    async fn delay_the_next_set(&self) -> Able<Duration> {
        self.wires[0].delay(true);
        Ok(DELAY)
    }

    async fn demand_age(&self) -> Able<()> {
        self.age_demanded.store(true, Ordering::SeqCst);
        self.order("min-pwd-age", &["1"]).await
    }

    fn keeps_history(&self) -> Able<()> {
        Ok(())
    }

    async fn move_role(&self) -> Able<String> {
        if self.count < 2 {
            return unable("there is one domain controller");
        }
        self.role_moved.store(true, Ordering::SeqCst);
        self.order("pdc-role", &["dc2"]).await?;
        Ok(CONTROLLERS[1].1.to_owned())
    }

    async fn silent_controller(&self) -> Able<String> {
        Ok(SILENT.0.to_owned())
    }
}
