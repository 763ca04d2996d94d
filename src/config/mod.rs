//! The configuration file: TOML, strict, every fault reported at once with its place. Secrets stand in it
//! only as references.

mod check;
mod file;
mod notify;
mod schedule;
mod secret_ref;
mod serve;
mod server;
mod vault;

pub use check::{Faulty, read, schema};
pub use file::{
    AccountConfig, AccountKind, AdministratorConfig, Config, DirectoryConfig, EngineMethod, JournalConfig, Logon,
    Quiesce, UseConfig,
};
pub use notify::{
    CommandConfig, HeartbeatConfig, MailConfig, MailTls, NotifyConfig, Severity, Shape, WebhookConfig, mailbox,
};
pub use schedule::{
    BlackoutConfig, DayConfig, ExemptConfig, LimitsConfig, MisfireConfig, RetryConfig, ScheduleConfig, WindowConfig,
};
pub use secret_ref::{KeyRef, OwnPasswordRef, SecretRef, protect};
pub use serve::{ServeConfig, TlsConfig};
pub use server::{ServerConfig, ServerKind, ServerLogon};
pub use vault::{AzureCloud, AzureIdentityConfig, AzureIdentityKind, LoginConfig, LoginMethod, VaultConfig, VaultKind};
