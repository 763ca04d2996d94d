use serde::Serialize;

use super::arguments::{ConfigCommand, Format, Global};
use super::output::{print, say, show};
use crate::config;
use crate::order::Exit;

#[derive(Serialize)]
struct Checked {
    file: String,
    /// `file:line:column: what is wrong`, in the order of the file.
    faults: Vec<String>,
}

/// `config check` and `config schema`.
pub(super) fn run(global: &Global, command: &ConfigCommand) -> Exit {
    match command {
        ConfigCommand::Check => check(global),
        ConfigCommand::Schema => {
            print(&format!("{:#}", config::schema()));
            Exit::Done
        }
    }
}

fn check(global: &Global) -> Exit {
    let faults = config::read(&global.config).err().map(|faulty| faulty.faults).unwrap_or_default();
    let checked = Checked { file: global.config.display().to_string(), faults };
    if checked.faults.is_empty() || global.format == Format::Json {
        show(global.format, &checked, |checked| format!("{}: no fault", checked.file));
    } else {
        checked.faults.iter().for_each(|fault| say(fault));
    }
    if checked.faults.is_empty() { Exit::Done } else { Exit::Usage }
}
