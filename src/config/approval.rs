use std::collections::BTreeMap;
use std::path::PathBuf;

use providers::port::Fault;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::secret_ref::read_file;
use crate::approval::{Approver, Approvers, is_name};
use crate::signing::PublicKey;

/// Who approves plans, and whether they must be approved.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalConfig {
    /// Whether a person's rotation needs a plan that somebody else approved. The schedule's rotations need none.
    #[serde(default)]
    pub required: bool,
    /// Who may approve.
    #[serde(default)]
    pub approver: Vec<ApproverConfig>,
}

/// Somebody who may approve plans.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["public_key"] }, { "required": ["public_key_file"] }]))]
pub struct ApproverConfig {
    /// The name: what `approve --as` says.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The public key (Ed25519): 64 hex digits, or PEM.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// A file with it instead.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none")]
    pub public_key_file: Option<PathBuf>,
    /// The users of the operating system that are this person, here and on every machine where plans are carried out:
    /// what they approved they do not carry out. Empty = this person has none.
    pub users: Vec<String>,
}

impl ApprovalConfig {
    /// Those of a file that holds nothing else: a lab's.
    pub fn read(text: &str) -> Result<Self, String> {
        let value: Value = toml::from_str(text).map_err(|mistake| mistake.to_string())?;
        if let Some((place, what)) = faults(&serde_json::json!({ "approval": value })).into_iter().next() {
            return Err(format!("{place}: {what}"));
        }
        toml::from_str(text).map_err(|mistake| mistake.to_string())
    }

    /// With their keys.
    pub fn approvers(&self) -> Result<Approvers, Fault> {
        let mut all: Vec<Approver> = Vec::new();
        for approver in &self.approver {
            let unusable = |cause: String| {
                Fault::broken(format!("reading the public key of the approver {}", approver.name), cause)
                    .hint("name it in [[approval.approver]]: public_key, or public_key_file")
            };
            let text = match (&approver.public_key, &approver.public_key_file) {
                (Some(key), _) => key.clone(),
                (None, Some(file)) => {
                    read_file(file).map_err(|cause| unusable(format!("{}: {cause}", file.display())))?
                }
                (None, None) => return Err(unusable("there is none".to_owned())),
            };
            let key = PublicKey::read(&text).map_err(|cause| unusable(cause.to_string()))?;
            if let Some(other) = all.iter().find(|other| other.key == key) {
                return Err(unusable(format!("{} has the same one", other.name)));
            }
            all.push(Approver { name: approver.name.clone(), key, users: approver.users.clone() });
        }
        Ok(Approvers { required: self.required, all })
    }
}

/// What the schema can't say.
pub(super) fn faults(value: &Value) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let approvers = value.pointer("/approval/approver").and_then(Value::as_array).cloned().unwrap_or_default();
    if value.pointer("/approval/required") == Some(&Value::Bool(true)) && approvers.is_empty() {
        let what = "nobody could approve: name approvers in [[approval.approver]]";
        faults.push(("/approval/required".to_owned(), what.to_owned()));
    }
    let (mut names, mut keys) = (BTreeMap::new(), BTreeMap::new());
    for (index, approver) in approvers.iter().enumerate() {
        let text = |key: &str| approver.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut fault = |key: &str, what: String| faults.push((format!("/approval/approver/{index}/{key}"), what));
        if let Some(name) = text("name") {
            if !is_name(&name) {
                fault("name", "`name` must be letters, digits, spaces and punctuation, at most 100".to_owned());
            }
            if names.insert(name.clone(), index).is_some() {
                fault("name", format!("a second approver has the name `{name}`"));
            }
        }
        if let Some(key) = text("public_key") {
            match PublicKey::read(&key) {
                Ok(key) if keys.insert(key.to_string(), index).is_some() => {
                    fault("public_key", "a second approver has this key: one key is one person".to_owned());
                }
                Ok(_) => {}
                Err(cause) => fault("public_key", cause.to_string()),
            }
        }
    }
    faults
}
