//! The event logs of a model server, Application and System, as `wevtutil qe /f:xml` prints them.
//!
//! Words that Microsoft documents are kept as they are: 6000, 6028, 6900, 659, 655, 115, and the 611 with 8453. Its
//! words for 1011, 1012, 2518 and 2519 are only described in the documents, those of 616, 906 and the 611 with 1722
//! only known from people's reports; there the texts here are plain ones. The service manager's events carry their
//! arguments, as in the raw form (`%%1326` is Windows' own placeholder for the error's text).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::engine::Server;
use crate::port::EVENTS_MAX;

/// A run could not start because the connector's credential was refused.
pub(super) const NO_START_CREDENTIALS: u32 = 6000;
/// The key set can't be opened.
pub(super) const KEY_SET_LOST: u32 = 6028;
/// Password hash sync failed for a domain.
pub(super) const HASH_SYNC_FAILED: u32 = 611;
/// Password hash sync can't connect.
pub(super) const HASH_SYNC_UNCONNECTED: u32 = 616;
/// The Entra connector account was refused while a password was processed.
pub(super) const ENTRA_REFUSED: u32 = 6900;
/// … while the policy was read.
pub(super) const ENTRA_POLICY: u32 = 659;
/// … while credentials were provisioned.
pub(super) const ENTRA_PING: u32 = 655;
/// No token for the provisioning service.
pub(super) const NO_TOKEN: u32 = 906;
/// Entra ID denied access.
pub(super) const ENTRA_DENIED: u32 = 115;
/// The certificate of application-based authentication is due.
pub(super) const CERTIFICATE_DUE: u32 = 1011;
/// It has ended.
pub(super) const CERTIFICATE_OVER: u32 = 1012;
/// The credential of an AD connector was changed.
pub(super) const CONNECTOR_CREDENTIAL_CHANGED: u32 = 2518;
/// The Entra connector account was reset.
pub(super) const ENTRA_ACCOUNT_RESET: u32 = 2519;
/// A service did not start.
pub(super) const SERVICE_NOT_STARTED: u32 = 7000;
/// A service's logon was refused.
pub(super) const SERVICE_LOGON_REFUSED: u32 = 7038;
/// A service's account may not log on as a service.
pub(super) const SERVICE_RIGHT_LOST: u32 = 7041;

/// What a service application meets that wants to ask for more than a password.
pub(super) const MODAL_DIALOG: &str = "Showing a modal dialog box or form when the application is not running in \
     UserInteractive mode is not a valid operation. Specify the ServiceNotification or DefaultDesktopOnly style to \
     display a notification from a service application.";
/// What Entra ID says to the wrong password of its connector's account.
pub(super) const OLD_PASSWORD: &str =
    "AADSTS70002: Error validating credentials. AADSTS50054: Old password is used for authentication.";

const ENGINE: Provider = Provider { name: "ADSync", attributes: "", qualifiers: 0 };
const HASH_SYNC: Provider = Provider { name: "Directory Synchronization", attributes: "", qualifiers: 0 };
const ADMIN_ACTIONS: Provider = Provider { name: "Entra Connect Admin Actions", attributes: "", qualifiers: 0 };
const SERVICE_MANAGER: Provider = Provider {
    name: "Service Control Manager",
    attributes: " Guid='{555908d1-a6d7-4695-8e1e-26931d2012f4}' EventSourceName='Service Control Manager'",
    qualifiers: 49152,
};

/// Who writes an event.
struct Provider {
    name: &'static str,
    attributes: &'static str,
    qualifiers: u32,
}

/// An entry in one of the server's logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerEvent {
    pub(super) at: Timestamp,
    pub(super) id: u32,
    record: u64,
    data: Vec<String>,
}

impl ServerEvent {
    /// The service manager writes into System, everybody else into Application.
    fn of_service_manager(&self) -> bool {
        matches!(self.id, SERVICE_NOT_STARTED | SERVICE_LOGON_REFUSED | SERVICE_RIGHT_LOST)
    }

    fn provider(&self) -> Provider {
        match self.id {
            _ if self.of_service_manager() => SERVICE_MANAGER,
            HASH_SYNC_FAILED | HASH_SYNC_UNCONNECTED | ENTRA_POLICY | ENTRA_PING | NO_TOKEN | ENTRA_DENIED => HASH_SYNC,
            CONNECTOR_CREDENTIAL_CHANGED | ENTRA_ACCOUNT_RESET => ADMIN_ACTIONS,
            _ => ENGINE,
        }
    }

    /// 2 error, 3 warning, 4 information.
    fn level(&self) -> u8 {
        match self.id {
            CERTIFICATE_DUE => 3,
            ENTRA_DENIED | CONNECTOR_CREDENTIAL_CHANGED | ENTRA_ACCOUNT_RESET => 4,
            _ => 2,
        }
    }

    fn xml(&self, computer: &str) -> String {
        let provider = self.provider();
        let system = self.of_service_manager();
        let (channel, keywords) =
            if system { ("System", "0x8080000000000000") } else { ("Application", "0x80000000000000") };
        let data = self.data.iter().enumerate().map(|(at, text)| {
            let name = if system { format!(" Name='param{}'", at + 1) } else { String::new() };
            format!("<Data{name}>{}</Data>", escaped(text))
        });
        format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='{}'{}/>\
             <EventID Qualifiers='{}'>{}</EventID><Version>0</Version><Level>{}</Level><Task>0</Task>\
             <Opcode>0</Opcode><Keywords>{keywords}</Keywords><TimeCreated SystemTime='{:.7}'/>\
             <EventRecordID>{}</EventRecordID><Correlation/><Execution ProcessID='0' ThreadID='0'/>\
             <Channel>{channel}</Channel><Computer>{}</Computer><Security/></System><EventData>{}</EventData></Event>",
            provider.name,
            provider.attributes,
            provider.qualifiers,
            self.id,
            self.level(),
            self.at,
            self.record,
            escaped(computer),
            data.collect::<String>(),
        )
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            // What XML has no way to write.
            _ if letter.is_control() && !letter.is_ascii_whitespace() => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

impl Server {
    /// Writes an event. `data` are its texts: for the service manager its arguments, for the others the message.
    pub(super) fn log_event(&mut self, id: u32, data: &[&str], at: Timestamp) {
        self.last_record += 1;
        let data = data.iter().map(|&text| text.to_owned()).collect();
        self.events.push(ServerEvent { at, id, record: self.last_record, data });
        self.drop_events_beyond(EVENTS_MAX);
    }

    /// Drops the oldest events where there are more than `max`.
    pub(super) fn drop_events_beyond(&mut self, max: usize) {
        let surplus = self.events.len().saturating_sub(max);
        self.events.drain(..surplus);
    }

    /// The events since then, oldest first, as raw XML.
    pub(super) fn events_since(&self, since: Timestamp) -> Vec<String> {
        self.events.iter().filter(|event| event.at >= since).map(|event| event.xml(&self.name)).collect()
    }

    pub(super) fn log_no_start_credentials(&mut self, connector: &str, at: Timestamp) {
        let text = format!("The management agent \"{connector}\" failed to run because the credentials were invalid.");
        self.log_event(NO_START_CREDENTIALS, &[&text], at);
    }

    pub(super) fn log_key_set_lost(&mut self, at: Timestamp) {
        self.log_event(KEY_SET_LOST, &["The server encryption key cannot be accessed."], at);
    }

    pub(super) fn log_connector_changed(&mut self, connector: &str, at: Timestamp) {
        let text = format!("ADDS Connector credential changed. Connector: {connector}");
        self.log_event(CONNECTOR_CREDENTIAL_CHANGED, &[&text], at);
    }

    pub(super) fn log_entra_reset(&mut self, connector: &str, at: Timestamp) {
        let text = format!("The AD Sync service account password was reset. Connector: {connector}");
        self.log_event(ENTRA_ACCOUNT_RESET, &[&text], at);
    }

    pub(super) fn log_replication_denied(&mut self, connector: &str, at: Timestamp) {
        let text = format!(
            "Password synchronization failed for domain: {connector}. Details: \
             Microsoft.Online.PasswordSynchronization.DirectoryReplicationServices.DrsException: RPC Error 8453: \
             Replication access was denied. There was an error calling _IDL_DRSGetNCChanges."
        );
        self.log_event(HASH_SYNC_FAILED, &[&text], at);
    }

    pub(super) fn log_rpc_unavailable(&mut self, connector: &str, dc: &str, at: Timestamp) {
        let failed = format!(
            "Password synchronization failed for domain: {connector}. Details: \
             Microsoft.Online.PasswordSynchronization.SynchronizationManagerException: Unable to open connection to \
             domain: {connector}. Error: There was an error establishing a connection to the directory replication \
             service. Domain controller hostname: {dc}, RPC Error 1722: The RPC server is unavailable."
        );
        self.log_event(HASH_SYNC_FAILED, &[&failed], at);
        let unconnected = format!("Unable to connect to a domain controller of domain: {connector}.");
        self.log_event(HASH_SYNC_UNCONNECTED, &[&unconnected], at);
    }

    pub(super) fn log_entra_refused(&mut self, connector: &str, at: Timestamp) {
        let text = format!(
            "The server encountered an unexpected error while processing a password change notification:\n\
             \"{OLD_PASSWORD}\"\nConnector: {connector}"
        );
        self.log_event(ENTRA_REFUSED, &[&text], at);
        let text = format!(
            "Error while retrieving password policy sync configuration. \
             Microsoft.IdentityModel.Clients.ActiveDirectory.AdalServiceException: {OLD_PASSWORD}"
        );
        self.log_event(ENTRA_POLICY, &[&text], at);
        self.log_event(
            ENTRA_PING,
            &["Failed credential provisioning ping. Error: The user name or password is incorrect. Verify your user \
               name, and then type your password again."],
            at,
        );
    }

    pub(super) fn log_cloud_blocked(&mut self, connector: &str, at: Timestamp) {
        let text = format!(
            "GetSecurityToken: unable to retrieve a security token for the provisioning web service (AWS). \
             System.InvalidOperationException: {MODAL_DIALOG} Connector: {connector}"
        );
        self.log_event(NO_TOKEN, &[&text], at);
        self.log_event(
            ENTRA_DENIED,
            &["Access to Windows Azure Active Directory has been denied. Contact Technical Support."],
            at,
        );
    }

    pub(super) fn log_certificate(&mut self, connector: &str, ends_at: Timestamp, at: Timestamp) {
        let over = ends_at <= at;
        let word = if over { "expired on" } else { "is due for rotation, it expires on" };
        let text =
            format!("The certificate of the application that {connector} authenticates with {word} {ends_at:.0}.");
        self.log_event(if over { CERTIFICATE_OVER } else { CERTIFICATE_DUE }, &[&text], at);
    }
}
