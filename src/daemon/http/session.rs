use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::keys::{Who, digest};
use crate::clock::Entropy;

/// After so long without a request a session is over.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// After so long it is over in any case.
const LONGEST: Duration = Duration::from_secs(8 * 3600);

/// Sessions at a time. When there are more, the one that was silent longest ends.
const SESSIONS_MAX: usize = 200;

/// Who has signed in: in memory alone, so that a restart signs everybody out.
#[derive(Default)]
pub(super) struct Sessions(Mutex<BTreeMap<[u8; 32], Session>>);

/// One who has signed in.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) who: Who,
    /// What each form of it must bring back.
    pub(super) csrf: String,
    made_at: Duration,
    seen_at: Duration,
}

impl Session {
    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.seen_at) >= IDLE || now.saturating_sub(self.made_at) >= LONGEST
    }
}

impl Sessions {
    /// Begins one; its key, which the browser keeps and nobody else.
    pub(super) fn begin(&self, who: Who, entropy: &dyn Entropy, now: Duration) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, session| !session.is_over(now));
        if known.len() >= SESSIONS_MAX
            && let Some(oldest) = known.iter().min_by_key(|(_, session)| session.seen_at).map(|(key, _)| *key)
        {
            known.remove(&oldest);
        }
        let key = hex::encode(entropy.key());
        let csrf = hex::encode(entropy.key());
        known.insert(digest(&key), Session { who, csrf, made_at: now, seen_at: now });
        key
    }

    /// The session of a key, if it is not over.
    pub(super) fn of(&self, key: &str, now: Duration) -> Option<Session> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = digest(key);
        let session = known.get_mut(&key)?;
        if session.is_over(now) {
            known.remove(&key);
            return None;
        }
        session.seen_at = now;
        Some(session.clone())
    }

    /// Ends one.
    pub(super) fn end(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemEntropy;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_session_ends_by_silence_by_age_and_by_its_end() {
        let sessions = Sessions::default();
        let key = sessions.begin(Who::Looker, &SystemEntropy, Duration::ZERO);
        assert!(sessions.of(&key, IDLE - MINUTE).is_some());
        assert!(sessions.of(&key, IDLE + MINUTE).is_some(), "it was used meanwhile");
        assert!(sessions.of(&key, 2 * IDLE + MINUTE).is_none(), "silent for too long");
        let key = sessions.begin(Who::Looker, &SystemEntropy, Duration::ZERO);
        let mut now = Duration::ZERO;
        while now < LONGEST {
            assert!(sessions.of(&key, now).is_some());
            now += IDLE / 2;
        }
        assert!(sessions.of(&key, now).is_none(), "too old, however busy");
        let key = sessions.begin(Who::Looker, &SystemEntropy, now);
        sessions.end(&key);
        assert!(sessions.of(&key, now).is_none());
    }

    #[test]
    fn there_are_only_so_many_and_no_two_are_alike() {
        let sessions = Sessions::default();
        let keys: Vec<String> = (0..SESSIONS_MAX + 5)
            .map(|number| sessions.begin(Who::Looker, &SystemEntropy, Duration::from_secs(number as u64)))
            .collect();
        let now = Duration::from_secs(SESSIONS_MAX as u64 + 5);
        let alive: Vec<Session> = keys.iter().filter_map(|key| sessions.of(key, now)).collect();
        assert_eq!(alive.len(), SESSIONS_MAX);
        assert!(sessions.of(&keys[0], now).is_none() && sessions.of(&keys[5], now).is_some());
        assert!(alive.iter().all(|session| session.csrf.len() == 64 && !keys.contains(&session.csrf)));
    }
}
