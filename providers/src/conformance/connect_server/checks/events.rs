//! The event logs.

use jiff::{SignedDuration, Timestamp};

use super::{Able, Verdict, done, ensure};
use crate::conformance::connect_server::scene::Scene;
use crate::conformance::connect_server::subject::{Mishap, Situation};
use crate::port::EVENTS_MAX;

/// More than any pipe, channel or message holds at once.
const MEBIBYTE: usize = 1024 * 1024;

/// When an event was written.
fn written(event: &str) -> Able<Timestamp> {
    let time = event.split_once("SystemTime='").and_then(|(_, rest)| rest.split_once('\'')).map(|(time, _)| time);
    let time = time.and_then(|time| time.parse().ok());
    time.ok_or_else(|| super::failed(format!("no time stands in {event}")))
}

fn times(events: &[String]) -> Able<Vec<Timestamp>> {
    events.iter().map(|event| written(event)).collect()
}

/// Raw events, oldest first, none from before.
pub(super) async fn events_since_then_oldest_first(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    at.order(Mishap::DirectoryAway).await?;
    let first = done(at.server.prove(&at.known.connector).await, "a run")?.at;
    let between = first + SignedDuration::from_micros(1);
    let second = done(at.server.prove(&at.known.connector).await, "another run")?.at;
    let all = done(at.server.events(Timestamp::UNIX_EPOCH).await, "all events")?;
    let since = done(at.server.events(between).await, "the events since the first run")?;
    let later = done(at.server.events(second + SignedDuration::from_hours(1)).await, "the events of the future")?;
    ensure!(later.is_empty(), "events of the future: {later:?}");
    ensure!(all.iter().all(|event| event.starts_with("<Event ") && event.ends_with("</Event>")), "not raw: {all:?}");
    let moments = times(&all)?;
    ensure!(moments.is_sorted(), "not oldest first: {moments:?}");
    ensure!(moments.first() <= Some(&first) && moments.last() > Some(&first), "not of both runs: {moments:?}");
    let recent = times(&since)?;
    ensure!(!recent.is_empty() && recent.iter().all(|time| *time >= between), "not since {between}: {recent:?}");
    ensure!(all.ends_with(&since), "what is since then is not the end of all: {since:?}");
    Ok(())
}

/// A mebibyte of events, whole and unchanged.
pub(super) async fn events_of_a_mebibyte_arrive(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    at.site.fill_events(MEBIBYTE).await?;
    let events = done(at.server.events(Timestamp::UNIX_EPOCH).await, "the events")?;
    let wanted = done(at.site.direct().events(Timestamp::UNIX_EPOCH).await, "the events past the adapter")?;
    let bytes: usize = wanted.iter().map(String::len).sum();
    ensure!(bytes >= MEBIBYTE && !wanted.concat().is_ascii(), "only {bytes} bytes, or plain ones, are to be read");
    ensure!(events.len() == wanted.len(), "{} of {} events arrived", events.len(), wanted.len());
    let differs = events.iter().zip(&wanted).position(|(event, wanted)| event != wanted);
    ensure!(differs.is_none(), "event {differs:?} arrived changed");
    Ok(())
}

/// Where there are more than are given, it is the newest that are.
pub(super) async fn events_beyond_the_bound_are_the_newest(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    at.site.fill_events(1).await?;
    at.order(Mishap::DirectoryAway).await?;
    let before = done(at.server.events(Timestamp::UNIX_EPOCH).await, "the events")?;
    ensure!(before.len() == EVENTS_MAX, "full logs give {} events", before.len());
    let ran = done(at.server.prove(&at.known.connector).await, "a run")?.at;
    let after = done(at.server.events(Timestamp::UNIX_EPOCH).await, "the events")?;
    ensure!(after.len() == EVENTS_MAX, "more than full logs give {} events", after.len());
    let newest = times(&after)?.last().copied();
    ensure!(
        newest >= Some(ran - SignedDuration::from_secs(1)),
        "the newest, of {ran}, is left out for one of {newest:?}"
    );
    ensure!(after.first() != before.first(), "the oldest was kept");
    Ok(())
}
