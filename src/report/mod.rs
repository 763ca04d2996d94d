//! The report over a period: what the journal proves, for an auditor and for whoever has to answer him.
//!
//! Made from the journal alone: no clock, no configuration, no directory. The same journal and the same period give the
//! same bytes, and what is written after the period changes nothing. Times are those of the entries: whoever set the
//! writer's clock back is told of in [`Evidence::steps_back`].

mod ages;
mod changes;
mod conditions;
mod controls;
mod facts;
mod form;
mod gather;
mod html;
mod jsonl;
mod lines;
mod ocsf;
mod past;
mod pdf;
mod plain;
mod running;
mod shown;
mod time;
mod words;

use std::io::Write;

pub use controls::{CONTROLS, Control, NOT_SHOWN};
pub use facts::{
    AccountFacts, ApprovalFacts, Bucket, Condition, Counts, Coverage, Evidence, Exemption, Exposure, Incident,
    KindCount, Month, NotBegun, Places, Population, Print, Proof, REPORT_SCHEMA, Repairs, Report, RotationFacts,
    RunningPeriod, State, StepFacts, Tally, TriggerFacts, VaultFacts,
};
pub use form::{Form, NoReport, load, make, put};
pub use gather::{Gathering, ROTATIONS_MAX, Verified};
pub use jsonl::{Data, LINE_SCHEMA, Line, Lines};
pub use lines::Table;
pub use ocsf::{OCSF_VERSION, ocsf};
pub use past::told;
pub use pdf::PRINTED_MAX;
pub use shown::{Text, json_safe};
pub use time::{At, Length, Period};

/// The report as JSON. Marks that turn the direction of writing are escaped there too.
fn json(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    serde_json::to_writer_pretty(shown::JsonSafe(&mut *out), report)?;
    out.write_all(b"\n")
}

/// The JSON schema of [`Form::Json`].
pub fn schema() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&schemars::schema_for!(Report)).map(|text| text + "\n")
}

/// The JSON schema of a line of [`Form::Jsonl`].
pub fn line_schema() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&schemars::schema_for!(Line<'static>)).map(|text| text + "\n")
}
