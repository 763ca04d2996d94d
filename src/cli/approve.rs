//! `approve`: somebody looks at plans that another person made, and signs them.

use std::io::{BufRead, IsTerminal, Read};
use std::path::Path;

use jiff::SignedDuration;
use providers::port::Secret;
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::approval::{self, APPROVALS_MAX};
use super::arguments::{ApproveOptions, Global};
use super::output::{say, show};
use super::plan::Plans;
use super::report;
use crate::approval::{digest, is_name, sign};
use crate::clock::{Clock, SystemClock};
use crate::order::Exit;
use crate::report::json_safe;
use crate::rotation::{Approval, Inventory, Plan};
use crate::signing::SigningKey;

/// Longest file with a key, in bytes.
const KEY_BYTES_MAX: usize = 64 * 1024;

/// What is typed.
const WORD: &str = "approve";

#[derive(Serialize)]
struct ToApprove<'f> {
    #[serde(flatten)]
    plans: Plans,
    /// What the plans were made from.
    inventories: Vec<&'f Inventory>,
    /// The SHA-256 of the plans as they are stored.
    sha256: String,
    /// The signatures so far; not verified here, where no configuration says whose keys count.
    approvals: &'f [Approval],
}

pub(super) fn run(global: &Global, options: &ApproveOptions) -> Exit {
    match approve(global, options) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

fn approve(global: &Global, options: &ApproveOptions) -> Result<(), Exit> {
    let refused = |why: &str| {
        say(&format!("nothing was signed: {why}"));
        Exit::Usage
    };
    let name = &options.name;
    if !is_name(name) {
        return Err(refused("--as takes the name that [approval] has: letters, digits, spaces and punctuation"));
    }
    let file = approval::read(&options.file)?;
    if hides(&serde_json::from_str(file.stored()).unwrap_or_default()) {
        return Err(refused(
            "a name in it has characters that can't be seen, so nobody can know what he approves\n  next step: look at the file and at who made it",
        ));
    }
    if file.approvals().len() >= APPROVALS_MAX {
        return Err(refused("it bears too many signatures\n  next step: write the plan anew with `plan --out`"));
    }
    let key = read_key(&options.key).map_err(|cause| {
        refused(&format!("{}: {cause}\n  next step: name your private key with --key", options.key.display()))
    })?;
    let sha256 = digest(file.stored());
    let shown = ToApprove {
        plans: Plans::stored(&file.plans),
        inventories: file.plans.iter().map(|plan| &plan.inventory).collect(),
        sha256: sha256.clone(),
        approvals: file.approvals(),
    };
    show(global.format, &shown, |shown| text(shown, &file.plans));
    if !options.yes && !agreed(name) {
        return Err(refused("it was not confirmed"));
    }
    let valid = SignedDuration::from_hours(options.valid_h.into());
    let approval = sign(&key, name, sha256, SystemClock.now(), valid);
    let told = format!(
        "approved by {name} until {}, with the key {}\n  next step: somebody else runs `rotate --plan {}`",
        approval.until,
        approval.key,
        options.file.display()
    );
    let whole = file.with(approval).map_err(|cause| refused(&cause.to_string()))?;
    match report::write(Some(&options.file), whole.as_bytes()) {
        Exit::Done => {
            say(&told);
            Ok(())
        }
        failed => Err(failed),
    }
}

fn agreed(name: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        say("there is no terminal to ask at\n  next step: run it at a terminal, or say --yes too");
        return false;
    }
    say(&format!("These plans are approved in the name of {name}. Type `{WORD}` and Enter; anything else stops here."));
    let mut answer = String::new();
    // Nothing read is no agreement.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    answer.trim() == WORD
}

fn read_key(file: &Path) -> Result<SigningKey, String> {
    let unreadable = |cause: std::io::Error| format!("it can't be read: {cause}");
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    // It never grows: bytes that move leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(KEY_BYTES_MAX + 2));
    let read = opened.take(KEY_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if read > KEY_BYTES_MAX {
        return Err("it is too long for a key".to_owned());
    }
    SigningKey::read(&Secret::new(text.as_str())).map_err(|cause| cause.to_string())
}

/// Whether a text in it would not show all of itself on a screen.
fn hides(value: &Value) -> bool {
    let unseen = |text: &str| text.contains(char::is_control) || json_safe(text) != text;
    match value {
        Value::String(text) => unseen(text),
        Value::Array(values) => values.iter().any(hides),
        Value::Object(fields) => fields.iter().any(|(key, value)| unseen(key) || hides(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn text(shown: &ToApprove<'_>, plans: &[Plan]) -> String {
    let mut lines = vec![shown.plans.text(), String::new()];
    for plan in plans {
        let made_at = plan.made_at.map_or_else(String::new, |at| format!(" at {at}"));
        lines.push(format!("{}: made{made_at} from", plan.inventory.account));
        lines.extend(seen(plan));
    }
    lines.push("what preflight looked at is not in the file: `rotate --plan` looks at all of it anew".to_owned());
    for approval in shown.approvals {
        let Approval { by, at, until, key, .. } = approval;
        lines.push(format!("signed before (not verified here): {by:?}, {at} to {until}, key {key:?}"));
    }
    lines.push(format!("SHA-256 of the plans: {}", shown.sha256));
    lines.join("\n")
}

/// The rest of what a plan says: everything that a rotation is held against.
fn seen(plan: &Plan) -> Vec<String> {
    let inventory = &plan.inventory;
    // Each field by its own name and in its own words: what is approved is what is stored.
    let whole = serde_json::to_value(inventory).unwrap_or_default();
    let fields = whole.as_object().cloned().unwrap_or_default();
    let mut lines: Vec<String> = fields.iter().map(|(name, value)| format!("  {name}: {value}")).collect();
    lines.push(format!("  old password: {}", serde_json::to_value(plan.old).unwrap_or_default()));
    lines
}
