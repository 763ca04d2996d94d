//! Every kind of failure that `doctor` tells apart, brought about in a world by what people and bad luck do, and named.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Lab;
use super::truth::on_threads;

const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";
const TO_AD: &str = "contoso.test";
const TO_ENTRA: &str = "contoso.onmicrosoft.com - AAD";

/// What is to be found. What `doctor` finds beside it stands there too, so that a false alarm is seen.
struct Symptom {
    class: &'static str,
    world: &'static str,
    /// What happens, one command each; `!` before it = it ends otherwise than with 0. `CONNECTOR` and `ENTRA` stand for
    /// names that may hold spaces.
    happens: &'static [&'static str],
    /// Words of the evidence.
    evidence: &'static [&'static str],
    /// Words of the next step.
    next_step: &'static str,
    beside: &'static [&'static str],
}

const RUN: &str = "lab operator run --server SYNC1 --connector CONNECTOR";
const RUN_STAGING: &str = "lab operator run --server SYNC2 --connector CONNECTOR";
const RUN_TO_ENTRA: &str = "lab operator run --server SYNC1 --connector ENTRA";

const SYMPTOMS: [Symptom; 20] = [
    Symptom {
        class: "engine-password",
        world: "broken-before",
        happens: &["!rotate --lab --all"],
        evidence: &["no-start-credentials", "event 6000"],
        next_step: "give the connector the password again",
        beside: &[],
    },
    Symptom {
        class: "engine-password",
        world: "active-and-staging",
        happens: &["lab fault add engine-keeps-old@SYNC2", "!rotate --lab --all", RUN_STAGING],
        evidence: &["no-start-credentials", "event 6000"],
        next_step: "give the connector the password again",
        beside: &[],
    },
    Symptom {
        class: "connection",
        world: "one-forest",
        happens: &["lab fault add rpc-unavailable --times 1", RUN],
        evidence: &["no-start-connection", "event 611"],
        next_step: "don't rotate again",
        beside: &[],
    },
    Symptom {
        class: "replication-right",
        world: "one-forest",
        happens: &["lab fault add replication-right-lost", "rotate --lab --all"],
        evidence: &["event 611", "8453"],
        next_step: "Replicating Directory Changes All",
        beside: &[],
    },
    Symptom {
        class: "not-replicated",
        world: "one-forest",
        happens: &["lab operator replication --seconds 3600", "lab set-password --account ACCOUNT"],
        evidence: &["dc2.contoso.test shows key version", "dc1.contoso.test shows key version"],
        next_step: "don't set the password again",
        beside: &[],
    },
    Symptom {
        class: "busy",
        world: "one-forest",
        happens: &["lab fault add connector-busy --times 1", RUN],
        evidence: &["no-start-ma-already-running"],
        next_step: "back off",
        beside: &[],
    },
    Symptom {
        class: "cloud-credential",
        world: "one-forest",
        happens: &["lab fault add cloud-credential-blocked --times 1", RUN_TO_ENTRA],
        evidence: &["event 906", "event 115", "failed-authentication"],
        next_step: "conditional access",
        beside: &[],
    },
    Symptom {
        class: "cloud-credential",
        world: "aba",
        happens: &["lab fault add cloud-credential-blocked --times 1", RUN_TO_ENTRA],
        evidence: &["event 906", "event 115"],
        next_step: "no rotation causes or mends it",
        beside: &[],
    },
    Symptom {
        class: "entra-account",
        world: "entra-password-based",
        happens: &["lab fault add entra-password-wrong", RUN_TO_ENTRA],
        evidence: &["event 6900", "AADSTS70002", "AADSTS50054"],
        next_step: "reset it as a repair",
        beside: &[],
    },
    Symptom {
        class: "service-logon",
        world: "service-domain-user",
        happens: &["lab set-password --account svc-adsync --holder service:SYNC1", "!rotate --lab --account ACCOUNT"],
        evidence: &["event 7038", "svc-adsync"],
        next_step: "look at the account's lockout first",
        beside: &[],
    },
    Symptom {
        class: "service-logon",
        world: "service-local-user",
        happens: &["lab fault add service-logon-keeps-old", "!rotate --lab --account adsync"],
        evidence: &["event 7038", "adsync"],
        next_step: "set the service's password again",
        beside: &[],
    },
    Symptom {
        class: "service-logon-right",
        world: "service-domain-user",
        happens: &["lab operator service-right --server SYNC1 --held false", "!rotate --lab --account ACCOUNT"],
        evidence: &["event 7041", "svc-adsync"],
        next_step: "restore \"Log on as a service\"",
        beside: &[],
    },
    Symptom {
        class: "service-logon-right",
        world: "service-shared",
        happens: &["lab fault add service-right-lost@SYNC2", "!rotate --lab --account svc-adsync"],
        evidence: &["event 7041"],
        next_step: "restore \"Log on as a service\"",
        beside: &[],
    },
    Symptom {
        class: "key-set",
        world: "service-domain-user",
        happens: &["lab fault add key-set-lost", "!rotate --lab --account svc-adsync"],
        evidence: &["event 6028"],
        next_step: "stop and rotate nothing more",
        beside: &[],
    },
    Symptom {
        class: "certificate",
        world: "aba-due",
        happens: &[RUN_TO_ENTRA],
        evidence: &["event 1011"],
        next_step: "see that the scheduler is not suspended",
        beside: &[],
    },
    Symptom {
        class: "certificate",
        world: "aba-expired",
        happens: &[],
        evidence: &["the certificate ended at"],
        next_step: "Entra Connect renews its own certificate",
        beside: &[],
    },
    Symptom {
        class: "certificate",
        world: "aba-expired",
        happens: &[RUN_TO_ENTRA],
        evidence: &["event 1012", "the certificate ended at"],
        next_step: "Entra Connect renews its own certificate",
        beside: &[],
    },
    Symptom {
        class: "foreign-change",
        world: "one-forest",
        happens: &["lab operator enter-password --server SYNC1 --connector CONNECTOR"],
        evidence: &["event 2518", "contoso.test"],
        next_step: "verify that the vault still holds the password in use",
        beside: &[],
    },
    // The rotation's own change is not somebody else's, a person's at another connector is.
    Symptom {
        class: "foreign-change",
        world: "two-connectors",
        happens: &[
            "rotate --lab --account ACCOUNT",
            "lab operator enter-password --server SYNC1 --connector fabrikam.test",
        ],
        evidence: &["event 2518", "fabrikam.test"],
        next_step: "find out who did it",
        beside: &[],
    },
    Symptom {
        class: "foreign-change",
        world: "entra-password-based",
        happens: &["lab operator reset-entra --server SYNC1"],
        evidence: &["event 2519"],
        next_step: "find out who did it",
        beside: &[],
    },
];

/// Every kind there is, as docs/failure-classes.md lists them.
fn classes() -> BTreeSet<String> {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/failure-classes.md"));
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| kind "));
    rows.filter_map(|row| row.split('|').nth(1)).map(|name| name.trim().to_owned()).collect()
}

#[test]
fn every_kind_of_failure_is_brought_about_and_named() {
    let classes = classes();
    assert_eq!(classes.len(), 12, "{classes:?}");
    let brought: BTreeSet<String> = SYMPTOMS.iter().map(|symptom| symptom.class.to_owned()).collect();
    assert_eq!(brought, classes);
    on_threads(&SYMPTOMS, 4, is_named);
}

fn is_named(symptom: &Symptom) -> Result<String, String> {
    let name = format!("{} in {}: {:?}", symptom.class, symptom.world, symptom.happens);
    let lab = Lab::new();
    let made = lab.run(&format!("lab init --world {}", symptom.world));
    if made.code != Some(0) {
        return Err(format!("{name}: {}", made.stderr));
    }
    // Nothing is found in a healthy world; one that is not healthy shows itself by what happens, or by itself.
    let (_, before) = doctor(&lab)?;
    if !symptom.happens.is_empty() && symptom.world != "aba-expired" && !before.is_empty() {
        return Err(format!("{name}: found before anything happened: {before:?}"));
    }
    for command in symptom.happens {
        let (command, fails) = command.strip_prefix('!').map_or((*command, false), |command| (command, true));
        let words: Vec<&str> = command
            .split(' ')
            .map(|word| match word {
                "CONNECTOR" => TO_AD,
                "ENTRA" => TO_ENTRA,
                "ACCOUNT" => ACCOUNT,
                word => word,
            })
            .collect();
        let ended = lab.run_words(&words);
        if (ended.code == Some(0)) == fails {
            return Err(format!("{name}: {command} ended with {:?}\n{}\n{}", ended.code, ended.stdout, ended.stderr));
        }
    }
    let (code, findings) = doctor(&lab)?;
    let wrong = |what: &str| Err(format!("{name}: {what}, exit {code:?}: {findings:#?}"));
    if code != Some(1) {
        return wrong("something is wrong, and the exit code is not 1");
    }
    let Some(found) = findings.iter().find(|finding| finding["class"] == symptom.class) else {
        return wrong("it is not named");
    };
    let evidence = found["evidence"].to_string();
    if let Some(words) = symptom.evidence.iter().find(|words| !evidence.contains(**words)) {
        return wrong(&format!("no evidence {words:?}"));
    }
    let next_step = found["next_step"].as_str().unwrap_or_default();
    if next_step.is_empty() || !next_step.contains(symptom.next_step) {
        return wrong(&format!("no next step {:?}", symptom.next_step));
    }
    let known = |class: &Value| *class == symptom.class || symptom.beside.iter().any(|beside| class == beside);
    if findings.iter().any(|finding| !known(&finding["class"])) {
        return wrong("a false alarm");
    }
    Ok(name)
}

/// How `doctor` ends, and what it finds; everything is reached.
fn doctor(lab: &Lab) -> Result<(Option<i32>, Vec<Value>), String> {
    let ended = lab.run("doctor --lab --format json");
    let json = ended.json();
    if json["unreached"].as_array().is_none_or(|unreached| !unreached.is_empty()) {
        return Err(format!("not everything was reached: {}", json["unreached"]));
    }
    Ok((ended.code, json["findings"].as_array().cloned().unwrap_or_default()))
}
