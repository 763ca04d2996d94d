use std::slice::from_ref;
use std::time::Duration;

use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::*;

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

fn berlin(text: &str) -> Timestamp {
    text.parse::<jiff::civil::DateTime>().unwrap().to_zoned(zone("Europe/Berlin")).unwrap().timestamp()
}

fn policy(cron: Option<&str>, max_age_days: Option<i32>) -> Policy {
    Policy {
        calendar: cron.map(|cron| Calendar::parse(cron, zone("Europe/Berlin")).unwrap()),
        windows: Windows::always(zone("Europe/Berlin")),
        jitter: SignedDuration::ZERO,
        minimum_gap: DAY,
        max_age: max_age_days.map(|days| DAY * days),
        warn_before: max_age_days.map_or(DAY * 14, |days| DAY * 14.min(days / 2)),
        misfire: Misfire::Once,
        retry: Retry::default(),
    }
}

fn night() -> Windows {
    let window = Window { days: Vec::new(), from: time(22, 0, 0, 0), to: time(4, 0, 0, 0) };
    Windows::new(vec![window], Vec::new(), zone("Europe/Berlin"))
}

fn known(since: &str) -> Standing {
    Standing::new(berlin(since))
}

fn set(at: &str) -> Standing {
    let at = berlin(at);
    Standing { set_at: Some(at), last_attempt: Some(at), ..Standing::new(at - DAY) }
}

fn fire(due: Due) -> Fire {
    match due {
        Due::At(fire) => fire,
        other => panic!("no fire: {other:?}"),
    }
}

#[test]
fn a_calendar_fires_once_at_every_wall_clock_time() {
    // (zone, pattern, after, the next ones)
    let table: &[(&str, &str, &str, &[&str])] = &[
        // Spring in Berlin: 2027-03-28 has no 02:00 to 02:59. Also a pattern of two hours, and every quarter.
        ("Europe/Berlin", "30 2 * * *", "2027-03-27T12:00:00Z", &["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]),
        ("Europe/Berlin", "30 2,14 * * *", "2027-03-27T23:00:00Z", &["2027-03-28T01:00:00Z", "2027-03-28T12:30:00Z"]),
        (
            "Europe/Berlin",
            "*/30 1-3 28 3 *",
            "2027-03-28T00:10:00Z",
            &["2027-03-28T00:30:00Z", "2027-03-28T01:00:00Z", "2027-03-28T01:30:00Z"],
        ),
        ("Europe/Berlin", "59 1 * * *", "2027-03-27T12:00:00Z", &["2027-03-28T00:59:00Z", "2027-03-28T23:59:00Z"]),
        // Autumn: 2027-10-31 has 02:00 to 02:59 twice; the first one counts.
        ("Europe/Berlin", "30 2 * * *", "2027-10-30T12:00:00Z", &["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"]),
        ("Europe/Berlin", "30 2,14 * * *", "2027-10-30T22:00:00Z", &["2027-10-31T00:30:00Z", "2027-10-31T13:30:00Z"]),
        ("Europe/Berlin", "0 * * * *", "2027-10-30T23:30:00Z", &["2027-10-31T00:00:00Z", "2027-10-31T02:00:00Z"]),
        // Asked within the second coming of the hour.
        ("Europe/Berlin", "45 2 * * *", "2027-10-31T01:10:00Z", &["2027-11-01T01:45:00Z"]),
        // Half an hour of daylight saving; a day that a zone left out; midnight that does not exist.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2027-10-02T00:00:00Z",
            &["2027-10-02T15:30:00Z", "2027-10-03T15:15:00Z"],
        ),
        ("Pacific/Apia", "0 12 30 12 *", "2011-01-01T00:00:00Z", &["2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"]),
        ("America/Santiago", "0 0 * * *", "2026-09-05T12:00:00Z", &["2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"]),
        // Leap days, over a century too; year ends; days that a month does not have.
        ("UTC", "0 3 29 2 *", "2026-01-01T00:00:00Z", &["2028-02-29T03:00:00Z", "2032-02-29T03:00:00Z"]),
        ("UTC", "0 3 29 2 *", "2096-02-29T03:00:00Z", &["2104-02-29T03:00:00Z"]),
        ("UTC", "59 23 31 12 *", "2026-12-31T23:58:59Z", &["2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"]),
        ("UTC", "0 0 31 * *", "2026-03-31T00:00:00Z", &["2026-05-31T00:00:00Z", "2026-07-31T00:00:00Z"]),
        ("UTC", "0 2 L * *", "2027-01-31T02:00:00Z", &["2027-02-28T02:00:00Z", "2027-03-31T02:00:00Z"]),
        // Days of the week: 0 and 7 are Sunday, names, the second Tuesday, and either of both fields.
        ("UTC", "0 2 * * 7", "2026-11-21T00:00:00Z", &["2026-11-22T02:00:00Z", "2026-11-29T02:00:00Z"]),
        ("UTC", "0 2 * * sun", "2026-11-21T00:00:00Z", &["2026-11-22T02:00:00Z"]),
        ("UTC", "0 2 * jan tue#2", "2026-11-21T00:00:00Z", &["2027-01-12T02:00:00Z"]),
        ("UTC", "0 2 13 * fri", "2026-11-10T00:00:00Z", &["2026-11-13T02:00:00Z", "2026-11-20T02:00:00Z"]),
        ("UTC", "0 2 13 * +fri", "2026-11-14T00:00:00Z", &["2027-08-13T02:00:00Z"]),
        // Parts of a second.
        ("UTC", "0 2 * * *", "2026-11-21T01:59:59.9Z", &["2026-11-21T02:00:00Z"]),
        ("UTC", "0 2 * * *", "2026-11-21T02:00:00.1Z", &["2026-11-22T02:00:00Z"]),
    ];
    for (zone_name, pattern, after, expected) in table {
        let calendar = Calendar::parse(pattern, zone(zone_name)).unwrap();
        let mut last = at(after);
        for expected in *expected {
            last = calendar.next_after(last).unwrap();
            assert_eq!(last, at(expected), "{zone_name} `{pattern}` after {after}");
        }
    }
}

#[test]
fn a_pattern_that_cannot_be_is_refused() {
    let parse = |pattern: &str| Calendar::parse(pattern, TimeZone::UTC).unwrap_err();
    for (pattern, fields) in [("", 0), ("0 2 * *", 4), ("0 0 2 * * *", 6), ("0 0 2 * * * 2027", 7), ("@daily", 1)] {
        assert_eq!(parse(pattern), CronFault::Fields(fields), "{pattern}");
    }
    for pattern in
        ["60 2 * * *", "0 24 * * *", "0 2 32 * *", "0 2 * 13 *", "0 2 * * 8", "a b c d e", "0 2 * * 1#6", "5-1 * * * *"]
    {
        assert!(matches!(parse(pattern), CronFault::Field(_)), "{pattern}");
    }
    for pattern in ["0 2 30 2 *", "0 2 31 4,6,9,11 *"] {
        assert_eq!(parse(pattern), CronFault::Never, "{pattern}");
    }
}

#[test]
fn windows_open_and_close_by_the_wall_clock() {
    let night = night();
    // Open from 22:00, over midnight.
    assert!(!night.is_open(berlin("2026-11-21T21:59:59")));
    assert!(night.is_open(berlin("2026-11-21T22:00:00")));
    assert!(night.is_open(berlin("2026-11-22T03:59:59")));
    assert!(!night.is_open(berlin("2026-11-22T04:00:00")));
    assert_eq!(night.next_open(berlin("2026-11-22T04:00")), Some(berlin("2026-11-22T22:00")));
    assert_eq!(night.next_open(berlin("2026-11-22T23:00")), Some(berlin("2026-11-22T23:00")));
    assert_eq!(night.closes(berlin("2026-11-22T23:00")), Some(berlin("2026-11-23T04:00")));
    assert_eq!(night.closes(berlin("2026-11-22T12:00")), None);
    // The night of spring is five hours long, that of autumn seven.
    let length = |evening: &str| {
        let evening = berlin(evening);
        evening.duration_until(night.closes(evening).unwrap())
    };
    assert_eq!(length("2027-03-27T22:00"), HOUR * 5);
    assert_eq!(length("2027-10-30T22:00"), HOUR * 7);

    // Two that touch are one; a whole day ends where it began.
    let window = |day, from, to| Window { days: vec![day], from: time(from, 0, 0, 0), to: time(to, 0, 0, 0) };
    let weekend = vec![window(Weekday::Friday, 20, 0), window(Weekday::Saturday, 0, 0), window(Weekday::Sunday, 0, 6)];
    let weekend = Windows::new(weekend, Vec::new(), zone("Europe/Berlin"));
    assert_eq!(weekend.next_open(berlin("2026-11-18T12:00")), Some(berlin("2026-11-20T20:00")));
    assert_eq!(weekend.closes(berlin("2026-11-20T20:00")), Some(berlin("2026-11-22T06:00")));

    // A window that spring swallows whole does not open on that day.
    let swallowed = Window { days: Vec::new(), from: time(2, 10, 0, 0), to: time(2, 50, 0, 0) };
    let swallowed = Windows::new(vec![swallowed], Vec::new(), zone("Europe/Berlin"));
    assert_eq!(swallowed.next_open(berlin("2027-03-27T12:00")), Some(berlin("2027-03-29T02:10")));

    assert_eq!(Windows::always(TimeZone::UTC).closes(at("2026-11-21T00:00:00Z")), None);
}

#[test]
fn blackouts_close_whole_days_and_name_their_reason() {
    let freeze = Blackout { from: date(2026, 12, 18), to: date(2027, 1, 6), reason: "year end".into() };
    let windows = Windows::new(Vec::new(), vec![freeze.clone()], zone("Europe/Berlin"));
    assert!(windows.is_open(berlin("2026-12-17T23:59:59")));
    assert!(!windows.is_open(berlin("2026-12-18T00:00:00")));
    assert!(!windows.is_open(berlin("2027-01-06T23:59:59")));
    assert_eq!(windows.next_open(berlin("2026-12-20T12:00")), Some(berlin("2027-01-07T00:00")));
    assert_eq!(windows.closes(berlin("2026-12-01T00:00")), Some(berlin("2026-12-18T00:00")));

    let mut wished = Policy { minimum_gap: HOUR, ..policy(Some("0 2 * * *"), None) };
    let window = Window { days: Vec::new(), from: time(1, 0, 0, 0), to: time(4, 0, 0, 0) };
    wished.windows = Windows::new(vec![window], vec![freeze], zone("Europe/Berlin"));
    let now = berlin("2026-12-17T12:00");
    let put_off = fire(due(&wished, "a", &set("2026-12-17T02:05"), now, now)).put_off;
    let told: Vec<_> = put_off.iter().map(|put_off| (put_off.by, put_off.why.as_deref())).collect();
    assert_eq!(told, [(By::Blackout, Some("year end")), (By::Window, None)]);

    let forever = Blackout { from: date(2026, 1, 1), to: date(2030, 1, 1), reason: "closed".into() };
    wished.windows = Windows::new(Vec::new(), vec![forever], zone("Europe/Berlin"));
    assert_eq!(wished.windows.next_open(now), None);
    assert!(matches!(due(&wished, "a", &set("2026-12-17T02:05"), now, now), Due::Never { .. }));
}

#[test]
fn a_calendar_is_followed_from_the_last_change() {
    let wished = policy(Some("0 2 1 * *"), None);
    let now = berlin("2026-11-21T12:00");
    let told = fire(due(&wished, "a", &set("2026-11-01T02:05"), now, berlin("2026-10-01T00:00")));
    let first = berlin("2026-12-01T02:00");
    assert_eq!(told, Fire { at: first, nominal: first, reason: Reason::Calendar, put_off: Vec::new() });
    // One that is new here waits for its first time; nothing starts because the program does.
    assert_eq!(fire(due(&wished, "a", &known("2026-11-21T12:00"), now, now)).at, first);
    // A change by hand within the gap puts it off.
    let by_hand = fire(due(&wished, "a", &set("2026-11-30T20:00"), berlin("2026-11-30T21:00"), now));
    assert_eq!(by_hand.at, berlin("2026-12-01T20:00"));
    assert_eq!(by_hand.put_off[0].by, By::MinimumGap);
}

#[test]
fn missed_fires_are_skipped_or_made_up_for_once() {
    let last = set("2026-11-01T02:05");
    let awake = berlin("2026-11-21T12:00");
    let now = awake + HOUR;
    let ask = |misfire, jitter_h| {
        let wished = Policy { misfire, jitter: HOUR * jitter_h, windows: night(), ..policy(Some("0 2 * * *"), None) };
        fire(due(&wished, "a", &last, now, awake))
    };
    assert_eq!(
        (ask(Misfire::Skip, 0).reason, ask(Misfire::Skip, 0).at),
        (Reason::Calendar, berlin("2026-11-22T02:00"))
    );
    // Nineteen were missed; the first one names them all.
    for misfire in [Misfire::Once, Misfire::Now] {
        let told = ask(misfire, 0);
        assert_eq!((told.reason, told.nominal), (Reason::Misfire, berlin("2026-11-02T02:00")));
        // The last window before opened at 2026-11-20 22:00; the machine slept, so it is the next one.
        assert_eq!(told.at, berlin("2026-11-21T22:00"));
    }
    let spread = ask(Misfire::Once, 5);
    assert!(spread.at > berlin("2026-11-21T22:00") && spread.at < berlin("2026-11-22T03:00"), "{spread:?}");
    assert_eq!(ask(Misfire::Now, 5).at, berlin("2026-11-21T22:00"));

    // A restart between the pattern's time and the account's own place in the jitter misses nothing.
    let wished = Policy { misfire: Misfire::Skip, jitter: HOUR * 5, ..policy(Some("0 2 * * *"), None) };
    let before = fire(due(&wished, "a", &last, berlin("2026-11-02T00:00"), berlin("2026-11-01T00:00")));
    assert!(before.at > before.nominal + HOUR / 2, "{before:?}");
    let restart = before.nominal + HOUR / 4;
    assert_eq!(fire(due(&wished, "a", &last, restart, restart)), before);
}

#[test]
fn one_that_was_not_reached_in_its_window_waits_for_the_next() {
    let wished = Policy { windows: night(), ..policy(Some("0 2 * * *"), None) };
    let awake = berlin("2026-11-01T00:00");
    let ask = |now: &str| fire(due(&wished, "a", &set("2026-11-20T02:05"), berlin(now), awake));
    assert_eq!(ask("2026-11-21T03:00").at, berlin("2026-11-21T02:05"));
    let late = ask("2026-11-21T05:00");
    assert_eq!((late.at, late.nominal), (berlin("2026-11-21T22:00"), berlin("2026-11-21T02:00")));
    assert_eq!(late.put_off.last().unwrap().by, By::Window);
    // In that window it is due, and the oldest.
    assert_eq!(ask("2026-11-21T22:30").at, berlin("2026-11-21T02:05"));
}

#[test]
fn a_maximum_age_is_kept_whatever_the_calendar_says() {
    let now = berlin("2026-11-21T12:00");
    // The calendar says once a year; the age, 90 days less 14.
    for wished in [policy(Some("0 2 1 1 *"), Some(90)), policy(None, Some(90))] {
        let told = fire(due(&wished, "a", &set("2026-09-15T12:00"), now, now));
        assert_eq!((told.reason, told.at), (Reason::MaxAge, berlin("2026-09-15T12:00") + DAY * 76));
    }
    // Skip does not skip it.
    let skip = Policy { misfire: Misfire::Skip, windows: night(), ..policy(Some("0 2 1 1 *"), Some(90)) };
    let told = fire(due(&skip, "a", &set("2026-01-15T12:00"), now, now));
    assert_eq!((told.reason, told.at), (Reason::MaxAge, berlin("2026-11-21T22:00")));
    // An age that nobody knows counts as over.
    let told = fire(due(&skip, "a", &known("2026-11-21T11:00"), now, now));
    assert_eq!((told.reason, told.at), (Reason::MaxAge, berlin("2026-11-21T22:00")));
    // One attempt that a person settled, without a new password, is not made again at once.
    let settled = Standing { last_attempt: Some(berlin("2026-11-21T23:00")), ..known("2026-11-21T11:00") };
    let later = berlin("2026-11-21T23:30");
    assert_eq!(fire(due(&skip, "a", &settled, later, now)).at, berlin("2026-11-22T23:00"));
}

#[test]
fn a_freeze_longer_than_the_warnings_brings_the_rotation_forward() {
    let freeze = Blackout { from: date(2026, 12, 1), to: date(2027, 1, 10), reason: "year end".into() };
    let window = Window { days: Vec::new(), from: time(22, 0, 0, 0), to: time(4, 0, 0, 0) };
    let wished =
        Policy { windows: Windows::new(vec![window], vec![freeze], zone("Europe/Berlin")), ..policy(None, Some(90)) };
    let standing = set("2026-10-05T12:00");
    let now = berlin("2026-11-01T00:00");
    let told = fire(due(&wished, "a", &standing, now, now));
    assert!(told.at > berlin("2026-11-29T12:00") && told.at < berlin("2026-12-01T00:00"), "{told:?}");
    assert!(told.at < told.nominal);
    assert!(explain(&told, &zone("Europe/Berlin")).contains("so before"));
    // Too late for that: then right after the freeze.
    let now = berlin("2026-12-05T00:00");
    assert_eq!(fire(due(&wished, "a", &standing, now, now)).at, berlin("2027-01-11T00:00"));
}

#[test]
fn failures_are_tried_again_ever_later_and_then_no_more() {
    let wished = Policy { minimum_gap: SignedDuration::ZERO, ..policy(Some("0 2 * * *"), Some(90)) };
    let failed = berlin("2026-11-21T02:10");
    let mut standing = Standing { last_failure: Some(failed), ..set("2026-11-01T02:00") };
    standing.last_attempt = Some(berlin("2026-11-21T02:00"));
    for (failures, minutes) in [(1, 15), (2, 30), (3, 60), (4, 120)] {
        standing.failures = failures;
        let told = fire(due(&wished, "a", &standing, failed, failed));
        assert_eq!(told.at, failed + SignedDuration::from_mins(minutes));
        assert_eq!(told.reason, Reason::Retry { attempt: failures + 1 });
    }
    standing.failures = 5;
    assert_eq!(due(&wished, "a", &standing, failed + DAY * 300, failed), Due::GaveUp { failures: 5 });
    // A person mended it: the calendar's next time may be months away.
    let quarterly = policy(Some("0 2 1 */3 *"), None);
    let renewed = Standing { failures: 0, renewed_at: Some(failed + HOUR), ..standing.clone() };
    let told = fire(due(&quarterly, "a", &renewed, failed + HOUR, failed));
    assert_eq!((told.at, told.reason), (failed + HOUR, Reason::Renewed));
    // Inside windows only.
    standing.failures = 1;
    let wished = Policy { windows: night(), ..wished };
    standing.last_failure = Some(berlin("2026-11-21T03:50"));
    assert_eq!(fire(due(&wished, "a", &standing, failed, failed)).at, berlin("2026-11-21T22:00"));
    let retry = Retry { budget: 100, ..Retry::default() };
    for failures in [7, 31, 32, 33, 99, u32::MAX] {
        assert_eq!(retry.wait(failures), HOUR * 12, "{failures}");
    }
}

#[test]
fn what_blocks_is_told_and_an_exemption_ends() {
    let wished = policy(Some("0 2 1 * *"), None);
    let now = berlin("2026-11-21T12:00");
    for blocked in [
        Blocked::Held { rotation: "r1".into() },
        Blocked::Running { rotation: "r1".into() },
        Blocked::Exempt { until: now + HOUR },
        Blocked::Managed,
        Blocked::Foreign("changed elsewhere".into()),
    ] {
        let standing = Standing { blocked: Some(blocked.clone()), ..set("2026-10-01T02:05") };
        assert_eq!(due(&wished, "a", &standing, now, now), Due::Blocked(blocked));
    }
    // What came while it was exempt is not made up for.
    let exempt = Standing { blocked: Some(Blocked::Exempt { until: now }), ..set("2026-05-01T02:05") };
    let told = fire(due(&wished, "a", &exempt, now, now));
    assert_eq!((told.reason, told.at), (Reason::Calendar, berlin("2026-12-01T02:00")));
    let ahead = Standing { blocked: Some(Blocked::Exempt { until: now + DAY * 30 }), ..exempt };
    assert_eq!(upcoming(&wished, "a", &ahead, now, 1)[0].at, berlin("2027-01-01T02:00"));
    assert!(matches!(due(&policy(None, None), "a", &exempt_none(), now, now), Due::Never { .. }));
}

fn exempt_none() -> Standing {
    known("2026-01-01T00:00")
}

#[test]
fn a_clock_that_was_set_back_starts_nothing() {
    let wished = Policy { minimum_gap: DAY, ..policy(Some("*/5 * * * *"), Some(90)) };
    let standing = set("2026-11-21T12:00");
    for now in ["2026-11-21T11:59", "2020-01-01T00:00"] {
        let told = fire(due(&wished, "a", &standing, berlin(now), berlin(now)));
        assert!(told.at >= berlin("2026-11-22T12:00"), "{now}: {told:?}");
        assert!(told.put_off.iter().any(|put_off| put_off.by == By::ClockBehind), "{told:?}");
    }
    let only_tried = Standing { set_at: None, ..standing };
    let told = fire(due(&wished, "a", &only_tried, berlin("2026-11-20T00:00"), berlin("2026-11-20T00:00")));
    assert!(told.at >= berlin("2026-11-22T12:00"), "{told:?}");
}

#[test]
fn ages_escalate_before_they_are_over() {
    let wished = policy(None, Some(90));
    let state = |wished: &Policy, days: i32| {
        age(wished, &set("2026-06-01T00:00"), berlin("2026-06-01T00:00") + DAY * days).state
    };
    for (days, expected) in [
        (0, AgeState::Fresh),
        (75, AgeState::Fresh),
        (76, AgeState::Near),
        (86, AgeState::Near),
        (87, AgeState::Urgent),
        (89, AgeState::Urgent),
        (90, AgeState::Overdue),
        (900, AgeState::Overdue),
    ] {
        assert_eq!(state(&wished, days), expected, "{days}");
    }
    // No window before it is over: urgent however young.
    let freeze = Blackout { from: date(2026, 7, 20), to: date(2026, 10, 1), reason: "freeze".into() };
    let frozen = Policy { windows: Windows::new(Vec::new(), vec![freeze], zone("Europe/Berlin")), ..wished.clone() };
    assert_eq!(state(&frozen, 48), AgeState::Fresh);
    assert_eq!(state(&frozen, 50), AgeState::Urgent);
    let now = berlin("2026-06-01T00:00");
    assert_eq!(age(&wished, &known("2026-01-01T00:00"), now).state, AgeState::Unknown);
    assert_eq!(age(&policy(None, None), &set("2020-01-01T00:00"), now).state, AgeState::Unlimited);
    assert_eq!(age(&wished, &set("2026-06-01T00:00"), now - DAY).age, Some(SignedDuration::ZERO));
}

#[test]
fn the_coming_fires_are_explained_in_words() {
    let mut wished = Policy { windows: night(), ..policy(Some("0 5 28 3,10,11 *"), None) };
    wished.jitter = HOUR;
    let fires = upcoming(&wished, "msol", &set("2026-11-01T02:00"), berlin("2026-11-21T12:00"), 2);
    let told: Vec<_> = fires.iter().map(|fire| explain(fire, &zone("Europe/Berlin"))).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
From Sat 2026-11-28 22:33 CET (21:33 UTC). The calendar says Sat 2026-11-28 05:00 CET (04:00 UTC). No maintenance window is open before Sat 2026-11-28 22:00 CET (21:00 UTC). Jitter moves it to 22:33, so that not all start at once.
From Sun 2027-03-28 22:01 CEST (20:01 UTC). The calendar says Sun 2027-03-28 05:00 CEST (03:00 UTC). No maintenance window is open before Sun 2027-03-28 22:00 CEST (20:00 UTC). Jitter moves it to 22:01, so that not all start at once.
"#);
    let retry = Standing { failures: 1, last_failure: Some(berlin("2026-11-21T12:00")), ..set("2026-11-21T03:00") };
    let told = fire(due(&wished, "msol", &retry, berlin("2026-11-21T12:00"), berlin("2026-11-21T12:00")));
    insta::assert_snapshot!(explain(&told, &TimeZone::UTC), @"From Sun 2026-11-22 02:00 UTC. Attempt 2, after a failure; not before Sat 2026-11-21 11:15 UTC. The minimum gap since the last one lasts until Sun 2026-11-22 02:00 UTC.");
    let missed = upcoming(&wished, "msol", &set("2026-03-01T02:00"), berlin("2026-11-21T12:00"), 1);
    insta::assert_snapshot!(explain(&missed[0], &zone("America/New_York")), @"From Sat 2026-11-21 16:39 EST (21:39 UTC). The fire of Sat 2026-03-28 00:00 EDT (04:00 UTC) was missed, and is made up for once. No maintenance window is open before Sat 2026-11-21 16:00 EST (21:00 UTC). Jitter moves it to 16:39, so that not all start at once.");
}

#[test]
fn clocks_that_step_are_noticed() {
    let from = at("2026-11-21T12:00:00Z");
    let minute = Duration::from_secs(60);
    let step = |wall: i64, elapsed| clock_step(from, from + SignedDuration::from_secs(wall), elapsed);
    assert_eq!(step(60, minute), None);
    assert_eq!(step(180, minute), None);
    assert_eq!(step(181, minute), Some(SignedDuration::from_secs(121)));
    assert_eq!(step(-60, minute), None);
    assert_eq!(step(-61, minute), Some(SignedDuration::from_secs(-121)));
    assert_eq!(step(8 * 3600, minute), Some(SignedDuration::from_secs(8 * 3600 - 60)));
    assert!(clock_step(Timestamp::MAX, Timestamp::MIN, Duration::MAX).is_some());
}

pub(super) fn candidate(account: &str, rank: u8, servers: &[&str]) -> Candidate {
    Candidate {
        account: account.into(),
        at: at("2026-11-21T02:00:00Z"),
        rank,
        servers: servers.iter().map(|server| (*server).to_owned()).collect(),
        exclusive: false,
        urgent: false,
    }
}

#[test]
fn what_may_start_keeps_every_limit() {
    let now = at("2026-11-21T03:00:00Z");
    let free = Limits { in_flight: 10, spacing: SignedDuration::ZERO };
    let names = |waiting: &[Candidate], running: &[Running], limits: &Limits, last: Option<Timestamp>| {
        pick(waiting, running, limits, last, now)
            .into_iter()
            .map(|index| waiting[index].account.clone())
            .collect::<Vec<_>>()
    };
    let connector = candidate("connector", 0, &["S1"]);
    // The older one, and still behind.
    let service = Candidate { at: now - DAY, ..candidate("service", 1, &["S1", "S2"]) };
    let other = candidate("other", 0, &["S3"]);
    let own = candidate("own", 3, &[]);
    // A service account waits for the connectors of its servers, and so does its own account for nobody.
    let all = [service.clone(), other.clone(), own.clone(), connector.clone()];
    assert_eq!(names(&all, &[], &free, None), ["connector", "other", "own"]);
    assert_eq!(names(from_ref(&service), from_ref(&connector), &free, None), [""; 0]);
    assert_eq!(names(from_ref(&service), &[], &free, None), ["service"]);
    // A connector that is not due yet holds nothing up.
    let tomorrow = Candidate { at: now + DAY, ..connector.clone() };
    assert_eq!(names(&[service.clone(), tomorrow], &[], &free, None), ["service"]);
    // One per server, also of the same rank, and one per account.
    let second = candidate("second", 0, &["S1"]);
    assert_eq!(names(&[second.clone(), connector.clone()], &[], &free, None), ["connector"]);
    assert_eq!(names(&[other.clone(), other.clone()], &[], &free, None), ["other"]);
    assert_eq!(names(from_ref(&own), from_ref(&own), &free, None), [""; 0]);
    // One that holds the tenant's scheduler at a time.
    let exclusive = |one: &Candidate| Candidate { exclusive: true, ..one.clone() };
    assert_eq!(names(&[exclusive(&connector), exclusive(&other)], &[], &free, None), ["connector"]);
    assert_eq!(names(&[exclusive(&connector), own.clone()], &[exclusive(&other)], &free, None), ["own"]);
    // In flight, over all.
    let two = Limits { in_flight: 2, ..free };
    assert_eq!(names(&all, &[], &two, None), ["connector", "other"]);
    assert_eq!(names(&all, &[candidate("x", 0, &["S9"])], &two, None), ["connector"]);
    assert_eq!(names(&all, &[candidate("x", 0, &["S9"]), candidate("y", 0, &["S8"])], &two, None), [""; 0]);
    // Spacing: one start at a time; a last start that lies ahead is a clock's fault, and stops nothing.
    let spaced = Limits { spacing: SignedDuration::from_secs(60), ..free };
    let ago = |seconds| Some(now - SignedDuration::from_secs(seconds));
    assert_eq!(names(&all, &[], &spaced, ago(59)), [""; 0]);
    assert_eq!(names(&all, &[], &spaced, ago(60)), ["connector"]);
    assert_eq!(names(&all, &[], &spaced, ago(-3600)), ["connector"]);
    // Urgent ones first, then the oldest, then by name.
    let urgent = Candidate { urgent: true, at: now, ..candidate("z", 0, &["S5"]) };
    let oldest = Candidate { at: now - DAY, ..candidate("y", 0, &["S6"]) };
    assert_eq!(names(&[other, connector, oldest, urgent], &[], &free, None), ["z", "y", "connector", "other"]);
}

#[test]
fn the_share_of_the_jitter_is_the_same_at_every_start() {
    let wished = Policy { jitter: HOUR * 4, ..policy(Some("0 2 1 12 *"), None) };
    let now = berlin("2026-11-21T12:00");
    let ask = |account: &str| fire(due(&wished, account, &set("2026-11-01T02:05"), now, now)).at;
    // Written down: another version of the program must come to the same.
    let told: Vec<_> = ["msol", "svc-sync", "rotator"].map(|it| local(ask(it), &zone("Europe/Berlin"))).to_vec();
    insta::assert_snapshot!(told.join("\n"), @r#"
Tue 2026-12-01 02:09 CET (01:09 UTC)
Tue 2026-12-01 04:07 CET (03:07 UTC)
Tue 2026-12-01 04:34 CET (03:34 UTC)
"#);
    let spread: std::collections::BTreeSet<_> = (0..100).map(|it| ask(&format!("account-{it}"))).collect();
    assert!(spread.len() > 95, "{}", spread.len());
    let mean = spread.iter().map(|it| berlin("2026-12-01T02:00").duration_until(*it).as_secs()).sum::<i64>() / 100;
    assert!((5400..9000).contains(&mean), "{mean}");
}

#[test]
fn the_ends_of_time_are_no_panic() {
    let mut wished = Policy { windows: night(), jitter: HOUR, ..policy(Some("0 2 * * *"), Some(90)) };
    for edge in [Timestamp::MIN, Timestamp::MAX] {
        for set_at in [None, Some(Timestamp::MIN), Some(Timestamp::MAX)] {
            for failures in [0, 1] {
                let standing = Standing { set_at, failures, ..Standing::new(edge) };
                for now in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
                    let _ = due(&wished, "a", &standing, now, edge);
                    let _ = age(&wished, &standing, now);
                    assert!(upcoming(&wished, "a", &standing, now, 2).len() <= 2);
                }
            }
        }
    }
    wished.minimum_gap = SignedDuration::MAX;
    let never = fire(due(
        &Policy { windows: Windows::always(TimeZone::UTC), ..wished },
        "a",
        &set("2026-01-01T00:00"),
        at("2026-02-01T00:00:00Z"),
        Timestamp::MIN,
    ));
    assert_eq!(never.at, Timestamp::MAX);
    let _ = Zoned::new(never.at, TimeZone::UTC);
}
