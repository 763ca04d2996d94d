use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

#[cfg(test)]
mod tests;

use super::{AccountConfig, AccountKind, Config};
use crate::schedule::{Blackout, Calendar, Limits, Misfire, Policy, Retry, Window, Windows};

const DEFAULT_MINIMUM_GAP_H: u32 = 24;
const DEFAULT_WARN_DAYS: u32 = 14;

/// When an account is rotated. In `[schedule]` for all accounts, in an account's own `schedule` for it alone: there each key
/// takes the place of the same key of `[schedule]`. With neither `cron` nor `max_age_days`, by hand only.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// When, in five fields: minute, hour, day of month, month, day of week. Days of the week are 0-7 (0 and 7 are
    /// Sunday) or names, months 1-12 or names; `L`, `W` and `#` as croner has them, `+` before the day of week wants both days.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone of every time here, by its IANA name; without it UTC.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The only times when rotations start. Without any it is always open; an empty list takes those of `[schedule]` away.
    #[serde(default)]
    #[schemars(with = "Vec<WindowConfig>", skip_serializing_if = "Option::is_none")]
    pub windows: Option<Vec<WindowConfig>>,
    /// Days on which no rotation starts, whatever the windows.
    #[serde(default)]
    #[schemars(with = "Vec<BlackoutConfig>", skip_serializing_if = "Option::is_none")]
    pub blackout: Option<Vec<BlackoutConfig>>,
    /// Starts are spread over so many minutes, each account at its own place; without it, not at all.
    #[serde(default)]
    #[schemars(with = "u32", skip_serializing_if = "Option::is_none", range(max = 1440))]
    pub jitter_min: Option<u32>,
    /// The least time between two changes of a password, in hours; without it 24.
    #[serde(default)]
    #[schemars(with = "u32", skip_serializing_if = "Option::is_none", range(max = 8760))]
    pub minimum_gap_h: Option<u32>,
    /// The age in days that no password should reach. It is rotated `warn_days` before, whatever the calendar says.
    #[serde(default)]
    #[schemars(with = "u32", skip_serializing_if = "Option::is_none", range(min = 2, max = 3650))]
    pub max_age_days: Option<u32>,
    /// So many days before `max_age_days` a rotation is due and the warnings begin: at most half of `max_age_days`;
    /// without it 14, or that half.
    #[serde(default)]
    #[schemars(with = "u32", skip_serializing_if = "Option::is_none", range(min = 1, max = 1825))]
    pub warn_days: Option<u32>,
    /// What becomes of rotations that were missed, because the program did not run or the machine slept.
    #[serde(default)]
    #[schemars(with = "MisfireConfig", skip_serializing_if = "Option::is_none")]
    pub misfire: Option<MisfireConfig>,
    /// How failures are tried again. One key: an account's own takes the place of the whole.
    #[serde(default)]
    #[schemars(with = "RetryConfig", skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryConfig>,
}

/// A maintenance window.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowConfig {
    /// The days on which it opens; without any, every day.
    #[serde(default)]
    pub days: Vec<DayConfig>,
    /// When it opens, HH:MM.
    pub from: String,
    /// When it closes, HH:MM, up to 24:00. On the next day when not later than `from`; the same time is a whole day.
    pub to: String,
}

/// Days on which no rotation starts.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlackoutConfig {
    /// The first day, YYYY-MM-DD.
    pub from: String,
    /// The last day, YYYY-MM-DD.
    pub to: String,
    /// Why; it stands in what explains the coming rotations.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum DayConfig {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// What becomes of missed rotations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MisfireConfig {
    /// Nothing: the next time counts. `max_age_days` counts all the same.
    Skip,
    /// One rotation makes up for all, in the next open window, with jitter.
    #[default]
    Once,
    /// The same without jitter.
    Now,
}

/// How failures are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// The pause after the first failure, in minutes; doubled after each further one.
    #[serde(default = "default_first_min")]
    #[schemars(range(min = 1, max = 1440))]
    pub first_min: u32,
    /// The longest pause, in hours.
    #[serde(default = "default_longest_h")]
    #[schemars(range(min = 1, max = 168))]
    pub longest_h: u32,
    /// Failures in a row, after which a person is needed.
    #[serde(default = "default_budget")]
    #[schemars(range(min = 2, max = 30))]
    pub budget: u32,
}

fn default_first_min() -> u32 {
    15
}

fn default_longest_h() -> u32 {
    12
}

fn default_budget() -> u32 {
    5
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { first_min: default_first_min(), longest_h: default_longest_h(), budget: default_budget() }
    }
}

/// Why an account is not rotated for now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExemptConfig {
    /// Why, for the report.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
    /// Who answers for it.
    #[schemars(length(min = 1, max = 256))]
    pub owner: String,
    /// The last day of the exemption, YYYY-MM-DD, in the account's zone.
    pub until: String,
}

/// How much may run at once. One rotation per server and per account at a time is not a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Rotations in flight, at most.
    #[serde(default = "default_in_flight")]
    #[schemars(range(min = 1, max = 1000))]
    pub in_flight: u32,
    /// The least time between two starts, in seconds.
    #[serde(default = "default_spacing_s")]
    #[schemars(range(max = 86400))]
    pub spacing_s: u32,
}

fn default_in_flight() -> u32 {
    2
}

fn default_spacing_s() -> u32 {
    60
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { in_flight: default_in_flight(), spacing_s: default_spacing_s() }
    }
}

impl From<LimitsConfig> for Limits {
    fn from(limits: LimitsConfig) -> Self {
        Self {
            in_flight: usize::try_from(limits.in_flight).unwrap_or(usize::MAX),
            spacing: SignedDuration::from_secs(limits.spacing_s.into()),
        }
    }
}

/// At which key below the schedule's own table, and what is wrong there.
type KeyFault = (String, String);

/// The keys that are more than numbers, as they were read.
struct Times {
    calendar: Option<Calendar>,
    windows: Windows,
}

impl ScheduleConfig {
    /// This table, with the keys of `base` where it has none.
    pub fn over(&self, base: &Self) -> Self {
        let own = self.clone();
        let base = base.clone();
        Self {
            cron: own.cron.or(base.cron),
            zone: own.zone.or(base.zone),
            windows: own.windows.or(base.windows),
            blackout: own.blackout.or(base.blackout),
            jitter_min: own.jitter_min.or(base.jitter_min),
            minimum_gap_h: own.minimum_gap_h.or(base.minimum_gap_h),
            max_age_days: own.max_age_days.or(base.max_age_days),
            warn_days: own.warn_days.or(base.warn_days),
            misfire: own.misfire.or(base.misfire),
            retry: own.retry.or(base.retry),
        }
    }

    /// The zone of its times. Of a configuration that was checked it is known, unless the machine lost it since.
    pub fn time_zone(&self) -> Result<TimeZone, String> {
        let name = self.zone.as_deref().unwrap_or("UTC");
        TimeZone::get(name).map_err(|_| {
            format!(
                "this machine knows no time zone `{name}`: an IANA name is needed, such as Europe/Berlin, and on Linux the package tzdata"
            )
        })
    }

    /// So many days before the maximum age, warnings begin: never more than half of it.
    fn warn_days(&self) -> u32 {
        let most = self.max_age_days.map_or(u32::MAX, |days| days / 2);
        self.warn_days.unwrap_or(DEFAULT_WARN_DAYS).min(most)
    }

    /// The policy that it asks for, or every fault with its key.
    pub fn policy(&self) -> Result<Policy, Vec<KeyFault>> {
        let times = self.times()?;
        if let Some(what) = self.too_long_a_gap() {
            return Err(vec![("/minimum_gap_h".into(), what)]);
        }
        let retry = self.retry.unwrap_or_default();
        Ok(Policy {
            calendar: times.calendar,
            windows: times.windows,
            jitter: SignedDuration::from_mins(self.jitter_min.unwrap_or(0).into()),
            minimum_gap: SignedDuration::from_hours(self.minimum_gap_h().into()),
            max_age: self.max_age_days.map(days),
            warn_before: days(self.warn_days()),
            misfire: match self.misfire.unwrap_or_default() {
                MisfireConfig::Skip => Misfire::Skip,
                MisfireConfig::Once => Misfire::Once,
                MisfireConfig::Now => Misfire::Now,
            },
            retry: Retry {
                first: SignedDuration::from_mins(retry.first_min.into()),
                longest: SignedDuration::from_hours(retry.longest_h.into()),
                budget: retry.budget,
            },
        })
    }

    fn minimum_gap_h(&self) -> u32 {
        self.minimum_gap_h.unwrap_or(DEFAULT_MINIMUM_GAP_H)
    }

    /// What is wrong with `minimum_gap_h`, `max_age_days` and `warn_days` together.
    fn too_long_a_gap(&self) -> Option<String> {
        let due_at = days(self.max_age_days?) - days(self.warn_days());
        let gap_h = self.minimum_gap_h();
        (SignedDuration::from_hours(gap_h.into()) > due_at).then(|| {
            format!(
                "`minimum_gap_h` ({gap_h}) is longer than the {} hours that `max_age_days` less `warn_days` are: it would hold up what keeps the password young",
                due_at.as_hours()
            )
        })
    }

    fn times(&self) -> Result<Times, Vec<KeyFault>> {
        let mut faults = Vec::new();
        let zone = self.time_zone().unwrap_or_else(|what| {
            faults.push(("/zone".into(), what));
            TimeZone::UTC
        });
        let calendar = self.cron.as_ref().map(|cron| Calendar::parse(cron, zone.clone())).transpose();
        let calendar = calendar.unwrap_or_else(|cause| {
            faults.push(("/cron".into(), format!("`cron` {cause}")));
            None
        });
        let (windows, blackouts) = (self.read_windows(&mut faults), self.read_blackouts(&mut faults));
        if faults.is_empty() {
            Ok(Times { calendar, windows: Windows::new(windows, blackouts, zone) })
        } else {
            Err(faults)
        }
    }

    fn read_windows(&self, faults: &mut Vec<KeyFault>) -> Vec<Window> {
        let mut windows = Vec::new();
        for (index, window) in self.windows.iter().flatten().enumerate() {
            let mut time = |key: &str, text: &str, end: bool| match time_of_day(text, end) {
                Some(time) => time,
                None => {
                    let last = if end { "24:00" } else { "23:59" };
                    let what = format!("`{key}` must be a time of day, HH:MM, from 00:00 to {last}");
                    faults.push((format!("/windows/{index}/{key}"), what));
                    Time::midnight()
                }
            };
            let (from, to) = (time("from", &window.from, false), time("to", &window.to, true));
            windows.push(Window { days: window.days.iter().map(|day| weekday(*day)).collect(), from, to });
        }
        windows
    }

    fn read_blackouts(&self, faults: &mut Vec<KeyFault>) -> Vec<Blackout> {
        let mut blackouts = Vec::new();
        for (index, blackout) in self.blackout.iter().flatten().enumerate() {
            let mut day = |key: &str, text: &str| {
                let day = date(text);
                if day.is_none() {
                    faults.push((format!("/blackout/{index}/{key}"), no_date(key)));
                }
                day
            };
            let (Some(from), Some(to)) = (day("from", &blackout.from), day("to", &blackout.to)) else { continue };
            if from > to {
                let what = "`from` is later than `to`: it is the first day, and `to` the last one";
                faults.push((format!("/blackout/{index}/from"), what.into()));
            }
            blackouts.push(Blackout { from, to, reason: blackout.reason.clone() });
        }
        blackouts
    }
}

impl ExemptConfig {
    /// When the exemption is over: at the end of its last day. `None` for a date that the check would have refused.
    pub fn until(&self, zone: &TimeZone) -> Option<Timestamp> {
        let day = date(&self.until)?.tomorrow().ok()?;
        Some(day.to_zoned(zone.clone()).ok()?.timestamp())
    }
}

impl Config {
    /// The schedule of an account: its own keys, and `[schedule]` for the others. `None` for the Entra connector
    /// account, which is never rotated by itself.
    pub fn schedule_of(&self, account: &AccountConfig) -> Option<ScheduleConfig> {
        (account.kind != AccountKind::Entra)
            .then(|| account.schedule.as_ref().map_or_else(|| self.schedule.clone(), |own| own.over(&self.schedule)))
    }
}

fn days(count: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(count))
}

fn weekday(day: DayConfig) -> Weekday {
    match day {
        DayConfig::Mon => Weekday::Monday,
        DayConfig::Tue => Weekday::Tuesday,
        DayConfig::Wed => Weekday::Wednesday,
        DayConfig::Thu => Weekday::Thursday,
        DayConfig::Fri => Weekday::Friday,
        DayConfig::Sat => Weekday::Saturday,
        DayConfig::Sun => Weekday::Sunday,
    }
}

/// `HH:MM` and nothing else; `24:00` for an end.
fn time_of_day(text: &str, end: bool) -> Option<Time> {
    if end && text == "24:00" {
        return Some(Time::midnight());
    }
    let digits = |text: &str| {
        (text.len() == 2).then(|| text.bytes().all(|byte| byte.is_ascii_digit()))?.then(|| text.parse().ok())?
    };
    let (hour, minute) = text.split_once(':')?;
    Time::new(digits(hour)?, digits(minute)?, 0, 0).ok()
}

/// `YYYY-MM-DD` and nothing else.
fn date(text: &str) -> Option<Date> {
    (text.len() == 10 && text.starts_with(|first: char| first.is_ascii_digit())).then(|| text.parse().ok())?
}

fn no_date(key: &str) -> String {
    format!("`{key}` must be a day that exists, YYYY-MM-DD")
}

/// What the schema can't say of schedules and exemptions: each fault with the pointer to its key.
pub(super) fn faults(config: &Value) -> Vec<KeyFault> {
    // What the schema refuses is told there. Here it is left out, so that the keys beside it are judged all the same.
    let table = |value: Option<&Value>| {
        let mut sound = value?.as_object()?.clone();
        sound.retain(|key, value| {
            let alone = Value::Object([(key.clone(), value.clone())].into_iter().collect());
            serde_json::from_value::<ScheduleConfig>(alone).is_ok()
        });
        serde_json::from_value::<ScheduleConfig>(Value::Object(sound)).ok()
    };
    let base = table(config.get("schedule"));
    let mut faults = Vec::new();
    if let Some(base) = &base {
        judge("/schedule", base, base, &mut faults);
    }
    let base = base.unwrap_or_default();
    for (index, account) in config.get("account").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let here = format!("/account/{index}");
        let entra = account.get("kind").and_then(Value::as_str) == Some("entra");
        if entra && account.get("schedule").is_some() {
            let what = "the Entra connector account is reset as a repair, never on a schedule: leave `schedule` out";
            faults.push((format!("{here}/schedule"), what.into()));
        } else if let Some(own) = table(account.get("schedule")) {
            judge(&format!("{here}/schedule"), &own, &own.over(&base), &mut faults);
        }
        let until = account.pointer("/exempt/until").and_then(Value::as_str);
        if until.is_some_and(|until| date(until).is_none()) {
            faults.push((format!("{here}/exempt/until"), no_date("until")));
        }
    }
    faults
}

/// Faults of the table at `here`, which together with `[schedule]` says `whole`.
fn judge(here: &str, own: &ScheduleConfig, whole: &ScheduleConfig, faults: &mut Vec<KeyFault>) {
    // What `[schedule]` alone says wrong is told there, once.
    let times = own.times().err().unwrap_or_default();
    faults.extend(times.into_iter().map(|(key, what)| (format!("{here}{key}"), what)));
    if let (Some(warn), Some(max_age)) = (own.warn_days, whole.max_age_days)
        && warn > max_age / 2
    {
        let what = format!("`warn_days` must be at most half of `max_age_days`, here {}", max_age / 2);
        faults.push((format!("{here}/warn_days"), what));
    }
    let keys = [
        ("minimum_gap_h", own.minimum_gap_h.is_some()),
        ("max_age_days", own.max_age_days.is_some()),
        ("warn_days", own.warn_days.is_some()),
    ];
    if let Some((key, _)) = keys.iter().find(|(_, said)| *said)
        && let Some(what) = whole.too_long_a_gap()
    {
        faults.push((format!("{here}/{key}"), what));
    }
}
