use std::collections::VecDeque;
use std::sync::Arc;

use super::{Notice, Severity};

/// A notice that waits for its delivery.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its place in the order in which the channel was given notices, from 1.
    pub(super) number: u64,
    pub(super) notice: Arc<Notice>,
    /// How often its delivery was tried.
    pub(super) tries: u32,
}

/// What one channel still has to deliver. Never longer than its bound: the oldest of the least grave goes first.
#[derive(Debug)]
pub(super) struct Queue {
    /// By number.
    entries: VecDeque<Entry>,
    longest: usize,
}

impl Queue {
    pub(super) fn new(longest: usize) -> Self {
        Self { entries: VecDeque::new(), longest: longest.max(1) }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes an entry in, new or back after a try. Returns the one that had to go for it.
    pub(super) fn put(&mut self, entry: Entry) -> Option<Entry> {
        let place = self.entries.partition_point(|other| other.number < entry.number);
        self.entries.insert(place, entry);
        if self.entries.len() <= self.longest {
            return None;
        }
        let least = self.entries.iter().map(|entry| entry.notice.severity).min()?;
        let oldest = self.entries.iter().position(|entry| entry.notice.severity == least)?;
        self.entries.remove(oldest)
    }

    /// The next one to deliver: the gravest, of those the oldest; but never before an older one of the same condition,
    /// so that nobody reads "over" before "raised".
    pub(super) fn take(&mut self) -> Option<Entry> {
        let gravest = self.entries.iter().map(|entry| entry.notice.severity).max()?;
        let chosen = self.entries.iter().find(|entry| entry.notice.severity == gravest)?;
        let key = chosen.notice.key.clone();
        let first = self.entries.iter().position(|entry| entry.notice.key == key)?;
        self.entries.remove(first)
    }

    /// Whether an alarm waits for its first try.
    pub(super) fn has_untried_alarm(&self) -> bool {
        self.entries.iter().any(|entry| entry.tries == 0 && entry.notice.severity == Severity::Alarm)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Standing;
    use super::super::notice::tests::notice;
    use super::*;

    fn entry(number: u64, key: &str, severity: Severity) -> Entry {
        let mut notice = notice(severity, Standing::Raised);
        notice.key = key.to_owned();
        Entry { number, notice: Arc::new(notice), tries: 0 }
    }

    fn drained(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.take()).map(|entry| entry.number).collect()
    }

    #[test]
    fn the_gravest_goes_first_but_a_condition_keeps_its_order() {
        let mut queue = Queue::new(10);
        for (number, key, severity) in [
            (1, "a", Severity::Info),
            (2, "b", Severity::Warning),
            (3, "c", Severity::Alarm),
            (4, "a", Severity::Alarm),
            (5, "b", Severity::Warning),
        ] {
            assert!(queue.put(entry(number, key, severity)).is_none());
        }
        assert_eq!(drained(&mut queue), [3, 1, 4, 2, 5]);
    }

    #[test]
    fn a_full_queue_lets_the_oldest_of_the_least_grave_go() {
        let mut queue = Queue::new(3);
        let gone = |dropped: Option<Entry>| dropped.map(|entry| entry.number);
        queue.put(entry(1, "a", Severity::Info));
        queue.put(entry(2, "b", Severity::Warning));
        queue.put(entry(3, "c", Severity::Alarm));
        assert_eq!(gone(queue.put(entry(4, "d", Severity::Alarm))), Some(1));
        assert_eq!(gone(queue.put(entry(5, "e", Severity::Alarm))), Some(2));
        assert_eq!(gone(queue.put(entry(6, "f", Severity::Info))), Some(6), "an alarm never goes before it");
        assert_eq!(gone(queue.put(entry(7, "g", Severity::Alarm))), Some(3));
        assert_eq!(drained(&mut queue), [4, 5, 7]);
    }

    #[test]
    fn what_comes_back_keeps_its_place() {
        let mut queue = Queue::new(10);
        (1..4).for_each(|number| drop(queue.put(entry(number, "a", Severity::Info))));
        let first = queue.take().expect("one");
        queue.put(first);
        assert_eq!(drained(&mut queue), [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn no_alarm_goes_while_something_less_is_there(severities in prop::collection::vec(0_u8..3, 0..60)) {
            let mut queue = Queue::new(8);
            for (number, severity) in severities.iter().enumerate() {
                let severity = [Severity::Info, Severity::Warning, Severity::Alarm][usize::from(*severity)];
                if let Some(gone) = queue.put(entry(number as u64, &number.to_string(), severity)) {
                    prop_assert!(queue.entries.iter().all(|left| left.notice.severity >= gone.notice.severity));
                }
                prop_assert!(queue.len() <= 8);
            }
        }
    }
}
