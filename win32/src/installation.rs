//! Services put in and taken out.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl, ServiceFailureActions,
    ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceType,
};
use windows_service::service_manager::ServiceManagerAccess;
use windows_sys::Win32::Foundation::{
    ERROR_INVALID_LEVEL, ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_EXISTS, ERROR_SERVICE_MARKED_FOR_DELETE,
};

use crate::Error;
use crate::service::{manager, open, set_logon, status};

/// How long after its death a service is started again, how often, and when its deaths are forgotten.
const RESTART_AFTER: Duration = Duration::from_secs(60);
const RESTARTS: usize = 3;
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Windows' own account with all rights on this machine: what runs under no name else.
const LOCAL_SYSTEM: &str = "LocalSystem";

/// A service to be put in.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// What it is for, in a sentence.
    pub description: String,
    /// The program; quoted where that is needed.
    pub program: PathBuf,
    /// Its arguments, each for itself.
    pub arguments: Vec<String>,
    /// The account that it runs as; none = LocalSystem. A managed account (gMSA) ends with `$` and has no password.
    pub account: Option<String>,
    /// Start with Windows, a while after everything else; else only when asked for.
    pub automatic: bool,
}

/// Puts a service in, or brings one of that name up to date: delayed start with Windows, restarted 60 seconds after each
/// of its first three deaths in a day, also when it ends by itself with an error
/// ([`CreateServiceW`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-createservicew),
/// [`ChangeServiceConfigW`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-changeserviceconfigw),
/// [`ChangeServiceConfig2W`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-changeserviceconfig2w)).
///
/// Gives the settings that this Windows does not know, which should be none. The account's right to log on as a service is
/// not given by this. It does not start the service.
pub fn install(what: &Installation, password: Option<&str>) -> Result<Vec<&'static str>, Error> {
    let info = ServiceInfo {
        name: OsString::from(&what.name),
        display_name: OsString::from(&what.display_name),
        service_type: ServiceType::OWN_PROCESS,
        start_type: if what.automatic { ServiceStartType::AutoStart } else { ServiceStartType::OnDemand },
        error_control: ServiceErrorControl::Normal,
        executable_path: what.program.clone(),
        launch_arguments: what.arguments.iter().map(OsString::from).collect(),
        dependencies: Vec::new(),
        // Named even so: at an update, no name would leave the account that was there before.
        account_name: Some(OsString::from(what.account.as_deref().unwrap_or(LOCAL_SYSTEM))),
        // Given below, from memory that is wiped.
        account_password: None,
    };
    // To set what is to be done after a death, the right to start is asked for.
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
    let service = match manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?
        .create_service(&info, access)
        .map_err(|error| Error::service("CreateServiceW", &error))
    {
        Err(error) if error.code == ERROR_SERVICE_EXISTS => {
            let service = open(&what.name, access)?;
            service.change_config(&info).map_err(|error| Error::service("ChangeServiceConfigW", &error))?;
            service
        }
        made => made?,
    };
    if let (Some(account), Some(password)) = (&what.account, password) {
        set_logon(&what.name, account, password)?;
    }
    describe(&service, what)
}

/// What is not part of the service itself, but of how Windows treats it.
fn describe(service: &Service, what: &Installation) -> Result<Vec<&'static str>, Error> {
    let restart = ServiceAction { action_type: ServiceActionType::Restart, delay: RESTART_AFTER };
    let none = ServiceAction { action_type: ServiceActionType::None, delay: Duration::ZERO };
    let recovery = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(FORGOTTEN_AFTER),
        reboot_msg: None,
        command: None,
        // After the last restart comes nothing: without this, Windows repeats the last action for ever.
        actions: Some(std::iter::repeat_n(restart, RESTARTS).chain([none]).collect()),
    };
    let settings = [
        ("description", service.set_description(&what.description)),
        ("recovery actions", service.update_failure_actions(recovery)),
        ("recovery after an error", service.set_failure_actions_on_non_crash_failures(true)),
        ("delayed start", service.set_delayed_auto_start(what.automatic)),
    ];
    let mut unknown = Vec::new();
    for (name, set) in settings {
        match set.map_err(|error| Error::service("ChangeServiceConfig2W", &error)) {
            Ok(()) => {}
            Err(error) if error.code == ERROR_INVALID_LEVEL => unknown.push(name),
            Err(error) => return Err(error),
        }
    }
    Ok(unknown)
}

/// Takes a service out; one that is not there is no fault
/// ([`DeleteService`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-deleteservice)).
///
/// It should stand: one that runs goes when it stops. True = it is gone; false = it was still there at the end of
/// `limit`, because it runs or somebody else looks at it.
pub fn uninstall(name: &str, limit: Duration) -> Result<bool, Error> {
    let deadline = Instant::now() + limit;
    match open(name, ServiceAccess::DELETE) {
        Err(error) if error.code == ERROR_SERVICE_DOES_NOT_EXIST => return Ok(true),
        Err(error) => return Err(error),
        Ok(service) => match service.delete().map_err(|error| Error::service("DeleteService", &error)) {
            Err(error) if error.code == ERROR_SERVICE_MARKED_FOR_DELETE => {}
            done => done?,
        },
    }
    loop {
        match status(name) {
            Err(error) if error.code == ERROR_SERVICE_DOES_NOT_EXIST => return Ok(true),
            Err(error) => return Err(error),
            Ok(_) if Instant::now() >= deadline => return Ok(false),
            Ok(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
