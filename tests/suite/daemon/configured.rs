use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use super::Service;
use crate::lab::{Ended, Lab};

pub(super) const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";

/// A configuration of a lab server whose directory and vault nobody runs: what the service does without them.
pub(super) struct Configured {
    pub(super) lab: Lab,
}

impl Configured {
    pub(super) fn new(more: &str) -> Self {
        let configured = Self { lab: Lab::made() };
        configured.write(more);
        configured
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.lab.dir().join(name)
    }

    /// Puts a configuration with this at its end in the place of the one before.
    pub(super) fn write(&self, more: &str) {
        let folder = self.lab.dir();
        std::fs::write(self.path("secret"), "nobody-asks-for-it\n").expect("a secret");
        let mut text = String::new();
        write!(
            text,
            r#"
[journal]
file = "{folder}/journal.db"
[directory]
urls = ["ldaps://127.0.0.1:1"]
bind_name = "rotator@contoso.test"
bind_password = {{ file = "{folder}/secret" }}
[vault]
kind = "hashicorp"
url = "https://127.0.0.1:1"
token = {{ file = "{folder}/secret" }}
[[server]]
name = "SYNC1"
kind = "lab"
lab_dir = "{folder}"
[[account]]
name = "{ACCOUNT}"
kind = "connector"
directory_name = "{ACCOUNT}"
vault_name = "{ACCOUNT}"
servers = [{{ server = "SYNC1" }}]
{more}"#,
            folder = folder.display()
        )
        .expect("text");
        std::fs::write(self.path("config.toml"), text).expect("a configuration");
    }

    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin("entra-rotator"));
        command.args(words).arg("--config").arg(self.path("config.toml"));
        command
    }

    pub(super) fn run(&self, words: &[&str]) -> Ended {
        let mut command = assert_cmd::Command::from_std(self.command(words));
        let output = command.timeout(std::time::Duration::from_secs(60)).output().expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub(super) fn start(&self) -> Service {
        let words = ["serve", "--listen", "127.0.0.1:0", "--log", "info", "--log-format", "json"];
        let service = Service::spawn(self.command(&words));
        service.serves();
        service
    }

    /// A program that appends each notice to a file.
    pub(super) fn hook(&self) -> String {
        let program = self.path("hook.sh");
        std::fs::write(&program, "#!/bin/sh\n(cat; echo) >>\"$1\"\n").expect("a program");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
        format!("[notify.command]\nprogram = {program:?}\nargs = [{:?}]\n", self.path("notices"))
    }

    /// What the hook was given, oldest first.
    pub(super) fn notices(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("notices")).unwrap_or_default();
        serde_json::Deserializer::from_str(&text).into_iter().map_while(Result::ok).collect()
    }
}
