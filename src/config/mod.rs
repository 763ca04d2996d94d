//! The configuration file: TOML, strict, every fault reported at once with its place. Secrets stand in it
//! only as references.

mod approval;
mod check;
mod file;
mod history;
mod journal;
mod notify;
mod schedule;
mod secret_ref;
mod serve;
mod server;
mod vault;

pub use approval::{ApprovalConfig, ApproverConfig};
pub use check::{Faulty, read, schema};
pub use file::{
    AccountConfig, AccountKind, AdministratorConfig, Config, DirectoryConfig, EngineMethod, Logon, Quiesce, UseConfig,
};
pub use history::{HistoryConfig, SendConfig, SendKind, SigningKeyRef};
pub use journal::{JournalConfig, PostgresConfig};
pub use notify::{
    CommandConfig, HeartbeatConfig, MailConfig, MailTls, NotifyConfig, Severity, Shape, WebhookConfig, mailbox,
};
pub use schedule::{
    BlackoutConfig, DayConfig, ExemptConfig, LimitsConfig, MisfireConfig, RetryConfig, ScheduleConfig, WindowConfig,
};
pub use secret_ref::{KeyRef, OwnPasswordRef, SecretRef, protect};
pub use serve::{ActionsConfig, PersonConfig, ServeConfig, TlsConfig};
pub use server::{ServerConfig, ServerKind, ServerLogon};
pub use vault::{AzureCloud, AzureIdentityConfig, AzureIdentityKind, LoginConfig, LoginMethod, VaultConfig, VaultKind};
