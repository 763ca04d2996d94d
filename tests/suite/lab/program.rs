use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

/// No run of the program against the lab takes longer.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// A lab in a folder of its own, made by the first command that makes one.
pub(crate) struct Lab {
    folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None` = ended by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|cause| panic!("{cause} in: {}\n{}", self.stdout, self.stderr))
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder") }
    }

    /// The same, made already: looking at a lab makes none.
    pub(crate) fn made() -> Self {
        let lab = Self::new();
        let made = lab.run("lab init");
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        lab
    }

    /// A lab of this named world.
    pub(crate) fn of_world(name: &str) -> Self {
        let lab = Self::new();
        let made = lab.run(&format!("lab init --world {name}"));
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        lab
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("lab")
    }

    /// Runs the program; every command knows the lab's folder.
    pub(crate) fn run(&self, arguments: &str) -> Ended {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        self.run_words(&words)
    }

    pub(crate) fn run_words(&self, words: &[&str]) -> Ended {
        let mut command = assert_cmd::Command::from_std(self.command(words));
        let output = command.timeout(RUN_LIMIT).output().expect("the program runs");
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// The same with something on standard input.
    pub(crate) fn run_reading(&self, arguments: &str, input: &[u8]) -> Ended {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = assert_cmd::Command::from_std(self.command(&words));
        let output = command.write_stdin(input).timeout(RUN_LIMIT).output().expect("the program runs");
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin("entra-rotator"));
        command.args(words).arg("--lab-dir").arg(self.dir()).stdin(Stdio::null());
        command.env_remove("ENTRA_ROTATOR_CONFIG");
        command
    }

    pub(crate) fn rotate(&self) -> Ended {
        self.run("rotate --lab --all")
    }

    pub(crate) fn order(&self, fault: &str) {
        let ended = self.run(&format!("lab fault add {fault}"));
        assert_eq!(ended.code, Some(0), "{fault}: {}", ended.stderr);
    }

    /// The truth of the lab: holder to label; a place that holds nothing is `-`.
    pub(crate) fn holders(&self) -> BTreeMap<String, String> {
        let truth = self.run("lab show --format json").json();
        assert_eq!(truth["schema"], 1);
        let [account] = &truth["accounts"].as_array().expect("accounts")[..] else { panic!("one account: {truth}") };
        let holders = account["holders"].as_array().expect("holders");
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        holders.iter().map(|holder| (text(&holder["holder"]), text(&holder["label"]))).collect()
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.run("lab show --format json").json()["counters"][name].as_u64().expect("a counter")
    }

    /// Panics unless `expected` (`all=p2 previous=p1`) is the truth.
    pub(crate) fn expect(&self, expected: &str, context: &str) {
        let holders = self.holders();
        let assert = |holder: &str, label: &str| {
            let found: Vec<_> = holders.iter().filter(|(name, _)| name.starts_with(holder)).collect();
            assert!(!found.is_empty() || label == "-", "{context}: nobody is {holder} in {holders:?}");
            for (name, held) in found {
                assert_eq!(held, label, "{context}: {name} in {holders:?}");
            }
        };
        for word in expected.split_whitespace() {
            match word.split_once('=').expect("HOLDER=LABEL") {
                ("all", label) => {
                    for holder in ["directory", "engine:", "vault:current"] {
                        assert(holder, label);
                    }
                    assert("vault:pending", "-");
                    assert("engine-cache:", "-");
                }
                ("engine", label) => assert("engine:", label),
                ("directory", label) => assert("directory", label),
                (slot, label) => assert(&format!("vault:{slot}"), label),
            }
        }
    }

    /// All of one label, whichever, nothing pending, no engine that runs with another one than it stores.
    pub(crate) fn expect_one_label(&self, context: &str) -> String {
        let label = self.holders()["directory"].clone();
        self.expect(&format!("all={label}"), context);
        label
    }

    /// The events of the newest rotation.
    pub(crate) fn newest_history(&self) -> Vec<Value> {
        let listed = self.run("history --lab --format json").json();
        let newest = listed["rotations"].as_array().and_then(|all| all.last()).expect("a rotation")["rotation"].clone();
        let shown =
            self.run(&format!("history --lab --format json --rotation {}", newest.as_str().expect("an id"))).json();
        shown["rotations"][0]["entries"].as_array().expect("entries").clone()
    }

    /// The strings of the steps that `plan` prints.
    pub(crate) fn planned_steps(&self) -> Vec<String> {
        let plan = self.run("plan --lab --all --format json").json();
        let steps = plan["plans"][0]["steps"].as_array().expect("steps");
        steps.iter().map(|step| step["step"].as_str().expect("a step").to_owned()).collect()
    }

    pub(crate) fn expect_intact_journal(&self, context: &str) {
        let verified = self.run("history verify --lab --format json");
        assert_eq!(verified.code, Some(0), "{context}: {}", verified.stdout);
    }
}
