//! Being a service.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::service_dispatcher;
use windows_sys::Win32::Foundation::{ERROR_EXCEPTION_IN_SERVICE, ERROR_SERVICE_ALREADY_RUNNING};

use crate::Error;
pub use crate::stop_signal::{Given, StopSignal};

/// How long the Service Control Manager is asked to wait before it hears from us again.
const WAIT_HINT: Duration = Duration::from_secs(30);

type Body = Box<dyn FnOnce(&Running) -> u32 + Send>;

/// What the service consists of, until the dispatcher calls for it: its entry point takes no argument of ours.
static BODY: Mutex<Option<(String, Body)>> = Mutex::new(None);
/// What went wrong before there was a body to tell.
static BROKEN: Mutex<Option<Error>> = Mutex::new(None);
/// What the handler of controls speaks to. It owns nothing itself: `windows-service` frees it with the first stop, and then
/// only the service manager's good order would keep a second one from meeting freed memory.
static CONTROLLED: OnceLock<(Arc<Reporter>, StopSignal)> = OnceLock::new();

windows_service::define_windows_service!(entry, service_main);

/// Runs this process as the Windows service `name`, until `body` ends
/// ([`StartServiceCtrlDispatcherW`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-startservicectrldispatcherw)).
///
/// `body` runs in a thread of its own, while the service is start-pending; it says [`Running::running`] when it is. What it
/// gives back is what the service ends with: 0, or a number of its own, which Windows shows with 1066 and takes for a
/// failure that recovery actions follow. A panic ends it with 1064. 1063 = not started by the Service Control Manager.
pub fn run(name: &str, body: impl FnOnce(&Running) -> u32 + Send + 'static) -> Result<(), Error> {
    {
        let mut place = BODY.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_some() {
            return Err(Error::new("StartServiceCtrlDispatcherW", ERROR_SERVICE_ALREADY_RUNNING));
        }
        *place = Some((name.to_owned(), Box::new(body)));
    }
    service_dispatcher::start(name, entry).map_err(|error| Error::service("StartServiceCtrlDispatcherW", &error))?;
    BROKEN.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
}

fn service_main(_: Vec<OsString>) {
    let Some((name, body)) = BODY.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    if let Err(error) = serve(&name, body) {
        *BROKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

fn serve(name: &str, body: Body) -> Result<(), Error> {
    let (reporter, stop) = CONTROLLED.get_or_init(Default::default);
    let handle = service_control_handler::register(name, |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown | ServiceControl::Preshutdown => {
            if let Some((reporter, stop)) = CONTROLLED.get() {
                reporter.stopping();
                stop.give();
            }
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    })
    .map_err(|error| Error::service("RegisterServiceCtrlHandlerExW", &error))?;
    reporter.open(handle);
    reporter.report(ServiceState::StartPending, ServiceExitCode::NO_ERROR);
    let running = Running { reporter: Arc::clone(reporter), stop: stop.clone() };
    let exit = match catch_unwind(AssertUnwindSafe(|| body(&running))) {
        Ok(0) => ServiceExitCode::NO_ERROR,
        Ok(code) => ServiceExitCode::ServiceSpecific(code),
        Err(_) => ServiceExitCode::Win32(ERROR_EXCEPTION_IN_SERVICE),
    };
    reporter.report(ServiceState::Stopped, exit);
    reporter.broken().map_or(Ok(()), Err)
}

/// The service from inside.
#[derive(Clone, Debug)]
pub struct Running {
    reporter: Arc<Reporter>,
    stop: StopSignal,
}

impl Running {
    /// Tells the Service Control Manager that the service runs. Once is enough; after a stop it says nothing.
    pub fn running(&self) {
        self.reporter.advance(ServiceState::StartPending, ServiceState::Running);
    }

    /// While the service starts or stops: it still gets on, and is to be waited for.
    pub fn alive(&self) {
        self.reporter.beat();
    }

    /// That the service is to stop: somebody stops it, or Windows shuts down.
    pub fn stop(&self) -> &StopSignal {
        &self.stop
    }
}

/// What was told to the Service Control Manager last
/// ([`SetServiceStatus`](https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-setservicestatus)).
#[derive(Debug, Default)]
struct Reporter {
    told: Mutex<Told>,
    checkpoint: AtomicU32,
}

#[derive(Debug, Default)]
struct Told {
    handle: Option<ServiceStatusHandle>,
    state: Option<ServiceState>,
    broken: Option<Error>,
}

impl Reporter {
    fn open(&self, handle: ServiceStatusHandle) {
        self.lock().handle = Some(handle);
    }

    fn report(&self, state: ServiceState, exit: ServiceExitCode) {
        self.tell(&mut self.lock(), state, exit);
    }

    /// A stop that comes when it has stopped is none.
    fn stopping(&self) {
        let mut told = self.lock();
        if told.state != Some(ServiceState::Stopped) {
            self.tell(&mut told, ServiceState::StopPending, ServiceExitCode::NO_ERROR);
        }
    }

    /// Only from `from`: a stop that came first is not talked over.
    fn advance(&self, from: ServiceState, to: ServiceState) {
        let mut told = self.lock();
        if told.state == Some(from) {
            self.tell(&mut told, to, ServiceExitCode::NO_ERROR);
        }
    }

    fn beat(&self) {
        let mut told = self.lock();
        if let Some(state @ (ServiceState::StartPending | ServiceState::StopPending)) = told.state {
            self.tell(&mut told, state, ServiceExitCode::NO_ERROR);
        }
    }

    fn tell(&self, told: &mut Told, state: ServiceState, exit_code: ServiceExitCode) {
        let pending = matches!(state, ServiceState::StartPending | ServiceState::StopPending);
        let accepted = match state {
            ServiceState::Running => ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN,
            _ => ServiceControlAccept::empty(),
        };
        told.state = Some(state);
        let Some(handle) = told.handle else { return };
        let status = ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted: accepted,
            exit_code,
            checkpoint: if pending { self.checkpoint.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 },
            wait_hint: if pending { WAIT_HINT } else { Duration::ZERO },
            process_id: None,
        };
        if let Err(error) = handle.set_service_status(status) {
            told.broken.get_or_insert(Error::service("SetServiceStatus", &error));
        }
    }

    fn broken(&self) -> Option<Error> {
        self.lock().broken
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        // Nothing in between can panic half-way.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
