use std::io::Write;

use super::*;
use crate::config::read;
use crate::schedule::{By, Due, Standing, due, upcoming};

const HEAD: &str = r#"
[journal]
file = "/tmp/journal.db"
[directory]
urls = ["ldaps://dc1.contoso.test"]
bind_name = "CONTOSO\\rotator"
bind_password = { file = "/run/rotator" }
[vault]
kind = "hashicorp"
url = "https://vault.contoso.test:8200"
token = { credential = "token" }
[[server]]
name = "SYNC1"
kind = "lab"
lab_dir = "/tmp/lab"
"#;

const ACCOUNT: &str = r#"[[account]]
name = "msol"
kind = "connector"
directory_name = "MSOL_1"
vault_name = "entra/msol"
servers = [{ server = "SYNC1" }]
"#;

fn parse(text: &str) -> Result<Config, Vec<String>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let first = HEAD.lines().count();
    read(file.path()).map_err(|faulty| {
        let place = |fault: &String| {
            let rest = fault.rsplit_once(&format!("{}:", file.path().display())).unwrap().1;
            let (line, rest) = rest.split_once(':').unwrap();
            let (_, what) = rest.split_once(": ").unwrap();
            format!("{}: {what}", line.parse::<usize>().unwrap() - first)
        };
        faulty.faults.iter().map(place).collect()
    })
}

fn told(schedules: &str) -> String {
    parse(&format!("{HEAD}{schedules}")).map(|_| String::new()).unwrap_or_else(|faults| faults.join("\n"))
}

#[test]
fn a_file_without_schedules_rotates_by_hand_only() {
    let config = parse(&format!("{HEAD}{ACCOUNT}")).unwrap();
    assert_eq!(config.limits, LimitsConfig { in_flight: 2, spacing_s: 60 });
    let policy = config.schedule_of(&config.account[0]).unwrap().policy().unwrap();
    assert_eq!((policy.calendar.clone(), policy.max_age), (None, None));
    assert_eq!(policy.minimum_gap, days(1));
    assert_eq!(policy.retry, Retry::default());
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    assert!(matches!(due(&policy, "msol", &Standing::new(now), now, now), Due::Never { .. }));
}

#[test]
fn an_account_replaces_single_keys() {
    let text = format!(
        r#"{HEAD}[schedule]
cron = "0 2 1 * *"
zone = "Europe/Berlin"
max_age_days = 90
jitter_min = 30
windows = [{{ days = ["sat", "sun"], from = "22:00", to = "04:00" }}, {{ from = "00:00", to = "24:00" }}]
blackout = [{{ from = "2026-12-18", to = "2027-01-06", reason = "year end" }}]
misfire = "skip"
retry = {{ budget = 3 }}
[limits]
in_flight = 4
{ACCOUNT}schedule = {{ max_age_days = 20, windows = [], misfire = "now" }}
exempt = {{ reason = "moves", owner = "identity team", until = "2026-12-31" }}
"#
    );
    let config = parse(&text).unwrap();
    assert_eq!(config.limits, LimitsConfig { in_flight: 4, spacing_s: 60 });
    let whole = config.schedule_of(&config.account[0]).unwrap();
    let policy = whole.policy().unwrap();
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(policy.calendar.as_ref().unwrap().pattern(), "0 2 1 * *");
    assert_eq!(policy.calendar.as_ref().unwrap().zone(), &berlin);
    assert_eq!((policy.max_age, policy.warn_before), (Some(days(20)), days(10)));
    assert_eq!((policy.misfire, policy.jitter), (Misfire::Now, SignedDuration::from_mins(30)));
    assert_eq!(policy.retry, Retry { budget: 3, ..Retry::default() });
    // The empty list took the windows away, and left the blackout.
    let noon = "2026-11-25T12:00:00Z".parse().unwrap();
    assert_eq!(policy.windows.closes(noon), Some("2026-12-17T23:00:00Z".parse().unwrap()));
    let until = config.account[0].exempt.as_ref().unwrap().until(&berlin);
    assert_eq!(until, Some("2026-12-31T23:00:00Z".parse().unwrap()));

    let windows = config.schedule.policy().unwrap().windows;
    assert!(windows.is_open(noon), "the second window is the whole of every day");
}

#[test]
fn the_entra_connector_account_is_never_on_a_schedule() {
    let entra = ACCOUNT.replace("connector", "entra")
        + "administrator = { user = \"admin@contoso.test\", vault_name = \"entra/admin\" }\n";
    let config = parse(&format!("{HEAD}[schedule]\ncron = \"0 2 * * *\"\n{entra}")).unwrap();
    assert_eq!(config.schedule_of(&config.account[0]), None);
    insta::assert_snapshot!(told(&format!("{entra}schedule = {{ max_age_days = 90 }}\n")), @"8: the Entra connector account is reset as a repair, never on a schedule: leave `schedule` out");
}

#[test]
fn every_fault_is_told_at_its_key() {
    let base = r#"[schedule]
cron = "0 0 2 1 * *"
zone = "Europe/Berln"
jitter_min = 2000
max_age_days = 90
warn_days = 60
misfire = "later"
retry = { budget = 0, tries = 2 }
[[schedule.windows]]
from = "9:00"
to = "25:00"
[[schedule.blackout]]
from = "2026-02-30"
to = "2026-03-01"
reason = ""
"#;
    insta::assert_snapshot!(told(&format!("{base}{ACCOUNT}")), @r#"
2: `cron` needs five fields (minute, hour, day of month, month, day of week), not 6
3: this machine knows no time zone `Europe/Berln`: an IANA name is needed, such as Europe/Berlin, and on Linux the package tzdata
4: `jitter_min`: the value is greater than the maximum of 1440
6: `warn_days` must be at most half of `max_age_days`, here 45
7: `misfire` must be "skip", "once" or "now"
8: `budget`: the value is less than the minimum of 2
8: unknown key `tries`
10: `from` must be a time of day, HH:MM, from 00:00 to 23:59
11: `to` must be a time of day, HH:MM, from 00:00 to 24:00
13: `from` must be a day that exists, YYYY-MM-DD
15: `reason`: the value is shorter than 1 character
"#);
    let quiet = r#"[schedule]
cron = "0 2 30 2 *"
max_age_days = 30
[[schedule.windows]]
days = ["mon", "tuesday"]
from = "24:00"
to = "24:01"
[[schedule.blackout]]
from = "2026-03-02"
to = "2026-03-01"
reason = "turned round"
[limits]
in_flight = 0
"#;
    insta::assert_snapshot!(told(&format!("{quiet}{ACCOUNT}")), @r#"
2: `cron` never comes: there is no such day
5: `days` must be "mon", "tue", "wed", "thu", "fri", "sat" or "sun" each
9: `from` is later than `to`: it is the first day, and `to` the last one
13: `in_flight`: the value is less than the minimum of 1
"#);
    let own = format!(
        "[schedule]\nmax_age_days = 30\n{ACCOUNT}exempt = {{ reason = \"\", owner = \"me\", until = \"soon\" }}\n[account.schedule]\nwarn_days = 16\nminimum_gap_h = 400\ncron = \"0 2 * * 8\"\nwindow = 3\n"
    );
    insta::assert_snapshot!(told(&own), @r#"
9: `reason`: the value is shorter than 1 character
9: `until` must be a day that exists, YYYY-MM-DD
11: `warn_days` must be at most half of `max_age_days`, here 15
12: `minimum_gap_h` (400) is longer than the 360 hours that `max_age_days` less `warn_days` are: it would hold up what keeps the password young
13: `cron` can't be read: Component error: Number out of bounds.
14: unknown key `window`
"#);
    // Each is sound alone, and told once.
    let both = format!("[schedule]\nmax_age_days = 30\n{ACCOUNT}schedule = {{ minimum_gap_h = 400 }}\n");
    insta::assert_snapshot!(told(&both), @"9: `minimum_gap_h` (400) is longer than the 384 hours that `max_age_days` less `warn_days` are: it would hold up what keeps the password young");
}

#[test]
fn times_and_days_have_one_form() {
    for (text, end, sound) in [
        ("00:00", false, true),
        ("23:59", false, true),
        ("24:00", false, false),
        ("24:00", true, true),
        ("24:01", true, false),
        ("9:00", false, false),
        ("09:60", false, false),
        ("0900", false, false),
        ("09:00:00", false, false),
        ("+9:00", false, false),
        ("09:+1", false, false),
        ("", false, false),
        ("ä:00", false, false),
    ] {
        assert_eq!(time_of_day(text, end).is_some(), sound, "{text}");
    }
    for (text, sound) in [
        ("2028-02-29", true),
        ("2027-02-29", false),
        ("2027-2-28", false),
        ("2027-02-28T00:00", false),
        ("20270228", false),
        ("+002027-02", false),
        ("", false),
    ] {
        assert_eq!(date(text).is_some(), sound, "{text}");
    }
}

/// The examples of docs/schedules.md are read as they stand there.
#[test]
fn the_examples_of_the_manual_are_sound() {
    let page = include_str!("../../../docs/schedules.md");
    let examples: Vec<_> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 3, "{}", examples.len());
    for example in examples {
        let account = if example.contains("[[account]]") { "" } else { ACCOUNT };
        let config =
            parse(&format!("{HEAD}{example}{account}")).unwrap_or_else(|faults| panic!("{faults:?}\n{example}"));
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        for account in &config.account {
            let policy = config.schedule_of(account).unwrap().policy().unwrap();
            let fires = upcoming(&policy, &account.name, &Standing { set_at: Some(now), ..Standing::new(now) }, now, 3);
            assert_eq!(fires.len(), 3, "{example}");
            assert!(fires.iter().all(|fire| fire.put_off.iter().all(|put_off| put_off.by != By::ClockBehind)));
        }
    }
}
