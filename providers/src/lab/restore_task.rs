//! The one-shot task that a server plants before the scheduler is switched off: it gives the switch back by itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::world::World;
use crate::port::Fault;

/// A planted task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RestoreTask {
    /// What SyncCycleEnabled becomes.
    pub(super) enabled: bool,
    pub(super) at: Timestamp,
}

impl World {
    /// Lets every task run that is due, in the order of their times, each at its own.
    pub(super) fn run_due_tasks(&mut self, now: Timestamp) {
        let mut due = Vec::new();
        for server in &mut self.servers {
            due.extend(server.restore_task.take_if(|task| task.at <= now));
        }
        due.sort_by_key(|task| task.at);
        for task in due {
            self.scheduler.switch(task.enabled, task.at);
        }
    }

    /// Plants the server's task, with the value of one that lies there already, and then switches off.
    pub(super) fn pause_scheduler(
        &mut self,
        server: &str,
        task: RestoreTask,
        now: Timestamp,
        doing: &str,
    ) -> Result<(), Fault> {
        let server = self.server(server, doing)?;
        let enabled = server.restore_task.as_ref().map_or(task.enabled, |planted| planted.enabled);
        server.restore_task = Some(RestoreTask { enabled, at: task.at });
        self.scheduler.switch(false, now);
        self.count("scheduler-writes");
        Ok(())
    }

    /// Switches, and then removes the server's task.
    pub(super) fn release_scheduler(
        &mut self,
        server: &str,
        enabled: bool,
        now: Timestamp,
        doing: &str,
    ) -> Result<(), Fault> {
        self.scheduler.switch(enabled, now);
        self.server(server, doing)?.restore_task = None;
        self.count("scheduler-writes");
        Ok(())
    }
}
