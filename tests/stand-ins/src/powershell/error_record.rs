//! Errors as PowerShell has them, made of what the lab says. Types, words and numbers are those of Windows, .NET and
//! Microsoft's reference where they are published; none was recorded on a Connect server.

use providers::port::{FailureClass, Fault, Meaning};
use serde_json::{Value, json};

const COR_E_EXCEPTION: i64 = -2_146_233_088;
const COR_E_SYSTEM: i64 = -2_146_233_087;
const COR_E_INVALIDOPERATION: i64 = -2_146_233_079;
const COR_E_ARGUMENT: i64 = -2_147_024_809;
const ERROR_FILE_NOT_FOUND: i64 = -2_147_024_894;

/// An ErrorRecord: an exception, and what PowerShell files it under.
#[derive(Debug)]
pub(super) struct ErrorRecord {
    class: &'static str,
    message: String,
    hresult: i64,
    category: &'static str,
    /// The cmdlet that failed; empty for a call of .NET.
    cmdlet: &'static str,
    /// What the exception was wrapped in.
    outer: Option<(&'static str, &'static str)>,
}

impl ErrorRecord {
    fn new(class: &'static str, message: impl Into<String>, hresult: i64, category: &'static str) -> Self {
        Self { class, message: message.into(), hresult, category, cmdlet: "", outer: None }
    }

    /// What was handed over can't be read.
    pub(super) fn argument(message: impl Into<String>) -> Self {
        Self::new("System.ArgumentException", message, COR_E_ARGUMENT, "NotSpecified")
    }

    /// Nobody listens at the engine's endpoint.
    pub(super) fn nobody_listens() -> Self {
        let class = "System.ServiceModel.EndpointNotFoundException";
        let message =
            "There was no endpoint listening at net.pipe://localhost/ADSyncMgmt that could accept the message.";
        Self {
            outer: Some((
                "System.IO.PipeException",
                "The pipe endpoint 'net.pipe://localhost/ADSyncMgmt' could not be found.",
            )),
            ..Self::new(class, message, COR_E_SYSTEM, "NotSpecified")
        }
    }

    /// The module of the engine is not there.
    pub(super) fn no_module() -> Self {
        let message = "The specified module 'ADSync' was not loaded because no valid module file was found in any module directory.";
        Self::new("System.IO.FileNotFoundException", message, ERROR_FILE_NOT_FOUND, "ResourceUnavailable")
    }

    /// The directory refuses the stored password.
    pub(super) fn logon_refused() -> Self {
        let class = "System.DirectoryServices.Protocols.LdapException";
        Self::new(class, "The supplied credential is invalid.", COR_E_EXCEPTION, "NotSpecified")
    }

    /// What a server of the lab says, as a cmdlet would.
    pub(super) fn of(fault: &Fault) -> Self {
        let silent = fault.cause.contains("does not answer") && fault.class.is_none();
        if silent || fault.cause.starts_with("the service is ") {
            return Self::nobody_listens();
        }
        match fault.class {
            Some(FailureClass::Connection) => Self::new(
                "System.DirectoryServices.Protocols.LdapException",
                "The LDAP server is unavailable.",
                COR_E_EXCEPTION,
                "NotSpecified",
            ),
            Some(FailureClass::CloudCredential) => Self {
                outer: Some(("System.InvalidOperationException", "The administrator can't be signed in.")),
                ..Self::new(
                    "Microsoft.IdentityModel.Clients.ActiveDirectory.AdalServiceException",
                    &fault.cause,
                    COR_E_EXCEPTION,
                    "NotSpecified",
                )
            },
            _ if fault.meaning == Meaning::Refused => Self::new(
                "Microsoft.IdentityManagement.PowerShell.ObjectModel.SynchronizationConfigurationValidationException",
                &fault.cause,
                COR_E_EXCEPTION,
                "InvalidData",
            ),
            _ => {
                Self::new("System.InvalidOperationException", &fault.cause, COR_E_INVALIDOPERATION, "InvalidOperation")
            }
        }
    }

    /// The same, from this cmdlet.
    pub(super) fn by(self, cmdlet: &'static str) -> Self {
        Self { cmdlet, ..self }
    }

    /// As `Write-Fault` of `common.ps1` gives it.
    pub(super) fn written(&self, acting: bool) -> Value {
        let cause =
            |class: &str, message: &str, hresult: i64| json!({ "type": class, "message": message, "hresult": hresult });
        let own = cause(self.class, &self.message, self.hresult);
        let causes = match self.outer {
            // An array of one as 5.1 may write it: the element alone.
            None => own,
            Some((class, message)) => json!([cause(class, message, COR_E_EXCEPTION), own]),
        };
        let short = self.class.rsplit('.').next().unwrap_or(self.class);
        let id = if self.cmdlet.is_empty() { short.to_owned() } else { format!("{},{}", self.class, self.cmdlet) };
        json!({ "acting": acting, "id": id, "category": self.category, "causes": causes })
    }
}
