use azure_core::error::{Error, ErrorKind};
use azure_core::http::RawResponse;
use azure_core::http::headers::RETRY_AFTER;
use serde::Deserialize;

use super::transport::{Cut, retry_after_s};
use crate::https::Effect;
use crate::port::{Fault, Meaning};

/// The longest piece of the vault's own words that goes into a fault.
const WORDS_CHARS_MAX: usize = 200;

/// What the vault says when it says no. `inner` is the narrower word for `code`, where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct No {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) inner: String,
    message: String,
    retry_after_s: Option<u32>,
}

#[derive(Deserialize)]
struct Envelope {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    innererror: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: String,
}

impl No {
    #[cfg(test)]
    pub(super) fn of(status: u16, code: &str, inner: &str) -> Self {
        Self { status, code: code.to_owned(), inner: inner.to_owned(), ..Self::default() }
    }

    fn read(response: &RawResponse) -> Self {
        let detail = serde_json::from_slice::<Envelope>(response.body()).ok().map(|envelope| envelope.error);
        let retry_after_s = retry_after_s(response.headers().get_optional_str(&RETRY_AFTER));
        let status = u16::from(response.status());
        match detail {
            Some(Detail { code, message, innererror }) => Self {
                status,
                code,
                inner: innererror.map(|inner| inner.code).unwrap_or_default(),
                message,
                retry_after_s,
            },
            None => Self { status, retry_after_s, ..Self::default() },
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        // Only the vault's own word means "nothing there"; a proxy's 404 page does not.
        self.status == 404 && self.code == "SecretNotFound"
    }

    pub(super) fn is_disabled(&self) -> bool {
        self.status == 403 && self.inner == "SecretDisabled"
    }

    /// The secret was deleted, is being deleted or is being recovered: 409 on whatever would set it.
    pub(super) fn is_soft_deleted(&self) -> bool {
        const STATES: [&str; 3] = ["ObjectIsDeletedButRecoverable", "ObjectIsBeingDeleted", "ObjectIsBeingRecovered"];
        self.status == 409 && STATES.contains(&self.inner.as_str())
    }

    /// Another answer is to be had later: being recovered, throttled, a service in trouble.
    pub(super) fn is_passing(&self) -> bool {
        self.is_soft_deleted() || matches!(self.status, 408 | 429 | 500..=599)
    }

    /// The identity may not do it.
    pub(super) fn is_forbidden(&self) -> bool {
        self.status == 403
            && !self.is_disabled()
            && !self.inner.starts_with("ForbiddenByFirewall")
            && !self.inner.starts_with("ForbiddenByConnection")
    }

    /// What it means, for one who did this to this secret, for which it needs this right.
    pub(super) fn fault(&self, asked: &Asked<'_>) -> Fault {
        let word = if self.inner.is_empty() { &self.code } else { &self.inner };
        let said = match word.as_str() {
            "" => format!("HTTP {}", self.status),
            word => format!("HTTP {} {}", self.status, plain(word)),
        };
        let fault = |meaning: Meaning, cause: String| Fault::new(meaning, asked.doing, cause);
        let secret = asked.secret;
        let made = match (self.status, self.inner.as_str()) {
            (300..=399, _) => fault(Meaning::Broken, format!("{said}: the vault redirects; no redirect is followed"))
                .hint("see that the url is the Vault URI that the portal shows"),
            // Its words may quote what was sent.
            (400, _) => fault(Meaning::Broken, format!("{said}: the vault does not take the request for {secret}"))
                .hint("see that the name, the content type and the tags of this secret keep Key Vault's limits"),
            (401, _) => fault(Meaning::Refused, format!("{said}: the vault does not accept our token: {}", self.words()))
                .hint("see that the identity belongs to the vault's tenant, and that this machine's clock is right"),
            (403, "SecretDisabled") => {
                fault(Meaning::Refused, format!("the latest version of {secret} is disabled ({said})"))
                    .hint(format!("whoever reads {secret} gets 403 too: enable that version, or find out who disabled it"))
            }
            (403, "ForbiddenByPolicy") => {
                fault(Meaning::Refused, format!("{said}: the vault's access policy gives us no \"{}\"", asked.right))
                    .hint("give the identity get, set, list and recover of secrets in the vault's access policies")
            }
            (403, "ForbiddenByFirewall" | "ForbiddenByConnection") => {
                fault(Meaning::Refused, format!("{said}: the vault's firewall does not let this machine in"))
                    .hint("let the address of this machine in under the vault's Networking, or use a private endpoint")
            }
            (403, _) => fault(
                Meaning::Refused,
                format!("{said}: we lack {} on {secret}", self.action().unwrap_or_else(|| asked.action())),
            )
            .hint("assign the role of deploy/azure/key-vault.bicep to the identity; an assignment takes up to ten minutes"),
            (404, _) if self.is_missing() => fault(Meaning::Refused, format!("{secret} is not there ({said})")),
            (404, _) => fault(Meaning::Refused, format!("{said}: the answer is no key vault's"))
                .hint("see that the url is the Vault URI, and that nothing stands in between"),
            (409, _) if self.is_soft_deleted() => {
                fault(Meaning::Later, format!("{secret} was deleted and is not recovered yet ({said})"))
            }
            (409, _) => fault(Meaning::Later, format!("{said}: somebody else works on {secret}")),
            (429, _) => fault(Meaning::Later, format!("{said}: the vault's request limit is reached"))
                .hint("4000 requests in ten seconds are the limit for the vault: find out who asks so often"),
            _ => fault(asked.effect.lost(), format!("{said} from the vault")),
        };
        made.retry_after_s(self.retry_after_s)
    }

    /// The data action that the vault says we lack.
    fn action(&self) -> Option<String> {
        let (_, rest) = self.message.split_once("Action: '")?;
        let (action, _) = rest.split_once('\'')?;
        Some(plain(action))
    }

    fn words(&self) -> String {
        plain(&self.message)
    }
}

/// Other people's text, fit to be shown.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_CHARS_MAX).collect()
}

/// What was asked of the vault.
pub(super) struct Asked<'a> {
    pub(super) doing: &'a str,
    pub(super) secret: &'a str,
    /// The permission of access policies: `get`, `set`, `list`, `recover`.
    pub(super) right: &'a str,
    pub(super) effect: Effect,
}

impl Asked<'_> {
    /// The same as a data action of a role.
    fn action(&self) -> String {
        let action = match self.right {
            "get" => "getSecret",
            "set" => "setSecret",
            "list" => "readMetadata",
            "recover" => "recover",
            _ => "update",
        };
        if action == "update" {
            return "Microsoft.KeyVault/vaults/secrets/update/action".to_owned();
        }
        format!("Microsoft.KeyVault/vaults/secrets/{action}/action")
    }
}

/// Why a call to the vault failed: its own "no", or a fault on the way there or to the token.
#[derive(Debug)]
pub(super) enum Failed {
    No(No),
    Fault(Fault),
}

impl Failed {
    pub(super) fn read(error: &Error, asked: &Asked<'_>) -> Self {
        if let Some(cut) = find_cut(error) {
            return Self::Fault(Fault { doing: asked.doing.to_owned(), ..cut.0.clone() });
        }
        match error.kind() {
            ErrorKind::HttpResponse { raw_response: Some(response), .. } => Self::No(No::read(response)),
            ErrorKind::HttpResponse { status, .. } => Self::No(No { status: u16::from(*status), ..No::default() }),
            // Nothing was sent that could change anything: there was no token to send it with.
            ErrorKind::Credential => Self::Fault(
                Fault::broken(asked.doing, format!("there is no token: {}", plain(&error.to_string())))
                    .hint("see that the identity of the settings is usable on this machine"),
            ),
            // The parser's own words would quote what it read.
            ErrorKind::DataConversion => {
                Self::Fault(Fault::new(asked.effect.lost(), asked.doing, "the vault's answer can't be read"))
            }
            _ => Self::Fault(
                Fault::broken(asked.doing, plain(&error.to_string()))
                    .hint("see that the url is the Vault URI that the portal shows, and the cloud is the right one"),
            ),
        }
    }

    pub(super) fn fault(self, asked: &Asked<'_>) -> Fault {
        match self {
            Self::No(no) => no.fault(asked),
            Self::Fault(fault) => fault,
        }
    }
}

pub(super) fn find_cut(error: &Error) -> Option<&Cut> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        // What `io::Error` carries is not among its sources.
        let carried = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref()?.downcast_ref::<Cut>());
        if let Some(cut) = error.downcast_ref::<Cut>().or(carried) {
            return Some(cut);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use azure_core::http::headers::Headers;

    use super::*;

    fn no(status: u16, body: &str, retry_after: Option<&str>) -> No {
        let mut headers = Headers::new();
        if let Some(wait) = retry_after {
            headers.insert("retry-after", wait.to_owned());
        }
        No::read(&RawResponse::from_bytes(status.into(), headers, body.as_bytes().to_vec()))
    }

    fn error(code: &str, inner: &str, message: &str) -> String {
        let inner = if inner.is_empty() { String::new() } else { format!(r#","innererror":{{"code":"{inner}"}}"#) };
        format!(r#"{{"error":{{"code":"{code}","message":"{message}"{inner}}}}}"#)
    }

    #[test]
    fn every_no_has_its_meaning() {
        use Effect::{Read, Write};
        use Meaning::{Broken, Later, Refused, Unclear};
        for (status, code, inner, effect, meaning, words) in [
            (302, "", "", Read, Broken, "redirect"),
            (400, "BadParameter", "", Write, Broken, "does not take"),
            (401, "Unauthorized", "", Read, Refused, "token"),
            (403, "Forbidden", "SecretDisabled", Read, Refused, "is disabled"),
            (403, "Forbidden", "ForbiddenByPolicy", Read, Refused, "access policy"),
            (403, "Forbidden", "ForbiddenByRbac", Write, Refused, "setSecret/action"),
            (403, "Forbidden", "ForbiddenByFirewall", Read, Refused, "firewall"),
            (403, "Forbidden", "", Read, Refused, "setSecret/action"),
            (404, "SecretNotFound", "", Read, Refused, "not there"),
            (404, "", "", Read, Refused, "no key vault"),
            (409, "Conflict", "ObjectIsDeletedButRecoverable", Write, Later, "deleted"),
            (409, "Conflict", "", Write, Later, "somebody else"),
            (429, "Throttled", "", Write, Later, "limit"),
            (500, "", "", Read, Later, "HTTP 500"),
            (500, "", "", Write, Unclear, "HTTP 500"),
            (503, "", "", Read, Later, "HTTP 503"),
            (503, "", "", Write, Unclear, "HTTP 503"),
        ] {
            let asked = Asked { doing: "setting", secret: "svc", right: "set", effect };
            let fault = no(status, &error(code, inner, "hunter2"), Some("7")).fault(&asked);
            assert_eq!(fault.meaning, meaning, "{status} {code} {inner}");
            assert!(fault.cause.contains(words), "{fault}");
            assert_eq!(fault.retry_after_s, Some(7));
            assert!(status == 401 || !fault.to_string().contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn the_missing_right_is_named_as_the_vault_names_it() {
        let message =
            "Caller is not authorized.\\r\\nAction: 'Microsoft.KeyVault/vaults/secrets/readMetadata/action'\\r\\nX";
        let asked = Asked { doing: "looking", secret: "svc", right: "get", effect: Effect::Read };
        let fault = no(403, &error("Forbidden", "ForbiddenByRbac", message), None).fault(&asked);
        assert!(fault.cause.contains("secrets/readMetadata/action on svc"), "{fault}");
    }

    #[test]
    fn a_page_of_somebody_else_is_not_nothing() {
        assert!(!no(404, "<html>not found</html>", None).is_missing());
        assert!(no(404, &error("SecretNotFound", "", ""), None).is_missing());
    }

    #[test]
    fn a_fault_on_the_way_is_found_below_the_clients_own_words() {
        let asked = Asked { doing: "setting svc", secret: "svc", right: "set", effect: Effect::Write };
        let inner = Cut::error(Fault::later("", "no connection"));
        let error = Error::with_error(ErrorKind::Credential, inner, "authentication failed");
        let fault = Failed::read(&error, &asked).fault(&asked);
        assert_eq!((fault.meaning, fault.doing.as_str()), (Meaning::Later, "setting svc"));
    }
}
