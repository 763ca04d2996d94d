use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::{RIGHT, of_fault};
use crate::hashicorp_vault::entries::Entries;
use crate::hashicorp_vault::login::Login;
use crate::hashicorp_vault::reply::{self, Asked};
use crate::hashicorp_vault::session::Space;
use crate::hashicorp_vault::wire::Payload;
use crate::hashicorp_vault::{own_token, paths};
use crate::https::Effect;
use crate::port::{Fault, Slot, Standing, VaultCheck};

/// The vault is asked about so many paths at once; its answer names each twice.
const PATHS_AT_ONCE: usize = 300;

const CAPABILITIES: &str = "sys/capabilities-self";

/// One path of the policy, with the capabilities that we need on it.
struct Line {
    path: String,
    needs: &'static [&'static str],
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<BTreeMap<String, Vec<String>>>,
}

/// One check for each path that the policy must name.
pub(super) async fn checks(entries: &Entries, names: &[String], checks: &mut Vec<VaultCheck>) {
    let mut lines = Vec::new();
    for name in names {
        match of_account(entries, name) {
            Ok(of_account) => lines.extend(of_account),
            Err(fault) => checks.push(of_fault(RIGHT, Standing::Bad, &fault).about(name)),
        }
    }
    lines.push(Line { path: entries.mount_path("config").join("/"), needs: &["read"] });
    let mut own = vec![Line { path: own_token::PATH.to_owned(), needs: &["read"] }];
    if let Login::Token(_) = entries.session().login() {
        own.push(Line { path: "auth/token/renew-self".to_owned(), needs: &["update"] });
    }
    let of_entries = lines.chunks(PATHS_AT_ONCE).map(|some| (Space::Entries, some));
    for (space, some) in of_entries.chain([(Space::Login, own.as_slice())]) {
        match capabilities(entries, space, some).await {
            Ok(found) => checks.extend(some.iter().map(|line| judged(line, found.get(&line.path)))),
            Err(fault) => {
                let seen = format!("our rights can't be seen: {}", fault.cause);
                checks.push(VaultCheck::new(RIGHT, Standing::Unseen, seen).about(CAPABILITIES).todo(fault.hint));
                return;
            }
        }
    }
}

fn of_account(entries: &Entries, name: &str) -> Result<Vec<Line>, Fault> {
    let path = |api, slot| Ok::<_, Fault>(entries.path(api, &paths::entry(name, slot)?).join("/"));
    let data = &["create", "read", "update"];
    Ok(vec![
        Line { path: path("data", Slot::Current)?, needs: data },
        Line { path: path("data", Slot::Pending)?, needs: data },
        Line { path: path("data", Slot::Previous)?, needs: data },
        Line { path: path("destroy", Slot::Pending)?, needs: &["update"] },
        Line { path: path("metadata", Slot::Current)?, needs: &["read", "patch"] },
    ])
}

async fn capabilities(entries: &Entries, space: Space, lines: &[Line]) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    let doing = "asking the vault for our rights";
    let asked: Vec<_> = lines.iter().map(|line| line.path.as_str()).collect();
    let body = json!({ "paths": asked }).to_string();
    let payload = Payload::Json(body.into());
    let reply = entries.session().call_in(space, Effect::Read, &paths::parts(CAPABILITIES), payload, doing).await?;
    if !reply.status.is_success() {
        let asked = Asked { doing, path: CAPABILITIES, capabilities: "\"update\"" };
        return Err(reply::refusal(&reply, Effect::Read, &asked));
    }
    let envelope: Option<Envelope> = serde_json::from_slice(&reply.body).ok();
    envelope.and_then(|envelope| envelope.data).ok_or_else(|| reply::unexpected(&reply, doing))
}

fn judged(line: &Line, has: Option<&Vec<String>>) -> VaultCheck {
    let quoted = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let Some(has) = has else {
        return VaultCheck::new(RIGHT, Standing::Unseen, "the vault says nothing about it").about(&line.path);
    };
    let has = |word: &str| has.iter().any(|capability| capability == word);
    if has("root") {
        return VaultCheck::new(RIGHT, Standing::Doubtful, "everything: it is a root token")
            .about(&line.path)
            .todo("use a token that may do what the rotator needs and nothing more");
    }
    let missing: Vec<_> = line.needs.iter().copied().filter(|word| !has(word)).collect();
    if missing.is_empty() {
        return VaultCheck::new(RIGHT, Standing::Good, quoted(line.needs)).about(&line.path);
    }
    let policy = format!("make the policy say: path \"{}\" {{ capabilities = [{}] }}", line.path, quoted(line.needs));
    // So it looks where the policy is right and the settings name another place.
    let todo = if missing.len() == line.needs.len() {
        format!("see that `mount`, `namespace` and the account's vault_name are right; if so, {policy}")
    } else {
        policy
    };
    VaultCheck::new(RIGHT, Standing::Bad, format!("{} is missing", quoted(&missing))).about(&line.path).todo(todo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_capability_is_named_with_the_whole_line() {
        let line = Line { path: "secret/metadata/svc".into(), needs: &["read", "patch"] };
        let of = |words: &[&str]| {
            let has = words.iter().map(|word| (*word).to_owned()).collect();
            judged(&line, Some(&has))
        };
        assert_eq!(of(&["patch", "read", "list"]).standing, Standing::Good);
        assert_eq!(of(&["root"]).standing, Standing::Doubtful);
        let bad = of(&["read"]);
        assert_eq!((bad.standing, bad.seen.as_str()), (Standing::Bad, "\"patch\" is missing"));
        assert!(bad.todo.contains(r#"path "secret/metadata/svc" { capabilities = ["read", "patch"] }"#), "{bad:?}");
        assert!(!bad.todo.contains("`mount`"), "{bad:?}");
        let none = of(&["deny"]);
        assert_eq!(none.seen, "\"read\", \"patch\" is missing");
        assert!(none.todo.starts_with("see that `mount`") && none.todo.contains("capabilities ="), "{none:?}");
        assert_eq!(judged(&line, None).standing, Standing::Unseen);
    }
}
