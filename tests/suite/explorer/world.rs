//! A model of the world small enough to be explored: who holds which password, and nothing else.

use entra_rotator::rotation::{Direction, Method, Plan, Procedure, Progress, Side, Step};
use providers::port::QuiesceMode;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Password {
    Old,
    New,
    /// Set by a person.
    Third,
    /// A candidate that was never staged (only a mutant makes one).
    Stray,
}

/// A place on a server that holds a password: what the engine keeps for a connector, or, where the account is the one
/// that the service runs as, what the service manager keeps and what the running service was started with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Engine {
    pub server: String,
    pub connector: String,
    pub stored: Password,
    pub running: Password,
    pub staging: bool,
    /// Whether the connector's version moved since the last intent.
    moved: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub directory: Password,
    pub directory_previous: Password,
    key_version: u8,
    /// Of Directory's last intent, and of Seal's.
    key_version_at_intent: [u8; 2],
    /// After our own last write that is known to have happened.
    key_version_known: u8,
    /// Whether it is open if a write of ours happened: then nothing is known to compare with.
    write_open: bool,
    pub engines: Vec<Engine>,
    /// Servers restarted since the last intent to do so.
    restarted: Vec<String>,
    pub pending: Option<Password>,
    pub kept: Option<Password>,
    pub current: Password,
    pub scheduler: bool,
    disables: bool,
    repair: bool,
    /// The directory is changed as the account itself, and takes no password that it had.
    changes: bool,
    /// A server's own account database: changed by showing the old one, and no grace.
    local: bool,
    procedure: Procedure,
    /// Whether the service is stopped.
    stopped: bool,
    /// Whether the engine's key set opens, and whether it has the connectors' passwords.
    key_opens: bool,
    connectors_entered: bool,
    /// A person set a third password after the rotation began.
    pub third_set: bool,
    /// A look lied, or a call claimed success without effect: outages may then happen, lies may not.
    pub deceived: bool,
}

/// Who holds the password of a service account on a server.
const SERVICE: &str = "(service)";

fn server_of(step: &Step) -> &str {
    match step {
        Step::Baseline { server, .. } | Step::Prove { server, .. } => server,
        _ => "",
    }
}

/// Which of the two directory writes a step is.
fn which(step: &Step) -> usize {
    usize::from(*step == Step::Seal)
}

/// What applying a step comes to when nobody interferes.
pub(super) enum Natural {
    Done,
    Refused,
    /// The service's logon was refused.
    RefusedLogon,
    /// The service can't open its key set.
    KeySet,
    Foreign,
}

impl World {
    pub(super) fn new(plan: &Plan, repair: bool) -> Self {
        let procedure = plan.inventory.procedure;
        let of_service = matches!(procedure, Procedure::Service | Procedure::ServiceKeyLost);
        let first = if repair { Password::Third } else { Password::Old };
        let engines = plan
            .inventory
            .servers
            .iter()
            .flat_map(|server| {
                let mut holders: Vec<String> = server.connectors.iter().map(|used| used.connector.clone()).collect();
                if of_service {
                    holders = vec![SERVICE.to_owned()];
                }
                holders.into_iter().map(move |holder| (server, holder))
            })
            .map(|(server, connector)| Engine {
                server: server.server.clone(),
                connector,
                stored: Password::Old,
                running: Password::Old,
                staging: server.staging,
                moved: false,
            })
            .collect();
        Self {
            directory: first,
            directory_previous: first,
            key_version: 1,
            key_version_at_intent: [1, 1],
            key_version_known: 1,
            write_open: false,
            engines,
            restarted: Vec::new(),
            pending: None,
            kept: repair.then_some(Password::Stray),
            current: Password::Old,
            scheduler: true,
            disables: plan.inventory.quiesce == QuiesceMode::Disable,
            repair,
            changes: plan.inventory.method == Method::Change,
            local: plan.inventory.method == Method::LocalChange,
            procedure,
            stopped: false,
            key_opens: true,
            connectors_entered: true,
            third_set: false,
            deceived: false,
        }
    }

    fn accepts(&self, password: Password) -> bool {
        password == self.directory || (password == self.directory_previous && !self.local)
    }

    fn of_service(&self) -> bool {
        matches!(self.procedure, Procedure::Service | Procedure::ServiceKeyLost)
    }

    /// Starts the service of a server: it logs on with what the service manager keeps, and opens its key set.
    fn start(&mut self, server: &str) -> Natural {
        if self.of_service() {
            let logon = self.engine(server, SERVICE).stored;
            self.stopped = !self.accepts(logon);
            if self.stopped {
                return Natural::RefusedLogon;
            }
            self.engine(server, SERVICE).running = logon;
            self.stopped = !self.key_opens;
            if self.stopped {
                return Natural::KeySet;
            }
        } else {
            for engine in self.engines.iter_mut().filter(|engine| engine.server == server) {
                engine.running = engine.stored;
            }
        }
        self.restarted.push(server.to_owned());
        Natural::Done
    }

    fn engine(&mut self, server: &str, connector: &str) -> &mut Engine {
        self.engines.iter_mut().find(|e| e.server == server && e.connector == connector).expect("an engine of the plan")
    }

    fn target(&self, progress: &Progress) -> Password {
        let forward = progress.direction == Direction::Forward && self.procedure != Procedure::Rehearsal;
        if forward { Password::New } else { Password::Old }
    }

    /// What is seen before the step is applied, and so goes into its intent. `Some` when there is
    /// nothing to apply: it happened meanwhile, or somebody else was here. Before another try the shipped
    /// action looks once more.
    pub(super) fn see_before(&mut self, step: &Step, progress: &Progress, looks: bool) -> Option<Side> {
        let first_try = progress.mark(step).is_some_and(|mark| mark.tries == 0);
        let by_engine = progress.turned_by != Some(entra_rotator::rotation::TurnedBy::Operator);
        match step {
            Step::Directory | Step::Seal => {
                if first_try && by_engine && self.key_version != self.key_version_known {
                    return Some(Side::Foreign);
                }
                if !first_try
                    && looks
                    && let side @ (Side::New | Side::Foreign) = self.look(step, progress)
                {
                    return Some(side);
                }
                self.key_version_at_intent[which(step)] = self.key_version;
                self.write_open = true;
            }
            Step::Engine { .. } | Step::ServiceLogon { .. }
                if by_engine && !self.write_open && self.key_version != self.key_version_known =>
            {
                return Some(Side::Foreign);
            }
            Step::Engine { server, connector } => self.engine(server, connector).moved = false,
            Step::Restart { server } => self.restarted.retain(|name| name != server),
            Step::Reenter { .. } if self.connectors_entered => return Some(Side::New),
            _ => {}
        }
        None
    }

    /// Applies the step as the real actions do. The candidate of a mutant may be another one.
    pub(super) fn apply(&mut self, step: &Step, progress: &Progress, candidate: Password) -> Natural {
        let target = if self.target(progress) == Password::New { candidate } else { Password::Old };
        match step {
            Step::Baseline { .. } | Step::Prove { .. } if self.of_service() => {
                if matches!(step, Step::Prove { .. }) && self.key_version != self.key_version_known {
                    return Natural::Foreign;
                }
                // The proof looks whether the process is another one than before the restart.
                let server = server_of(step);
                let restart = Step::Restart { server: server.to_owned() };
                let to_restart = matches!(step, Step::Prove { .. }) && progress.route.contains(&restart);
                let same_process = to_restart && !self.restarted.iter().any(|name| name == server);
                if self.stopped || !self.connectors_entered || same_process {
                    return Natural::Refused;
                }
            }
            Step::Baseline { server, connector } => {
                let running = self.engine(server, connector).running;
                if !self.accepts(running) {
                    return Natural::Refused;
                }
            }
            Step::Prove { server, connector } => {
                if self.key_version != self.key_version_known {
                    return Natural::Foreign;
                }
                let running = self.engine(server, connector).running;
                if !self.accepts(running) {
                    return Natural::Refused;
                }
            }
            Step::Stage => {
                if self.pending.is_none() {
                    self.pending = Some(target);
                }
            }
            Step::Quiesce { .. } => self.scheduler &= !self.disables,
            Step::Release { .. } => self.scheduler = true,
            Step::Directory | Step::Seal => {
                if self.changes
                    && (self.directory != self.current || target == self.directory || target == Password::Old)
                {
                    return Natural::Refused;
                }
                if self.local {
                    let shown = if target == Password::Old { Password::New } else { self.current };
                    if target == Password::Old && self.directory == Password::Old {
                        return Natural::Done;
                    }
                    if self.directory != shown {
                        return Natural::Refused;
                    }
                }
                self.directory_previous = self.directory;
                self.directory = target;
                self.key_version += 1;
                if self.procedure == Procedure::ServiceKeyLost {
                    self.key_opens = false;
                }
            }
            Step::Converge { .. } => {
                if self.key_version != self.key_version_known {
                    return Natural::Foreign;
                }
            }
            Step::Engine { server, connector } => {
                let engine = self.engine(server, connector);
                engine.stored = target;
                engine.moved = true;
            }
            Step::Restart { server } | Step::Start { server } => return self.start(server),
            Step::Stop { .. } => self.stopped = true,
            Step::ServiceLogon { server } => self.engine(server, SERVICE).stored = target,
            Step::AbandonKey { .. } => {
                self.key_opens = true;
                self.connectors_entered = false;
            }
            Step::Reenter { .. } => self.connectors_entered = true,
            Step::EntraReset { .. } => {}
            Step::Logon => {
                if self.key_version != self.key_version_known {
                    return Natural::Foreign;
                }
                if !self.accepts(target) {
                    return Natural::Refused;
                }
            }
            Step::Promote => {
                if self.key_version != self.key_version_known {
                    return Natural::Foreign;
                }
                match self.pending.take() {
                    Some(candidate) => {
                        self.current = candidate;
                        self.kept = None;
                    }
                    None if self.current == target => {}
                    None => return Natural::Refused,
                }
            }
            Step::Discard => {
                if self.key_version != self.key_version_known {
                    return Natural::Foreign;
                }
                self.pending = None;
            }
        }
        Natural::Done
    }

    /// After a directory write is known to have happened: the reply came, or a look showed it.
    pub(super) fn note_known(&mut self, step: &Step) {
        if matches!(step, Step::Directory | Step::Seal) {
            self.key_version_known = self.key_version;
            self.write_open = false;
        }
    }

    /// A directory write surely had no effect, or a look says so.
    pub(super) fn note_nothing(&mut self, step: &Step) {
        self.write_open &= !matches!(step, Step::Directory | Step::Seal);
    }

    /// A look lied: by what it showed, our write is the last one.
    pub(super) fn note_lie(&mut self, step: &Step) {
        self.deceived = true;
        if matches!(step, Step::Directory | Step::Seal) {
            self.key_version_known = self.key_version_at_intent[which(step)] + 1;
            self.write_open = false;
        }
    }

    /// Only the engine's claim of success, with its version moved, and nothing stored.
    pub(super) fn claim_success(&mut self, step: &Step) {
        let (server, connector) = match step {
            Step::Engine { server, connector } => (server.as_str(), connector.as_str()),
            Step::ServiceLogon { server } => (server.as_str(), SERVICE),
            _ => return,
        };
        self.engine(server, connector).moved = true;
        self.deceived = true;
    }

    pub(super) fn person_sets_third(&mut self) {
        self.directory_previous = self.directory;
        self.directory = Password::Third;
        self.key_version += 1;
        self.third_set = true;
    }

    /// What an honest look shows.
    pub(super) fn look(&mut self, step: &Step, progress: &Progress) -> Side {
        let target = self.target(progress);
        match step {
            Step::Stop { .. } => {
                if self.stopped {
                    Side::New
                } else {
                    Side::Old
                }
            }
            Step::Start { .. } => {
                if self.stopped {
                    Side::Old
                } else {
                    Side::New
                }
            }
            Step::Reenter { .. } => {
                if self.connectors_entered {
                    Side::New
                } else {
                    Side::Old
                }
            }
            Step::EntraReset { .. } => Side::Blind,
            Step::Directory if self.local => {
                if self.directory == target {
                    Side::New
                } else if self.key_version == self.key_version_at_intent[0] {
                    Side::Old
                } else {
                    Side::Foreign
                }
            }
            Step::Stage => {
                if self.pending == Some(target) {
                    Side::New
                } else {
                    Side::Old
                }
            }
            Step::Promote => {
                if self.current == target && self.pending.is_none() {
                    Side::New
                } else {
                    Side::Old
                }
            }
            Step::Directory | Step::Seal => match self.key_version - self.key_version_at_intent[which(step)] {
                0 => Side::Old,
                1 if self.directory == target => Side::New,
                _ => Side::Foreign,
            },
            Step::Engine { server, connector } => {
                if self.engine(server, connector).moved {
                    Side::Blind
                } else {
                    Side::Old
                }
            }
            Step::Restart { server } => {
                if self.restarted.contains(server) {
                    Side::New
                } else {
                    Side::Old
                }
            }
            other => panic!("{other} has no look"),
        }
    }

    /// What a logon alone would tell after exactly one set.
    pub(super) fn accepts_after_one_set(&self, step: &Step, progress: &Progress) -> bool {
        matches!(step, Step::Directory | Step::Seal)
            && self.key_version - self.key_version_at_intent[which(step)] == 1
            && self.accepts(self.target(progress))
    }

    /// Whether a look at this step may lie, and as what: a stale answer from a replica, or a service
    /// process that only seems to be a new one. What is read back by value from the vault can't lie "new".
    pub(super) fn lie(step: &Step, truth: Side) -> Option<Side> {
        match (step, truth) {
            (Step::Directory | Step::Seal | Step::Stage | Step::Promote | Step::Restart { .. }, Side::New) => {
                Some(Side::Old)
            }
            (Step::Directory | Step::Restart { .. }, Side::Old) => Some(Side::New),
            _ => None,
        }
    }

    /// What must hold at every moment.
    pub(super) fn broken_now(&self) -> Option<&'static str> {
        let in_vault = [Some(self.current), self.pending].contains(&Some(self.directory));
        if self.directory != Password::Third && !in_vault {
            return Some("the live password is not in the vault");
        }
        if self.third_set && self.directory != Password::Third {
            return Some("a password that a person set was overwritten");
        }
        // A service that runs keeps what it logged on with; it is the next start that is refused.
        let shut_out = |engine: &Engine| !self.of_service() && !engine.staging && !self.accepts(engine.running);
        if !self.deceived && !self.third_set && !self.repair && self.engines.iter().any(shut_out) {
            return Some("the active engine runs with a password that the directory refuses");
        }
        None
    }

    pub(super) fn is_all(&self, password: Password) -> bool {
        self.directory == password
            && self.current == password
            && self.pending.is_none()
            && !self.stopped
            && self.connectors_entered
            && self
                .engines
                .iter()
                .all(|engine| engine.stored == password && (self.of_service() || engine.running == password))
    }
}
