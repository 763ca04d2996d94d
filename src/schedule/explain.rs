use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{By, Fire, Reason};

/// A time on the wall clock of `zone`, and in UTC.
pub fn local(at: Timestamp, zone: &TimeZone) -> String {
    let here = at.to_zoned(zone.clone());
    let there = at.to_zoned(TimeZone::UTC);
    if here.datetime() == there.datetime() {
        return there.strftime("%a %Y-%m-%d %H:%M UTC").to_string();
    }
    let utc = if here.date() == there.date() { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" };
    format!("{} ({})", here.strftime("%a %Y-%m-%d %H:%M %Z"), there.strftime(utc))
}

/// When a rotation starts, why then, and what put it off: short sentences.
pub fn explain(fire: &Fire, zone: &TimeZone) -> String {
    let nominal = local(fire.nominal, zone);
    let mut text = format!("From {}. ", local(fire.at, zone));
    text.push_str(&match fire.reason {
        Reason::Calendar if fire.nominal == fire.at => "The calendar says so.".to_owned(),
        Reason::Calendar => format!("The calendar says {nominal}."),
        Reason::MaxAge if fire.at < fire.nominal => format!(
            "The warnings about its age begin {nominal}, and no window opens between then and its maximum age: so before."
        ),
        Reason::MaxAge => format!("By its maximum age, or because its age is not known, it is due from {nominal}."),
        Reason::Misfire => format!("The fire of {nominal} was missed, and is made up for once."),
        Reason::Retry { attempt } => format!("Attempt {attempt}, after a failure; not before {nominal}."),
        Reason::Renewed => format!("A person let it be tried again at {nominal}."),
    });
    for put_off in &fire.put_off {
        let until = local(put_off.until, zone);
        text.push_str(&match (put_off.by, &put_off.why) {
            (By::Window, _) => format!(" No maintenance window is open before {until}."),
            (By::Blackout, Some(why)) => format!(" Blackout until {until}: {why}."),
            (By::Blackout, None) => format!(" Blackout until {until}."),
            (By::MinimumGap, _) => format!(" The minimum gap since the last one lasts until {until}."),
            (By::Jitter, _) => {
                let at = put_off.until.to_zoned(zone.clone());
                format!(" Jitter moves it to {}, so that not all start at once.", at.strftime("%H:%M"))
            }
            (By::ClockBehind, _) => {
                format!(" The clock shows a time before the last change: nothing before {until}; set the clock right.")
            }
        });
    }
    text
}
