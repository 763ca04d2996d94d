use crate::report::{At, Text};

/// Which of the pages one is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    /// The accounts.
    Accounts,
    /// What is under way.
    Running,
    /// What is held.
    Held,
    /// What was.
    History,
    /// What holds now.
    Conditions,
    /// Reports.
    Reports,
    /// None of those in the menu.
    Elsewhere,
}

impl Here {
    const MENU: [(Self, &'static str, &'static str); 6] = [
        (Self::Accounts, "/", "Accounts"),
        (Self::Running, "/running", "Running"),
        (Self::Held, "/held", "Held"),
        (Self::History, "/history", "History"),
        (Self::Conditions, "/conditions", "Conditions"),
        (Self::Reports, "/reports", "Reports"),
    ];
}

/// What the process behind the page is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// The service works in it.
    Works,
    /// The service works in it and was not seen at work lately.
    NotSeen,
    /// It is ending.
    Ends,
    /// It only shows: another process works, or must first be gone; which, or why.
    StandsBy(Text),
}

/// What every page has around it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Where one is.
    pub here: Here,
    /// The machine's name.
    pub host: Text,
    /// As of when.
    pub now: At,
    /// What the process does.
    pub service: Service,
    /// How many rotations are under way or interrupted, and how many are held.
    pub open: (usize, usize),
    /// Who has signed in: a person's name, or nobody's for the token that only looks.
    pub who: Option<Text>,
    /// What a form must bring back; empty when nobody has signed in.
    pub csrf: String,
    /// Whether there is a login at all, and nobody has signed in yet.
    pub may_sign_in: bool,
}

/// A line of the menu.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
    /// How many there are, where that is told.
    pub(super) count: usize,
}

impl Frame {
    pub(super) fn menu(&self) -> Vec<Entry> {
        let entry = |(here, path, name): &(Here, &'static str, &'static str)| Entry {
            path,
            name,
            is_here: *here == self.here,
            count: match here {
                Here::Running => self.open.0,
                Here::Held => self.open.1,
                _ => 0,
            },
        };
        Here::MENU.iter().map(entry).collect()
    }

    pub(super) fn standing(&self) -> &'static str {
        match self.service {
            Service::Works => "The service works in this process.",
            Service::NotSeen => "The service in this process was not seen at work lately. Its log says more.",
            Service::Ends => "The service in this process is ending.",
            Service::StandsBy(_) => "This process stands by. What works:",
        }
    }

    pub(super) fn works(&self) -> Option<&Text> {
        match &self.service {
            Service::StandsBy(works) => Some(works),
            _ => None,
        }
    }

    pub(super) fn is_troubled(&self) -> bool {
        matches!(self.service, Service::NotSeen | Service::Ends)
    }
}
