//! Plans that somebody approves before they are carried out: written by `plan --out`, read by `rotate --plan`.

use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::output::{SCHEMA, say};
use crate::order::Exit;
use crate::rotation::Plan;

/// Longest file that is read, in bytes.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    schema: u32,
    approve: Vec<Plan>,
}

/// Writes the plans into a file that was not there.
pub(super) fn write(file: &Path, plans: &[Plan]) -> Result<(), Exit> {
    let approval = Approval { schema: SCHEMA, approve: plans.to_vec() };
    let failed = |cause: String| {
        say(&format!(
            "{} can't be written: {cause}\n  next step: name a new file in a folder of yours",
            file.display()
        ));
        Exit::Usage
    };
    let text = serde_json::to_string_pretty(&approval).map_err(|cause| failed(cause.to_string()))?;
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
pub(super) fn read(file: &Path) -> Result<Vec<Plan>, Exit> {
    let failed = |cause: String| {
        say(&format!("{}: {cause}\n  next step: write the plan anew with `plan --out`", file.display()));
        Exit::Usage
    };
    let opened = std::fs::File::open(file).map_err(|cause| failed(format!("it can't be read: {cause}")))?;
    let mut text = String::new();
    opened.take(BYTES_MAX).read_to_string(&mut text).map_err(|cause| failed(format!("it can't be read: {cause}")))?;
    let approval: Approval =
        serde_json::from_str(&text).map_err(|cause| failed(format!("it is no file of plans: {cause}")))?;
    if approval.schema != SCHEMA || approval.approve.is_empty() {
        return Err(failed("it holds no plan that this version knows".to_owned()));
    }
    Ok(approval.approve)
}
