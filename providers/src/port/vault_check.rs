use serde::{Deserialize, Serialize};

use super::{Fault, Meaning};

/// How something about the vault stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// As it should be.
    Good,
    /// It works, and a person should know.
    Doubtful,
    /// A rotation would fail, or a password could be lost.
    Bad,
    /// It could not be seen.
    Unseen,
}

/// One thing that was looked at for an administrator. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultCheck {
    /// Its name, the same word for every vault: `reachable`, `identity`, `right`, `retention`, `recovery`, `clock`,
    /// `credential`, `file`.
    pub name: String,
    /// What it is about: a path, a right, a file; empty = the vault as a whole.
    pub about: String,
    /// How it stands.
    pub standing: Standing,
    /// What was seen, a sentence fragment.
    pub seen: String,
    /// What to do; empty where nothing is to be done.
    pub todo: String,
}

impl VaultCheck {
    /// A check, about the vault as a whole, that asks for nothing to be done.
    pub fn new(name: &str, standing: Standing, seen: impl Into<String>) -> Self {
        Self { name: name.to_owned(), about: String::new(), standing, seen: seen.into(), todo: String::new() }
    }

    /// `reachable` for a vault that did not answer as one: unseen when another try may bring an answer, else bad.
    pub fn unreached(fault: &Fault) -> Self {
        let standing = match fault.meaning {
            Meaning::Later | Meaning::Unclear => Standing::Unseen,
            Meaning::Refused | Meaning::Broken => Standing::Bad,
        };
        Self::new("reachable", standing, format!("{}: {}", fault.doing, fault.cause)).todo(&fault.hint)
    }

    /// The same about something.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// The same with what a person is to do.
    #[must_use]
    pub fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = todo.into();
        self
    }
}
