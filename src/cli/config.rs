use super::arguments::{ConfigCommand, Global};
use super::exit::Exit;
use super::output::{print, say};
use crate::config;

/// `config check` and `config schema`.
pub(super) fn run(global: &Global, command: &ConfigCommand) -> Exit {
    match command {
        ConfigCommand::Check => match config::read(&global.config) {
            Ok(config) => {
                print(&format!("{}: no fault; {} accounts", global.config.display(), config.account.len()));
                Exit::Done
            }
            Err(faulty) => {
                say(&faulty.to_string());
                Exit::Usage
            }
        },
        ConfigCommand::Schema => {
            print(&format!("{:#}", config::schema()));
            Exit::Done
        }
    }
}
