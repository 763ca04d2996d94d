//! Plans that somebody approves before they are carried out: written by `plan --out`, signed by `approve`, read by
//! `rotate --plan`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::output::{SCHEMA, say};
use crate::approval::digest;
use crate::order::{Approved, Exit};
use crate::rotation::{Approval, Plan};

/// Longest file that is read, in bytes.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Most signatures under one file.
pub(super) const APPROVALS_MAX: usize = 16;

/// The plans as they are stored: what a signature is of, to the byte.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    schema: u32,
    approve: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    approvals: Vec<Approval>,
}

/// A file of plans.
pub(super) struct PlanFile {
    form: Form,
    /// What is in it.
    pub(super) plans: Vec<Plan>,
}

/// Writes the plans into a file that was not there.
pub(super) fn write(file: &Path, plans: &[Plan]) -> Result<(), Exit> {
    #[derive(Serialize)]
    struct Unsigned<'p> {
        schema: u32,
        approve: &'p [Plan],
    }
    let failed = |cause: String| {
        say(&format!(
            "{} can't be written: {cause}\n  next step: name a new file in a folder of yours",
            file.display()
        ));
        Exit::Usage
    };
    let text = serde_json::to_string_pretty(&Unsigned { schema: SCHEMA, approve: plans });
    let text = text.map_err(|cause| failed(cause.to_string()))?;
    let mut opened = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .map_err(|cause| failed(cause.to_string()))?;
    opened
        .write_all(text.as_bytes())
        .and_then(|()| opened.write_all(b"\n"))
        .and_then(|()| opened.sync_all())
        .map_err(|cause| failed(cause.to_string()))
}

/// Reads them.
pub(super) fn read(file: &Path) -> Result<PlanFile, Exit> {
    let failed = |cause: String| {
        say(&format!("{}: {cause}\n  next step: write the plan anew with `plan --out`", file.display()));
        Exit::Usage
    };
    let opened = std::fs::File::open(file).map_err(|cause| failed(format!("it can't be read: {cause}")))?;
    let mut text = String::new();
    opened.take(BYTES_MAX).read_to_string(&mut text).map_err(|cause| failed(format!("it can't be read: {cause}")))?;
    let form: Form = serde_json::from_str(&text).map_err(|cause| failed(format!("it is no file of plans: {cause}")))?;
    let plans: Vec<Plan> =
        serde_json::from_str(form.approve.get()).map_err(|cause| failed(format!("it is no file of plans: {cause}")))?;
    let known = form.schema == SCHEMA && !plans.is_empty() && plans.iter().all(|plan| plan.pivot < plan.steps.len());
    if !known || form.approvals.len() > APPROVALS_MAX {
        return Err(failed("it holds no plan that this version knows".to_owned()));
    }
    // Whoever approves sees both, and only one could be meant.
    let accounts: BTreeSet<&str> = plans.iter().map(|plan| plan.inventory.account.as_str()).collect();
    if accounts.len() < plans.len() {
        return Err(failed("it holds two plans of one account".to_owned()));
    }
    Ok(PlanFile { form, plans })
}

impl PlanFile {
    /// The plans as they are stored.
    pub(super) fn stored(&self) -> &str {
        self.form.approve.get()
    }

    /// The signatures under them.
    pub(super) fn approvals(&self) -> &[Approval] {
        &self.form.approvals
    }

    /// The whole file with another signature; what is signed stays to the byte.
    pub(super) fn with(mut self, approval: Approval) -> Result<String, serde_json::Error> {
        self.form.approvals.push(approval);
        Ok(serde_json::to_string_pretty(&self.form)? + "\n")
    }

    /// What is carried out.
    pub(super) fn approved(self) -> Approved {
        Approved { digest: digest(self.stored()), plans: self.plans, approvals: self.form.approvals }
    }
}
