use async_trait::async_trait;
use providers::port::Fault;

/// What a person at the terminal is asked to do, and to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What it is about, one line.
    pub title: String,
    /// What to do, in order; names where a password lies, never a password.
    pub lines: Vec<String>,
    /// What the person types when it is done, or to go on.
    pub word: &'static str,
}

/// The person at the terminal.
#[async_trait]
pub trait Operator: Send + Sync {
    /// Whether there is one.
    fn present(&self) -> bool;

    /// Asks, and waits with a limit for the word. Anything else, a limit that passed, or nobody there = `Refused`:
    /// surely nothing was done by us, and the question may be asked again after `resume`.
    async fn ask(&self, question: &Question) -> Result<(), Fault>;
}

/// Nobody is there: a timer, a service, a pipe.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

#[async_trait]
impl Operator for Nobody {
    fn present(&self) -> bool {
        false
    }

    async fn ask(&self, question: &Question) -> Result<(), Fault> {
        Err(Fault::refused(format!("asking a person: {}", question.title), "there is no terminal")
            .hint("run the same command in a terminal; `resume` goes on there"))
    }
}
