//! The command line. stdout carries data, stderr talk and progress; exit codes are documented in README.

mod adopt;
mod agent;
mod approval;
mod approve;
mod arguments;
mod bench;
mod config;
mod doctor;
mod drift;
mod emergency;
mod history;
mod lab;
mod late;
mod notify;
mod output;
mod plan;
mod protect;
mod report;
mod results;
mod rollback;
mod rotate;
mod schedule;
mod serve;
#[cfg(windows)]
mod service;
mod session;
mod status;
mod steps;
mod terminal;
mod whole;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};

use crate::order::Exit;

/// Runs the program with the process's own arguments.
pub async fn run() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(wish) => {
            // `--help` and `--version` are answers, not mistakes. That they can't be printed changes nothing.
            let _ = wish.print();
            return if wish.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let Arguments { global, command, log, log_format } = arguments;
    #[cfg(windows)]
    if let Command::Service(command) = &command {
        return service::run(&global, command, &log, log_format);
    }
    output::start_logging(&log, log_format);
    match command {
        Command::Rotate(options) => rotate::run(&global, &options).await,
        Command::Plan(options) => plan::run(&global, &options).await,
        Command::Approve(options) => approve::run(&global, &options),
        Command::Adopt(options) => adopt::run(&global, &options).await,
        Command::Status(options) => status::run(&global, &options).await,
        Command::Resume(options) => rotate::resume(&global, &options).await,
        Command::Rollback(options) => rollback::run(&global, &options).await,
        Command::History(options) => history::run(&global, &options).await,
        Command::Report(options) => report::run(&global, &options).await,
        Command::Doctor(options) => doctor::run(&global, &options).await,
        Command::Serve(options) => serve::run(&global, &options).await,
        // It has a log and a runtime of its own.
        #[cfg(windows)]
        Command::Service(_) => Exit::Usage,
        Command::Schedule(command) => schedule::run(&global, &command).await,
        Command::Lab(command) => lab::run(&global, command).await,
        Command::Notify(command) => notify::run(&global, &command).await,
        Command::Config(command) => config::run(&global, &command),
        Command::Protect(options) => protect::run(&options),
        Command::Agent(options) => agent::run(&global, &options).await,
        Command::Completions { shell } => {
            let mut program = Arguments::command();
            clap_complete::generate(shell, &mut program, "entra-rotator", &mut std::io::stdout());
            Exit::Done
        }
    }
}
