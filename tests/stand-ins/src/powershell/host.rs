//! What goes in and out of the process, as Windows PowerShell and `common.ps1` do it.

use std::io::{self, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers::port::Secret;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::error_record::ErrorRecord;

/// What every line of the scripts begins with.
const MARK: &str = "entra-rotator-script ";
/// More than any request.
const INPUT_BYTES_MAX: u64 = 1024 * 1024;
/// What a host may write around the scripts' own lines, on both outputs.
const NOISE: &str = "WARNING: the profile was skipped. ";
const PROGRESS: &str = "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">\
    <Obj S=\"progress\" RefId=\"0\"><TN RefId=\"0\"><T>System.Management.Automation.PSCustomObject</T></TN></Obj></Objs>";

/// The lines of standard input.
pub(super) struct Input(Zeroizing<String>);

impl Input {
    /// Everything up to the end of it, as `$input` gives it.
    pub(super) fn read() -> io::Result<Self> {
        let mut text = Zeroizing::new(String::with_capacity(64 * 1024));
        io::stdin().take(INPUT_BYTES_MAX).read_to_string(&mut text)?;
        Ok(Self(text))
    }

    /// The request: the first line.
    pub(super) fn request(&self) -> Result<Value, ErrorRecord> {
        let line = self.0.lines().next().unwrap_or_default();
        if !line.is_ascii() {
            return Err(ErrorRecord::argument(
                "the first line is not ASCII, and the console's code page would change it",
            ));
        }
        serde_json::from_str(line).map_err(|cause| ErrorRecord::argument(format!("Invalid JSON primitive: {cause}")))
    }

    /// The secret: the second line, in base64 of UTF-8.
    pub(super) fn secret(&self) -> Result<Secret, ErrorRecord> {
        let strange = || ErrorRecord::argument("The input is not a valid Base-64 string of UTF-8.");
        let line = self.0.lines().nth(1).ok_or_else(strange)?;
        let bytes = Zeroizing::new(STANDARD.decode(line.trim()).map_err(|_| strange())?);
        std::str::from_utf8(&bytes).map(Secret::new).map_err(|_| strange())
    }
}

/// Standard output, and whether the script has said that it begins to act.
#[derive(Default)]
pub(super) struct Host {
    acting: bool,
}

impl Host {
    /// The beginning of a script: whoever reads this knows that the rest would come through, too.
    pub(super) fn ready(&self) {
        eprintln!("{PROGRESS}");
        // Without an end of line: the mark then stands behind it.
        line(&format!("{NOISE}{MARK}ready"));
    }

    /// From here on something may have changed.
    pub(super) fn acting(&mut self) {
        self.acting = true;
        line(&format!("{MARK}acting"));
    }

    /// The only reply of a run.
    pub(super) fn reply(&self, said: Result<Reply, ErrorRecord>) {
        let reply = match said {
            Ok(Reply::Done(value)) => json!({ "done": { "value": value } }),
            Ok(Reply::Refusal(id, detail)) => json!({ "refusal": { "id": id, "detail": detail } }),
            Err(record) => json!({ "fault": record.written(self.acting) }),
        };
        line(&format!("{MARK}reply {}", ascii(&reply.to_string())));
        line("VERBOSE: and goodbye");
    }
}

/// What a script says of its work when no cmdlet failed.
pub(super) enum Reply {
    /// It was done, and gives this.
    Done(Value),
    /// It says no itself: a word, and what goes with it.
    Refusal(&'static str, String),
}

fn line(text: &str) {
    let mut out = io::stdout().lock();
    // Nobody listens any more: then nobody minds.
    let _ = write!(out, "{text}\r\n").and_then(|()| out.flush());
}

/// What is not printable ASCII stands as `\uXXXX`, as `Write-Reply` does it.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if (' '..='~').contains(&letter) {
            text.push(letter);
        } else {
            text.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}
