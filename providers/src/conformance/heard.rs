//! What an adapter gave back, word by word, and what must not be in it.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use super::needles::Needles;
use crate::port::{Fault, Secret};

/// What was said, by which call, and what must not be in it.
#[derive(Default)]
pub(super) struct Heard {
    words: Mutex<Vec<(&'static str, String)>>,
    secrets: Mutex<Vec<Secret>>,
}

impl Heard {
    pub(super) fn word(&self, call: &'static str, text: String) {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).push((call, text));
    }

    pub(super) fn secret(&self, secret: &Secret) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if !secrets.contains(secret) {
            secrets.push(secret.clone());
        }
    }

    /// The first call that gave a secret away. The words themselves are not repeated.
    pub(super) fn leak(&self) -> Option<String> {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut needles = Needles::default();
        secrets.iter().for_each(|secret| needles.add(secret.expose()));
        let (call, _) = words.iter().find(|(_, text)| needles.are_in(text))?;
        Some(format!("what {call} says has a password in it"))
    }

    pub(super) fn answer<T: Debug>(&self, call: &'static str, answer: Result<T, Fault>) -> Result<T, Fault> {
        match &answer {
            Ok(value) => self.word(call, format!("{value:?}")),
            Err(fault) => self.word(call, format!("{fault} {fault:?}")),
        }
        answer
    }
}
