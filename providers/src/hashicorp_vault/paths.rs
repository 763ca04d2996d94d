use reqwest::Url;

use crate::port::{Fault, Slot};

const SUFFIX_PENDING: &str = "-pending";
const SUFFIX_PREVIOUS: &str = "-previous";

/// The base address, checked: HTTPS, a host, and nothing in it that belongs elsewhere.
pub(super) fn base(url: &str) -> Result<Url, Fault> {
    let doing = "reading the vault's address";
    let hint = "write url = \"https://HOST:PORT\"";
    // The text itself is not shown: somebody may have put a password into it.
    let parsed = Url::parse(url.trim()).map_err(|e| Fault::broken(doing, format!("it is no URL: {e}")).hint(hint))?;
    if parsed.scheme() != "https" {
        let cause =
            format!("it starts with {}:// and would carry the token and passwords unencrypted", parsed.scheme());
        return Err(
            Fault::broken(doing, cause).hint("only https:// is accepted; give the vault's listener a certificate")
        );
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(Fault::broken(doing, "it holds a user name or password").hint(hint));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(Fault::broken(doing, "it holds a query or a fragment").hint(hint));
    }
    Ok(parsed)
}

/// A mount or namespace as its path segments.
pub(super) fn segments(what: &str, text: &str) -> Result<Vec<String>, Fault> {
    let segments: Vec<String> = text.trim_matches('/').split('/').map(str::to_owned).collect();
    let bad =
        |s: &String| s.is_empty() || s == "." || s == ".." || s.chars().any(|c| c.is_control() || c.is_whitespace());
    if segments.iter().any(bad) {
        return Err(Fault::broken(format!("reading the vault's {what}"), format!("{text:?} is no path")));
    }
    Ok(segments)
}

/// An API path of our own making as its segments.
pub(super) fn parts(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

/// A namespace as the header has it; `None` and `/` = the topmost.
pub(super) fn namespace(text: Option<&str>) -> Result<Option<String>, Fault> {
    match text {
        None | Some("" | "/") => Ok(None),
        Some(text) => Ok(Some(segments("namespace", text)?.join("/"))),
    }
}

/// The entry's name for a slot of the account `name`.
pub(super) fn entry(name: &str, slot: Slot) -> Result<String, Fault> {
    segments("account name", name)?;
    if name.starts_with('/') || name.ends_with('/') {
        return Err(Fault::broken("reading the vault's account name", format!("{name:?} starts or ends with /")));
    }
    if name.ends_with(SUFFIX_PENDING) || name.ends_with(SUFFIX_PREVIOUS) {
        let cause = format!("{name:?} ends like the pending or previous entry of another account");
        return Err(Fault::broken("reading the vault's account name", cause).hint("choose another name"));
    }
    Ok(match slot {
        Slot::Current => name.to_owned(),
        Slot::Pending => format!("{name}{SUFFIX_PENDING}"),
        Slot::Previous => format!("{name}{SUFFIX_PREVIOUS}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Meaning;

    #[test]
    fn only_https_without_extras() {
        assert!(base("https://vault.contoso.test:8200/bao/").is_ok());
        for (bad, word) in [
            ("http://vault.contoso.test:8200", "unencrypted"),
            ("https://me:hunter2@vault.contoso.test", "user name"),
            ("https://vault.contoso.test/?token=hunter2", "query"),
            ("vault hunter2", "no URL"),
        ] {
            let fault = base(bad).unwrap_err();
            assert_eq!(fault.meaning, Meaning::Broken);
            assert!(fault.cause.contains(word), "{fault}");
            assert!(!fault.to_string().contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn names_that_could_meet_another_accounts_entries_are_refused() {
        assert_eq!(entry("entra/svc", Slot::Pending).unwrap(), "entra/svc-pending");
        assert_eq!(entry("svc", Slot::Previous).unwrap(), "svc-previous");
        for bad in ["svc-pending", "svc-previous", "", "/svc", "svc/", "a//b", "../svc", "a b", "a\nb"] {
            assert_eq!(entry(bad, Slot::Current).unwrap_err().meaning, Meaning::Broken, "{bad:?}");
        }
    }
}
