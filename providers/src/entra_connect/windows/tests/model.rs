use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use super::super::{LocalUser, Machine, MachineError, ServiceState, ServiceStatus, Started, Stopped};
use crate::port::Secret;

/// A model of a server's Windows: answers as told, and writes down what changes something.
pub(super) struct Model {
    pub(super) state: Mutex<ServiceState>,
    pub(super) account: String,
    /// What a stop, a start or another call that changes something answers instead.
    pub(super) stops: Option<Stopped>,
    pub(super) starts: Option<Result<Started, u32>>,
    pub(super) fails: Option<u32>,
    pub(super) programs: Vec<String>,
    pub(super) done: Mutex<Vec<String>>,
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn status(state: ServiceState, exit_code: u32) -> ServiceStatus {
    let process_id = if state == ServiceState::Stopped { 0 } else { 4_711 };
    ServiceStatus { state, process_id, exit_code, own_exit_code: 21 }
}

fn error(code: u32) -> MachineError {
    MachineError { code, cause: "the model says no".to_owned() }
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(ServiceState::Running),
            account: r".\svc-adsync".to_owned(),
            stops: None,
            starts: None,
            fails: None,
            programs: Vec::new(),
            done: Mutex::new(Vec::new()),
        }
    }

    fn write(&self, what: String) -> Result<(), MachineError> {
        if let Some(code) = self.fails {
            return Err(error(code));
        }
        self.done.lock().unwrap().push(what);
        Ok(())
    }
}

impl Machine for Model {
    fn host(&self) -> Result<String, MachineError> {
        Ok("CONNECT1".to_owned())
    }

    fn now(&self) -> Timestamp {
        at("2026-03-01T12:00:00Z")
    }

    fn service(&self, name: &str) -> Result<ServiceStatus, MachineError> {
        assert_eq!(name, "ADSync");
        Ok(status(*self.state.lock().unwrap(), 0))
    }

    fn service_account(&self, _name: &str) -> Result<String, MachineError> {
        Ok(self.account.clone())
    }

    fn service_command_line(&self, _name: &str) -> Result<String, MachineError> {
        Ok(r#""C:\Program Files\Microsoft Azure AD Sync\Bin\miiserver.exe" -x"#.to_owned())
    }

    fn stop_service(&self, _name: &str, _limit: Duration) -> Result<Stopped, MachineError> {
        if let Some(stops) = &self.stops {
            return Ok(stops.clone());
        }
        *self.state.lock().unwrap() = ServiceState::Stopped;
        self.write("stop".to_owned()).map(|()| Stopped::Yes)
    }

    fn start_service(&self, _name: &str, _limit: Duration) -> Result<Started, MachineError> {
        if let Some(starts) = &self.starts {
            return starts.clone().map_err(error);
        }
        *self.state.lock().unwrap() = ServiceState::Running;
        self.write("start".to_owned()).map(|()| Started::Yes)
    }

    fn set_service_logon(&self, _name: &str, account: &str, secret: &Secret) -> Result<(), MachineError> {
        self.write(format!("logon {account} {}", secret.expose()))
    }

    fn running_of(&self, programs: &[&str]) -> Result<Vec<String>, MachineError> {
        Ok(programs
            .iter()
            .filter(|name| self.programs.iter().any(|known| known == *name))
            .map(|n| (*n).into())
            .collect())
    }

    fn process_started_at(&self, _process_id: u32) -> Result<Timestamp, MachineError> {
        Ok(at("2026-03-01T08:00:00Z"))
    }

    fn file_version(&self, path: &str) -> Result<String, MachineError> {
        assert_eq!(path, r"C:\Program Files\Microsoft Azure AD Sync\Bin\miiserver.exe");
        Ok("2.6.92.0".to_owned())
    }

    fn events(&self, channel: &str, xpath: &str, most: usize) -> Result<Vec<String>, MachineError> {
        let since = ["T10:00:00.000Z'", "T12:00:00.000Z'"].map(|time| format!("@SystemTime>='2026-03-01{time}"));
        assert!(since.iter().any(|since| xpath.contains(since)), "{xpath}");
        let event = |second: usize| {
            format!(
                "<Event><System><TimeCreated SystemTime='2026-03-01T10:00:{second:02}.5Z'/><Channel>{channel}</Channel></System></Event>"
            )
        };
        let seconds = if channel == "System" { vec![2] } else { vec![1, 3] };
        Ok(seconds.into_iter().map(event).take(most).collect())
    }

    fn local_user(&self, name: &str) -> Result<LocalUser, MachineError> {
        if name != "svc-adsync" {
            return Err(error(2_221));
        }
        Ok(LocalUser {
            password_age_s: 3_600,
            disabled: false,
            locked: true,
            expired: false,
            cant_change: false,
            length_min: 14,
        })
    }

    fn change_password(&self, name: &str, old: &Secret, new: &Secret) -> Result<(), MachineError> {
        self.write(format!("change {name} {} {}", old.expose(), new.expose()))
    }

    fn logon(&self, _name: &str, secret: &Secret) -> Result<bool, MachineError> {
        match self.fails {
            Some(code) => Err(error(code)),
            None => Ok(secret.expose() == "right"),
        }
    }

    fn logon_dc(&self) -> Result<Option<String>, MachineError> {
        Err(error(1_355))
    }
}
