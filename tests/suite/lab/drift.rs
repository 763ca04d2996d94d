//! The drift look on the lab: nothing right after a rotation, each thing that people and bad luck do, once and by its
//! name, and no trace of the look itself.

use std::collections::BTreeMap;
use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Lab;
use super::truth::on_threads;

const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";
const TO_AD: &str = "contoso.test";
const TO_ENTRA: &str = "contoso.onmicrosoft.com - AAD";

/// What the look may ask for. None of it tries a password or changes anything.
const READS: [&str; 9] =
    ["describe", "events", "runs", "account", "fingerprint", "local_user", "find", "own_credential", "examine"];

/// What the program saw: its exit code, and of each account what was found and what was not seen.
struct Looked {
    code: Option<i32>,
    found: BTreeMap<String, Vec<Value>>,
    unseen: Vec<String>,
}

impl Looked {
    /// Looks, and sees to it that nothing but looking was done.
    fn at(lab: &Lab, arguments: &str) -> Result<Self, String> {
        let before = Traces::of(lab);
        let ended = lab.run(&format!("doctor --drift --lab --format json {arguments}"));
        let after = Traces::of(lab);
        before.only_reads_until(&after)?;
        if ended.stdout.is_empty() {
            return Err(format!("no answer, exit {:?}: {}", ended.code, ended.stderr));
        }
        let json = ended.json();
        assert_eq!(json["schema"], 1);
        assert_eq!(json["exit"].as_i64(), ended.code.map(i64::from), "{json}");
        let (mut found, mut unseen) = (BTreeMap::new(), Vec::new());
        for account in json["accounts"].as_array().expect("accounts") {
            let list = |part: &str| account[part].as_array().expect("a list").clone();
            found.insert(account["account"].as_str().expect("a name").to_owned(), list("found"));
            unseen.extend(list("unseen").iter().map(Value::to_string));
        }
        Ok(Self { code: ended.code, found, unseen })
    }
}

/// What a look must leave as it is.
struct Traces {
    vault: Vec<u8>,
    counters: Value,
    wrong: Vec<Value>,
    locked: Vec<Value>,
    requests: usize,
    log: String,
}

impl Traces {
    fn of(lab: &Lab) -> Self {
        let world = world(lab);
        let (mut wrong, mut locked) = (Vec::new(), Vec::new());
        gather(&world, "wrong_count", &mut wrong);
        gather(&world, "locked_until", &mut locked);
        let log = fs::read_to_string(lab.dir().join("requests.log")).unwrap_or_default();
        let vault = fs::read(lab.dir().join("vault.json")).expect("a vault");
        Self { vault, counters: world["counters"].clone(), wrong, locked, requests: log.lines().count(), log }
    }

    fn only_reads_until(&self, after: &Self) -> Result<(), String> {
        if self.vault != after.vault {
            return Err("the vault was written".to_owned());
        }
        if (&self.counters, &self.wrong, &self.locked) != (&after.counters, &after.wrong, &after.locked) {
            return Err(format!("{} {:?} became {} {:?}", self.counters, self.wrong, after.counters, after.wrong));
        }
        for line in after.log.lines().skip(self.requests) {
            let request: Value = serde_json::from_str(line).expect("JSON");
            let operation = request["operation"].as_str().and_then(|operation| operation.split(' ').next());
            if !operation.is_some_and(|operation| READS.contains(&operation)) {
                return Err(format!("more than a look: {line}"));
            }
        }
        Ok(())
    }
}

fn gather(from: &Value, key: &str, into: &mut Vec<Value>) {
    match from {
        Value::Object(parts) => {
            into.extend(parts.get(key).cloned());
            parts.values().for_each(|part| gather(part, key, into));
        }
        Value::Array(parts) => parts.iter().for_each(|part| gather(part, key, into)),
        _ => {}
    }
}

fn world(lab: &Lab) -> Value {
    file(lab, "world.json")
}

fn file(lab: &Lab, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(lab.dir().join(name)).expect("the lab's file")).expect("JSON")
}

/// Writes what no order of the lab can bring about.
fn edit(lab: &Lab, name: &str, at: &str, value: Value) -> Result<(), String> {
    let mut all = file(lab, name);
    let place = all.pointer_mut(at).ok_or_else(|| format!("nothing lies at {at}"))?;
    if *place == value {
        return Err(format!("{at} is {value} already"));
    }
    *place = value;
    fs::write(lab.dir().join(name), all.to_string()).map_err(|cause| cause.to_string())
}

/// Something that happens to a world.
enum Happens {
    /// A command; `CONNECTOR`, `ENTRA` and `ACCOUNT` stand for names that may hold spaces. `!` before it = it ends
    /// otherwise than with 0.
    Runs(&'static str),
    /// The world's file is changed.
    World(&'static str, fn() -> Value),
    /// The vault's.
    Vault(&'static str, fn() -> Value),
}
use Happens::{Runs, Vault, World};

impl Happens {
    fn to(&self, lab: &Lab) -> Result<(), String> {
        let command = match self {
            World(at, value) => return edit(lab, "world.json", at, value()),
            Vault(at, value) => return edit(lab, "vault.json", at, value()),
            Runs(command) => *command,
        };
        let (command, fails) = command.strip_prefix('!').map_or((command, false), |command| (command, true));
        let word = |word| match word {
            "CONNECTOR" => TO_AD,
            "ENTRA" => TO_ENTRA,
            "ACCOUNT" => ACCOUNT,
            word => word,
        };
        let words: Vec<&str> = command.split(' ').map(word).collect();
        let ended = lab.run_words(&words);
        if (ended.code == Some(0)) == fails {
            return Err(format!("{command} ended with {:?}: {}{}", ended.code, ended.stdout, ended.stderr));
        }
        Ok(())
    }
}

/// What is found after something happened to a world.
struct Case {
    world: &'static str,
    /// Which accounts are rotated before: `--all`, `--account NAME`, or nobody's. Five minutes are not told apart from a
    /// rotation's own change of a connector, because clocks differ.
    rotated: &'static str,
    happens: &'static [Happens],
    /// Account, kind, what it is about, words of what was seen.
    found: &'static [(&'static str, &'static str, &'static str, &'static str)],
}

const FAR: fn() -> Value = || json!(i64::MAX);

const CASES: [Case; 30] = [
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[Runs("lab set-password --account ACCOUNT")],
        found: &[(ACCOUNT, "drift-password", "", "dc1.contoso.test shows key version")],
    },
    Case {
        world: "service-domain-user",
        rotated: "--all",
        happens: &[Runs("lab set-password --account svc-adsync")],
        found: &[("svc-adsync", "drift-password", "", "and the last record is that")],
    },
    Case {
        world: "service-local-user",
        rotated: "--all",
        // Two sets within seconds are not told apart: Windows tells an age in seconds.
        happens: &[World("/servers/0/local_users/0/password_set_at", || {
            json!(Timestamp::now() + SignedDuration::from_mins(1))
        })],
        found: &[("adsync", "drift-password", "", "another time than the recorded")],
    },
    Case {
        world: "one-forest",
        rotated: "",
        happens: &[Runs("lab set-password --account ACCOUNT --holder engine:SYNC1/contoso.test")],
        found: &[(ACCOUNT, "drift-credential", "SYNC1/contoso.test", "event 2518")],
    },
    // It is the business of the account that the connector binds as.
    Case {
        world: "two-connectors",
        rotated: "--account MSOL_1a2b3c4d5e6f",
        happens: &[Runs("lab operator enter-password --server SYNC1 --connector fabrikam.test")],
        found: &[("MSOL_f0e1d2c3b4a5", "drift-credential", "SYNC1/fabrikam.test", "event 2518")],
    },
    Case {
        world: "entra-password-based",
        rotated: "--all",
        happens: &[Runs("lab operator reset-entra --server SYNC1")],
        found: &[
            (ACCOUNT, "drift-credential", "SYNC1", "event 2519"),
            ("entra-connector", "drift-credential", "SYNC1", "event 2519"),
        ],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[Runs("lab set-password --account ACCOUNT --holder vault:current")],
        found: &[(ACCOUNT, "drift-vault", "", "is of no known rotation, not of")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[Vault("/accounts/MSOL_1a2b3c4d5e6f/current/version", || json!(99))],
        found: &[(ACCOUNT, "drift-vault", "", "was written again: it is version 99")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[Vault("/accounts/MSOL_1a2b3c4d5e6f/current/rotation", || json!("20200101T000000Z-other"))],
        found: &[(ACCOUNT, "drift-vault", "", "is of 20200101T000000Z-other, not of")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[Vault("/accounts/MSOL_1a2b3c4d5e6f/current", || Value::Null)],
        found: &[(ACCOUNT, "drift-vault", "", "has no current value")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[Vault(
            "/accounts/MSOL_1a2b3c4d5e6f/pending",
            || json!({ "secret": "Strange-1", "rotation": "stranger", "version": 7 }),
        )],
        found: &[(ACCOUNT, "drift-vault", "", "pending candidate of stranger")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[World("/domain/accounts/0/disabled", || json!(true))],
        found: &[(ACCOUNT, "drift-account-state", "", "disabled")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[World("/domain/accounts/0/locked_until", FAR)],
        found: &[(ACCOUNT, "drift-account-state", "", "locked")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[World("/domain/accounts/0/expires_at", || json!(1))],
        found: &[(ACCOUNT, "drift-account-state", "", "expired")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[World("/domain/accounts/0/must_change", || json!(true))],
        found: &[(ACCOUNT, "drift-account-state", "", "must change its password")],
    },
    Case {
        world: "service-local-user",
        rotated: "--all",
        happens: &[World("/servers/0/local_users/0/disabled", || json!(true))],
        found: &[("adsync", "drift-account-state", "", "disabled")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[Runs("lab operator upgrade --server SYNC1 --build 2.6.93.0")],
        found: &[(ACCOUNT, "drift-build", "SYNC1", "its build is 2.6.93.0, and was 2.6.92.0")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[World("/servers/0/build", || json!("2.5.78.0"))],
        found: &[(ACCOUNT, "drift-build", "SYNC1", "stopped syncing on 2026-09-30")],
    },
    Case {
        world: "active-and-staging",
        rotated: "--all",
        happens: &[Runs("lab operator swap-roles")],
        found: &[(ACCOUNT, "drift-roles", "", "SYNC1 is in staging mode now")],
    },
    Case {
        world: "active-and-staging",
        rotated: "--all",
        happens: &[World("/servers/1/staging", || json!(false))],
        found: &[(ACCOUNT, "drift-roles", "", "several are active: SYNC1, SYNC2")],
    },
    Case {
        world: "active-and-staging",
        rotated: "--all",
        happens: &[World("/servers/1/service/state", || json!("stopped"))],
        found: &[(ACCOUNT, "drift-engine", "SYNC2", "the ADSync service is stopped")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[Runs("lab operator scheduler --enabled false")],
        found: &[(ACCOUNT, "drift-engine", "SYNC1", "SyncCycleEnabled is off")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[World("/scheduler/suspended", || json!(true))],
        found: &[(ACCOUNT, "drift-engine", "SYNC1", "suspended")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[
            Runs("lab fault add rpc-unavailable --times 1"),
            Runs("lab operator run --server SYNC1 --connector CONNECTOR"),
        ],
        found: &[(ACCOUNT, "drift-engine", "SYNC1/contoso.test", "connection: ")],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[World("/servers/0/connectors/0/user", || json!("somebody-else"))],
        found: &[(ACCOUNT, "drift-engine", "SYNC1", "no connector binds as")],
    },
    Case {
        world: "aba",
        rotated: "--all",
        happens: &[World("/servers/0/entra/ends_at", || json!(Timestamp::now() + SignedDuration::from_hours(20 * 24)))],
        found: &[
            (ACCOUNT, "drift-certificate", "SYNC1", "the certificate for Entra ID ends at"),
            ("entra-connector", "drift-certificate", "SYNC1", "the certificate for Entra ID ends at"),
        ],
    },
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[Runs("lab operator replication --seconds 3600"), Runs("lab set-password --account ACCOUNT")],
        found: &[
            (ACCOUNT, "drift-password", "", "dc1.contoso.test shows key version"),
            (ACCOUNT, "drift-replication", "dc2.contoso.test", "dc2.contoso.test shows key version"),
        ],
    },
    // The role moved, to a domain controller that has the last set …
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[
            World("/domain/controllers/0/pdc", || json!(false)),
            World("/domain/controllers/1/pdc", || json!(true)),
        ],
        found: &[],
    },
    // … and to one that has not.
    Case {
        world: "one-forest",
        rotated: "--all",
        happens: &[
            World("/domain/controllers/0/pdc", || json!(false)),
            World("/domain/controllers/1/pdc", || json!(true)),
            World("/domain/controllers/1/replicas/MSOL_1a2b3c4d5e6f/password_last_set", || {
                json!(133_000_000_000_000_000_i64)
            }),
        ],
        found: &[(ACCOUNT, "drift-replication", "dc2.contoso.test", "and the last record is that dc1.contoso.test")],
    },
    Case {
        world: "service-shared",
        rotated: "--all",
        happens: &[World("/servers/1/service/start_name", || json!("CONTOSO\\svc-other"))],
        found: &[("svc-adsync", "drift-engine", "SYNC2", "its service runs as CONTOSO\\svc-other")],
    },
];

#[test]
fn what_happens_after_a_rotation_is_found_once_and_by_its_name() {
    on_threads(&CASES, 4, is_found);
}

fn is_found(case: &Case) -> Result<String, String> {
    let lab = Lab::of_world(case.world);
    if !case.rotated.is_empty() {
        // The Entra connector account is left as it is: that takes a person.
        lab.run(&format!("rotate --lab {}", case.rotated));
    }
    let name = format!("{}: {:?}", case.world, case.found);
    let quiet = Looked::at(&lab, "").map_err(|complaint| format!("{name}: {complaint}"))?;
    if quiet.code != Some(0) || quiet.found.values().any(|found| !found.is_empty()) {
        return Err(format!("{name}: before anything happened: {:?} {:?}", quiet.found, quiet.unseen));
    }
    for happens in case.happens {
        happens.to(&lab).map_err(|complaint| format!("{name}: {complaint}"))?;
    }
    let looked = Looked::at(&lab, "").map_err(|complaint| format!("{name}: {complaint}"))?;
    let wrong =
        |what: &str| Err(format!("{name}: {what}, exit {:?}: {:#?} {:?}", looked.code, looked.found, looked.unseen));
    if looked.code != Some(i32::from(!case.found.is_empty())) || !looked.unseen.is_empty() {
        return wrong("it ends otherwise");
    }
    let all: Vec<(&String, &Value)> =
        looked.found.iter().flat_map(|(account, found)| found.iter().map(move |found| (account, found))).collect();
    if all.len() != case.found.len() {
        return wrong("not as much was found");
    }
    for ((account, found), (wanted, kind, about, words)) in all.iter().zip(case.found) {
        let text = |part: &str| found[part].as_str().unwrap_or_default();
        if (account.as_str(), text("kind"), text("about")) != (wanted, kind, about) || !text("seen").contains(words) {
            return wrong("something else was found");
        }
        if text("todo").is_empty() {
            return wrong("no next step");
        }
    }
    let again = Looked::at(&lab, "").map_err(|complaint| format!("{name}: {complaint}"))?;
    if again.found != looked.found {
        return wrong("a second look finds something else");
    }
    Ok(name)
}

#[test]
fn nothing_is_found_right_after_a_rotation() {
    let worlds = [
        "one-forest",
        "single-dc",
        "two-forests-one-account",
        "two-connectors",
        "two-forests-active-and-staging",
        "service-upn-form",
        "service-shared",
        "service-each",
        "service-local-user",
        "service-gmsa",
        "service-vsa",
        "unknown-old",
        "aba",
        "entra-password-based",
    ];
    on_threads(&worlds, 4, |world| {
        let lab = Lab::of_world(world);
        for _ in 0..2 {
            lab.run("rotate --lab --all --accept-forward-only");
            let looked = Looked::at(&lab, "")?;
            if looked.code != Some(0) {
                return Err(format!("{world}: {:?} {:?}", looked.found, looked.unseen));
            }
        }
        Ok((*world).to_owned())
    });
}

#[test]
fn where_nothing_was_rotated_nothing_is_expected_and_no_journal_made() {
    let lab = Lab::made();
    let looked = Looked::at(&lab, "").expect("a look");
    assert_eq!(looked.code, Some(0), "{:?} {:?}", looked.found, looked.unseen);
    assert!(!lab.dir().join("journal.db").exists(), "looking made a journal");
    let table = lab.run("doctor --drift --lab");
    assert!(table.stdout.contains("no drift, password set at "), "{}", table.stdout);
}

#[test]
fn what_a_repair_mended_is_found_no_more() {
    let lab = Lab::of_world("one-forest");
    assert_eq!(lab.rotate().code, Some(0));
    assert_eq!(lab.run("lab set-password --account MSOL_1a2b3c4d5e6f").code, Some(0));
    assert_eq!(Looked::at(&lab, "").expect("a look").code, Some(1));
    let repaired = lab.run("rotate --lab --all --repair");
    assert_eq!(repaired.code, Some(0), "{}{}", repaired.stdout, repaired.stderr);
    let looked = Looked::at(&lab, "").expect("a look");
    assert_eq!(looked.code, Some(0), "{:?} {:?}", looked.found, looked.unseen);
}

#[test]
fn a_rotation_that_was_turned_back_leaves_no_drift() {
    let lab = Lab::of_world("one-forest");
    assert_eq!(lab.rotate().code, Some(0));
    lab.order("engine-refuses --times 100");
    assert_eq!(lab.rotate().code, Some(1));
    let looked = Looked::at(&lab, "").expect("a look");
    assert_eq!(looked.code, Some(0), "{:?} {:?}", looked.found, looked.unseen);
}

#[test]
fn an_open_rotation_hides_its_own_changes_from_no_other_account() {
    let lab = Lab::of_world("two-connectors");
    assert_eq!(lab.rotate().code, Some(0));
    lab.order("crash-before:directory");
    assert_eq!(lab.run("rotate --lab --quiesce disable --account MSOL_f0e1d2c3b4a5").code, None);
    assert_eq!(world(&lab)["scheduler"]["enabled"], false, "it paused the scheduler");
    // The pause is ours, so it is no drift; the account itself is not looked at while its rotation is open.
    let looked = Looked::at(&lab, "").expect("a look");
    assert_eq!(looked.code, Some(75), "{:?} {:?}", looked.found, looked.unseen);
    assert!(looked.found.values().all(Vec::is_empty), "{:?}", looked.found);
    let [unseen] = &looked.unseen[..] else { panic!("{:?}", looked.unseen) };
    assert!(unseen.contains("MSOL_f0e1d2c3b4a5") && unseen.contains("was interrupted"), "{unseen}");
}

#[test]
fn a_held_rotation_and_its_candidate_are_no_drift() {
    let lab = Lab::of_world("one-forest");
    assert_eq!(lab.rotate().code, Some(0));
    // Held over a password that is not its own: whose the last set is, nobody knows until a person says.
    lab.order("foreign-password");
    let held = lab.rotate();
    assert_eq!(held.code, Some(3), "{}", held.stdout);
    assert_eq!(file(&lab, "vault.json")["accounts"][ACCOUNT]["pending"]["version"], 3, "a candidate lies there");
    let looked = Looked::at(&lab, "").expect("a look");
    assert_eq!(looked.code, Some(0), "{:?} {:?}", looked.found, looked.unseen);
}

#[test]
fn what_can_not_be_seen_is_no_drift() {
    let lab = Lab::of_world("active-and-staging");
    assert_eq!(lab.rotate().code, Some(0));
    lab.order("server-unreachable@SYNC2 --times 100");
    let looked = Looked::at(&lab, "").expect("a look");
    assert_eq!(looked.code, Some(75), "{:?} {:?}", looked.found, looked.unseen);
    assert!(looked.found.values().all(Vec::is_empty), "{:?}", looked.found);
    assert!(
        !looked.unseen.is_empty() && looked.unseen.iter().all(|fault| fault.contains("SYNC2")),
        "{:?}",
        looked.unseen
    );
    // What is found besides counts more.
    assert_eq!(lab.run("lab set-password --account MSOL_1a2b3c4d5e6f").code, Some(0));
    assert_eq!(Looked::at(&lab, &format!("--account {ACCOUNT}")).expect("a look").code, Some(1));
}

#[test]
fn wrong_use_ends_with_2() {
    let lab = Lab::made();
    for wrong in ["--account nobody", "--since 3", "--rehearse --account MSOL_1a2b3c4d5e6f"] {
        assert_eq!(lab.run(&format!("doctor --drift --lab {wrong}")).code, Some(2), "{wrong}");
    }
}
