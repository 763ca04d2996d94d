use azure_core::http::Url;

use super::Cloud;
use crate::port::Fault;

/// What Key Vault takes as a secret's name at most.
const NAME_CHARS_MAX: usize = 127;
/// The candidate's secret is called as current's is, with this behind it.
const PENDING: &str = "-pending";

/// The names of an account's two secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) current: String,
    pub(super) pending: String,
}

/// The two secrets of an account. A name that Key Vault does not take is refused, never changed into another one:
/// two accounts could come to share a secret.
pub(super) fn of_account(name: &str) -> Result<Names, Fault> {
    let doing = format!("naming the secrets of {name:?}");
    let taken = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty() || !name.chars().all(taken) {
        return Err(Fault::broken(
            doing,
            "Key Vault takes letters of A to Z, digits and hyphens as a name, nothing else",
        )
        .hint("give the account a vault_name without `/`, `_`, `.` and spaces"));
    }
    // Key Vault does not tell large letters from small ones.
    if name.to_ascii_lowercase().ends_with(PENDING) {
        return Err(Fault::broken(doing, "a name that ends in -pending is where a candidate lies")
            .hint("give the account another vault_name"));
    }
    let pending = format!("{name}{PENDING}");
    if pending.len() > NAME_CHARS_MAX {
        let most = NAME_CHARS_MAX - PENDING.len();
        return Err(Fault::broken(doing, format!("it has {} characters; {most} is the most", name.len()))
            .hint("give the account a shorter vault_name"));
    }
    Ok(Names { current: name.to_owned(), pending })
}

/// The vault's address. A host outside the cloud's own domain is refused: the token would be asked for there.
pub(super) fn vault(url: &str, cloud: &Cloud) -> Result<Url, Fault> {
    let doing = format!("reading the vault's address{}", shown(url));
    let hint = "write https://NAME.vault.azure.net, as the portal shows it under Vault URI";
    let parsed = Url::parse(url).map_err(|e| Fault::broken(&doing, e.to_string()).hint(hint))?;
    if parsed.scheme() != "https" || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(Fault::broken(doing, "it is no plain https address").hint(hint));
    }
    if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(Fault::broken(doing, "there is something behind the host").hint(hint));
    }
    let host = parsed.host_str().unwrap_or_default();
    let own = cloud
        .vault_suffixes()
        .iter()
        .any(|suffix| host.strip_suffix(suffix).is_some_and(|label| !label.is_empty() && !label.contains('.')));
    if !own {
        let domain = cloud.vault_suffixes().join(" or ");
        return Err(Fault::broken(doing, format!("{host} is no vault of this cloud: its vaults end in {domain}"))
            .hint("set `cloud` for a sovereign cloud; a vault behind a private endpoint keeps this name too"));
    }
    Ok(parsed)
}

/// The host alone: before it there may be a password.
fn shown(url: &str) -> String {
    let parsed = Url::parse(url).ok();
    parsed.as_ref().and_then(Url::host_str).map(|host| format!(" at {host}")).unwrap_or_default()
}

/// The address of the token authority, for a cloud that is none of Microsoft's own.
pub(super) fn authority(url: &str) -> Result<Url, Fault> {
    let doing = format!("reading the authority's address{}", shown(url));
    match Url::parse(url) {
        Ok(parsed) if parsed.scheme() == "https" && parsed.username().is_empty() && parsed.password().is_none() => {
            Ok(parsed)
        }
        _ => Err(Fault::broken(doing, "it is no plain https address").hint("write https://login.microsoftonline.com")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Meaning;

    #[test]
    fn names_are_taken_as_they_are_or_refused() {
        let names = of_account("MSOL-0a1B").unwrap();
        assert_eq!((names.current.as_str(), names.pending.as_str()), ("MSOL-0a1B", "MSOL-0a1B-pending"));
        let longest = "a".repeat(119);
        assert_eq!(of_account(&longest).unwrap().pending.len(), 127);
        for bad in [
            "",
            "entra/svc",
            "svc_1",
            "svc.one",
            "sv c",
            "süd",
            "svc-pending",
            "svc-Pending",
            "SVC-PENDING",
            &"a".repeat(120),
        ] {
            let fault = of_account(bad).unwrap_err();
            assert_eq!(fault.meaning, Meaning::Broken, "{bad}");
            assert!(!fault.hint.is_empty(), "{bad}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        for url in
            ["https://me:hunter2@x.vault.azure.net", "http://me:hunter2@login.example", "hunter2", "https://hunter2@"]
        {
            let told = [vault(url, &Cloud::Public).unwrap_err(), authority(url).unwrap_err()];
            for fault in told {
                assert!(!fault.to_string().contains("hunter2"), "{fault}");
                assert_eq!(
                    fault.to_string().contains(" at "),
                    url.contains("@x.") || url.contains("@login"),
                    "{fault}"
                );
            }
        }
    }

    #[test]
    fn a_vault_is_one_of_its_cloud() {
        for (url, cloud) in [
            ("https://myvault.vault.azure.net", Cloud::Public),
            ("https://myvault.vault.azure.net:8443/", Cloud::Public),
            ("https://myvault.vault.usgovcloudapi.net/", Cloud::UsGovernment),
            ("https://myvault.vault.azure.cn", Cloud::China),
            ("https://myvault.vault.azure.net", Cloud::Other { authority: "https://127.0.0.1:1".to_owned() }),
        ] {
            assert!(vault(url, &cloud).is_ok(), "{url}");
        }
        for (url, cloud) in [
            ("http://myvault.vault.azure.net", Cloud::Public),
            ("https://myvault.vault.azure.cn", Cloud::Public),
            ("https://myvault.vault.azure.net", Cloud::China),
            ("https://vault.azure.net", Cloud::Public),
            ("https://a.b.vault.azure.net", Cloud::Public),
            ("https://vault.azure.net.evil.example", Cloud::Public),
            ("https://x@myvault.vault.azure.net", Cloud::Public),
            ("https://myvault.vault.azure.net/secrets", Cloud::Public),
            ("myvault", Cloud::Public),
        ] {
            assert_eq!(vault(url, &cloud).unwrap_err().meaning, Meaning::Broken, "{url}");
        }
    }
}
