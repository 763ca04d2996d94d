//! `service`: the unattended service as a Windows service.

use super::arguments::{Global, LogFormat, ServeOptions, ServiceCommand};
use super::output::{say, start_logging, start_logging_to_events};
use super::serve;
use crate::order::Exit;
use crate::windows_service;

/// Not async: as the service, the program has a runtime of its own in a thread that Windows starts.
pub(super) fn run(global: &Global, command: &ServiceCommand, log: &str, log_format: LogFormat) -> Exit {
    if matches!(command, ServiceCommand::Run) {
        start_logging_to_events(log, log_format);
    } else {
        start_logging(log, log_format);
    }
    let done = match command {
        ServiceCommand::Install { account } => windows_service::put_in(&global.config, account.as_deref())
            .map(|()| say("the service is there; start it: sc start entra-rotator")),
        ServiceCommand::Uninstall { account } => {
            windows_service::take_out(account.as_deref()).map(|()| say("the service is gone"))
        }
        ServiceCommand::Run => {
            let global = global.clone();
            windows_service::run(move |serving| async move {
                serve::run_and_tell(&global, &ServeOptions::default(), serving).await.code()
            })
        }
    };
    match done {
        Ok(()) => Exit::Done,
        Err(cause) => {
            say(&cause);
            Exit::Usage
        }
    }
}
