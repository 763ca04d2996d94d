use std::time::Duration;

use jiff::Timestamp;

use super::machine::{LocalUser, Machine, MachineError, ServiceState, ServiceStatus, Started, Stopped};
use crate::port::Secret;

/// How long a log may be searched.
const EVENTS_LIMIT: Duration = Duration::from_secs(30);

/// The Windows that this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

impl From<win32::Error> for MachineError {
    fn from(error: win32::Error) -> Self {
        Self { code: error.code, cause: error.to_string() }
    }
}

fn status(status: &win32::service::ServiceStatus) -> ServiceStatus {
    use win32::service::State;
    ServiceStatus {
        state: match status.state {
            State::Stopped => ServiceState::Stopped,
            State::StartPending => ServiceState::StartPending,
            State::StopPending => ServiceState::StopPending,
            State::Running => ServiceState::Running,
            State::ContinuePending | State::PausePending | State::Paused => ServiceState::Other,
        },
        process_id: status.process_id.unwrap_or(0),
        exit_code: status.exit_code,
        own_exit_code: status.specific_code.unwrap_or(0),
    }
}

impl Machine for ThisMachine {
    fn host(&self) -> Result<String, MachineError> {
        Ok(win32::local_user::computer_name()?)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn service(&self, name: &str) -> Result<ServiceStatus, MachineError> {
        Ok(status(&win32::service::status(name)?))
    }

    fn service_account(&self, name: &str) -> Result<String, MachineError> {
        Ok(win32::service::config(name)?.start_name)
    }

    fn service_command_line(&self, name: &str) -> Result<String, MachineError> {
        Ok(win32::service::config(name)?.command_line)
    }

    fn stop_service(&self, name: &str, limit: Duration) -> Result<Stopped, MachineError> {
        use win32::service::Stopped as Done;
        Ok(match win32::service::stop(name, limit)? {
            Done::Yes(_) => Stopped::Yes,
            Done::Pending(now) => Stopped::Pending(status(&now)),
            Done::Needed(services) => Stopped::Needed(services),
        })
    }

    fn start_service(&self, name: &str, limit: Duration) -> Result<Started, MachineError> {
        use win32::service::Started as Done;
        Ok(match win32::service::start(name, limit)? {
            Done::Yes(_) => Started::Yes,
            Done::Pending(now) => Started::Pending(status(&now)),
            Done::Ended(now) => Started::Ended(status(&now)),
        })
    }

    fn set_service_logon(&self, name: &str, account: &str, secret: &Secret) -> Result<(), MachineError> {
        Ok(win32::service::set_logon(name, account, secret.expose())?)
    }

    fn running_of(&self, programs: &[&str]) -> Result<Vec<String>, MachineError> {
        Ok(win32::process::running(programs)?)
    }

    fn process_started_at(&self, process_id: u32) -> Result<Timestamp, MachineError> {
        let nanoseconds = win32::process::created_at(process_id)?;
        let strange = |cause: jiff::Error| MachineError { code: 0, cause: cause.to_string() };
        Timestamp::from_nanosecond(nanoseconds).map_err(strange)
    }

    fn file_version(&self, path: &str) -> Result<String, MachineError> {
        Ok(win32::file_version::of(path)?)
    }

    fn events(&self, channel: &str, xpath: &str, most: usize) -> Result<Vec<String>, MachineError> {
        Ok(win32::event_log::query(channel, xpath, most, EVENTS_LIMIT)?)
    }

    fn local_user(&self, name: &str) -> Result<LocalUser, MachineError> {
        let user = win32::local_user::facts(name)?;
        let ended = user.expires_at.is_some_and(|end| i64::from(end) <= Timestamp::now().as_second());
        Ok(LocalUser {
            password_age_s: u32::try_from(user.password_age.as_secs()).unwrap_or(u32::MAX),
            disabled: user.disabled,
            locked: user.locked,
            expired: ended || user.password_expired,
            cant_change: user.password_cannot_change,
            length_min: user.length_min,
        })
    }

    fn change_password(&self, name: &str, old: &Secret, new: &Secret) -> Result<(), MachineError> {
        Ok(win32::local_user::change_password(name, old.expose(), new.expose())?)
    }

    fn logon(&self, name: &str, secret: &Secret) -> Result<bool, MachineError> {
        Ok(win32::local_user::logon(name, secret.expose())?)
    }

    fn logon_dc(&self) -> Result<Option<String>, MachineError> {
        Ok(win32::domain::logon_controller()?.map(|controller| controller.name))
    }
}
