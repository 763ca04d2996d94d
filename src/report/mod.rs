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
mod gather;
mod html;
mod jsonl;
mod lines;
mod load;
mod ocsf;
mod past;
mod pdf;
mod plain;
mod running;
mod shown;
mod time;
mod words;

pub use controls::{CONTROLS, Control, NOT_SHOWN};
pub use facts::{
    AccountFacts, ApprovalFacts, Bucket, Condition, Counts, Coverage, Evidence, Exemption, Exposure, Incident,
    KindCount, Month, NotBegun, Places, Population, Print, Proof, REPORT_SCHEMA, Repairs, Report, RotationFacts,
    RunningPeriod, State, StepFacts, Tally, TriggerFacts, VaultFacts,
};
pub use gather::{Gathering, Verified};
pub use html::html;
pub use jsonl::{Data, LINE_SCHEMA, Line, Lines};
pub use lines::{Table, csv};
pub use load::{load, put_lines, put_ocsf};
pub use ocsf::{OCSF_VERSION, ocsf};
pub use past::told;
pub use pdf::{NoPdf, ROTATIONS_MAX, pdf};
pub use plain::plain;
pub use shown::{Text, json_safe};
pub use time::{At, Length, Period};

/// The report as JSON. Marks that turn the direction of writing are escaped there too.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| json_safe(&text) + "\n")
}

/// The JSON schema of [`json()`]'s result.
pub fn schema() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&schemars::schema_for!(Report)).map(|text| text + "\n")
}

/// The JSON schema of a line of [`put_lines()`].
pub fn line_schema() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&schemars::schema_for!(Line<'static>)).map(|text| text + "\n")
}
