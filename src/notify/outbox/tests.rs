use std::collections::VecDeque;

use async_trait::async_trait;
use tokio::time::Instant;

use super::super::Standing;
use super::super::notice::tests::notice;
use super::*;

/// What a try does.
#[derive(Clone, Copy, Debug)]
enum Does {
    Deliver,
    Fail,
    Refuse,
    Hang,
    Panic,
}

/// A channel that does what it is told, and notes when it was tried with what.
struct Scripted {
    name: &'static str,
    least: Severity,
    script: Mutex<VecDeque<Does>>,
    then: Does,
    tried: Mutex<Vec<(u64, String)>>,
    began: Instant,
    asked: Option<Duration>,
}

impl Scripted {
    fn new(script: &[Does], then: Does) -> Self {
        Self {
            name: "scripted",
            least: Severity::Info,
            script: Mutex::new(script.iter().copied().collect()),
            then,
            tried: Mutex::new(Vec::new()),
            began: Instant::now(),
            asked: None,
        }
    }

    fn tried(&self) -> Vec<(u64, String)> {
        locked(&self.tried).clone()
    }

    fn times(&self) -> Vec<u64> {
        self.tried().into_iter().map(|(second, _)| second).collect()
    }

    fn keys(&self) -> Vec<String> {
        self.tried().into_iter().map(|(_, key)| key).collect()
    }
}

#[async_trait]
impl Channel for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn wants(&self, notice: &Notice) -> bool {
        notice.severity >= self.least
    }

    async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        locked(&self.tried).push((self.began.elapsed().as_secs(), notice.key.clone()));
        let does = locked(&self.script).pop_front().unwrap_or(self.then);
        match does {
            Does::Deliver => Ok(()),
            Does::Fail => Err(Undelivered::for_now("down")),
            Does::Refuse => Err(Undelivered::for_good("no")),
            Does::Hang => std::future::pending().await,
            Does::Panic => panic!("a channel breaks"),
        }
    }

    fn asked_wait(&self) -> Option<Duration> {
        self.asked
    }
}

fn keyed(key: &str, severity: Severity) -> Notice {
    Notice { key: key.to_owned(), ..notice(severity, Standing::Raised) }
}

fn start(channel: Scripted) -> (Arc<Scripted>, Outbox) {
    let channel = Arc::new(channel);
    (channel.clone(), Outbox::start(vec![channel]))
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_ever_later_and_lost_in_the_end() {
    let (channel, outbox) = start(Scripted::new(&[], Does::Fail));
    outbox.post(keyed("a", Severity::Alarm));
    seconds(3 * 3600).await;
    assert_eq!(channel.times(), [0, 5, 20, 65, 200, 605, 1505, 2405]);
    let state = &outbox.state()[0];
    assert_eq!((state.posted, state.queued, state.delivered, state.lost), (1, 0, 0, 1));
    assert_eq!(state.last_error.as_deref(), Some("down"));
}

#[test]
fn every_try_fits_into_two_hours() {
    let waits: Duration = (1..TRIES_MAX).map(wait_after).map(|wait| wait.max(WAIT_MAX)).sum();
    assert!(waits + TRIES_MAX * Duration::from_secs(60) <= Duration::from_secs(2 * 3600));
}

#[tokio::test(start_paused = true)]
async fn it_is_delivered_once_it_can_be() {
    let (channel, outbox) = start(Scripted::new(&[Does::Fail, Does::Panic, Does::Hang], Does::Deliver));
    outbox.post(keyed("a", Severity::Alarm));
    seconds(3600).await;
    assert_eq!(channel.times(), [0, 5, 20, 20 + 15 + 45], "a try that hangs ends at its deadline");
    let state = &outbox.state()[0];
    assert_eq!((state.delivered, state.lost, state.last_delivered), (1, 0, Some(1)));
    assert_eq!(state.last_error, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_not_tried_again_and_delays_nothing() {
    let (channel, outbox) = start(Scripted::new(&[Does::Refuse], Does::Deliver));
    outbox.post(keyed("a", Severity::Alarm));
    outbox.post(keyed("b", Severity::Alarm));
    seconds(1).await;
    assert_eq!(channel.tried(), [(0, "a".to_owned()), (0, "b".to_owned())]);
    let state = &outbox.state()[0];
    assert_eq!((state.delivered, state.lost), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_channel_delays_no_other_and_each_gets_what_it_wants() {
    let slow = Arc::new(Scripted { name: "slow", ..Scripted::new(&[], Does::Hang) });
    let quick = Arc::new(Scripted { name: "quick", least: Severity::Alarm, ..Scripted::new(&[], Does::Deliver) });
    let outbox = Outbox::start(vec![slow.clone(), quick.clone()]);
    for number in 0..20 {
        outbox.post(keyed(&number.to_string(), Severity::Alarm));
    }
    outbox.post(keyed("info", Severity::Info));
    seconds(1).await;
    assert_eq!(quick.keys().len(), 20);
    assert_eq!(slow.keys().len(), 1);
    let states: Vec<_> = outbox.state().into_iter().map(|state| (state.name, state.queued)).collect();
    assert_eq!(states, [("slow".to_owned(), 21), ("quick".to_owned(), 0)]);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_does_not_wait_for_the_retry_of_something_less() {
    let (channel, outbox) = start(Scripted::new(&[Does::Fail, Does::Fail, Does::Fail, Does::Fail], Does::Deliver));
    outbox.post(keyed("info", Severity::Info));
    seconds(100).await;
    // Tried at 0, 5, 20 and 65; the next would be at 200.
    outbox.post(keyed("alarm", Severity::Alarm));
    seconds(1).await;
    assert_eq!(channel.tried()[4..], [(100, "alarm".to_owned()), (100, "info".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_other_side_asked_for_is_kept_and_bounded() {
    let asked = Scripted { asked: Some(Duration::from_secs(100)), ..Scripted::new(&[Does::Fail], Does::Deliver) };
    let (channel, outbox) = start(asked);
    outbox.post(keyed("info", Severity::Info));
    seconds(50).await;
    outbox.post(keyed("alarm", Severity::Alarm));
    seconds(100).await;
    assert_eq!(channel.times(), [0, 100, 100]);

    let greedy = Scripted { asked: Some(Duration::MAX), ..Scripted::new(&[Does::Fail], Does::Deliver) };
    let (channel, outbox) = start(greedy);
    outbox.post(keyed("alarm", Severity::Alarm));
    seconds(3600).await;
    assert_eq!(channel.times(), [0, 900]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_counts_what_it_drops_and_keeps_the_alarms() {
    let channel = Arc::new(Scripted::new(&[Does::Hang], Does::Deliver));
    let outbox = Outbox::with_bound(vec![channel.clone()], 3);
    outbox.post(keyed("under way", Severity::Info));
    seconds(1).await;
    for (key, severity) in [
        ("i", Severity::Info),
        ("w", Severity::Warning),
        ("a1", Severity::Alarm),
        ("a2", Severity::Alarm),
        ("a3", Severity::Alarm),
    ] {
        outbox.post(keyed(key, severity));
    }
    let state = &outbox.state()[0];
    assert_eq!((state.queued, state.dropped, state.lost), (4, 2, 0));
    seconds(3600).await;
    // What was under way comes back into a full queue, and is the least grave there.
    assert_eq!(channel.keys(), ["under way", "a1", "a2", "a3"]);
    assert_eq!(outbox.state()[0].dropped, 3);
}

#[tokio::test(start_paused = true)]
async fn closing_delivers_what_waits_within_the_limit() {
    let (channel, outbox) = start(Scripted::new(&[Does::Fail, Does::Fail, Does::Fail], Does::Deliver));
    outbox.post(keyed("a", Severity::Warning));
    outbox.post(keyed("b", Severity::Warning));
    seconds(30).await;
    // In the wait from 20 to 65 s: closing tries at once.
    assert_eq!(outbox.close(Duration::from_secs(10)).await, 0);
    assert_eq!(channel.times(), [0, 5, 20, 30, 30]);
    outbox.post(keyed("late", Severity::Alarm));
    let state = &outbox.state()[0];
    assert_eq!((state.delivered, state.lost, state.queued), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn closing_ends_at_its_limit_and_says_what_is_lost() {
    let (channel, outbox) = start(Scripted::new(&[], Does::Hang));
    for key in ["a", "b", "c"] {
        outbox.post(keyed(key, Severity::Alarm));
    }
    seconds(1).await;
    let began = Instant::now();
    assert_eq!(outbox.close(Duration::from_secs(7)).await, 3);
    assert_eq!(began.elapsed().as_secs(), 7);
    assert_eq!(outbox.state()[0].lost, 3);
    seconds(3600).await;
    assert_eq!(channel.keys(), ["a"], "nothing is tried any more");
}
