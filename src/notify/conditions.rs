use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Notice, Severity, Standing};

/// For so long a condition must be gone before it is told to be over: one that flaps is told once.
const FLAP_MIN: i64 = 10;

/// Something that holds now and should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its lasting id, such as `held/msol`.
    pub key: String,
    /// What kind it is, out of a bounded set.
    pub kind: &'static str,
    /// How grave it is now.
    pub severity: Severity,
    /// The account, where it is about one.
    pub account: Option<String>,
    /// The rotation, where it is about one.
    pub rotation: Option<String>,
    /// One line.
    pub title: String,
    /// What is wrong, one paragraph.
    pub text: String,
    /// What to do, in this order.
    pub next_steps: Vec<String>,
}

/// Which conditions hold, and what was told of them. Knows no clock: the time is an argument.
#[derive(Clone, Debug)]
pub struct Conditions {
    host: String,
    repeat: SignedDuration,
    known: BTreeMap<String, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    condition: Condition,
    /// The gravest that was told since it was raised: whoever heard of it hears of its end.
    told: Severity,
    told_at: Timestamp,
    gone_since: Option<Timestamp>,
}

impl Conditions {
    /// None yet. `host` is the machine that tells; what still holds is told again every `repeat_h` hours.
    pub fn new(host: impl Into<String>, repeat_h: u32) -> Self {
        Self {
            host: host.into(),
            repeat: SignedDuration::from_hours(i64::from(repeat_h.max(1))),
            known: BTreeMap::new(),
        }
    }

    /// Takes in everything that holds now, and says what is to be told: raised when new or graver than told, repeated
    /// when it still holds after the time for that, cleared when it is gone for ten minutes.
    pub fn update(&mut self, now: Timestamp, holding: Vec<Condition>) -> Vec<Notice> {
        // Of two with one key the graver counts.
        let mut here: BTreeMap<String, Condition> = BTreeMap::new();
        for condition in holding {
            match here.get(&condition.key) {
                Some(other) if other.severity >= condition.severity => {}
                _ => drop(here.insert(condition.key.clone(), condition)),
            }
        }
        let mut notices = Vec::new();
        self.known.retain(|key, known| {
            // A clock that was set back must neither silence a condition nor end it too soon.
            known.told_at = known.told_at.min(now);
            known.gone_since = known.gone_since.map(|since| since.min(now));
            if here.contains_key(key) {
                return true;
            }
            let since = *known.gone_since.get_or_insert(now);
            let over = now.duration_since(since) >= SignedDuration::from_mins(FLAP_MIN);
            if over {
                notices.push(notice(&self.host, now, Standing::Cleared, known.told, &known.condition));
            }
            !over
        });
        for (key, condition) in here {
            let standing = match self.known.get(&key) {
                None => Some(Standing::Raised),
                Some(known) if condition.severity > known.told => Some(Standing::Raised),
                Some(known) if now.duration_since(known.told_at) >= self.repeat => Some(Standing::Repeated),
                Some(_) => None,
            };
            if let Some(standing) = standing {
                notices.push(notice(&self.host, now, standing, condition.severity, &condition));
            }
            let before = self.known.get(&key);
            let known = Known {
                told: before.map_or(condition.severity, |before| before.told.max(condition.severity)),
                told_at: match (standing, before) {
                    (None, Some(before)) => before.told_at,
                    _ => now,
                },
                gone_since: None,
                condition,
            };
            self.known.insert(key, known);
        }
        notices
    }

    /// What holds, with what has just gone and could come back.
    pub fn holding(&self) -> impl Iterator<Item = &Condition> {
        self.known.values().map(|known| &known.condition)
    }
}

fn notice(host: &str, at: Timestamp, standing: Standing, severity: Severity, condition: &Condition) -> Notice {
    let condition = condition.clone();
    // What is over asks for nothing.
    let next_steps = if standing == Standing::Cleared { Vec::new() } else { condition.next_steps };
    Notice {
        key: condition.key,
        kind: condition.kind,
        severity,
        standing,
        at,
        host: host.to_owned(),
        account: condition.account,
        rotation: condition.rotation,
        title: condition.title,
        text: condition.text,
        next_steps,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-11-21T09:00:00Z".parse().expect("a time");
        start + SignedDuration::from_mins(minute)
    }

    fn condition(key: &str, severity: Severity) -> Condition {
        Condition {
            key: key.into(),
            kind: "held",
            severity,
            account: None,
            rotation: None,
            title: format!("{key} is held"),
            text: "It waits.".into(),
            next_steps: vec!["look".into()],
        }
    }

    fn told(notices: &[Notice]) -> Vec<(&str, Standing, Severity)> {
        notices.iter().map(|notice| (notice.key.as_str(), notice.standing, notice.severity)).collect()
    }

    #[test]
    fn raised_once_repeated_after_a_day_cleared_after_ten_minutes() {
        let mut conditions = Conditions::new("SYNC1", 24);
        let mut step = |minute, holds: bool| {
            let holding = holds.then(|| condition("a", Severity::Alarm)).into_iter().collect();
            conditions.update(at(minute), holding).iter().map(|notice| notice.standing).collect::<Vec<_>>()
        };
        assert_eq!(step(0, true), [Standing::Raised]);
        assert_eq!(step(1, true), []);
        assert_eq!(step(24 * 60 - 1, true), []);
        assert_eq!(step(24 * 60, true), [Standing::Repeated]);
        assert_eq!(step(24 * 60 + 1, true), []);
        assert_eq!(step(24 * 60 + 2, false), []);
        assert_eq!(step(24 * 60 + 11, false), []);
        assert_eq!(step(24 * 60 + 12, false), [Standing::Cleared]);
        assert_eq!(step(24 * 60 + 99, false), []);
        assert_eq!(step(24 * 60 + 100, true), [Standing::Raised]);
    }

    #[test]
    fn flapping_is_told_once() {
        let mut conditions = Conditions::new("SYNC1", 24);
        let mut all = Vec::new();
        for minute in 0..300 {
            let holding = if minute % 10 == 0 { vec![condition("a", Severity::Warning)] } else { Vec::new() };
            all.extend(conditions.update(at(minute), holding));
        }
        assert_eq!(told(&all), [("a", Standing::Raised, Severity::Warning)]);
    }

    #[test]
    fn graver_is_told_at_once_and_whoever_heard_of_it_hears_of_the_end() {
        let mut conditions = Conditions::new("SYNC1", 24);
        let mut step = |minute, severity: Option<Severity>| {
            let holding = severity.map(|severity| condition("a", severity)).into_iter().collect();
            conditions
                .update(at(minute), holding)
                .iter()
                .map(|notice| (notice.standing, notice.severity))
                .collect::<Vec<_>>()
        };
        assert_eq!(step(0, Some(Severity::Warning)), [(Standing::Raised, Severity::Warning)]);
        assert_eq!(step(1, Some(Severity::Alarm)), [(Standing::Raised, Severity::Alarm)]);
        assert_eq!(step(2, Some(Severity::Warning)), []);
        assert_eq!(step(3, Some(Severity::Alarm)), [], "that was told already");
        assert_eq!(step(4, Some(Severity::Info)), []);
        assert_eq!(step(5, None), []);
        assert_eq!(step(15, None), [(Standing::Cleared, Severity::Alarm)]);
    }

    #[test]
    fn a_clock_set_back_neither_silences_nor_ends() {
        let mut conditions = Conditions::new("SYNC1", 1);
        let holding = || vec![condition("a", Severity::Alarm)];
        assert_eq!(conditions.update(at(100_000), holding()).len(), 1);
        assert!(conditions.update(at(0), holding()).is_empty());
        assert_eq!(told(&conditions.update(at(60), holding())), [("a", Standing::Repeated, Severity::Alarm)]);
        assert!(conditions.update(at(70), Vec::new()).is_empty());
        assert!(conditions.update(at(0), Vec::new()).is_empty());
        assert!(conditions.update(at(9), Vec::new()).is_empty());
        assert_eq!(told(&conditions.update(at(10), Vec::new())), [("a", Standing::Cleared, Severity::Alarm)]);
        assert_eq!(conditions.holding().count(), 0);
    }

    #[test]
    fn of_two_with_one_key_the_graver_counts() {
        let mut conditions = Conditions::new("SYNC1", 24);
        let holding = vec![condition("a", Severity::Alarm), condition("a", Severity::Info)];
        assert_eq!(told(&conditions.update(at(0), holding)), [("a", Standing::Raised, Severity::Alarm)]);
    }

    proptest! {
        /// Whatever happens: raised before anything else, no second "raised" unless graver, no end without a beginning,
        /// repetitions no closer than the time for that, and in the end everything is cleared.
        #[test]
        fn the_story_of_each_condition_makes_sense(
            steps in prop::collection::vec((0_i64..90, prop::collection::vec((0_u8..3, 0_u8..3), 0..4)), 0..60),
        ) {
            let mut conditions = Conditions::new("SYNC1", 2);
            let mut open: BTreeMap<String, (Severity, Timestamp)> = BTreeMap::new();
            let mut minute = 0;
            let mut seen = |now: Timestamp, notices: Vec<Notice>| {
                for notice in notices {
                    let before = open.get(&notice.key).copied();
                    match notice.standing {
                        Standing::Raised => {
                            prop_assert!(before.is_none_or(|(told, _)| notice.severity > told));
                            open.insert(notice.key, (notice.severity, now));
                        }
                        Standing::Repeated => {
                            let (told, since) = before.expect("raised first");
                            prop_assert!(now.duration_since(since).as_hours() >= 2);
                            open.insert(notice.key, (told.max(notice.severity), now));
                        }
                        Standing::Cleared => {
                            prop_assert_eq!(open.remove(&notice.key).map(|(told, _)| told), Some(notice.severity));
                        }
                        Standing::Event => prop_assert!(false, "no condition is an event"),
                    }
                }
                Ok(())
            };
            for (later, holding) in steps {
                minute += later;
                let severities = [Severity::Info, Severity::Warning, Severity::Alarm];
                let holding = holding
                    .into_iter()
                    .map(|(key, severity)| condition(&key.to_string(), severities[usize::from(severity)]))
                    .collect();
                seen(at(minute), conditions.update(at(minute), holding))?;
            }
            seen(at(minute + 1), conditions.update(at(minute + 1), Vec::new()))?;
            seen(at(minute + 11), conditions.update(at(minute + 11), Vec::new()))?;
            prop_assert!(open.is_empty());
            prop_assert_eq!(conditions.holding().count(), 0);
        }
    }
}
