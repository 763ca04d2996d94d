use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::order::control_character;

/// Somebody's own words for the journal.
fn words(text: &str) -> Result<String, String> {
    match control_character(text) {
        None => Ok(text.to_owned()),
        Some(letter) => {
            Err(format!("it has the control character U+{:04X}: write plain text in one line", u32::from(letter)))
        }
    }
}

/// Rotates the passwords behind Microsoft Entra Connect: staged in a vault, set in the directory, given to the
/// sync engine, proven by a test sync, or put back.
#[derive(Debug, Parser)]
#[command(name = "entra-rotator", version, max_term_width = 110)]
#[command(after_help = "Exit codes: 0 done, 1 failed and rolled back, 2 usage or configuration, 3 held for a person, \
    4 preflight refused, 5 somebody else is at it, 6 outside the maintenance window, 8 overdue (`status --check`), \
    75 try later.")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    /// What is logged on standard error: off, error, warn, info, debug, trace, or a filter such as
    /// `entra_rotator=debug`.
    #[arg(long, global = true, default_value = "warn", value_name = "FILTER")]
    pub(super) log: String,
    /// How the log is written.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORM")]
    pub(super) log_format: LogFormat,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON document a line, with the spans it stands in.
    Json,
}

/// Where the configuration lies that nobody named.
#[cfg(not(windows))]
const CONFIG_FILE: &str = "/etc/entra-rotator/config.toml";
/// Where the configuration lies that nobody named.
#[cfg(windows)]
const CONFIG_FILE: &str = r"C:\ProgramData\entra-rotator\config.toml";

#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ENTRA_ROTATOR_CONFIG",
        default_value = CONFIG_FILE
    )]
    pub(super) config: PathBuf,
    /// Work on the embedded lab instead: a model of a directory, a Connect server and a vault. Needs no
    /// configuration.
    #[arg(long, global = true)]
    pub(super) lab: bool,
    /// The lab's folder [default: `lab` in the user's state folder].
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) lab_dir: Option<PathBuf>,
    /// With --lab: the lab of this named world; `lab worlds` prints their names. Made where there is none, in a folder
    /// of its own [default: `lab-NAME` in the user's state folder].
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) lab_world: Option<String>,
    /// How data is printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs; has a schema version.
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Rotate passwords now.
    Rotate(RotateOptions),
    /// Show what a rotation would do, and everything that preflight looked at. Changes nothing.
    Plan(PlanOptions),
    /// Look at plans that somebody else made with `plan --out`, and sign them: then `rotate --plan` may carry them out
    /// where plans must be approved. Needs no configuration.
    Approve(ApproveOptions),
    /// Store the password in use, which you know, as the vault's current value: proven by a logon.
    Adopt(AdoptOptions),
    /// Show how each account's last rotation stands.
    Status(StatusOptions),
    /// Go on with interrupted or held rotations: look at every step anew, then carry on.
    Resume(OpenSelection),
    /// Turn an open rotation back to the old password, where that is still possible.
    Rollback(OpenSelection),
    /// Show past rotations, or check the journal's hash chain.
    History(HistoryOptions),
    /// Write what the journal proves over a period: for an auditor. Made from the journal alone, and always the same.
    #[command(after_help = "Exit codes: 0 written, 1 the journal was changed, 2 usage or configuration.")]
    Report(ReportOptions),
    /// Look for what is wrong on the servers and in the directory: kind, evidence, next step. Changes nothing, logs on
    /// with no rotated password.
    #[command(
        after_help = "Exit codes: 0 nothing found, 1 something found, 2 usage or configuration, 75 something could \
        not be reached."
    )]
    Doctor(DoctorOptions),
    /// Rotate what is due, unattended, until a signal ends it.
    #[command(
        after_help = "SIGTERM parks what can wait and lets the rest come to its end; SIGHUP reads the configuration \
        anew. Exit codes: 0 ended in order, 2 usage or configuration, 5 a second service, 75 try later."
    )]
    Serve(ServeOptions),
    /// The unattended service as a Windows service.
    #[cfg(windows)]
    #[command(subcommand)]
    Service(ServiceCommand),
    /// When each account is rotated, and why then.
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Look at the lab and interfere with it.
    #[command(subcommand)]
    Lab(LabCommand),
    /// Try the ways in which people are told.
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Check the configuration, or print its schema.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// On Windows: encrypt a secret of the rotator's own for this machine (DPAPI), for `{ dpapi = … }` in the
    /// configuration. Typed at the terminal, or read from standard input.
    Protect(ProtectOptions),
    /// Answer one request about the Connect server that this is: for an entra-rotator elsewhere, which reaches it over SSH or
    /// WinRM. With --lab it answers for a server of the lab.
    #[command(
        after_help = "One JSON document on standard input, one line on standard output. Exit codes: 0 answered, \
        whatever the answer is, 2 no request, or nothing to answer for."
    )]
    Agent(AgentOptions),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct ProtectOptions {
    /// The file to write; it must not exist.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct AgentOptions {
    /// With --lab: the server, where the lab has several.
    #[arg(long, value_name = "NAME")]
    pub(super) lab_server: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Selection {
    /// The account, by its name in the configuration. Can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Vec<String>,
    /// Every account.
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct RotateSelection {
    /// The account, by its name in the configuration. Can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Vec<String>,
    /// Every account.
    #[arg(long)]
    pub(super) all: bool,
    /// What is due: the late proof of each rotation that ended more than 70 minutes ago.
    #[arg(long)]
    pub(super) due: bool,
    /// Exactly what was approved: the plans that `plan --out` wrote. Refused when the world has changed since.
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RotateOptions {
    #[command(flatten)]
    pub(super) selection: RotateSelection,
    /// Set a fresh password everywhere, whatever is in use: after somebody set a third one. Closes the held
    /// rotation, goes forward only.
    #[arg(long)]
    pub(super) repair: bool,
    /// Rotate although the vault does not have the password in use: then there is no way back once the
    /// directory is touched.
    #[arg(long)]
    pub(super) accept_forward_only: bool,
    #[command(flatten)]
    pub(super) manner: Manner,
    #[command(flatten)]
    pub(super) risk: Risk,
    /// Only show the plan.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Why, for the journal. `compromise` rotates outside the maintenance windows too, and keeps every other safety.
    #[arg(long, default_value = "", value_parser = words)]
    pub(super) reason: String,
    /// The ticket, for the journal.
    #[arg(long, default_value = "", value_parser = words)]
    pub(super) ticket: String,
    /// Rotate without an approval where one is required, and why. It stands in the journal and in every report as an
    /// exception, and the unattended service raises an alarm.
    #[arg(long, value_name = "REASON", value_parser = NonEmptyStringValueParser::new().try_map(|text: String| words(&text)))]
    pub(super) without_approval: Option<String>,
    /// Do not ask whether to rotate because of a compromise.
    #[arg(long)]
    pub(super) yes: bool,
}

/// How it is done, where that differs from what the configuration says.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Manner {
    /// How sync is kept out of the way, whatever the configuration says.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(super) quiesce: Option<QuiesceBy>,
    /// How the sync engine is given the password, whatever the configuration says.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(super) engine_method: Option<EngineBy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum QuiesceBy {
    /// Write nothing: start only in a gap between two sync cycles.
    Gap,
    /// Turn the sync scheduler off, for the whole tenant, and back on.
    Disable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineBy {
    /// Through the ADSync module, unattended.
    ObjectModel,
    /// You type it into the Synchronization Service Manager: only at a terminal.
    Attended,
}

/// What a person takes upon himself.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Risk {
    /// Go on although the build of Entra Connect no longer syncs: for laboratories.
    #[arg(long)]
    pub(super) allow_unsupported_build: bool,
    /// Builds up to 1.1.443.0, service account: the reset destroys the encryption key of this server. Only at a terminal.
    #[arg(long, value_name = "SERVER")]
    pub(super) abandon_encryption_key: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct PlanOptions {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Write the plans to this new file, for approval; `rotate --plan FILE` does exactly that.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// As `rotate` would with the same option.
    #[arg(long)]
    pub(super) repair: bool,
    /// As `rotate` would with the same option.
    #[arg(long)]
    pub(super) accept_forward_only: bool,
    #[command(flatten)]
    pub(super) manner: Manner,
    #[command(flatten)]
    pub(super) risk: Risk,
}

#[derive(Debug, Args)]
pub(super) struct ApproveOptions {
    /// The file of plans. The signature is added to it.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Your private key: Ed25519, PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// Your name, as the configuration has it in [approval].
    #[arg(long = "as", value_name = "NAME")]
    pub(super) name: String,
    /// How long the plans may be begun, in hours.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=720))]
    pub(super) valid_h: u32,
    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct AdoptOptions {
    /// The account, by its name in the configuration.
    #[arg(long, value_name = "NAME")]
    pub(super) account: String,
    /// A file with its password in use, or `-` for standard input. Without it you are asked at the terminal.
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// Why, for the journal.
    #[arg(long, default_value = "", value_parser = words)]
    pub(super) reason: String,
    /// The ticket, for the journal.
    #[arg(long, default_value = "", value_parser = words)]
    pub(super) ticket: String,
}

#[derive(Debug, Default, Args)]
pub(super) struct ServeOptions {
    /// Where health and metrics are served, whatever the configuration says.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<std::net::SocketAddr>,
}

#[cfg(windows)]
#[derive(Debug, Subcommand)]
pub(super) enum ServiceCommand {
    /// Put the service in, or bring it up to date: started with Windows, restarted after a death, with a source in the
    /// Application log. Does not start it.
    Install {
        /// The managed service account (gMSA) that it runs as, `DOMAIN\name$`; it is given the right to log on as a service
        /// [default: LocalSystem].
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
    },
    /// Stop the service and take it out.
    Uninstall {
        /// Take the right to log on as a service from this account, too.
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
    },
    /// Be the service: for Windows' Service Control Manager alone.
    Run,
}

#[derive(Debug, Subcommand)]
pub(super) enum ScheduleCommand {
    /// Print the coming rotations with their reasons. Changes nothing.
    Next {
        /// Only this account's. Can be given several times.
        #[arg(long, value_name = "NAME")]
        account: Vec<String>,
        /// How many for each account.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
    },
    /// Let the schedule try an account again that has spent its tries.
    Renew {
        /// The account.
        #[arg(long, value_name = "NAME")]
        account: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct StatusOptions {
    /// Exit with 3 when a rotation is held, with 75 when one was interrupted.
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Debug, Args)]
pub(super) struct DoctorOptions {
    /// Only this account and the servers that use it. Can be given several times; without it, everything.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Vec<String>,
    /// How far back events are read, in hours.
    #[arg(long, value_name = "HOURS", default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=8760))]
    pub(super) since: u32,
    /// Rehearse instead: give the engine the password in use by the configured method, restart, and prove it. Changes no
    /// password, and writes on the server: event 2518.
    #[arg(long, requires = "account")]
    pub(super) rehearse: bool,
    /// Only what is not as this program left it: the password, its place in the vault, the servers and their credentials,
    /// as the unattended service watches them.
    #[arg(long, conflicts_with_all = ["rehearse", "since"])]
    pub(super) drift: bool,
}

#[derive(Debug, Args)]
pub(super) struct OpenSelection {
    /// Only this account's. Can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct HistoryOptions {
    #[command(subcommand)]
    pub(super) command: Option<HistoryCommand>,
    /// Only this account's.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    /// One rotation, with all its entries.
    #[arg(long, value_name = "ID")]
    pub(super) rotation: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// The period's begin: a day (midnight UTC) or an instant. Without a period: the last 90 whole days before today.
    #[arg(long, value_name = "DATE", requires = "to")]
    pub(super) from: Option<String>,
    /// The period's end, which is not in it any more.
    #[arg(long, value_name = "DATE", requires = "from")]
    pub(super) to: Option<String>,
    /// The last whole days before today, in UTC.
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["from", "quarter"],
        value_parser = clap::value_parser!(u32).range(1..=36_600))]
    pub(super) last_days: Option<u32>,
    /// A quarter, as 2026Q3.
    #[arg(long, value_name = "QUARTER", conflicts_with = "from")]
    pub(super) quarter: Option<String>,
    /// The file; without it, standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Its form.
    #[arg(long, value_enum, default_value_t = ReportForm::Html)]
    pub(super) form: ReportForm,
    /// Which table, with `--form csv`.
    #[arg(long, value_enum, default_value_t = ReportTable::Rotations)]
    pub(super) table: ReportTable,
    /// Write it although the journal's hash chain is broken. The report says so.
    #[arg(long)]
    pub(super) unverified: bool,
    /// Print the JSON schema instead: of `--form json`, or of a line of `--form jsonl`.
    #[arg(long)]
    pub(super) schema: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportForm {
    /// One page for a browser or a printer, which needs nothing else.
    Html,
    /// Everything, for programs; has a schema.
    Json,
    /// One table, for a spreadsheet.
    Csv,
    /// For a terminal or a mail.
    Text,
    /// One JSON object for each entry of the journal in the period, a line each: events and notes, for a SIEM.
    Jsonl,
    /// One OCSF event (Account Change, 3001) for each password that was set in the period, a line each.
    Ocsf,
    /// For a printer and an archive: PDF/A with everything in it that it needs.
    Pdf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportTable {
    /// The accounts at the period's end.
    Population,
    /// One line for each rotation.
    Rotations,
    /// One line for each condition: drift, overdue, held.
    Conditions,
}

#[derive(Debug, Subcommand)]
pub(super) enum HistoryCommand {
    /// Check the hash chain over every entry, and what was signed of it.
    #[command(
        after_help = "Exit codes: 0 intact, 1 not what was written (the first bad entry is named), 2 usage or configuration."
    )]
    Verify(VerifyOptions),
    /// Write all of it as text, one line for each entry, for a verifier or another journal (docs/history.md).
    #[command(after_help = "Exit codes: 0 written, 1 the journal was changed, 2 usage or configuration.")]
    Export(ExportOptions),
    /// Take an export into a new journal, with its chain. Verified first; all of it or nothing.
    #[command(
        after_help = "Exit codes: 0 taken in, 1 the export was changed, 2 usage or configuration, 4 the journal is not empty."
    )]
    Import(ImportOptions),
    /// Remove rotations that ended before a day and that nothing needs any more. They are exported first, and a signed
    /// tombstone stands for them. Needs a signing key.
    #[command(
        after_help = "Exit codes: 0 pruned, or nothing to prune, 1 the journal was changed, 2 usage or configuration, 4 the \
        journal changed meanwhile."
    )]
    Prune(PruneOptions),
    /// Print the newest signed head, as it was sent out.
    #[command(after_help = "Exit codes: 0 printed, 1 nothing is signed yet, 2 usage or configuration.")]
    Head,
    /// Print the public key that signs.
    Key(KeyOptions),
}

#[derive(Debug, Args)]
pub(super) struct PruneOptions {
    /// The day (midnight UTC) or the instant: only what was written before it goes.
    #[arg(long, value_name = "DATE")]
    pub(super) before: String,
    /// Where the whole history as it is now is written first. The file must not be there yet.
    #[arg(long, value_name = "FILE")]
    pub(super) export: PathBuf,
    /// Why, for the tombstone.
    #[arg(long, default_value = "", value_parser = words)]
    pub(super) reason: String,
    /// A public key that you know besides the one that signs, PEM or hex in a file: one that signed before it and was lost.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct KeyOptions {
    /// The file, as PEM; without it, standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct VerifyOptions {
    /// An export, instead of the journal: needs no configuration.
    #[arg(long, value_name = "FILE")]
    pub(super) export: Option<PathBuf>,
    /// A public key that you know, PEM or hex in a file; several may be named. Without one those in the history are believed.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Vec<PathBuf>,
    /// Heads that were sent out, one JSON document for each line: shows a tail that was cut off, an old copy, a fork.
    #[arg(long, value_name = "FILE")]
    pub(super) heads: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ExportOptions {
    /// The file, its owner's alone; without it, standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Write it although the journal was changed.
    #[arg(long)]
    pub(super) unverified: bool,
}

#[derive(Debug, Args)]
pub(super) struct ImportOptions {
    /// The export.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// A public key that you know, PEM or hex in a file; several may be named.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum LabCommand {
    /// Print the truth of the lab: who holds which password, by label.
    Show,
    /// Print the named worlds that a lab can be made from.
    Worlds,
    /// Make a lab, where there is none.
    Init(LabInit),
    /// Serve the lab's directory over LDAPS on loopback, as a stand-in for Windows domain controllers, until a signal
    /// comes. Prints the urls and the CA's file as soon as it listens.
    Serve(LabServe),
    /// Rotate many accounts, all due, on many model servers in memory whose every answer takes its time, and hold it
    /// against the critical path. Ends with 0 within 1.1 of it and 128 MiB, else with 1. Touches no lab.
    Bench(LabBench),
    /// Set a password behind the tool's back, as a person would.
    SetPassword {
        /// The account.
        #[arg(long)]
        account: String,
        /// Who gets it: `directory`, `engine:SERVER/CONNECTOR`, `vault:current`, `service:SERVER` (the service manager)
        /// or `local:SERVER` (a user of the server itself, by force).
        #[arg(long, default_value = "directory")]
        holder: String,
    },
    /// Do by hand what the tool asks an operator to do, or what people do on a server of their own accord.
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Order bad luck.
    #[command(subcommand)]
    Fault(FaultCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum OperatorCommand {
    /// Type a connector's password into the Synchronization Service Manager: the account's pending one in the vault,
    /// else its current one.
    EnterPassword {
        /// The server.
        #[arg(long)]
        server: String,
        /// The connector.
        #[arg(long)]
        connector: String,
        /// The name in the vault, where it is not that of the connector's account.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// Abandon a server's encryption key set: `miiskmu.exe /a`, while the service is stopped.
    AbandonKey {
        /// The server.
        #[arg(long)]
        server: String,
    },
    /// Give the service's account the right to log on as a service, or take it.
    ServiceRight {
        /// The server.
        #[arg(long)]
        server: String,
        /// Whether it has the right.
        #[arg(long, action = clap::ArgAction::Set)]
        held: bool,
    },
    /// Press "Run": a Delta Import of a connector. Prints how it ended.
    Run {
        /// The server.
        #[arg(long)]
        server: String,
        /// The connector.
        #[arg(long)]
        connector: String,
    },
    /// Start the service of a server where it does not run.
    Start {
        /// The server.
        #[arg(long)]
        server: String,
    },
    /// Reset the Entra connector account of a server: `Add-ADSyncAADServiceAccount`.
    ResetEntra {
        /// The server.
        #[arg(long)]
        server: String,
    },
    /// Close the wizard and the Synchronization Service Manager on a server.
    ClosePrograms {
        /// The server.
        #[arg(long)]
        server: String,
    },
    /// Open a program on a server.
    OpenProgram {
        /// The server.
        #[arg(long)]
        server: String,
        /// `miisclient.exe` or `AzureADConnect.exe`.
        #[arg(long)]
        program: String,
    },
    /// Let a new password take so long to reach the other domain controllers.
    Replication {
        /// Seconds.
        #[arg(long)]
        seconds: u32,
    },
    /// Turn SyncCycleEnabled on or off, for the whole tenant.
    Scheduler {
        /// The new value.
        #[arg(long, action = clap::ArgAction::Set)]
        enabled: bool,
    },
    /// Make the first staging server active, and the active one staging.
    SwapRoles,
    /// Bring a server to another build.
    Upgrade {
        /// The server.
        #[arg(long)]
        server: String,
        /// File version of miiserver.exe.
        #[arg(long)]
        build: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct LabInit {
    /// Make this named world; `lab worlds` prints their names. Says all there is to say about it.
    #[arg(long, value_name = "NAME", conflicts_with_all = [
        "server", "staging_servers", "account", "logon", "logon_ca_file", "logon_name", "password_file", "addresses",
        "rotator_password_file", "rotator",
    ])]
    pub(super) world: Option<String>,
    /// The active server's name.
    #[arg(long, default_value = "SYNC1")]
    pub(super) server: String,
    /// How many staging servers stand beside it.
    #[arg(long, default_value_t = 0)]
    pub(super) staging_servers: u32,
    /// The account's sAMAccountName.
    #[arg(long, default_value = "MSOL_1a2b3c4d5e6f")]
    pub(super) account: String,
    /// Let the server log on to a real directory: `ldaps://HOST[:PORT]`.
    #[arg(long, value_name = "URL", requires_all = ["logon_name", "password_file"])]
    pub(super) logon: Option<String>,
    /// Certificate authority of that directory, PEM.
    #[arg(long, value_name = "FILE")]
    pub(super) logon_ca_file: Option<PathBuf>,
    /// The name that it logs on with.
    #[arg(long, value_name = "NAME")]
    pub(super) logon_name: Option<String>,
    /// A file with the password that the engine holds first.
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// Name the model directory's domain controllers by these loopback addresses, the PDC emulator first, so that
    /// `lab serve` needs no name resolution.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',', conflicts_with = "logon")]
    pub(super) addresses: Vec<IpAddr>,
    /// Make an account in the model directory that may reset the other one's password, with a random password, which
    /// is written to this new file.
    #[arg(long, value_name = "FILE", conflicts_with = "logon")]
    pub(super) rotator_password_file: Option<PathBuf>,
    /// That account's sAMAccountName.
    #[arg(long, default_value = "rotator", value_name = "NAME")]
    pub(super) rotator: String,
}

#[derive(Debug, Args)]
pub(super) struct LabBench {
    /// How many accounts; each server's last one is the one that its service runs as.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=100_000).map(|n| n as usize))]
    pub(super) accounts: usize,
    /// How many servers.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=10_000).map(|n| n as usize))]
    pub(super) sites: usize,
    /// How long every call to directory, vault or server takes on its way.
    #[arg(long, default_value_t = 400, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(super) latency_ms: u64,
    /// How many rotations may be in flight.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=10_000).map(|n| n as usize))]
    pub(super) in_flight: usize,
    /// Where the journals lie, and stay; else in a folder for temporary files, which is removed.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct LabServe {
    /// The port, on every domain controller's address; 0 = one that is free.
    #[arg(long, default_value_t = 6360)]
    pub(super) port: u16,
    /// End when standard input ends, so as not to outlive the program that holds its other end.
    #[arg(long)]
    pub(super) until_stdin_ends: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum FaultCommand {
    /// Order a fault.
    Add {
        /// Its name; `lab fault list` prints them all.
        name: String,
        /// How often it strikes.
        #[arg(long)]
        times: Option<u32>,
    },
    /// List what was ordered, and what can be.
    List,
    /// Take every order back.
    Clear,
}

#[derive(Debug, Subcommand)]
pub(super) enum NotifyCommand {
    /// Send one test notice to every channel of the configuration that takes its severity, once, and show what became
    /// of it.
    #[command(
        after_help = "Exit codes: 0 delivered to every channel that takes it, 1 not, 2 usage or configuration (also: \
        no channel takes it)."
    )]
    Test {
        /// How grave it pretends to be.
        #[arg(long, value_enum, default_value_t = NoticeSeverity::Alarm)]
        severity: NoticeSeverity,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum NoticeSeverity {
    /// Worth knowing.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must look now.
    Alarm,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration file and tell every fault.
    Check,
    /// Print the JSON schema of the configuration file.
    Schema,
}
