use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday, date, time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::tests::{DAY, HOUR, at, candidate, zone};
use super::*;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Santiago",
    "Africa/Casablanca",
    "Pacific/Apia",
];

fn field(low: u8, high: u8) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (low..=high).prop_map(|value| value.to_string()),
        2 => Just("*".to_owned()),
        1 => (2_u8..=20).prop_map(|step| format!("*/{step}")),
        1 => (low..=high, low..=high).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (low..=high, low..=high).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

/// A pattern that comes often enough to be seen within a week or two, hours near those of daylight saving.
fn pattern() -> impl Strategy<Value = String> {
    let hour = prop_oneof![3 => field(0, 4), 1 => field(0, 23)];
    let weekday = prop_oneof![2 => Just("*".to_owned()), 1 => field(0, 7)];
    let day = prop_oneof![3 => Just("*".to_owned()), 1 => field(1, 28)];
    (field(0, 59), hour, day, weekday)
        .prop_map(|(minute, hour, day, weekday)| format!("{minute} {hour} {day} * {weekday}"))
}

/// Days near a change of the clock, a leap day, a year's end, or any.
fn day() -> impl Strategy<Value = Date> {
    prop_oneof![
        (2020_i16..2040, 0_i64..30).prop_map(|(year, days)| date(year, 3, 7) + days.days()),
        (2020_i16..2040, 0_i64..40).prop_map(|(year, days)| date(year, 9, 28) + days.days()),
        (2020_i16..2040, 0_i64..10).prop_map(|(year, days)| date(year, 12, 25) + days.days()),
        (2020_i16..2040, 0_i64..5).prop_map(|(year, days)| date(year, 2, 26) + days.days()),
        (2020_i16..2040, 0_i64..365).prop_map(|(year, days)| date(year, 1, 1) + days.days()),
        Just(date(2011, 12, 28)),
    ]
}

fn zone_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&ZONES[..])
}

fn windows() -> impl Strategy<Value = Vec<Window>> {
    let weekdays = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    let window = (prop::sample::subsequence(weekdays.to_vec(), 0..=7), 0_i8..24, 0_i8..60, 0_i8..24, 0_i8..60)
        .prop_map(|(days, from, from_minute, to, to_minute)| Window {
            days,
            from: time(from, from_minute, 0, 0),
            to: time(to, to_minute, 0, 0),
        });
    prop::collection::vec(window, 0..4)
}

fn blackouts() -> impl Strategy<Value = Vec<Blackout>> {
    let blackout =
        (day(), 0_i64..40).prop_map(|(from, days)| Blackout { from, to: from + days.days(), reason: "freeze".into() });
    prop::collection::vec(blackout, 0..4)
}

fn policies() -> impl Strategy<Value = Policy> {
    let calendar = prop::option::weighted(0.8, pattern());
    let misfire = prop::sample::select(vec![Misfire::Skip, Misfire::Once, Misfire::Now]);
    (calendar, zone_name(), windows(), blackouts(), 0_i64..600, 0_i32..60, prop::option::of(4_i32..200), misfire)
        .prop_map(|(cron, zone_name, windows, blackouts, jitter, gap, max_age, misfire)| Policy {
            calendar: cron.map(|cron| Calendar::parse(&cron, zone(zone_name)).unwrap()),
            windows: Windows::new(windows, blackouts, zone(zone_name)),
            jitter: SignedDuration::from_mins(jitter),
            minimum_gap: HOUR * gap,
            max_age: max_age.map(|days| DAY * days),
            warn_before: max_age.map_or(DAY, |days| DAY * 14.min(days / 2)),
            misfire,
            retry: Retry::default(),
        })
}

fn standings() -> impl Strategy<Value = Standing> {
    // Hours before (or, with a clock that was set back, after) the moment that is asked about.
    let ago = || prop::option::weighted(0.8, -50_i32..5000);
    (day(), ago(), ago(), ago(), 0_u32..7).prop_map(|(day, set_at, attempt, failure, failures)| {
        let now = day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
        Standing {
            set_at: set_at.map(|ago| now - HOUR * ago),
            known_since: now - DAY * 250,
            last_attempt: attempt.map(|ago| now - HOUR * ago),
            last_failure: failure.map(|ago| now - HOUR * ago),
            failures: failures.saturating_sub(3),
            renewed_at: (failures == 3).then_some(now),
            blocked: None,
        }
    })
}

/// The instant of a wall clock time, by looking minute by minute for the end of a gap.
fn walked(zone: &TimeZone, civil: jiff::civil::DateTime) -> Timestamp {
    let mut civil = civil;
    loop {
        let ambiguous = zone.to_ambiguous_timestamp(civil);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => civil = civil.checked_add(1.minute()).unwrap(),
            _ => return ambiguous.earlier().unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_calendar_leaves_nothing_out_and_adds_nothing(pattern in pattern(), name in zone_name(), day in day()) {
        let zone = zone(name);
        let calendar = Calendar::parse(&pattern, zone.clone()).unwrap();
        let (first, end) = (day.at(0, 0, 0, 0), (day + 3.days()).at(0, 0, 0, 0));
        let mut expected = BTreeSet::new();
        let mut civil = first;
        while civil < end {
            if calendar.matches(civil) {
                expected.insert(walked(&zone, civil));
            }
            civil = civil.checked_add(1.minute()).unwrap();
        }
        let start = walked(&zone, first) - MINUTE;
        let stop = walked(&zone, end);
        expected.retain(|at| *at < stop);
        let mut found = BTreeSet::new();
        let mut last = start;
        while let Some(next) = calendar.next_after(last) {
            prop_assert!(next > last);
            if next >= stop {
                break;
            }
            // The day before can reach into this one only by a gap at its end.
            if next > start {
                found.insert(next);
            }
            last = next;
        }
        prop_assert_eq!(&found, &expected);
        // From anywhere between two, the next one is the same.
        for pair in expected.iter().collect::<Vec<_>>().windows(2).take(20) {
            let between = *pair[0] + (pair[0].duration_until(*pair[1])) / 2;
            prop_assert_eq!(calendar.next_after(between), Some(*pair[1]));
        }
    }

    #[test]
    fn windows_agree_with_a_walk(windows in windows(), blackouts in blackouts(), name in zone_name(), day in day()) {
        let windows = Windows::new(windows, blackouts, zone(name));
        let start = day.at(0, 0, 0, 0).to_zoned(zone(name)).unwrap().timestamp();
        let step = MINUTE * 7;
        for hours in [0, 2, 26] {
            let start = start + HOUR * hours;
            if windows.is_open(start) {
                prop_assert_eq!(windows.next_open(start), Some(start));
                if let Some(closes) = windows.closes(start) {
                    prop_assert!(closes > start && !windows.is_open(closes));
                    let mut at = start;
                    for _ in 0..300 {
                        prop_assert_eq!(windows.is_open(at), at < closes || at > closes && windows.is_open(at));
                        at += step;
                    }
                }
            } else {
                prop_assert_eq!(windows.closes(start), None);
                let opens = windows.next_open(start).unwrap_or(Timestamp::MAX);
                prop_assert!(opens == Timestamp::MAX || windows.is_open(opens));
                let mut at = start;
                for _ in 0..300 {
                    prop_assert!(at >= opens || !windows.is_open(at), "open at {} before {}", at, opens);
                    at += step;
                }
            }
        }
    }

    #[test]
    fn nothing_is_due_when_it_may_not_start(
        policy in policies(),
        standing in standings(),
        hours in 0_i32..3000,
        asleep in 0_i32..500,
    ) {
        let now = standing.known_since + DAY * 200 + HOUR * hours;
        let awake_since = now - HOUR * asleep;
        let told = due(&policy, "msol", &standing, now, awake_since);
        prop_assert_eq!(&told, &due(&policy, "msol", &standing, now, awake_since));
        let Due::At(fire) = told else { return Ok(()) };
        prop_assert!(policy.windows.is_open(fire.at), "{:?}", fire);
        prop_assert!(fire.at > now || policy.windows.is_open(now), "{:?}", fire);
        if let Some(set_at) = standing.set_at {
            prop_assert!(fire.at >= set_at + policy.minimum_gap, "{:?}", fire);
        }
        let touched = standing.set_at.max(standing.last_attempt);
        if let Some(touched) = touched.filter(|touched| now < *touched) {
            prop_assert!(fire.at >= touched + policy.minimum_gap, "{:?}", fire);
        }
        prop_assert!(!explain(&fire, policy.windows.zone()).is_empty());
    }

    #[test]
    fn coming_fires_keep_gap_windows_and_order(policy in policies(), standing in standings()) {
        let now = standing.known_since + DAY * 250;
        let fires = upcoming(&policy, "msol", &standing, now, 6);
        let mut last: Option<Timestamp> = None;
        for fire in &fires {
            let starts = fire.at.max(now);
            prop_assert!(policy.windows.is_open(starts));
            if let Some(last) = last {
                prop_assert!(starts > last && starts >= last + policy.minimum_gap);
            }
            last = Some(starts);
        }
    }
}

/// Numbers from a seed: what happens to a daemon in a simulated year.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % end
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two years of stops, starts, crashes and failures at random instants, with windows on every day.
    #[test]
    fn restarts_double_nothing_and_no_password_grows_too_old(
        cron in prop::option::of(pattern()),
        name in zone_name(),
        opens in 0_i8..24,
        length in 3_i8..20,
        max_age in 10_i32..90,
        jitter in 0_i64..300,
        gap in 0_i32..48,
        misfire in prop::sample::select(vec![Misfire::Skip, Misfire::Once, Misfire::Now]),
        seed in any::<u64>(),
    ) {
        let window = Window { days: Vec::new(), from: time(opens, 0, 0, 0), to: time((opens + length) % 24, 0, 0, 0) };
        let policy = Policy {
            calendar: cron.as_ref().map(|cron| Calendar::parse(cron, zone(name)).unwrap()),
            windows: Windows::new(vec![window], Vec::new(), zone(name)),
            jitter: SignedDuration::from_mins(jitter),
            minimum_gap: HOUR * gap,
            max_age: Some(DAY * max_age),
            warn_before: DAY * 14.min(max_age / 2),
            misfire,
            retry: Retry { budget: 1_000, ..Retry::default() },
        };
        let mut chance = Chance(seed);
        let mut now = at("2026-01-01T00:00:00Z");
        let end = now + DAY * 730;
        let mut standing = Standing { set_at: Some(now), ..Standing::new(now) };
        let mut handled: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
        let mut awake_since = now;
        let mut stops = now + HOUR * 5;
        let mut rotations = 0;
        while now < end && rotations < 1_500 {
            let Due::At(fire) = due(&policy, "msol", &standing, now, awake_since) else { panic!("not due") };
            let starts = fire.at.max(now);
            if starts >= stops {
                // Down for up to half a day, then up for up to a month.
                now = stops + MINUTE * i32::try_from(chance.below(12 * 60)).unwrap();
                awake_since = now;
                stops = now + MINUTE * i32::try_from(1 + chance.below(30 * 24 * 60)).unwrap();
                continue;
            }
            now = starts;
            rotations += 1;
            if !matches!(fire.reason, Reason::Retry { .. } | Reason::Renewed) {
                let before = handled.insert(fire.nominal, now);
                prop_assert_eq!(before, None, "twice: {:?}", fire);
            }
            standing.last_attempt = Some(now);
            now += MINUTE * 3;
            if chance.below(5) == 0 {
                standing.failures += 1;
                standing.last_failure = Some(now);
            } else {
                let age = standing.set_at.unwrap().duration_until(now);
                prop_assert!(age <= DAY * max_age, "{} days: {:?}", age.as_hours() / 24, fire);
                standing.failures = 0;
                standing.set_at = Some(now);
            }
        }
        prop_assert!(rotations > 0);
    }

    #[test]
    fn no_storm_and_no_two_on_one_server(
        count in 1_usize..120,
        servers in 1_i64..40,
        in_flight in 1_usize..8,
        spacing in prop::sample::select(vec![0_i64, 60]),
        seed in any::<u64>(),
    ) {
        let mut chance = Chance(seed);
        let mut now = at("2026-11-21T03:00:00Z");
        let limits = Limits { in_flight, spacing: SignedDuration::from_secs(spacing) };
        let mut waiting: Vec<Candidate> = (0..count).map(|index| {
            let first = format!("S{}", chance.below(servers));
            let second = format!("S{}", chance.below(servers));
            let mut one = candidate(&format!("a{index}"), u8::try_from(chance.below(4)).unwrap(), &[&first, &second]);
            one.exclusive = chance.below(6) == 0;
            one.urgent = chance.below(6) == 0;
            one.at = now - HOUR * i32::try_from(chance.below(5)).unwrap();
            one
        }).collect();
        let mut running: Vec<(Candidate, Timestamp)> = Vec::new();
        let mut last_start: Option<Timestamp> = None;
        let mut done = 0;
        for _ in 0..20_000 {
            running.retain(|(_, ends)| *ends > now);
            let active: Vec<Candidate> = running.iter().map(|(one, _)| one.clone()).collect();
            let picked = pick(&waiting, &active, &limits, last_start, now);
            prop_assert_eq!(&picked, &pick(&waiting, &active, &limits, last_start, now));
            if spacing > 0 {
                prop_assert!(picked.len() <= 1);
                prop_assert!(picked.is_empty() || last_start.is_none_or(|last| now >= last + limits.spacing));
            }
            for index in &picked {
                let one = &waiting[*index];
                let lower = waiting.iter().chain(&active).any(|other| {
                    other.rank < one.rank && other.servers.iter().any(|server| one.servers.contains(server))
                });
                prop_assert!(!lower, "{} goes before a lower rank", one.account);
                let ends = now + MINUTE * i32::try_from(1 + chance.below(9)).unwrap();
                running.push((one.clone(), ends));
                last_start = Some(now);
                done += 1;
            }
            waiting = waiting.into_iter().enumerate().filter(|(index, _)| !picked.contains(index)).map(|(_, one)| one).collect();
            prop_assert!(running.len() <= in_flight);
            prop_assert!(running.iter().filter(|(one, _)| one.exclusive).count() <= 1);
            for (index, (one, _)) in running.iter().enumerate() {
                for (other, _) in &running[..index] {
                    prop_assert!(!other.servers.iter().any(|server| one.servers.contains(server)));
                }
            }
            if waiting.is_empty() {
                break;
            }
            now += SignedDuration::from_secs(30);
        }
        // Nobody waits for ever.
        prop_assert_eq!(done, count);
    }
}

/// A first start with 500 accounts whose age nobody knows: all due at once, and yet two at a time.
#[test]
fn five_hundred_overdue_accounts_are_no_storm() {
    let policy = Policy {
        calendar: None,
        windows: Windows::always(TimeZone::UTC),
        jitter: HOUR,
        minimum_gap: DAY,
        max_age: Some(DAY * 90),
        warn_before: DAY * 14,
        misfire: Misfire::Once,
        retry: Retry::default(),
    };
    let now = at("2026-11-21T03:00:00Z");
    let waiting: Vec<Candidate> = (0..500)
        .map(|index| {
            let account = format!("a{index:03}");
            let Due::At(fire) = due(&policy, &account, &Standing::new(now), now, now) else { panic!("not due") };
            assert_eq!(fire.at, now);
            Candidate { at: fire.at, ..candidate(&account, 0, &[&format!("S{index}")]) }
        })
        .collect();
    let mut limits = Limits { in_flight: 2, spacing: SignedDuration::ZERO };
    let first = pick(&waiting, &[], &limits, None, now);
    assert_eq!(first, [0, 1]);
    let running: Vec<Running> = first.iter().map(|index| waiting[*index].clone()).collect();
    assert_eq!(pick(&waiting, &running, &limits, Some(now), now), [0_usize; 0]);
    limits.spacing = MINUTE;
    assert_eq!(pick(&waiting, &[], &limits, None, now), [0]);
    assert_eq!(pick(&waiting, &running[..1], &limits, Some(now), now), [0_usize; 0]);
    assert_eq!(pick(&waiting, &running[..1], &limits, Some(now), now + MINUTE), [1]);
}

/// A tick over a thousand accounts has to stay far below the time between two ticks.
#[test]
fn a_thousand_candidates_are_cheap() {
    let now = at("2026-11-21T03:00:00Z");
    let names: Vec<String> = (0..250).map(|server| format!("S{server}")).collect();
    let waiting: Vec<Candidate> = (0..1_000)
        .map(|index| candidate(&format!("a{index}"), u8::try_from(index % 4).unwrap(), &[&names[index % 250]]))
        .collect();
    let limits = Limits { in_flight: 1_000, spacing: SignedDuration::ZERO };
    let started = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(pick(&waiting, &[], &limits, None, now).len(), 250);
    }
    // Unoptimised, on a busy machine: 20 of them in a second is generous, and a quadratic search misses it.
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
}

/// The same for what comes before it: who is due at all, from a calendar that comes once in four years, in the middle of a freeze.
#[test]
fn a_thousand_questions_are_cheap() {
    let now = at("2026-12-20T03:00:00Z");
    let zone = zone("Europe/Berlin");
    let window = Window { days: vec![Weekday::Saturday], from: time(22, 0, 0, 0), to: time(4, 0, 0, 0) };
    let freeze = Blackout { from: date(2026, 12, 1), to: date(2027, 2, 1), reason: "freeze".into() };
    let policy = Policy {
        calendar: Some(Calendar::parse("0 3 29 2 *", zone.clone()).unwrap()),
        windows: Windows::new(vec![window], vec![freeze], zone),
        jitter: HOUR,
        minimum_gap: DAY,
        max_age: Some(DAY * 90),
        warn_before: DAY * 14,
        misfire: Misfire::Once,
        retry: Retry::default(),
    };
    let standing = Standing { set_at: Some(now - DAY * 70), ..Standing::new(now - DAY * 100) };
    let started = std::time::Instant::now();
    for index in 0..1_000 {
        assert!(matches!(due(&policy, &format!("a{index}"), &standing, now, now), Due::At(_)));
        assert_eq!(age(&policy, &standing, now).state, AgeState::Urgent);
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}
