use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{Config, history, notify, secret_ref};

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
    let in_notify = path.starts_with("/notify") || path.starts_with("/history/send");
    let is_secret = ["password", "passphrase", "token", "secret", "signing_key"].iter().any(|word| key.contains(word))
        || (in_notify && matches!(key, "url" | "key"))
        || path == "/vault/key";
    match kind {
        ValidationErrorKind::Required { property } => format!("the key {property} is missing here").replace('"', "`"),
        ValidationErrorKind::Type { .. }
        | ValidationErrorKind::MinProperties { .. }
        | ValidationErrorKind::MaxProperties { .. }
            if is_secret =>
        {
            let forms = match key {
                "bind_password" | "signing_key" | "previous_signing_key" => {
                    format!("{}, or {{ vault = … }}", secret_ref::FORMS)
                }
                "key" if !in_notify => format!("{}, or {{ prompt = true }}", secret_ref::FORMS),
                _ => secret_ref::FORMS.to_owned(),
            };
            format!("`{key}` must be a reference: {forms}; secrets never stand here")
        }
        _ if words_of(path, key).is_some() => format!("`{key}` must be {}", words_of(path, key).unwrap_or_default()),
        ValidationErrorKind::FalseSchema if path.starts_with("/vault/") => {
            format!("`{key}` has no place beside this `kind` or `method`")
        }
        ValidationErrorKind::FalseSchema if path.starts_with("/server/") => {
            format!("`{key}` has no place beside this `kind` or `logon`")
        }
        ValidationErrorKind::FalseSchema if path.starts_with("/history/") => {
            format!("`{key}` has no place beside this `kind`")
        }
        ValidationErrorKind::FalseSchema if key.starts_with("bind_") => {
            format!("`{key}` has no place beside logon = \"kerberos\": the ticket says who the rotator is")
        }
        ValidationErrorKind::Pattern { pattern } if pattern.starts_with("^ldaps") => {
            format!("`{key}` must be ldaps://HOST or ldaps://HOST:PORT; a password never goes over plain LDAP")
        }
        ValidationErrorKind::Pattern { pattern } if pattern.starts_with("^https") => {
            format!("`{key}` must begin with https://; a password never goes over plain HTTP")
        }
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::OneOfMultipleValid { .. }
            if key == "directory" =>
        {
            "`directory` needs either `urls`, or `domain` (with `port`, where it is not 636)".to_owned()
        }
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::OneOfMultipleValid { .. }
            if key == "journal" =>
        {
            "`journal` needs either `file`, or [journal.postgres]".to_owned()
        }
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::OneOfMultipleValid { .. }
            if key == "vault" =>
        {
            "`vault` needs either `token` or `login`".to_owned()
        }
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::OneOfMultipleValid { .. }
            if key == "approver" =>
        {
            "`approver` needs either `public_key` or `public_key_file`".to_owned()
        }
        ValidationErrorKind::MinItems { .. } if key == "recipients" => {
            "`recipients` must name two or more: the rotator's own, and one whose key is kept elsewhere for a bad day"
                .to_owned()
        }
        ValidationErrorKind::Constant { .. } if key == "prompt" => {
            "`prompt` can only be true; where nobody types the key, name `file`, `env` or `credential`".to_owned()
        }
        ValidationErrorKind::Type { .. } if path == "/vault/login" => {
            "`login` must be a table: [vault.login] with a `method`".to_owned()
        }
        ValidationErrorKind::Type { .. } if path == "/vault/identity" => {
            "`identity` must be a table: [vault.identity] with a `kind`".to_owned()
        }
        ValidationErrorKind::Pattern { .. } if key == "recipients" => {
            "`recipients` must be public keys as `age-keygen` shows them: `age1` and 58 letters and digits".to_owned()
        }
        ValidationErrorKind::Pattern { .. } if key.starts_with("vault") => {
            format!("`{key}` must be a path in the vault: no white space, and no / at its ends")
        }
        _ => format!("`{key}`: {}", error.masked_with("the value")),
    }
}

/// The words that a key of a fixed choice may have.
fn words_of(path: &str, key: &str) -> Option<&'static str> {
    match key {
        _ if path.starts_with("/notify") => notify::words_of(path, key),
        _ if path.starts_with("/history") => history::words_of(path, key),
        "logon" if path.starts_with("/server") => {
            Some("\"key\" or \"agent\" for ssh; \"kerberos\", \"ntlm\" or \"certificate\" for winrm")
        }
        "logon" => Some("\"password\" or \"kerberos\""),
        "quiesce" => Some("\"gap\" or \"disable\""),
        "engine_method" => Some("\"object-model\" or \"attended\""),
        "kind" if path.starts_with("/account") => Some("\"connector\", \"service\", \"entra\" or \"self\""),
        "kind" if path.starts_with("/server") => Some("\"local\", \"ssh\", \"winrm\" or \"lab\""),
        "misfire" => Some("\"skip\", \"once\" or \"now\""),
        "days" => Some("\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" or \"sun\" each"),
        "kind" if path.starts_with("/vault/identity") => {
            Some("\"managed\", \"arc\", \"workload\", \"certificate\", \"secret\" or \"cli\"")
        }
        "kind" if path.starts_with("/vault") => Some("\"hashicorp\", \"azure\" or \"sealed-file\""),
        "method" if path.starts_with("/vault/login") => Some("\"approle\", \"kubernetes\" or \"cert\""),
        "cloud" if path.starts_with("/vault") => Some("\"public\", \"us-government\" or \"china\""),
        _ => None,
    }
}

/// What the schema can't say: names that are used twice, servers that do not exist.
fn cross_references(value: &Value) -> Vec<(String, String)> {
    let mut faults = notify::faults(value);
    faults.extend(history::faults(value));
    let list = |key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    if !cfg!(feature = "kerberos") && value.pointer("/directory/logon").is_some_and(|logon| logon == "kerberos") {
        let what = "this program is built without Kerberos: build it with `--features kerberos`, or log on with \
                    `bind_name` and `bind_password`";
        faults.push(("/directory/logon".to_owned(), what.to_owned()));
    }
    if let Some(listen) = value.pointer("/serve/listen").and_then(Value::as_str) {
        match listen.parse::<SocketAddr>() {
            Ok(at) if !at.ip().is_loopback() && value.pointer("/serve/tls").is_none() => faults.push((
                "/serve/listen".to_owned(),
                "beyond loopback `tls` is needed beside it: name `cert_file` and `key_file`".to_owned(),
            )),
            Ok(_) => {}
            Err(_) => faults.push((
                "/serve/listen".to_owned(),
                "`listen` must be an address and a port, such as 127.0.0.1:9464 or [::1]:9464".to_owned(),
            )),
        }
    }
    let mut persons = BTreeSet::new();
    let named = value.pointer("/serve/actions/person").and_then(Value::as_array);
    for (index, person) in named.into_iter().flatten().enumerate() {
        if let Some(name) = text(person, "name")
            && !persons.insert(name.to_lowercase())
        {
            let what = format!("a second person has the name `{name}`: the journal could not tell them apart");
            faults.push((format!("/serve/actions/person/{index}/name"), what));
        }
    }
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
    faults.extend(super::vault::faults(value));
    faults.extend(super::server::faults(value));
    faults.extend(super::journal::faults(value));
    faults.extend(super::approval::faults(value));
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
        let kind = text(account, "kind").unwrap_or_default();
        let count = account.get("servers").and_then(Value::as_array).map_or(0, Vec::len);
        if kind == "entra" && count > 1 {
            fault("/servers", "the Entra connector account is one server's own: name exactly one".into());
        }
        if kind == "entra" && account.get("administrator").is_none() {
            let what = "`administrator` is missing: a reset needs `{ user = …, vault_name = … }`";
            fault("", what.into());
        }
        if matches!(kind.as_str(), "service" | "entra" | "self") && account.get("engine_method").is_some() {
            fault("/engine_method", "only a connector account is given to the engine".into());
        }
        if matches!(kind.as_str(), "connector" | "self") && account.get("administrator").is_some() {
            fault("/administrator", "nothing is reset in Entra ID for this kind of account".into());
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
    faults.extend(super::schedule::faults(value));
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
        assert_eq!(config.vault.url.as_deref(), Some("https://vault.contoso.test:8200"));
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
        2: `journal` needs either `file`, or [journal.postgres]
        4: the key `bind_name` is missing here
        5: `urls` must be ldaps://HOST or ldaps://HOST:PORT; a password never goes over plain LDAP
        6: unknown key `bind_nam`
        11: `token` must be a reference: { file = … }, { env = … } or { credential = … }; secrets never stand here
        21: there is no [[server]] `SYNC9`
        ");
        assert!(!told.join("").contains("hunter2"), "a value was shown");
    }

    #[test]
    fn domain_controllers_are_listed_or_found_and_never_both() {
        let urls = "urls = [\"ldaps://dc1.contoso.test\"]";
        let with = |lines: &str| GOOD.replace(urls, lines);
        let config = parse(&with("domain = \"contoso.test\"\nport = 6360")).expect("no fault");
        assert_eq!((config.directory.domain.as_deref(), config.directory.port), (Some("contoso.test"), Some(6360)));
        assert!(parse(&with("domain = \"contoso.test\"")).is_ok());
        let both = format!("{urls}\ndomain = \"contoso.test\"");
        let needless_port = format!("{urls}\nport = 636");
        for lines in ["", "port = 636", &both, &needless_port] {
            assert_eq!(
                faults(&with(lines)),
                ["4: `directory` needs either `urls`, or `domain` (with `port`, where it is not 636)"],
                "{lines}"
            );
        }
        for wrong in
            ["domain = \"\"", "domain = \"con toso\"", "domain = \"a..b\"", "domain = \"contoso.test\"\nport = 0"]
        {
            assert_eq!(faults(&with(wrong)).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn the_rotators_own_password_may_lie_in_the_vault_and_the_token_may_not() {
        let in_vault = GOOD.replace("{ file = \"/run/rotator\" }", "{ vault = \"entra/rotator\" }");
        let password = parse(&in_vault).expect("no fault").directory.bind_password.expect("it is there");
        assert_eq!(password.vault.as_deref(), Some("entra/rotator"));
        insta::assert_snapshot!(faults(&in_vault.replace("entra/rotator", "/entra")).join("\n"), @"7: `vault` must be a path in the vault: no white space, and no / at its ends");
        insta::assert_snapshot!(faults(&in_vault.replace("vault = \"entra", "env = \"A\", vault = \"entra")).join("\n"), @"7: `bind_password` must be a reference: { file = … }, { env = … } or { credential = … }, or { vault = … }; secrets never stand here");
        insta::assert_snapshot!(faults(&in_vault.replace("{ credential = \"token\" }", "{ vault = \"entra/token\" }")).join("\n"), @"11: unknown key `vault`");
    }

    #[test]
    fn kerberos_takes_the_place_of_name_and_password() {
        let named = GOOD.replace("bind_name", "logon = \"kerberos\"\nbind_name");
        let nameless: String = named.split_inclusive('\n').filter(|line| !line.starts_with("bind_")).collect();
        let told =
            |text: &str| parse(text).err().unwrap_or_default().into_iter().map(|(_, what)| what).collect::<Vec<_>>();
        let built_without = "this program is built without Kerberos";
        assert_eq!(told(&nameless).iter().any(|what| what.starts_with(built_without)), !cfg!(feature = "kerberos"));
        let others: Vec<_> = told(&named).into_iter().filter(|what| !what.starts_with(built_without)).collect();
        insta::assert_snapshot!(others.join("\n"), @r#"
        `bind_name` has no place beside logon = "kerberos": the ticket says who the rotator is
        `bind_password` has no place beside logon = "kerberos": the ticket says who the rotator is
        "#);
        let unnamed: String = GOOD.split_inclusive('\n').filter(|line| !line.starts_with("bind_")).collect();
        insta::assert_snapshot!(told(&unnamed).join("\n"), @r"
        the key `bind_name` is missing here
        the key `bind_password` is missing here
        ");
        insta::assert_snapshot!(told(&GOOD.replace("bind_name", "logon = \"ntlm\"\nbind_name")).join("\n"), @r#"`logon` must be "password" or "kerberos""#);
    }

    #[test]
    fn the_rotators_own_account_is_used_by_no_server_and_read_from_its_vault() {
        let own = "[[account]]\nname = \"rotator\"\nkind = \"self\"\ndirectory_name = \"rotator\"\nvault_name = \"entra/rotator\"\n";
        let in_vault = GOOD.replace("{ file = \"/run/rotator\" }", "{ vault = \"entra/rotator\" }");
        let config = parse(&format!("{in_vault}{own}")).expect("no fault");
        assert_eq!(config.account[1].servers.len(), 0);
        let told = |text: String| faults(&text).join("\n");
        assert!(told(format!("{GOOD}{own}")).contains("bind_password = { vault = \"entra/rotator\" }"));
        let elsewhere = in_vault.replace("entra/rotator", "entra/other");
        assert!(told(format!("{elsewhere}{own}")).contains("must be read from there"));
        let used = format!("{in_vault}{own}servers = [{{ server = \"SYNC1\" }}]\n");
        assert!(told(used).contains("leave `servers` out"));
        let unused = GOOD.replace("servers = [{ server = \"SYNC1\" }]\n", "");
        assert!(told(unused).contains("name the servers that use the account"));
    }

    #[test]
    fn a_word_of_a_fixed_choice_is_told_with_its_choices() {
        let wrong = GOOD
            .replace("kind = \"connector\"", "kind = \"conector\"\nquiesce = \"off\"\nengine_method = \"gui\"")
            .replace("kind = \"lab\"", "kind = \"telnet\"")
            .replace("kind = \"hashicorp\"", "kind = \"azur\"");
        insta::assert_snapshot!(faults(&wrong).join("\n"), @r#"
        9: `kind` must be "hashicorp", "azure" or "sealed-file"
        14: `kind` must be "local", "ssh", "winrm" or "lab"
        18: `kind` must be "connector", "service", "entra" or "self"
        19: `quiesce` must be "gap" or "disable"
        20: `engine_method` must be "object-model" or "attended"
        "#);
    }

    #[test]
    fn an_entra_account_has_one_server_and_an_administrator() {
        let entra = GOOD.replace("kind = \"connector\"", "kind = \"entra\"");
        let administrator = "administrator = { user = \"admin@contoso.test\", vault_name = \"entra/admin\" }\n";
        assert_eq!(faults(&entra).len(), 1, "{:?}", faults(&entra));
        assert!(parse(&format!("{entra}{administrator}")).is_ok());
        let two = entra.replace("[{ server = \"SYNC1\" }]", "[{ server = \"SYNC1\" }, { server = \"SYNC1\" }]");
        insta::assert_snapshot!(faults(&format!("{two}{administrator}engine_method = \"attended\"\n")).join("\n"), @r"
        21: the Entra connector account is one server's own: name exactly one
        23: only a connector account is given to the engine
        ");
        insta::assert_snapshot!(faults(&format!("{GOOD}{administrator}")).join("\n"), @"22: nothing is reset in Entra ID for this kind of account");
        let wrong = administrator.replace("admin@contoso.test", "admin");
        assert_eq!(faults(&format!("{entra}{wrong}")).len(), 1);
    }

    #[test]
    fn rubbish_is_told_without_a_panic() {
        for rubbish in ["", "[", "a = ", "\u{0}", "[journal]\nfile = 3", "account = 5", "[[account]]\nservers = 3"] {
            assert!(!faults(rubbish).is_empty());
        }
    }

    /// [`GOOD`] with these lines in place of the vault's.
    fn with_vault(lines: &str) -> String {
        let (before, after) = (GOOD.split("[vault]").next(), GOOD.split_once("[[server]]"));
        let whole = format!("{}[vault]\n{lines}\n[[server]]{}", before.expect("there"), after.expect("there").1);
        whole.replace("entra/msol", "entra-msol")
    }

    #[test]
    fn each_kind_of_server_has_its_own_keys() {
        let with = |lines: &str| GOOD.replace("kind = \"lab\"\nlab_dir = \"/tmp/lab\"", lines);
        let ssh = "kind = \"ssh\"\nhost = \"sync1\"\nuser = \"rotator\"\nknown_hosts_file = \"/k\"\n";
        let winrm = "kind = \"winrm\"\nurl = \"https://sync1:5986/wsman\"\n";
        for good in [
            format!("{ssh}logon = \"key\"\nkey_file = \"/id\"\nkey_passphrase = {{ env = \"P\" }}\nport = 2222"),
            format!("{ssh}logon = \"agent\"\ncommand = 'C:\\Tools\\entra-rotator.exe agent'"),
            format!("{winrm}logon = \"ntlm\"\nuser = 'CONTOSO\\rotator'\npassword = {{ file = \"/p\" }}"),
            format!("{winrm}logon = \"certificate\"\ncertificate_file = \"/c\"\nkey_file = \"/k\"\naddress = \"::1\""),
        ] {
            assert!(parse(&with(&good)).is_ok(), "{good}: {:?}", faults(&with(&good)));
        }
        let bad = [
            "kind = \"lab\"".to_owned(),
            ssh.replace("user", "#"),
            format!("{ssh}logon = \"key\"\nurl = \"https://h\""),
            format!("{ssh}logon = \"ntlm\"\npassword = \"hunter2\""),
            format!("{ssh}logon = \"agent\"\nkey_file = \"/id\""),
            format!("{}logon = \"ntlm\"", winrm.replace("https", "http")),
            format!("{winrm}logon = \"certificate\"\npassword = {{ env = \"P\" }}\naddress = \"sync1\""),
            format!("{winrm}logon = \"key\"\nkey_file = \"/id\""),
        ];
        let told: Vec<String> = bad.iter().map(|lines| faults(&with(lines)).join("\n")).collect();
        insta::assert_snapshot!(told.join("\n--\n"), @r#"
        12: the key `lab_dir` is missing here
        --
        12: the key `logon` is missing here
        12: the key `user` is missing here
        --
        12: the key `key_file` is missing here
        19: `url` has no place beside this `kind` or `logon`
        --
        18: `logon` must be "key" or "agent" for ssh; "kerberos", "ntlm" or "certificate" for winrm
        19: `password` has no place beside this `kind` or `logon`
        19: `password` must be a reference: { file = … }, { env = … } or { credential = … }; secrets never stand here
        --
        19: `key_file` has no place beside this `kind` or `logon`
        --
        12: the key `password` is missing here
        12: the key `user` is missing here
        15: `url` must begin with https://; a password never goes over plain HTTP
        --
        12: the key `certificate_file` is missing here
        12: the key `key_file` is missing here
        17: `password` has no place beside this `kind` or `logon`
        18: `address` must be an IP address
        --
        16: `logon` must be "key" or "agent" for ssh; "kerberos", "ntlm" or "certificate" for winrm
        "#);
        assert!(!told.concat().contains("hunter2"), "a value was shown");
        let elsewhere = faults(&with("kind = \"local\"")).concat();
        assert_eq!(elsewhere.contains("no Windows server"), !cfg!(windows), "{elsewhere}");
        let ticket = parse(&with(&format!("{winrm}logon = \"kerberos\""))).err().unwrap_or_default();
        assert_eq!(
            ticket.iter().any(|(_, what)| what.contains("built without Kerberos")),
            !cfg!(feature = "kerberos"),
            "{ticket:?}"
        );
    }

    #[test]
    fn each_kind_of_vault_has_its_own_keys() {
        let hashicorp = "kind = \"hashicorp\"\nurl = \"https://v\"\n";
        let azure = "kind = \"azure\"\nurl = \"https://v.vault.azure.net\"\n";
        let sealed = "kind = \"sealed-file\"\nfile = \"/v.age\"\nkey = { prompt = true }\n";
        let [a, q] = ["a", "q"].map(|letter| format!("age1{}", letter.repeat(58)));
        let two = format!("recipients = [\"{a}\", \"{q}\"]");
        for good in [
            format!("{hashicorp}token = {{ file = \"/t\" }}\nnamespace = \"a\""),
            format!("{hashicorp}login = {{ method = \"approle\", role_id = \"r\", secret_id = {{ env = \"S\" }} }}"),
            format!("{hashicorp}login = {{ method = \"kubernetes\", role = \"r\" }}"),
            format!(
                "{hashicorp}namespace = \"a\"\nlogin = {{ method = \"kubernetes\", role = \"r\", namespace = \"\" }}"
            ),
            format!("{hashicorp}login = {{ method = \"cert\" }}\nclient_cert_file = \"/c\"\nclient_key_file = \"/k\""),
            format!("{azure}identity = {{ kind = \"managed\" }}\nexpires_after_days = 90"),
            format!("{azure}identity = {{ kind = \"cli\" }}\ncloud = \"china\""),
            format!("{sealed}{two}"),
        ] {
            assert!(parse(&with_vault(&good)).is_ok(), "{good}: {:?}", faults(&with_vault(&good)));
        }
        let bad = [
            hashicorp.to_owned(),
            format!("{hashicorp}token = {{ file = \"/t\" }}\nlogin = {{ method = \"cert\" }}"),
            format!("{hashicorp}login = {{ method = \"approle\", role_id = \"r\", secret_id = \"hunter2\" }}"),
            format!("{hashicorp}login = {{ method = \"approle\", role = \"r\" }}\nclient_cert_file = \"/c\""),
            format!("{azure}mount = \"secret\"\nidentity = {{ kind = \"cli\" }}"),
            format!("{azure}identity = {{ kind = \"certificate\", client_secret = {{ env = \"S\" }} }}"),
            format!("{sealed}{}", two.replace(&format!(", \"{q}\""), "")),
            format!("{}{two}\nurl = \"https://v\"", sealed.replace("{ prompt = true }", "\"hunter2\"")),
            format!("{sealed}{}", two.replace(&a, "AGE-SECRET-KEY-1HUNTER2")),
            format!("{sealed}{}", two.replace(&q, &q[..61])),
            format!("{}{two}", sealed.replace("true", "false").replace("/v.age", "v.age")),
            format!("{sealed}{}", two.replace(&q, &a)),
            format!("{hashicorp}login = \"approle\""),
            format!("{azure}identity = \"managed\"\naddress = \"v.internal\""),
        ];
        let told: Vec<String> = bad.iter().map(|lines| faults(&with_vault(lines)).join("\n")).collect();
        insta::assert_snapshot!(told.join("\n--\n"), @r"
        8: `vault` needs either `token` or `login`
        --
        8: `vault` needs either `token` or `login`
        --
        11: `secret_id` must be a reference: { file = … }, { env = … } or { credential = … }; secrets never stand here
        --
        8: the key `client_key_file` is missing here
        11: the key `role_id` is missing here
        11: the key `secret_id` is missing here
        11: `role` has no place beside this `kind` or `method`
        --
        11: `mount` has no place beside this `kind` or `method`
        --
        11: the key `certificate_file` is missing here
        11: the key `client_id` is missing here
        11: the key `tenant_id` is missing here
        11: `client_secret` has no place beside this `kind` or `method`
        --
        12: `recipients` must name two or more: the rotator's own, and one whose key is kept elsewhere for a bad day
        --
        11: `key` must be a reference: { file = … }, { env = … } or { credential = … }, or { prompt = true }; secrets never stand here
        13: `url` has no place beside this `kind` or `method`
        --
        12: `recipients` must be public keys as `age-keygen` shows them: `age1` and 58 letters and digits
        --
        12: `recipients` must be public keys as `age-keygen` shows them: `age1` and 58 letters and digits
        --
        10: `file` must be the whole path, from the root down
        11: `prompt` can only be true; where nobody types the key, name `file`, `env` or `credential`
        --
        12: `recipients` names one key twice: it takes two different ones
        --
        11: `login` must be a table: [vault.login] with a `method`
        --
        11: `identity` must be a table: [vault.identity] with a `kind`
        12: `address` must be an IP address
        ");
        let path = with_vault(&format!("{azure}identity = {{ kind = \"cli\" }}")).replace("entra-msol", "entra/msol");
        insta::assert_snapshot!(faults(&path).join("\n"), @"20: `vault_name` is letters, digits and `-` in Azure Key Vault, at most 119 of them: `entra-msol`, say");
        for pending in ["entra-msol-pending", "entra-msol-Pending"] {
            let pending = path.replace("entra/msol", pending);
            insta::allow_duplicates! {
                insta::assert_snapshot!(faults(&pending).join("\n"), @"20: `vault_name` must not end in -pending: so the places of candidates are named");
            }
        }
        // Every name that is read there, not only the accounts' own.
        let all = path
            .replace("entra/msol", "entra-msol")
            .replace("kind = \"connector\"", "kind = \"entra\"")
            .replace("{ file = \"/run/rotator\" }", "{ vault = \"entra/rotator\" }");
        let all = format!("{all}administrator = {{ user = \"admin@contoso.test\", vault_name = \"entra/admin\" }}\n");
        insta::assert_snapshot!(faults(&all).join("\n"), @r"
        7: `vault` is letters, digits and `-` in Azure Key Vault, at most 119 of them: `entra-msol`, say
        22: `vault_name` is letters, digits and `-` in Azure Key Vault, at most 119 of them: `entra-msol`, say
        ");
        assert!(!told.concat().to_lowercase().contains("hunter2"), "a value was shown");
    }
}
