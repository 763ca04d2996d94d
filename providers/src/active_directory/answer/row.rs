//! One row of the table of answers: what was asked, what tells the answer from others, and what it means.

use Mark::AnyText;

/// What was asked of the domain controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::active_directory) enum Request {
    /// A simple bind.
    Bind,
    /// unicodePwd replaced.
    Reset,
    /// unicodePwd deleted and added in one request.
    Change,
    /// unicodePwd replaced by a value without quotes, which nobody accepts: it shows who may reset.
    Probe,
    /// replicateSingleObject.
    Replicate,
    /// A search.
    Read,
}

/// What tells an answer from others with the same LDAP code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The diagnostic text begins with this number, in hex.
    Hex(u32),
    /// The diagnostic text of code 49 has it behind `data`.
    Data(u32),
    /// There is no number behind `data`.
    Unnumbered,
    /// Any text.
    AnyText,
}

/// What the answer means for the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::active_directory) enum Verdict {
    /// It is done; a logon is accepted.
    Done,
    /// A definite no; nothing was changed.
    Refused,
    /// Nothing was changed; worth another try.
    Later,
    /// Nobody promises that nothing was changed.
    Unclear,
    /// The password is wrong.
    WrongPassword,
    /// The account is locked out.
    Locked,
    /// No logon, for a reason that is not the password.
    Barred,
    /// The right to reset is there.
    Held,
    /// The right to reset is not there.
    Missing,
    /// The answer says nothing about the right.
    CantTell,
    /// An answer that nobody should give.
    Unheard,
    /// There is no such object, or nobody may know of it.
    Absent,
    /// There is more than was asked for.
    Partial,
}

/// One answer.
#[derive(Debug)]
pub(in crate::active_directory) struct Row {
    pub(super) requests: &'static [Request],
    /// The LDAP result code; `None` = whatever it is.
    pub(super) code: Option<u32>,
    pub(super) mark: Mark,
    pub(super) verdict: Verdict,
    /// The cause, a fragment. It stands before the server's own words.
    pub(super) sentence: &'static str,
    /// The next step of a person; empty when there is nothing to do.
    pub(super) next_step: &'static str,
    /// Where the answer was seen.
    pub(super) seen: &'static str,
    /// An answer of this kind.
    pub(super) sample: (u32, &'static str),
}

impl Row {
    pub(super) const fn new(requests: &'static [Request], code: Option<u32>, mark: Mark, verdict: Verdict) -> Self {
        Self { requests, code, mark, verdict, sentence: "", next_step: "", seen: "", sample: (0, "") }
    }

    pub(super) const fn says(mut self, sentence: &'static str, next_step: &'static str) -> Self {
        self.sentence = sentence;
        self.next_step = next_step;
        self
    }

    pub(super) const fn seen(mut self, code: u32, text: &'static str, place: &'static str) -> Self {
        self.sample = (code, text);
        self.seen = place;
        self
    }

    /// How much a row asks of an answer: the more, the earlier it is tried.
    pub(super) fn rank(&self) -> u8 {
        u8::from(self.mark != AnyText) * 2 + u8::from(self.code.is_some())
    }
}
