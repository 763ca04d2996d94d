use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::Config;

/// Everything that is wrong with a configuration file, in the order of the file.
#[derive(Debug)]
pub struct Faulty {
    /// `file:line:column: what is wrong`, one for each fault. Shows no value: it could be a secret.
    pub faults: Vec<String>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.faults.join("\n"))
    }
}

impl std::error::Error for Faulty {}

/// The configuration's JSON schema, as `config schema` prints it.
pub fn schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// Longest configuration that is read, in bytes: a mistaken path must not fill the memory.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

fn read_text(path: &Path) -> Result<String, String> {
    let unreadable = |cause: std::io::Error| format!("can't be read: {cause}; name another file with --config");
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err("is a folder, not a file; name another file with --config".into());
    }
    let mut bytes = Vec::new();
    file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        let longest = CONFIG_BYTES_MAX / 1024;
        return Err(format!("is longer than {longest} KiB, too long for a configuration; is it the right file?"));
    }
    String::from_utf8(bytes).map_err(|cause| {
        let good = cause.utf8_error().valid_up_to();
        let line = cause.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("is not UTF-8 text, first in line {line}; save it as UTF-8")
    })
}

/// Reads and checks a configuration file.
pub fn read(path: &Path) -> Result<Config, Faulty> {
    let one = |fault: String| Faulty { faults: vec![format!("{}: {fault}", path.display())] };
    let text = read_text(path).map_err(one)?;
    parse(&text).map_err(|faults| {
        let place = |(at, what): (usize, String)| {
            let before = &text[..at.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
            format!("{}:{line}:{column}: {what}", path.display())
        };
        Faulty { faults: faults.into_iter().map(place).collect() }
    })
}

/// The configuration, or every fault with the byte where it stands.
fn parse(text: &str) -> Result<Config, Vec<(usize, String)>> {
    let (document, mistakes) = DeTable::parse_recoverable(text);
    if !mistakes.is_empty() {
        let place =
            |mistake: toml::de::Error| (mistake.span().map_or(0, |span| span.start), mistake.message().to_owned());
        return Err(mistakes.into_iter().map(place).collect());
    }
    let whole = |what: String| vec![(0, what)];
    let value: Value = toml::from_str(text).map_err(|mistake| whole(mistake.message().to_owned()))?;
    let validator =
        jsonschema::validator_for(&schema()).map_err(|cause| whole(format!("our own schema is broken: {cause}")))?;

    let mut faults = Vec::new();
    for error in validator.iter_errors(&value) {
        let path = error.instance_path().as_str().to_owned();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                faults.extend(
                    unexpected
                        .iter()
                        .map(|key| (position(document.get_ref(), &path, Some(key)), format!("unknown key `{key}`"))),
                );
            }
            kind => faults.push((position(document.get_ref(), &path, None), sentence(&path, kind, &error))),
        }
    }
    faults.extend(
        cross_references(&value).into_iter().map(|(path, what)| (position(document.get_ref(), &path, None), what)),
    );
    if faults.is_empty() {
        return serde_json::from_value(value).map_err(|mistake| whole(mistake.to_string()));
    }
    faults.sort();
    faults.dedup();
    Err(faults)
}

fn sentence(path: &str, kind: &ValidationErrorKind, error: &jsonschema::ValidationError<'_>) -> String {
    let key = path.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
    let is_secret = ["password", "token"].iter().any(|word| key.contains(word));
    match kind {
        ValidationErrorKind::Required { property } => format!("the key {property} is missing here").replace('"', "`"),
        ValidationErrorKind::Type { .. }
        | ValidationErrorKind::MinProperties { .. }
        | ValidationErrorKind::MaxProperties { .. }
            if is_secret =>
        {
            format!(
                "`{key}` must be a reference: {{ file = … }}, {{ env = … }} or {{ credential = … }}; secrets never stand here"
            )
        }
        ValidationErrorKind::Pattern { pattern } if pattern.starts_with("^ldaps") => {
            format!("`{key}` must be ldaps://HOST or ldaps://HOST:PORT; a password never goes over plain LDAP")
        }
        ValidationErrorKind::Pattern { pattern } if pattern.starts_with("^https") => {
            format!("`{key}` must begin with https://; a password never goes over plain HTTP")
        }
        _ => format!("`{key}`: {}", error.masked_with("the value")),
    }
}

/// What the schema can't say: names that are used twice, servers that do not exist.
fn cross_references(value: &Value) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let list = |key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut servers = BTreeSet::new();
    for (index, server) in list("server").iter().enumerate() {
        if let Some(name) = text(server, "name")
            && !servers.insert(name.clone())
        {
            faults.push((format!("/server/{index}/name"), format!("a second server has the name `{name}`")));
        }
    }
    for key in ["name", "directory_name", "vault_name"] {
        let mut seen = BTreeSet::new();
        for (index, account) in list("account").iter().enumerate() {
            if let Some(name) = text(account, key)
                && !seen.insert(name.to_lowercase())
            {
                faults.push((format!("/account/{index}/{key}"), format!("a second account has the {key} `{name}`")));
            }
        }
    }
    let bind_password = value.pointer("/directory/bind_password/vault").and_then(Value::as_str);
    for (index, account) in list("account").iter().enumerate() {
        let mut fault = |key: &str, what: String| faults.push((format!("/account/{index}{key}"), what));
        let own = text(account, "kind").as_deref() == Some("self");
        let used = account.get("servers").and_then(Value::as_array).is_some_and(|servers| !servers.is_empty());
        match (own, used) {
            (true, true) => fault("/servers", "no server uses the rotator's own account: leave `servers` out".into()),
            (false, false) => fault("", "`servers` is missing or empty: name the servers that use the account".into()),
            _ => {}
        }
        if own && text(account, "vault_name").as_deref() != bind_password {
            let name = text(account, "vault_name").unwrap_or_default();
            fault(
                "/kind",
                format!(
                    "the rotator's own account is rotated in the vault, so its password must be read from there: `bind_password = {{ vault = \"{name}\" }}` in [directory]"
                ),
            );
        }
    }
    for (index, account) in list("account").iter().enumerate() {
        let uses = account.get("servers").and_then(Value::as_array).cloned().unwrap_or_default();
        for (place, used) in uses.iter().enumerate() {
            if let Some(server) = text(used, "server")
                && !servers.contains(&server)
            {
                faults.push((
                    format!("/account/{index}/servers/{place}/server"),
                    format!("there is no [[server]] `{server}`"),
                ));
            }
        }
    }
    faults
}

/// The byte where a JSON pointer's value stands, or where its table begins; of its key, when one is named.
fn position(root: &DeTable<'_>, pointer: &str, key: Option<&str>) -> usize {
    let mut at = 0;
    let mut table = Some(root);
    let mut value: Option<&DeValue<'_>> = None;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = match (table, value) {
            (Some(table), _) => table.get(part.as_str()),
            (None, Some(DeValue::Array(array))) => part.parse::<usize>().ok().and_then(|index| array.get(index)),
            _ => None,
        };
        let Some(next) = next else { return at };
        at = next.span().start;
        value = Some(next.get_ref());
        table = next.get_ref().as_table();
    }
    let named = key.and_then(|key| table?.iter().find(|(name, _)| name.get_ref() == key));
    named.map_or(at, |(name, _)| name.span().start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[journal]
file = "/tmp/journal.db"
[directory]
urls = ["ldaps://dc1.contoso.test"]
bind_name = "CONTOSO\\rotator"
bind_password = { file = "/run/rotator" }
[vault]
kind = "hashicorp"
url = "https://vault.contoso.test:8200"
token = { credential = "token" }
[[server]]
name = "SYNC1"
kind = "lab"
lab_dir = "/tmp/lab"
[[account]]
name = "msol"
kind = "connector"
directory_name = "MSOL_1"
vault_name = "entra/msol"
servers = [{ server = "SYNC1" }]
"#;

    fn faults(text: &str) -> Vec<String> {
        parse(text)
            .expect_err("faults")
            .into_iter()
            .map(|(at, what)| format!("{}: {what}", text[..at].matches('\n').count() + 1))
            .collect()
    }

    #[test]
    fn a_good_file_is_read() {
        let config = parse(GOOD).expect("no fault");
        assert_eq!(config.vault.mount, "secret");
        assert_eq!(config.account[0].servers[0].server, "SYNC1");
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_line() {
        let bad = GOOD
            .replace("ldaps://dc1", "ldap://dc1")
            .replace("bind_name", "bind_nam")
            .replace("{ credential = \"token\" }", "\"hunter2\"")
            .replace("{ server = \"SYNC1\" }", "{ server = \"SYNC9\" }")
            .replace("file = \"/tmp/journal.db\"", "");
        let told = faults(&bad);
        insta::assert_snapshot!(told.join("\n"), @r"
        2: the key `file` is missing here
        4: the key `bind_name` is missing here
        5: `urls` must be ldaps://HOST or ldaps://HOST:PORT; a password never goes over plain LDAP
        6: unknown key `bind_nam`
        11: `token` must be a reference: { file = … }, { env = … } or { credential = … }; secrets never stand here
        21: there is no [[server]] `SYNC9`
        ");
        assert!(!told.join("").contains("hunter2"), "a value was shown");
    }

    #[test]
    fn rubbish_is_told_without_a_panic() {
        for rubbish in ["", "[", "a = ", "\u{0}", "[journal]\nfile = 3", "account = 5", "[[account]]\nservers = 3"] {
            assert!(!faults(rubbish).is_empty());
        }
    }
}
