//! The person at the terminal.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use async_trait::async_trait;
use providers::port::Fault;

use super::output::say;
use crate::engine::{Operator, Question};

/// How long a question waits for its answer: less than the engine gives any request.
const ANSWER_LIMIT: Duration = Duration::from_secs(25 * 60);

/// Standard input and standard error, when both are a terminal.
#[derive(Debug)]
pub(super) struct Terminal;

#[async_trait]
impl Operator for Terminal {
    fn present(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    async fn ask(&self, question: &Question) -> Result<(), Fault> {
        let doing = || format!("asking you: {}", question.title);
        if !self.present() {
            return Err(Fault::refused(doing(), "there is no terminal")
                .hint("run the same command in a terminal; `resume` goes on there"));
        }
        say(&format!("\n  ==== {} ====", question.title));
        for line in &question.lines {
            say(&format!("  {line}"));
        }
        say(&format!(
            "  Type `{}` and Enter; anything else stops here. This waits for {} minutes.",
            question.word,
            ANSWER_LIMIT.as_secs() / 60
        ));
        let (answered, answer) = tokio::sync::oneshot::channel();
        // A thread that nobody waits for: a read that hangs must not keep the process.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            let _ = answered.send(read.map(|_| line));
        });
        match tokio::time::timeout(ANSWER_LIMIT, answer).await {
            Ok(Ok(Ok(line))) if line.trim() == question.word => Ok(()),
            Ok(Ok(Ok(_))) => Err(Fault::refused(doing(), format!("`{}` was not typed", question.word))),
            Ok(_) => Err(Fault::refused(doing(), "the terminal can't be read")),
            Err(_) => Err(Fault::refused(doing(), "nobody answered in time").hint("`resume` asks again")),
        }
    }
}
