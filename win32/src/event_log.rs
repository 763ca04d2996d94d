//! Windows' event logs: what others wrote, and what we write ourselves.

use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_NO_MORE_ITEMS, ERROR_TIMEOUT, HANDLE};
use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE, EvtNext, EvtQuery,
    EvtQueryChannelPath, EvtQueryReverseDirection, EvtRender, EvtRenderEventXml, RegisterEventSourceW, ReportEventW,
};

use crate::handle::Evt;
use crate::wide::{Wide, text_in};
use crate::{Error, registry};

/// How many events are fetched at a time.
const BATCH: usize = 32;
/// Longest event that is read, in bytes of UTF-16: Windows' own limit of an event is 64 KiB before it is XML.
const EVENT_BYTES_MAX: u32 = 1 << 20;
/// Longest text of an event that is written; Windows takes 31,839 characters.
const TEXT_UNITS_MAX: usize = 31_000;
/// Where the sources of the Application log are registered.
const SOURCES: &str = r"SYSTEM\CurrentControlSet\Services\EventLog\Application";

/// The newest `max` events of a channel that an XPath query selects, as raw XML, oldest first
/// ([`EvtQuery`](https://learn.microsoft.com/en-us/windows/win32/api/winevt/nf-winevt-evtquery),
/// [`EvtNext`](https://learn.microsoft.com/en-us/windows/win32/api/winevt/nf-winevt-evtnext),
/// [`EvtRender`](https://learn.microsoft.com/en-us/windows/win32/api/winevt/nf-winevt-evtrender)).
///
/// What takes longer than `limit` is an error (1460), never a shorter list: a missing event would read as "did not happen".
pub fn query(channel: &str, xpath: &str, max: usize, limit: Duration) -> Result<Vec<String>, Error> {
    let deadline = Instant::now() + limit;
    let (channel, xpath) = (Wide::new("EvtQuery", channel)?, Wide::new("EvtQuery", xpath)?);
    let flags = EvtQueryChannelPath | EvtQueryReverseDirection;
    // SAFETY: no session means this machine; both texts end with a zero.
    let results = Evt(unsafe { EvtQuery(0, channel.as_ptr(), xpath.as_ptr(), flags) });
    if results.0 == 0 {
        return Err(Error::last("EvtQuery"));
    }
    let mut found = Vec::new();
    while found.len() < max {
        let wanted = BATCH.min(max - found.len());
        let batch = next(&results, wanted, deadline)?;
        if batch.is_empty() {
            break;
        }
        for event in batch {
            found.push(rendered(&event)?);
        }
    }
    found.reverse();
    Ok(found)
}

/// The next events; none at the end.
fn next(results: &Evt, wanted: usize, deadline: Instant) -> Result<Vec<Evt>, Error> {
    const CALL: &str = "EvtNext";
    let left = deadline.saturating_duration_since(Instant::now()).as_millis();
    if left == 0 {
        return Err(Error::new(CALL, ERROR_TIMEOUT));
    }
    // The longest number would mean for ever.
    let left = u32::try_from(left).unwrap_or(u32::MAX).min(u32::MAX - 1);
    let (mut events, mut given) = ([0isize; BATCH], 0u32);
    // SAFETY: the array has room for `wanted` handles, at most BATCH.
    let done = unsafe { EvtNext(results.0, wanted as u32, events.as_mut_ptr(), left, 0, &raw mut given) };
    if done == 0 {
        let error = Error::last(CALL);
        return if error.code == ERROR_NO_MORE_ITEMS { Ok(Vec::new()) } else { Err(error) };
    }
    Ok(events.into_iter().take(given as usize).map(Evt).collect())
}

fn rendered(event: &Evt) -> Result<String, Error> {
    const CALL: &str = "EvtRender";
    let mut buffer = vec![0u16; 4096];
    loop {
        let bytes = u32::try_from(buffer.len() * 2).unwrap_or(EVENT_BYTES_MAX);
        let (mut used, mut properties) = (0, 0);
        // SAFETY: the buffer is as long as said; XML needs no context.
        let done = unsafe {
            EvtRender(
                0,
                event.0,
                EvtRenderEventXml,
                bytes,
                buffer.as_mut_ptr().cast(),
                &raw mut used,
                &raw mut properties,
            )
        };
        if done != 0 {
            return Ok(text_in(&buffer));
        }
        let error = Error::last(CALL);
        // It is asked for more each time, up to the bound: the loop ends.
        if error.code != ERROR_INSUFFICIENT_BUFFER || used <= bytes || used > EVENT_BYTES_MAX {
            return Err(error);
        }
        buffer.resize((used as usize).div_ceil(2), 0);
    }
}

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something wants to be looked at.
    Warning,
    /// Something happened.
    Information,
}

/// Writes an event into the Application log; its text is the one insert of the message that the source has for `id`
/// ([`RegisterEventSourceW`](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-registereventsourcew),
/// [`ReportEventW`](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-reporteventw)).
/// A text that is too long for an event loses its end.
pub fn write(source: &str, level: Level, id: u32, text: &str) -> Result<(), Error> {
    let name = Wide::new("RegisterEventSourceW", source)?;
    // SAFETY: no server means this machine; the name ends with a zero.
    let source = Source(unsafe { RegisterEventSourceW(null(), name.as_ptr()) });
    if source.0.is_null() {
        return Err(Error::last("RegisterEventSourceW"));
    }
    let text = Wide::new("ReportEventW", shortened(text))?;
    let strings = [text.as_ptr()];
    let level = match level {
        Level::Error => EVENTLOG_ERROR_TYPE,
        Level::Warning => EVENTLOG_WARNING_TYPE,
        Level::Information => EVENTLOG_INFORMATION_TYPE,
    };
    // SAFETY: one string, which ends with a zero; no user and no data.
    let done = unsafe { ReportEventW(source.0, level, 0, id, null_mut(), 1, 0, strings.as_ptr(), null()) };
    if done == 0 { Err(Error::last("ReportEventW")) } else { Ok(()) }
}

fn shortened(text: &str) -> &str {
    let mut units = 0;
    for (at, character) in text.char_indices() {
        units += character.len_utf16();
        if units > TEXT_UNITS_MAX {
            return &text[..at];
        }
    }
    text
}

struct Source(HANDLE);

impl Drop for Source {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: registered by `write`, and ours alone.
            unsafe { DeregisterEventSource(self.0) };
        }
    }
}

/// Makes `name` known as a source of the Application log, with the file that has its messages; a source that is known
/// already is brought up to date
/// ([event sources](https://learn.microsoft.com/en-us/windows/win32/eventlog/event-sources)).
pub fn register_source(name: &str, message_file: &str) -> Result<(), Error> {
    let key = registry::Key::made(&key_of(name))?;
    key.set_expandable("EventMessageFile", message_file)?;
    // Errors, warnings and information.
    key.set_dword("TypesSupported", 7)
}

/// Takes the source away; its events stay. One that is not there is no fault.
pub fn unregister_source(name: &str) -> Result<(), Error> {
    registry::remove(&key_of(name))
}

fn key_of(name: &str) -> String {
    format!("{SOURCES}\\{name}")
}
