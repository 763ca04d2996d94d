use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::keys::{Who, digest, is_same};
use crate::clock::Entropy;
use crate::order::{Deed, Mark};

/// After so long without a request a session is over.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// After so long it is over in any case.
const LONGEST: Duration = Duration::from_secs(8 * 3600);

/// Sessions at a time. When there are more, the one that was silent longest ends.
const SESSIONS_MAX: usize = 200;

/// Forms of a session that are open at a time. When there are more, the oldest can't be sent any more.
const FORMS_MAX: usize = 20;

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
    /// Forms that it was shown and has not sent back, oldest first.
    forms: VecDeque<(String, Shown)>,
}

/// A form that was shown: what it was about, which is not believed of the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The account.
    pub(super) account: String,
    /// What is to be done.
    pub(super) deed: Deed,
    /// How the account's rotations stood when the form was shown.
    pub(super) seen: Mark,
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
        known.insert(digest(&key), Session { who, csrf, made_at: now, seen_at: now, forms: VecDeque::new() });
        key
    }

    /// The session of a key, if it is not over. `by_itself`: a browser asked for something that nobody wanted just now, which
    /// is no sign that anybody sits there.
    pub(super) fn of(&self, key: &str, now: Duration, by_itself: bool) -> Option<Session> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = digest(key);
        let session = known.get_mut(&key)?;
        if session.is_over(now) {
            known.remove(&key);
            return None;
        }
        if !by_itself {
            session.seen_at = now;
        }
        Some(session.clone())
    }

    /// A form is shown in a session; its id, good for one answer.
    pub(super) fn show(&self, key: &str, form: Shown, entropy: &dyn Entropy) -> Option<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forms = &mut known.get_mut(&digest(key))?.forms;
        if forms.len() >= FORMS_MAX {
            forms.pop_front();
        }
        let id = hex::encode(entropy.key());
        forms.push_back((id.clone(), form));
        Some(id)
    }

    /// A form came back: what it was about, the first time.
    pub(super) fn came_back(&self, key: &str, id: &str) -> Option<Shown> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forms = &mut known.get_mut(&digest(key))?.forms;
        let place = forms.iter().position(|(shown, _)| is_same(shown, id))?;
        forms.remove(place).map(|(_, form)| form)
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
        assert!(sessions.of(&key, IDLE - MINUTE, false).is_some());
        assert!(sessions.of(&key, IDLE + MINUTE, false).is_some(), "it was used meanwhile");
        assert!(sessions.of(&key, 2 * IDLE + MINUTE, false).is_none(), "silent for too long");
        let key = sessions.begin(Who::Looker, &SystemEntropy, Duration::ZERO);
        let mut now = Duration::ZERO;
        while now < LONGEST {
            assert!(sessions.of(&key, now, false).is_some());
            now += IDLE / 2;
        }
        assert!(sessions.of(&key, now, false).is_none(), "too old, however busy");
        let key = sessions.begin(Who::Looker, &SystemEntropy, now);
        sessions.end(&key);
        assert!(sessions.of(&key, now, false).is_none());
        let key = sessions.begin(Who::Looker, &SystemEntropy, now);
        assert!(sessions.of(&key, now + IDLE - MINUTE, true).is_some());
        assert!(sessions.of(&key, now + IDLE, true).is_none(), "a page that looks again by itself is silence");
    }

    #[test]
    fn there_are_only_so_many_and_no_two_are_alike() {
        let sessions = Sessions::default();
        let keys: Vec<String> = (0..SESSIONS_MAX + 5)
            .map(|number| sessions.begin(Who::Looker, &SystemEntropy, Duration::from_secs(number as u64)))
            .collect();
        let now = Duration::from_secs(SESSIONS_MAX as u64 + 5);
        let alive: Vec<Session> = keys.iter().filter_map(|key| sessions.of(key, now, false)).collect();
        assert_eq!(alive.len(), SESSIONS_MAX);
        assert!(sessions.of(&keys[0], now, false).is_none() && sessions.of(&keys[5], now, false).is_some());
        assert!(alive.iter().all(|session| session.csrf.len() == 64 && !keys.contains(&session.csrf)));
    }
    #[test]
    fn a_form_comes_back_once_and_in_its_own_session() {
        let sessions = Sessions::default();
        let [one, other] = [(); 2].map(|()| sessions.begin(Who::Looker, &SystemEntropy, Duration::ZERO));
        let form = |account: &str| Shown { account: account.into(), deed: Deed::Resume, seen: Mark::default() };
        let show = |account: &str| sessions.show(&one, form(account), &SystemEntropy).expect("a session");
        let id = show("a");
        assert_eq!(sessions.came_back(&other, &id), None, "of another session");
        assert_eq!(sessions.came_back(&one, "x"), None);
        assert_eq!(sessions.came_back(&one, &id), Some(form("a")));
        assert_eq!(sessions.came_back(&one, &id), None, "a second time");
        let ids: Vec<String> = (0..=FORMS_MAX).map(|number| show(&number.to_string())).collect();
        assert_eq!(sessions.came_back(&one, &ids[0]), None, "too many are open");
        assert_eq!(sessions.came_back(&one, &ids[1]), Some(form("1")));
        sessions.end(&one);
        assert_eq!(sessions.came_back(&one, &ids[2]), None, "the session has ended");
    }
}
