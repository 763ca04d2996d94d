//! Services as the Service Control Manager has them: looked at, stopped, started, given a password.

use std::ffi::OsStr;
use std::fmt;
use std::ptr::{null, null_mut};
use std::thread::sleep;
use std::time::{Duration, Instant};

use windows_service::service::{Service, ServiceAccess, ServiceExitCode, ServiceState};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_sys::Win32::Foundation::{
    ERROR_DEPENDENT_SERVICES_RUNNING, ERROR_INVALID_SERVICE_CONTROL, ERROR_MORE_DATA, ERROR_SERVICE_ALREADY_RUNNING,
    ERROR_SERVICE_CANNOT_ACCEPT_CTRL, ERROR_SERVICE_NOT_ACTIVE,
};
use windows_sys::Win32::System::Services::{
    ChangeServiceConfigW, ENUM_SERVICE_STATUSW, EnumDependentServicesW, SERVICE_ACTIVE, SERVICE_ENUMERATE_DEPENDENTS,
    SERVICE_NO_CHANGE,
};

use crate::Error;
use crate::wide::{Wide, text_at};

/// Shortest and longest wait between two looks at a service that is on its way.
const LOOK_MIN: Duration = Duration::from_millis(100);
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Where a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Windows' own names")]
pub enum State {
    Stopped,
    StartPending,
    StopPending,
    Running,
    ContinuePending,
    PausePending,
    Paused,
}

impl State {
    fn is_pending(self) -> bool {
        matches!(self, Self::StartPending | Self::StopPending | Self::ContinuePending | Self::PausePending)
    }
}

impl fmt::Display for State {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Stopped => "stopped",
            Self::StartPending => "start-pending",
            Self::StopPending => "stop-pending",
            Self::Running => "running",
            Self::ContinuePending => "continue-pending",
            Self::PausePending => "pause-pending",
            Self::Paused => "paused",
        })
    }
}

/// A service at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Where it stands.
    pub state: State,
    /// Its process, while it runs.
    pub process_id: Option<u32>,
    /// How it ended: a Windows error number; 1066 when the service has a number of its own.
    pub exit_code: u32,
    /// The service's own number, with 1066.
    pub specific_code: Option<u32>,
    /// What it counts up while it is on its way.
    pub checkpoint: u32,
    /// How long it believes to take until the next checkpoint.
    pub wait_hint: Duration,
}

/// How a service is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfig {
    /// The account that it runs as, in whatever form it was given.
    pub start_name: String,
    /// The command line that starts it, with quotes and arguments.
    pub command_line: String,
    /// Its name for people.
    pub display_name: String,
}

/// What became of a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It stands still, with the numbers that it ended with.
    Yes(ServiceStatus),
    /// The limit ended first. It may still stop.
    Pending(ServiceStatus),
    /// Nothing was done: these services need it and run.
    Needed(Vec<String>),
}

/// What became of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    Yes(ServiceStatus),
    /// The limit ended first. It may still start.
    Pending(ServiceStatus),
    /// It began and ended by itself, with these numbers.
    Ended(ServiceStatus),
}

/// Looks at a service
/// ([`QueryServiceStatusEx`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-queryservicestatusex)).
/// No such service = 1060.
pub fn status(name: &str) -> Result<ServiceStatus, Error> {
    look(&open(name, ServiceAccess::QUERY_STATUS)?)
}

/// How a service is set up
/// ([`QueryServiceConfigW`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-queryserviceconfigw)).
pub fn config(name: &str) -> Result<ServiceConfig, Error> {
    let config = open(name, ServiceAccess::QUERY_CONFIG)?
        .query_config()
        .map_err(|error| Error::service("QueryServiceConfigW", &error))?;
    Ok(ServiceConfig {
        start_name: config.account_name.unwrap_or_default().to_string_lossy().into_owned(),
        command_line: config.executable_path.to_string_lossy().into_owned(),
        display_name: config.display_name.to_string_lossy().into_owned(),
    })
}

/// Stops a service and waits until it stands, at most as long as `limit`; one that stands already is done
/// ([`ControlService`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-controlservice)).
pub fn stop(name: &str, limit: Duration) -> Result<Stopped, Error> {
    const CALL: &str = "ControlService";
    let deadline = Instant::now() + limit;
    let service = open(name, ServiceAccess::QUERY_STATUS | ServiceAccess::STOP)?;
    let mut asked = false;
    loop {
        let now = look(&service)?;
        match now.state {
            State::Stopped => return Ok(Stopped::Yes(now)),
            State::StopPending => {}
            _ if asked => {}
            _ => match service.stop().map_err(|error| Error::service(CALL, &error)) {
                Ok(_) => {
                    asked = true;
                    continue;
                }
                // It ended in between.
                Err(error) if error.code == ERROR_SERVICE_NOT_ACTIVE => continue,
                // It is on its way somewhere, and hears nobody until it is there.
                Err(error) if error.code == ERROR_SERVICE_CANNOT_ACCEPT_CTRL => {}
                Err(error) if error.code == ERROR_INVALID_SERVICE_CONTROL && now.state.is_pending() => {}
                Err(error) if error.code == ERROR_DEPENDENT_SERVICES_RUNNING => {
                    return Ok(Stopped::Needed(dependents(name)?));
                }
                Err(error) => return Err(error),
            },
        }
        if !pause(&now, deadline) {
            return Ok(Stopped::Pending(now));
        }
    }
}

/// Starts a service and waits until it runs, at most as long as `limit`; one that runs already is done
/// ([`StartServiceW`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-startservicew)).
///
/// What Windows itself refuses comes as an error: 1069 the logon, 1053 no answer, 1058 disabled, 1068 a dependency.
pub fn start(name: &str, limit: Duration) -> Result<Started, Error> {
    const CALL: &str = "StartServiceW";
    let deadline = Instant::now() + limit;
    let service = open(name, ServiceAccess::QUERY_STATUS | ServiceAccess::START)?;
    let mut asked = false;
    loop {
        let now = look(&service)?;
        match now.state {
            State::Running => return Ok(Started::Yes(now)),
            State::Stopped if asked => return Ok(Started::Ended(now)),
            State::Stopped => match service.start::<&OsStr>(&[]).map_err(|error| Error::service(CALL, &error)) {
                Ok(()) => {
                    asked = true;
                    continue;
                }
                // Somebody else started it in between.
                Err(error) if error.code == ERROR_SERVICE_ALREADY_RUNNING => asked = true,
                Err(error) => return Err(error),
            },
            _ => {}
        }
        if !pause(&now, deadline) {
            return Ok(Started::Pending(now));
        }
    }
}

/// Gives the Service Control Manager the password of the account that a service runs as, and changes nothing else
/// ([`ChangeServiceConfigW`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-changeserviceconfigw)).
///
/// Nothing checks the password here, and the account must be the one that the service has already: another one would
/// lack the right to log on as a service. Both are the caller's to make sure of. The service that runs keeps its logon
/// until it is started anew.
pub fn set_logon(name: &str, account: &str, password: &str) -> Result<(), Error> {
    const CALL: &str = "ChangeServiceConfigW";
    let service = open(name, ServiceAccess::CHANGE_CONFIG)?;
    let (account, password) = (Wide::new(CALL, account)?, Wide::new(CALL, password)?);
    // SAFETY: the service is open; both texts end with a zero and outlive the call; null leaves as it is.
    let done = unsafe {
        ChangeServiceConfigW(
            service.raw_handle(),
            SERVICE_NO_CHANGE,
            SERVICE_NO_CHANGE,
            SERVICE_NO_CHANGE,
            null(),
            null(),
            null_mut(),
            null(),
            account.as_ptr(),
            password.as_ptr(),
            null(),
        )
    };
    if done == 0 { Err(Error::last(CALL)) } else { Ok(()) }
}

/// The services that need this one and are not stopped
/// ([`EnumDependentServicesW`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-enumdependentservicesw)).
pub fn dependents(name: &str) -> Result<Vec<String>, Error> {
    const CALL: &str = "EnumDependentServicesW";
    let service = open(name, ServiceAccess::from_bits_retain(SERVICE_ENUMERATE_DEPENDENTS))?;
    let (mut needed, mut count) = (0, 0);
    // SAFETY: no buffer, of no length: only how long it would have to be is asked for.
    let done = unsafe {
        EnumDependentServicesW(service.raw_handle(), SERVICE_ACTIVE, null_mut(), 0, &raw mut needed, &raw mut count)
    };
    if done != 0 {
        return Ok(Vec::new());
    }
    let error = Error::last(CALL);
    if error.code != ERROR_MORE_DATA {
        return Err(error);
    }
    // The names stand behind the entries in the same buffer.
    let mut buffer =
        vec![ENUM_SERVICE_STATUSW::default(); (needed as usize).div_ceil(size_of::<ENUM_SERVICE_STATUSW>())];
    let bytes = u32::try_from(buffer.len() * size_of::<ENUM_SERVICE_STATUSW>()).unwrap_or(needed);
    // SAFETY: the buffer is as long as said, and aligned for its entries.
    let done = unsafe {
        EnumDependentServicesW(
            service.raw_handle(),
            SERVICE_ACTIVE,
            buffer.as_mut_ptr(),
            bytes,
            &raw mut needed,
            &raw mut count,
        )
    };
    if done == 0 {
        return Err(Error::last(CALL));
    }
    // SAFETY: the call has filled `count` entries, whose names point into the buffer.
    Ok(buffer.iter().take(count as usize).filter_map(|entry| unsafe { text_at(entry.lpServiceName) }).collect())
}

/// Opened with no more rights than are used
/// ([`OpenSCManagerW`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-openscmanagerw),
/// [`OpenServiceW`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-openservicew)).
pub(crate) fn open(name: &str, access: ServiceAccess) -> Result<Service, Error> {
    manager(ServiceManagerAccess::CONNECT)?
        .open_service(name, access)
        .map_err(|error| Error::service("OpenServiceW", &error))
}

pub(crate) fn manager(access: ServiceManagerAccess) -> Result<ServiceManager, Error> {
    ServiceManager::local_computer(None::<&OsStr>, access).map_err(|error| Error::service("OpenSCManagerW", &error))
}

fn look(service: &Service) -> Result<ServiceStatus, Error> {
    let now = service.query_status().map_err(|error| Error::service("QueryServiceStatusEx", &error))?;
    let (exit_code, specific_code) = match now.exit_code {
        ServiceExitCode::Win32(code) => (code, None),
        ServiceExitCode::ServiceSpecific(code) => {
            (windows_sys::Win32::Foundation::ERROR_SERVICE_SPECIFIC_ERROR, Some(code))
        }
    };
    Ok(ServiceStatus {
        state: match now.current_state {
            ServiceState::Stopped => State::Stopped,
            ServiceState::StartPending => State::StartPending,
            ServiceState::StopPending => State::StopPending,
            ServiceState::Running => State::Running,
            ServiceState::ContinuePending => State::ContinuePending,
            ServiceState::PausePending => State::PausePending,
            ServiceState::Paused => State::Paused,
        },
        process_id: now.process_id,
        exit_code,
        specific_code,
        checkpoint: now.checkpoint,
        wait_hint: now.wait_hint,
    })
}

/// Waits for a tenth of what the service asks for, as Microsoft's own examples do; false when the deadline is there.
fn pause(now: &ServiceStatus, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    sleep((now.wait_hint / 10).clamp(LOOK_MIN, LOOK_MAX).min(left));
    !left.is_zero()
}
