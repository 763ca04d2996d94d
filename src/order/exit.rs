use std::process::ExitCode;

/// How the program ends. With several accounts the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed and rolled back: all old.
    Failed,
    /// Wrong usage or configuration; nothing was changed.
    Usage,
    /// Held for a person.
    Held,
    /// Preflight refused; nothing was changed.
    Refused,
    /// Somebody else is at it.
    Busy,
    /// Outside the account's maintenance windows; nothing was begun.
    Window,
    /// Something is overdue (`status --check`).
    Overdue,
    /// Try later: something could not be reached, or a rotation was interrupted.
    Later,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Held => 3,
            Self::Refused => 4,
            Self::Busy => 5,
            Self::Window => 6,
            Self::Overdue => 8,
            Self::Later => 75,
        }
    }

    /// The word of it, as JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "rolled-back",
            Self::Usage => "usage",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Window => "outside-window",
            Self::Overdue => "overdue",
            Self::Later => "later",
        }
    }

    /// The one that counts when both happened.
    pub fn worse(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Held => 7,
            Self::Failed => 6,
            Self::Usage => 5,
            Self::Refused => 4,
            Self::Busy => 3,
            Self::Later | Self::Overdue => 2,
            Self::Window => 1,
            Self::Done => 0,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_worst_counts() {
        let order = [Exit::Held, Exit::Failed, Exit::Refused, Exit::Busy, Exit::Later, Exit::Window, Exit::Done];
        assert_eq!(order.map(Exit::code), [3, 1, 4, 5, 75, 6, 0]);
        for (place, worse) in order.iter().enumerate() {
            for better in &order[place..] {
                assert_eq!(worse.worse(*better), *worse);
                assert_eq!(better.worse(*worse), *worse);
            }
        }
    }
}
