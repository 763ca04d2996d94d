//! What preflight looks at: one named check for each thing that can speak against a rotation.

use serde::Serialize;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing speaks against it.
    Pass,
    /// A person should know; the rotation goes on.
    Warn,
    /// Nothing is begun.
    Refuse,
}

/// A check that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, one of [`CHECKS`].
    pub name: &'static str,
    /// The server, connector or domain controller that it is about; empty = the account.
    pub about: String,
    /// What it came to.
    pub verdict: Verdict,
    /// What was seen, a sentence fragment.
    pub seen: String,
    /// What to do; empty where nothing is to be done.
    pub todo: String,
}

/// A row of the table of checks.
#[derive(Clone, Copy, Debug)]
pub struct CheckKind {
    /// Its name.
    pub name: &'static str,
    /// What is asked.
    pub asks: &'static str,
    /// Where the rule comes from.
    pub document: &'static str,
}

const fn kind(name: &'static str, asks: &'static str, document: &'static str) -> CheckKind {
    CheckKind { name, asks, document }
}

const CONNECTOR: &str = "Microsoft: Changing the AD DS connector account password";
const SERVICE: &str = "Microsoft: Changing the Microsoft Entra Connect Sync service account password";
const ACCOUNTS: &str = "Microsoft: Microsoft Entra Connect: Accounts and permissions";
const SCHEDULER: &str = "Microsoft: Microsoft Entra Connect Sync: Scheduler";
const DIRECTORY: &str = "Microsoft: Active Directory Technical Specification (MS-ADTS)";
const OURS: &str = "this program's own rule";

/// Every check there is, in the order in which they are made.
pub const CHECKS: [CheckKind; 36] = [
    kind("terminal", "is a person at the terminal, where the procedure needs one", CONNECTOR),
    kind("account", "is there exactly one account of that name, and where is it worked at", DIRECTORY),
    kind("account-state", "is it enabled, unlocked, not expired, no administrator, not in Protected Users", DIRECTORY),
    kind("password-policy", "which policy holds, and can a password be made that meets it", DIRECTORY),
    kind("reset-right", "may the rotator reset this password (asked without changing anything)", DIRECTORY),
    kind("description", "does the account's description name a server that is not configured", ACCOUNTS),
    kind("server", "does the server answer, and which role does it have", CONNECTOR),
    kind(
        "build",
        "is this build of Entra Connect one that syncs and that this procedure is for",
        "the table of gates: docs/procedures.md",
    ),
    kind("service", "does the ADSync service run", SERVICE),
    kind("scheduler", "is the scheduler neither suspended nor, unexpectedly, off", SCHEDULER),
    kind("cycle", "does no sync cycle run, and is the gap to the next one long enough", SCHEDULER),
    kind("programs", "is neither the wizard nor the Synchronization Service Manager open", CONNECTOR),
    kind("upgrade", "does no setup or upgrade run", CONNECTOR),
    kind("connectors", "which connectors bind as the account", CONNECTOR),
    kind("alternate-credentials", "do partitions bind with credentials of their own", CONNECTOR),
    kind("foreign-change", "did somebody else change a connector's credential (event 2518)", ACCOUNTS),
    kind(
        "roles",
        "is exactly one server active",
        "Microsoft: Microsoft Entra Connect: Staging server and disaster recovery",
    ),
    kind("engine-method", "is the way in which the engine is given the password proven on this build", OURS),
    kind("start-name", "does the service run as the configured account, and has that account a password", SERVICE),
    kind("local-user", "is the local user enabled, unlocked and not expired", SERVICE),
    kind("logon-dc", "does the server's own domain controller know the account", SERVICE),
    kind("escrow", "does the vault hold the password of every AD connector, and is it accepted", SERVICE),
    kind(
        "key-loss",
        "does the procedure destroy the encryption key, and was that ordered",
        "Microsoft: Abandoning the ADSync service account encryption key",
    ),
    kind(
        "certificate",
        "does the certificate of application-based authentication last long enough (events 1011, 1012)",
        "Microsoft: Authenticate to Microsoft Entra ID by using application identity",
    ),
    kind(
        "entra-identity",
        "does the engine log on to Entra ID with a password",
        "Microsoft: Authenticate to Microsoft Entra ID by using application identity",
    ),
    kind(
        "entra-administrator",
        "is an administrator's credential there for the reset",
        "Microsoft: Change the Microsoft Entra Connector account password",
    ),
    kind("replication", "do the connectors' domain controllers show the same set as the working one", DIRECTORY),
    kind("vault-pending", "is no stranger's candidate in the vault", OURS),
    kind("vault-current", "is the vault's current value the password in use", OURS),
    kind("way-back", "is there a password to go back to", OURS),
    kind("own-credentials", "how old is what the tool itself works with", OURS),
    kind("last-record", "is the account's last set the one that this journal knows", OURS),
    kind("age", "is the last set more than an hour old", OURS),
    kind("managed", "does Windows manage the password itself", ACCOUNTS),
    kind("quiesce", "may the scheduler be paused, and does nobody else have it paused", SCHEDULER),
    kind("plan", "does the procedure fit the servers", CONNECTOR),
];

/// The checks of one preflight, as they are made.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<Check>);

impl Checks {
    pub(super) fn pass(&mut self, name: &'static str, about: &str, seen: impl Into<String>) {
        self.add(name, about, Verdict::Pass, seen.into(), String::new());
    }

    pub(super) fn warn(&mut self, name: &'static str, about: &str, seen: impl Into<String>, todo: impl Into<String>) {
        self.add(name, about, Verdict::Warn, seen.into(), todo.into());
    }

    pub(super) fn refuse(&mut self, name: &'static str, about: &str, seen: impl Into<String>, todo: impl Into<String>) {
        self.add(name, about, Verdict::Refuse, seen.into(), todo.into());
    }

    fn add(&mut self, name: &'static str, about: &str, verdict: Verdict, seen: String, todo: String) {
        debug_assert!(CHECKS.iter().any(|kind| kind.name == name), "{name} is not in the table");
        self.0.push(Check { name, about: about.to_owned(), verdict, seen, todo });
    }

    pub(super) fn refused(&self) -> bool {
        self.0.iter().any(|check| check.verdict == Verdict::Refuse)
    }

    pub(super) fn into_vec(self) -> Vec<Check> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::CHECKS;

    /// docs/preflight.md.
    fn page() -> String {
        let mut page = String::from(
            "# What preflight looks at\n\n\
             `plan` shows each of these with what was seen; `rotate` makes the same and begins only when none refuses. Nothing is \
             changed by it. A warning says what to do and lets the rotation go on; what can't be seen at all ends with exit code 75.\n\n\
             | check | what is asked | where the rule comes from |\n| --- | --- | --- |\n",
        );
        for kind in CHECKS {
            let _ = writeln!(page, "| `{}` | {} | {} |", kind.name, kind.asks, kind.document);
        }
        page
    }

    #[test]
    fn the_page_is_made_from_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/preflight.md");
        if std::fs::read_to_string(path).unwrap_or_default() != page() {
            println!("{}", page());
            panic!("docs/preflight.md is not the table any more; the text above is");
        }
    }

    #[test]
    fn each_check_has_one_name() {
        for (at, kind) in CHECKS.iter().enumerate() {
            assert!(!CHECKS[..at].iter().any(|other| other.name == kind.name), "{} twice", kind.name);
        }
    }
}
