//! The policies that users copy: enough, and nothing in them that could be left out.

use providers::hashicorp_vault::{HashicorpVault, Login, Settings};
use providers::port::{Fault, Secret, Slot, Standing, Vault, VaultCheck};
use serde_json::json;

use super::bed::{Bed, shipped};
use super::{attempt, secret};

/// Every capability of the policy as `(path, capability, the policy without it)`.
fn each_left_out(policy: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut path = String::new();
    let lines: Vec<&str> = policy.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if let Some(rest) = line.strip_prefix("path \"") {
            path = rest.split('"').next().expect("no path").to_owned();
        }
        let Some(list) = line.trim().strip_prefix("capabilities = [") else { continue };
        let words: Vec<&str> = list.trim_end_matches(']').split(", ").map(|word| word.trim_matches('"')).collect();
        for left_out in &words {
            let rest: Vec<_> = words.iter().filter(|word| word != &left_out).map(|w| format!("\"{w}\"")).collect();
            let rest = if rest.is_empty() { "\"deny\"".to_owned() } else { rest.join(", ") };
            let mut lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            lines[at] = format!("  capabilities = [{rest}]");
            found.push((path.clone(), (*left_out).to_owned(), lines.join("\n")));
        }
    }
    found
}

/// Every operation once, on an account that has been rotated before; the faults that came of it.
async fn everything(vault: &HashicorpVault, bed: &Bed, name: &str) -> Vec<Fault> {
    bed.put(name, &json!({"password": "old", "rotation": "r0"}));
    let mut faults = Vec::new();
    for (rotation, ending) in [("r1", "discard"), ("r2", "promote"), ("r3", "promote")] {
        let attempt = attempt(rotation, &[]);
        let staged = vault.stage(name, &attempt, &secret(rotation)).await;
        if let Ok(at) = &staged {
            faults.extend(vault.read(at).await.err());
            faults.extend(vault.announce(at).await.err());
        }
        faults.extend(staged.err());
        match ending {
            "discard" => faults.extend(vault.discard(name, &attempt).await.err()),
            _ => faults.extend(vault.promote(name, &attempt).await.err()),
        }
    }
    for slot in [Slot::Current, Slot::Pending, Slot::Previous] {
        faults.extend(vault.find(name, slot).await.err());
    }
    faults.extend(vault.own_credential().await.err());
    faults
}

fn with(bed: &Bed, label: &str, policy: &str) -> HashicorpVault {
    let login = Login::Token(bed.token_with(label, policy));
    HashicorpVault::new(Settings { login, ..bed.settings() }).expect("the settings are not accepted")
}

fn unhappy(checks: &[VaultCheck]) -> Vec<&VaultCheck> {
    checks.iter().filter(|check| check.standing != Standing::Good).collect()
}

#[tokio::test]
async fn the_documents_own_words_make_one_policy_for_all_accounts() {
    let bed = Bed::shared();
    let document = std::fs::read_to_string(shipped("../../docs/hashicorp-vault.md")).unwrap();
    let block = document.split("```sh\n").find(|block| block.contains("bao policy write"));
    let words = block.and_then(|block| block.split("```").next()).expect("no such block");
    bed.shell(words, &shipped(""));
    let policy = bed.run("bao", &["policy", "read", "entra-rotator"]);
    let vault = with(&bed, "documented", &policy);
    let names = ["entra/msol", "entra/rotator"].map(str::to_owned);
    for name in &names {
        assert!(everything(&vault, &bed, name).await.is_empty(), "{name}");
    }
    assert!(unhappy(&vault.examine(&names).await).is_empty());
}

#[tokio::test]
async fn the_shipped_policy_is_enough_for_everything() {
    let bed = Bed::shared();
    let vault = with(&bed, "exactly", &Bed::policy("exact"));
    let adopted = vault.adopt("exact", &secret("first")).await.unwrap();
    assert_eq!(vault.read(&adopted).await.unwrap(), secret("first"));
    assert_eq!(everything(&vault, &bed, "exact").await, []);
    assert_eq!(bed.password("exact").as_deref(), Some("r3"));
    let checks = vault.examine(&["exact".to_owned()]).await;
    assert_eq!(unhappy(&checks), Vec::<&VaultCheck>::new());
    for name in ["reachable", "identity", "right", "retention", "clock", "credential"] {
        assert!(checks.iter().any(|check| check.name == name), "{name}: {checks:?}");
    }
    assert!(!format!("{checks:?}").contains(&bed.token()), "{checks:?}");
    // To ask is to change nothing.
    let versions = bed.versions("exact");
    vault.examine(&["exact".to_owned(), "nobody".to_owned()]).await;
    assert_eq!(bed.versions("exact"), versions);
    assert_eq!(bed.get("nobody"), None);
}

#[tokio::test]
async fn each_right_that_is_left_out_is_named_with_its_path() {
    let bed = Bed::shared();
    // The operations that can't do without it say so themselves; the rest is for the one who examines.
    let mut silent = Vec::new();
    let cases = each_left_out(&Bed::policy("left-out"));
    assert_eq!(cases.len(), 16);
    for (number, (path, capability, _)) in cases.iter().enumerate() {
        let name = format!("left-out-{number}");
        let path = path.replace("left-out", &name);
        let policy = &each_left_out(&Bed::policy(&name))[number].2;
        let vault = with(&bed, &name, policy);
        let word = format!("\"{capability}\"");
        let faults = everything(&vault, &bed, &name).await;
        let named = |fault: &Fault| fault.hint.contains(&format!("\"{path}\"")) && fault.hint.contains(&word);
        if !faults.iter().any(named) {
            assert!(faults.is_empty(), "{word} on {path}: {faults:?}");
            silent.push(format!("{capability} {}", path.replace(&name, "X")));
        }
        let checks = vault.examine(std::slice::from_ref(&name)).await;
        let by_check =
            |check: &&VaultCheck| check.about == path && check.todo.contains(&word) && check.todo.contains(&path);
        assert!(unhappy(&checks).iter().any(by_check), "{word} on {path}: {checks:?}");
    }
    assert_eq!(
        silent,
        [
            // Only `adopt` creates current.
            "create secret/data/X",
            "read secret/metadata/X",
            "read secret/config",
            "read auth/token/lookup-self",
            "update auth/token/renew-self",
            "update sys/capabilities-self",
        ]
    );
}

#[tokio::test]
async fn a_reader_finds_the_password_and_the_candidate_and_can_change_nothing() {
    let bed = Bed::shared();
    let vault = bed.vault(&["watched"]);
    vault.adopt("watched", &secret("old")).await.unwrap();
    let at = vault.stage("watched", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.announce(&at).await.unwrap();
    let text = std::fs::read_to_string(shipped("reader-policy.hcl")).unwrap();
    let policy = text.replace("MOUNT/", "secret/").replace("ACCOUNT", "watched");
    let token: Secret = bed.token_with("reader", &policy);
    let read = |path: &str| {
        let arguments = ["read", "-format=json", path];
        bed.json_as(&token, &arguments)
    };
    let current = read("secret/data/watched").unwrap();
    assert_eq!(current["data"]["data"]["password"], "old");
    let marks = &current["data"]["metadata"]["custom_metadata"];
    assert!(read("secret/metadata/watched").unwrap_err().contains("permission denied"));
    let pending = format!("secret/data/{}", marks["pending-path"].as_str().unwrap());
    assert_eq!(read(&pending).unwrap()["data"]["data"]["password"], "new");
    assert!(read("secret/data/watched-previous").unwrap_err().contains("permission denied"));
    for path in ["secret/data/watched", "secret/data/watched-pending", "secret/metadata/watched"] {
        let said = bed.json_as(&token, &["write", "-format=json", path, "x=y"]).unwrap_err();
        assert!(said.contains("permission denied"), "{said}");
    }
}
