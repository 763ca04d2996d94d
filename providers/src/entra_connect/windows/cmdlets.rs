//! What a script's reply means: the value it gives, or the fault, with what that says about the world.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::powershell::{Lost, PowerShell, Reached, without};
use super::script::Script;
use crate::entra_connect::said::cleaned;
use crate::port::{FailureClass, Fault, Meaning, Secret};

/// Access is denied, as an HRESULT.
const E_ACCESSDENIED: i64 = -2_147_024_891;

/// ERROR_LOGON_FAILURE as an HRESULT, from .NET and from ADSI alike.
const LOGON_REFUSED: [i64; 1] = [-2_147_023_570];
const LOGON_REFUSED_WORDS: [&str; 4] = [
    "The supplied credential is invalid",
    "user name or password is incorrect",
    "failed-authentication",
    "AcceptSecurityContext",
];
/// ERROR_DS_SERVER_DOWN and RPC_S_SERVER_UNAVAILABLE as HRESULTs.
const UNREACHABLE: [i64; 2] = [-2_147_016_646, -2_147_023_174];
const UNREACHABLE_WORDS: [&str; 3] =
    ["The LDAP server is unavailable", "The server is not operational", "failed-connection"];

/// What a script answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    /// It was done.
    Done { value: Value },
    /// The script itself said no, before it changed anything.
    Refusal { id: String, detail: String },
    /// A cmdlet failed.
    Fault(CmdletFault),
}

/// An ErrorRecord of PowerShell, as `Write-Fault` of common.ps1 gives it.
#[derive(Debug, Deserialize)]
struct CmdletFault {
    /// Whether the cmdlet that changes something had been called.
    acting: bool,
    /// FullyQualifiedErrorId.
    id: String,
    /// CategoryInfo.Category.
    category: String,
    /// The exception, and what lies within it.
    #[serde(deserialize_with = "list")]
    causes: Vec<Cause>,
}

#[derive(Debug, Deserialize)]
struct Cause {
    #[serde(rename = "type")]
    class: String,
    message: String,
    hresult: i64,
}

/// One call of one script.
pub(super) struct Call<'a> {
    /// What is being done, for faults.
    pub(super) doing: &'a str,
    /// Which script does it.
    pub(super) script: Script,
    /// What must not stand in any text.
    pub(super) secret: Option<&'a Secret>,
}

impl Call<'_> {
    /// Runs the script and reads its reply.
    pub(super) async fn run<V: DeserializeOwned>(
        &self,
        powershell: &PowerShell,
        arguments: &impl Serialize,
    ) -> Result<V, Fault> {
        tracing::debug!(script = self.script.name(), "running a script");
        let reply = powershell.run(self.script, arguments, self.secret, self.script.limit()).await;
        self.read(reply.map_err(|lost| self.lost(&lost))?)
    }

    /// Whether the stored password opened a search; `None` = the build has no such search. Any other failure than a
    /// refused logon says nothing about the password. By which words and numbers a refused one is known is inferred:
    /// those of Windows and of LDAP.
    pub(super) async fn stored_logon(&self, powershell: &PowerShell, connector: &str) -> Result<Option<bool>, Fault> {
        let arguments = serde_json::json!({ "connector": connector });
        let reply = powershell.run(self.script, &arguments, None, self.script.limit()).await;
        self.read_stored_logon(reply.map_err(|lost| self.lost(&lost))?)
    }

    pub(super) fn read_stored_logon(&self, reply: Value) -> Result<Option<bool>, Fault> {
        #[derive(Deserialize)]
        struct Searched {
            searched: bool,
        }
        if let Ok(Reply::Fault(fault)) = serde_json::from_value(reply.clone()) {
            let says = |known: &[i64], words: &[&str]| {
                fault.causes.iter().any(|cause| {
                    known.contains(&cause.hresult) || words.iter().any(|word| cause.message.contains(word))
                })
            };
            if says(&LOGON_REFUSED, &LOGON_REFUSED_WORDS) {
                return Ok(Some(false));
            }
            if says(&UNREACHABLE, &UNREACHABLE_WORDS) {
                return Err(self.fault(&fault).of(FailureClass::Connection));
            }
        }
        self.read(reply).map(|Searched { searched }| searched.then_some(true))
    }

    fn lost(&self, lost: &Lost) -> Fault {
        let cause = format!("the script {}: {}", self.script.name(), lost.cause);
        match &lost.reached {
            Reached::NotHeld(fault) => Fault { doing: self.doing.to_owned(), ..fault.clone() },
            Reached::Nothing => Fault::broken(self.doing, cause).hint("look at the path of powershell.exe"),
            Reached::Ready => Fault::later(self.doing, cause).hint("nothing was changed"),
            Reached::Unknown if self.script.acts() => Fault::unclear(self.doing, cause),
            Reached::Unknown => Fault::later(self.doing, cause)
                .hint("look whether Windows PowerShell runs there in full language mode: $ExecutionContext.SessionState.LanguageMode"),
        }
    }

    /// The value in a reply, or the fault.
    pub(super) fn read<V: DeserializeOwned>(&self, reply: Value) -> Result<V, Fault> {
        // A reader's message names what it did not expect; the value of a reply holds no secret.
        let unread = |cause: serde_json::Error| {
            let meaning = if self.script.acts() { Meaning::Unclear } else { Meaning::Later };
            Fault::new(meaning, self.doing, format!("the script {} gave a strange reply: {cause}", self.script.name()))
        };
        match serde_json::from_value(reply).map_err(unread)? {
            Reply::Done { value } => serde_json::from_value(value).map_err(unread),
            Reply::Refusal { id, detail } => Err(self.refusal(&id, &detail)),
            Reply::Fault(fault) => Err(self.fault(&fault)),
        }
    }

    fn refusal(&self, id: &str, detail: &str) -> Fault {
        match id {
            "no-such-connector" => Fault::refused(self.doing, "the server has no such connector")
                .hint(format!("its connectors are: {}", cleaned(detail))),
            "entra-connector" => Fault::refused(self.doing, "it is the connector to Entra ID")
                .hint("name an AD connector; the account of this one is only reset as a repair"),
            "no-password-parameter" => {
                Fault::refused(self.doing, "the connector's connectivity parameters have no password")
                    .hint("nothing was changed; this build wants engine-method = \"attended\"")
            }
            "application" => Fault::refused(
                self.doing,
                "the engine logs on to Entra ID by a certificate, which this would roll back",
            )
            .hint("nothing was changed; with application-based authentication no password is reset"),
            other => Fault::broken(self.doing, format!("the script {} says {other}", self.script.name())),
        }
    }

    /// What a cmdlet's error says. Before the cmdlet that acts, everything is surely as it was. After it nothing is sure,
    /// but for errors that come from before the engine had the request: which these are is inferred from .NET and
    /// PowerShell, not seen on a server.
    fn fault(&self, fault: &CmdletFault) -> Fault {
        let mut words: Vec<String> = fault.causes.iter().map(|cause| cleaned(&cause.message)).collect();
        words.dedup();
        let text = without(&words.join("; "), self.secret);
        let cause = format!("{text} ({})", without(&cleaned(&fault.id), self.secret));
        let is = |part: &str| fault.causes.iter().any(|cause| cause.class.ends_with(part));
        // Two cmdlets of this one act, and an error of the second says nothing about the first.
        let sure = !fault.acting || self.script != Script::Release;
        let made = |meaning| Fault::new(if sure { meaning } else { Meaning::Unclear }, self.doing, &cause);

        if ["ma-already-running", "ma-update-in-progress"].iter().any(|word| text.contains(word)) {
            return made(Meaning::Later).hint("wait until they are done").of(FailureClass::Busy);
        }
        // Nobody listens at the engine's endpoint. The cmdlets of scheduled tasks, which a script uses too, don't ask there.
        if is("EndpointNotFoundException") {
            return Fault::later(self.doing, cause).hint("start ADSync on the server");
        }
        // The module examines what it is given before the engine has it, with the domain controller or the cloud's help.
        if is("SynchronizationConfigurationValidationException") {
            let away = AWAY.iter().any(|word| text.contains(word));
            return made(if away { Meaning::Later } else { Meaning::Refused })
                .hint("nothing was changed; look at the server's Application log");
        }
        if is("CommandNotFoundException") || is("ParameterBindingException") {
            return made(Meaning::Broken)
                .hint("the module ADSync of this build has another command; see docs/windows-scripts.md");
        }
        if fault.id.starts_with("Modules_ModuleNotFound") || is("FileNotFoundException") && !fault.acting {
            return made(Meaning::Broken)
                .hint("is this a server of Entra Connect Sync? Its module ADSync is not there");
        }
        let denied = ["PermissionDenied", "SecurityError"].contains(&fault.category.as_str())
            || is("UnauthorizedAccessException")
            || is("SecurityAccessDeniedException")
            || fault.causes.iter().any(|cause| cause.hresult == E_ACCESSDENIED);
        if denied {
            return made(Meaning::Refused).hint("the account of entra-rotator must be a member of ADSyncAdmins");
        }
        if self.script == Script::ResetEntraAccount && SECOND_FACTOR.iter().any(|code| text.contains(code)) {
            return made(Meaning::Refused)
                .hint(
                    "a credential of name and password can't satisfy a second factor; use an administrator without one",
                )
                .of(FailureClass::CloudCredential);
        }
        Fault::new(if fault.acting { Meaning::Unclear } else { Meaning::Later }, self.doing, cause)
    }
}

/// What a validation says that found nobody to ask.
const AWAY: [&str; 3] = ["failed-connection", "sending the request", "Unable to communicate"];

/// What Entra ID answers to an administrator whose sign-in needs more than a password: a second factor, or a device or a
/// place that conditional access wants ("Microsoft Entra authentication and authorization error codes").
const SECOND_FACTOR: [&str; 7] =
    ["AADSTS50072", "AADSTS50074", "AADSTS50076", "AADSTS50079", "AADSTS50158", "AADSTS53000", "AADSTS53003"];

/// A list as PowerShell writes it. An array of one may come as its only element, an empty one as null, and an array that
/// PowerShell 5.1 has wrapped comes as `{"value": […], "Count": n}`.
pub(super) fn list<'de, D: Deserializer<'de>, V: DeserializeOwned>(deserializer: D) -> Result<Vec<V>, D::Error> {
    let items = match Value::deserialize(deserializer)? {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        Value::Object(mut wrapped) if wrapped.len() == 2 && wrapped.contains_key("Count") => {
            match wrapped.remove("value") {
                Some(Value::Array(items)) => items,
                _ => return Err(serde::de::Error::custom("a wrapped array without its value")),
            }
        }
        single => vec![single],
    };
    items.into_iter().map(|item| serde_json::from_value(item).map_err(serde::de::Error::custom)).collect()
}
