//! What goes over the wire: one line of JSON each way.
//!
//! The reply's line begins with a mark of its own, for a shell's profile, a banner or a cmdlet may write to the same
//! output: what does not begin with the mark is not ours.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Operation;
use crate::port::Fault;

/// The version of the protocol. Both sides name theirs; an agent of another version answers with its own, and does
/// nothing.
pub const PROTOCOL: u32 = 1;

/// Longest request, in bytes.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Longest output of an agent, in bytes: five hundred events fit many times over.
pub const REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What the line of a reply begins with.
pub const REPLY_MARK: &str = "entra-rotator-reply ";

/// One request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The version of the asking side.
    pub protocol: u32,
    /// The step on whose behalf it is asked; for traces and for the lab's faults.
    #[serde(default)]
    pub step: String,
    /// What is to be done.
    pub operation: Operation,
}

/// One reply.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The version of the agent.
    pub protocol: u32,
    /// The name of the operation that this answers; empty when the request could not be read.
    pub operation: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an operation.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done; the value that it gives.
    Done(Value),
    /// It failed, with what that means.
    Fault(Fault),
}

impl Request {
    /// The bytes on the wire, wiped when dropped.
    pub fn encoded(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        // A buffer that grows leaves copies of the secret behind where it was before.
        let mut bytes = Zeroizing::new(Vec::with_capacity(REQUEST_BYTES_MAX));
        serde_json::to_writer(&mut *bytes, self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl Reply {
    /// The line on the wire.
    pub fn encoded(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{REPLY_MARK}{}\n", serde_json::to_string(self)?))
    }

    /// The reply in an agent's output; `None` when there is no whole one, an error when there are several or it can't be
    /// read.
    pub fn found_in(output: &[u8]) -> Option<Result<Self, String>> {
        // A line that is cut off is none: the end of the agent's life, not its answer.
        let end = output.iter().rposition(|byte| *byte == b'\n')?;
        let mut lines = output[..end].split(|byte| *byte == b'\n').filter_map(marked);
        let line = lines.next()?;
        if lines.next().is_some() {
            return Some(Err("it holds two replies".to_owned()));
        }
        Some(serde_json::from_slice(line).map_err(|cause| cause.to_string()))
    }
}

/// What follows the mark. The mark may stand behind what somebody else wrote without an end of line.
fn marked(line: &[u8]) -> Option<&[u8]> {
    let mark = REPLY_MARK.as_bytes();
    let at = line.windows(mark.len()).position(|part| part == mark)?;
    Some(line[at + mark.len()..].strip_suffix(b"\r").unwrap_or(&line[at + mark.len()..]))
}
