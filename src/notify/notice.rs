use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Severity;

/// How a notice stands to what it tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A condition that holds since now, or is graver than before.
    Raised,
    /// A condition that still holds.
    Repeated,
    /// A condition that is over.
    Cleared,
    /// Something that just happened.
    Event,
}

/// What somebody should know. Title, text and next steps are one paragraph each, in plain text: a control character in
/// them comes from a name, so it is shown and not obeyed. No secret ever stands in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The condition's lasting id, such as `held/msol`.
    pub key: String,
    /// What kind it is, out of a bounded set, such as `held`.
    pub kind: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// How it stands to what it tells of.
    pub standing: Standing,
    /// When it was written.
    pub at: Timestamp,
    /// The machine that tells it.
    pub host: String,
    /// The account, where it is about one.
    pub account: Option<String>,
    /// The rotation, where it is about one.
    pub rotation: Option<String>,
    /// One line.
    pub title: String,
    /// What happened, one paragraph.
    pub text: String,
    /// What to do, in this order.
    pub next_steps: Vec<String>,
}

/// The version of the JSON document.
const SCHEMA: u32 = 1;

impl Notice {
    /// Title and standing in one line: `ALARM: …`, `Warning, still: …`, `Over: …`.
    pub(super) fn headline(&self) -> String {
        let grave = match self.severity {
            Severity::Info => "Info",
            Severity::Warning => "Warning",
            Severity::Alarm => "ALARM",
        };
        match self.standing {
            Standing::Raised | Standing::Event => format!("{grave}: {}", self.title),
            Standing::Repeated => format!("{grave}, still: {}", self.title),
            Standing::Cleared => format!("Over: {}", self.title),
        }
    }

    /// What it is about, for people: label and value.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if let Some(account) = &self.account {
            facts.push(("Account", account.clone()));
        }
        if let Some(rotation) = &self.rotation {
            facts.push(("Rotation", rotation.clone()));
        }
        facts.push(("Machine", self.host.clone()));
        facts.push(("Kind", self.kind.to_owned()));
        facts.push(("Time", self.at.to_string()));
        facts
    }

    /// The notice as the JSON document that programs get.
    pub(super) fn document(&self) -> Value {
        let mut document = serde_json::json!({ "schema": SCHEMA, "program": "entra-rotator" });
        if let (Some(all), Ok(Value::Object(own))) = (document.as_object_mut(), serde_json::to_value(self)) {
            all.extend(own);
        }
        document
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A name as a directory allows it: markup, a line break, right-to-left marks, mentions, and long.
    pub(crate) fn hostile_name() -> String {
        let start = "<script>alert(1)</script>\r\nBcc: all@contoso.test\u{202e}gpj.exe\u{200b}*_[x](http://evil.test) <!channel> {{DATE(1)}} & ";
        let mut name = start.to_owned();
        while name.chars().count() < 256 {
            name.push('é');
        }
        name
    }

    pub(crate) fn notice(severity: Severity, standing: Standing) -> Notice {
        Notice {
            key: "held/msol".into(),
            kind: "held",
            severity,
            standing,
            at: "2026-11-21T09:00:00Z".parse().expect("a time"),
            host: "SYNC1".into(),
            account: Some("msol".into()),
            rotation: Some("msol-20261121-1a2b3c".into()),
            title: "msol is held".into(),
            text: "The rotation of msol waits for a person.".into(),
            next_steps: vec!["entra-rotator status".into(), "entra-rotator resume --account msol".into()],
        }
    }

    pub(crate) fn hostile() -> Notice {
        let name = hostile_name();
        let mut notice = notice(Severity::Alarm, Standing::Raised);
        notice.title = format!("{name} is held");
        notice.text = format!("The rotation of {name} waits.");
        notice.next_steps = vec![format!("entra-rotator resume --account {name}")];
        notice.account = Some(name);
        notice
    }

    #[test]
    fn the_document_has_every_field_and_its_version() {
        let document = notice(Severity::Alarm, Standing::Repeated).document();
        insta::assert_snapshot!(document.to_string(), @r#"{"account":"msol","at":"2026-11-21T09:00:00Z","host":"SYNC1","key":"held/msol","kind":"held","next_steps":["entra-rotator status","entra-rotator resume --account msol"],"program":"entra-rotator","rotation":"msol-20261121-1a2b3c","schema":1,"severity":"alarm","standing":"repeated","text":"The rotation of msol waits for a person.","title":"msol is held"}"#);
    }

    #[test]
    fn the_headline_tells_a_repetition_and_an_end_apart() {
        let line = |standing| notice(Severity::Warning, standing).headline();
        assert_eq!(line(Standing::Raised), "Warning: msol is held");
        assert_eq!(line(Standing::Repeated), "Warning, still: msol is held");
        assert_eq!(line(Standing::Cleared), "Over: msol is held");
        assert!(Severity::Info < Severity::Warning && Severity::Warning < Severity::Alarm);
    }
}
