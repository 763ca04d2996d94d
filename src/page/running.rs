use askama::Template;

use super::link::{link, of_rotation};
use super::{Frame, Part, Tone, Word};
use crate::journal::Entry;
use crate::report::{At, Length, Text};
use crate::rotation::{Direction, Event, Plan, Progress, Standing, Step};

/// What is under way.
#[derive(Debug, Template)]
#[template(path = "page/running.html")]
pub struct Running {
    /// Around it.
    pub frame: Frame,
    /// Oldest first.
    pub rotations: Vec<RunningRotation>,
    /// Which of all of them these are.
    pub part: Part,
    /// Only those of this account, where one is asked for.
    pub account: Option<Text>,
    /// Whether something can be ordered here.
    pub may_order: bool,
    /// How often the page looks again by itself, where somebody asked for that.
    pub every_s: Option<u32>,
    /// Accounts that something smaller is done for: a late proof, a look.
    pub errands: Vec<Text>,
}

/// A rotation that is open.
#[derive(Clone, Debug)]
pub struct RunningRotation {
    /// Its id.
    pub rotation: Text,
    /// The account.
    pub account: Text,
    /// Whether this process works on it.
    pub is_here: bool,
    /// Who asked for it.
    pub initiator: Text,
    /// When it began.
    pub began: At,
    /// How long ago something was last written of it.
    pub silent: Length,
    /// Whether the old password is its target.
    pub is_back: bool,
    /// Whether there is a way back.
    pub may_go_back: bool,
    /// The steps of the way that it is on.
    pub steps: Vec<RunningStep>,
}

/// A step of it.
#[derive(Clone, Debug)]
pub struct RunningStep {
    /// As `plan` prints it.
    pub step: Text,
    /// What it does.
    pub sentence: Text,
    /// How it stands.
    pub state: Word,
    /// Whether it is the one that is under way, or comes next.
    pub is_current: bool,
    /// How often it was tried.
    pub tries: u32,
    /// When something was last written of it.
    pub at: Option<At>,
}

impl Running {
    /// The way to this page: once, or again and again.
    pub(super) fn again(&self, every_s: &str) -> String {
        let account = self.account.as_ref().map(|account| account.0.clone()).unwrap_or_default();
        self.part.here(&[("account", account), ("every", every_s.to_owned())])
    }
}

impl RunningRotation {
    /// Of a rotation's plan and what the journal has of it. `now` = as of when.
    pub fn of(plan: &Plan, progress: &Progress, log: &[Entry], is_here: bool, now: At) -> Option<Self> {
        let (first, last) = (log.first()?, log.last()?);
        let initiator = match &first.event {
            Event::Begun { initiator, .. } => Text::of(initiator),
            _ => Text::default(),
        };
        let mut steps: Vec<RunningStep> = progress
            .route
            .iter()
            .zip(&progress.marks)
            .map(|(step, mark)| RunningStep {
                step: Text::of(step),
                sentence: Text::of(step.sentence()),
                state: state(mark.standing, is_here),
                is_current: false,
                tries: mark.tries,
                at: last_of(log, step).map(At),
            })
            .collect();
        let current = progress.marks.iter().position(|mark| mark.standing != Standing::Done);
        if let Some(step) = current.and_then(|current| steps.get_mut(current)) {
            step.is_current = true;
        }
        Some(Self {
            rotation: Text::of(&first.rotation),
            account: Text::of(&plan.inventory.account),
            is_here,
            initiator,
            began: At(first.at),
            silent: Length::between(last.at, now.0),
            is_back: progress.direction == Direction::Back,
            may_go_back: plan.no_way_back(progress).is_none(),
            steps,
        })
    }

    pub(super) fn link(&self) -> String {
        of_rotation(&self.rotation.0)
    }

    pub(super) fn order(&self, what: &str) -> String {
        link("/order", &[("what", what), ("account", &self.account.0)])
    }

    pub(super) fn done(&self) -> usize {
        self.steps.iter().filter(|step| step.state.words == DONE).count()
    }
}

const DONE: &str = "done";

fn state(standing: Standing, is_here: bool) -> Word {
    match standing {
        Standing::Done => Word::new(Tone::Good, "✓", DONE),
        Standing::Open if is_here => Word::new(Tone::Plain, "▸", "being done"),
        Standing::Open => Word::new(Tone::Warn, "…", "begun"),
        Standing::Fresh => Word::new(Tone::Plain, "–", "to come"),
        Standing::Unsure => Word::new(Tone::Warn, "?", "not clear, is looked at"),
        Standing::Undone => Word::new(Tone::Warn, "↻", "without effect, is tried again"),
        Standing::Blind => Word::new(Tone::Warn, "↻", "can't be seen, is done again"),
        Standing::Failed => Word::new(Tone::Bad, "✕", "failed"),
        Standing::Foreign => Word::new(Tone::Bad, "✕", "somebody else's"),
    }
}

fn last_of(log: &[Entry], step: &Step) -> Option<jiff::Timestamp> {
    let is_of = |event: &Event| match event {
        Event::Intent { step: of, .. }
        | Event::Done { step: of, .. }
        | Event::Failed { step: of, .. }
        | Event::Looked { step: of, .. }
        | Event::LookFailed { step: of, .. } => of == step,
        _ => false,
    };
    log.iter().rev().find(|entry| is_of(&entry.event)).map(|entry| entry.at)
}
