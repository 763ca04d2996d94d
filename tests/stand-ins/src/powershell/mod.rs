//! Plays powershell.exe for the adapter that runs on a Connect server: knows the product's scripts by their text, does
//! what each would do on a server of the lab, and writes what each would write.
//!
//! Where the lab is, the environment says, or else a file `stand-in.json` beside the program, for what a service starts
//! inherits the environment of nobody in particular:
//!
//! | file | environment | what |
//! | --- | --- | --- |
//! | `lab` | `STAND_IN_LAB` | the lab's folder |
//! | `server` | `STAND_IN_SERVER` | the server's name in the lab |
//! | `argv` | `STAND_IN_ARGV` | a file; each run adds its arguments, as one line of JSON; may be absent |
//! | `step` | `STAND_IN_STEP` | the step on whose behalf it is asked, for the lab's faults; may be absent |
//!
//! Ends with 64 when it is not given exactly what the adapter gives, and with 78 when it finds no lab.

mod error_record;
mod host;
mod objects;
mod script;
mod setting;

use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers::entra_connect::windows::Script;

use self::setting::Setting;

/// Asked for something that the product never asks for.
const USAGE: u8 = 64;
/// There is no lab to ask.
const NO_LAB: u8 = 78;

/// Runs as the whole program, whose arguments these are, with the program's own name first.
pub fn run(arguments: Vec<String>) -> ExitCode {
    let (program, arguments) = arguments.split_first().map_or(("", &[][..]), |(program, rest)| (program, rest));
    let setting = match Setting::find(program) {
        Ok(setting) => setting,
        Err(why) => return end(NO_LAB, &why),
    };
    // Before anything else: also what is not understood is to be searched for secrets.
    if let Err(why) = setting.record(arguments) {
        return end(NO_LAB, &why);
    }
    match recognised(arguments) {
        Ok(script) => script::run(script, &setting),
        Err(why) => end(USAGE, &why),
    }
}

fn end(status: u8, why: &str) -> ExitCode {
    eprintln!("stand-in of powershell.exe: {why}");
    ExitCode::from(status)
}

/// The script that these arguments run. Nothing else is ever asked of this program.
fn recognised(arguments: &[String]) -> Result<Script, String> {
    let [logo, profile, interactive, command, encoded] = arguments else {
        return Err(format!("{} arguments, and not five", arguments.len()));
    };
    if [logo, profile, interactive, command] != ["-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand"] {
        return Err("other arguments than the adapter's".to_owned());
    }
    let bytes = STANDARD.decode(encoded).map_err(|cause| format!("the command is no base64: {cause}"))?;
    let units: Vec<u16> =
        bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], *pair.get(1).unwrap_or(&0)])).collect();
    let text = String::from_utf16(&units).map_err(|_| "the command is no UTF-16".to_owned())?;
    let known = Script::ALL.into_iter().find(|script| script.text() == text);
    known.ok_or_else(|| "a script that is none of the product's".to_owned())
}
