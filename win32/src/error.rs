use std::fmt;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{FreeLibrary, GetLastError, HMODULE};
use windows_sys::Win32::System::Diagnostics::Debug::{
    FORMAT_MESSAGE_FROM_HMODULE, FORMAT_MESSAGE_FROM_SYSTEM, FORMAT_MESSAGE_IGNORE_INSERTS, FormatMessageW,
};
use windows_sys::Win32::System::LibraryLoader::{
    LOAD_LIBRARY_AS_DATAFILE, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW,
};

use crate::wide::Wide;

/// A call into Windows that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// The function's name in the Win32 API.
    pub call: &'static str,
    /// Windows' error number ([system error codes](https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes)).
    pub code: u32,
}

impl Error {
    pub(crate) fn new(call: &'static str, code: u32) -> Self {
        Self { call, code }
    }

    /// The error of the call that this thread made last: to be asked before anything else is.
    pub(crate) fn last(call: &'static str) -> Self {
        // SAFETY: reads a number of the thread; no argument.
        Self { call, code: unsafe { GetLastError() } }
    }

    /// The same in the words of the crate that made the call.
    pub(crate) fn service(call: &'static str, error: &windows_service::Error) -> Self {
        use windows_sys::Win32::Foundation::{ERROR_INVALID_DATA, ERROR_INVALID_PARAMETER};
        let code = match error {
            windows_service::Error::Winapi(cause) => cause.raw_os_error().unwrap_or_default().cast_unsigned(),
            // Windows answered with something that the crate has no name for.
            windows_service::Error::ParseValue(..) => ERROR_INVALID_DATA,
            _ => ERROR_INVALID_PARAMETER,
        };
        Self { call, code }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code == 0 {
            return write!(to, "{} failed without an error number", self.call);
        }
        write!(to, "{} failed with error {}: {}", self.call, self.code, said(self.code))
    }
}

impl std::error::Error for Error {}

/// The numbers of the network functions (`NERR_*`); their texts are in a file of their own.
const NETWORK: std::ops::RangeInclusive<u32> = 2100..=2999;
/// The numbers of the event log's functions (`ERROR_EVT_*`), in another one.
const EVENT_LOG: std::ops::RangeInclusive<u32> = 15000..=15079;
/// Longest text that is asked for, in UTF-16 units.
const TEXT_MAX: usize = 1024;

/// Windows' own text for an error number, in one line
/// ([`FormatMessageW`](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-formatmessagew)).
fn said(code: u32) -> String {
    let of_file = if NETWORK.contains(&code) {
        text_of_file("netmsg.dll", code)
    } else if EVENT_LOG.contains(&code) {
        text_of_file("wevtapi.dll", code)
    } else {
        None
    };
    of_file
        .or_else(|| text(FORMAT_MESSAGE_FROM_SYSTEM, null_mut(), code))
        .unwrap_or_else(|| "Windows has no text for this number".to_owned())
}

fn text_of_file(name: &'static str, code: u32) -> Option<String> {
    let name = Wide::new("LoadLibraryExW", name).ok()?;
    let flags = LOAD_LIBRARY_AS_DATAFILE | LOAD_LIBRARY_SEARCH_SYSTEM32;
    // SAFETY: the name ends with a zero and outlives the call; as a data file nothing of it is run.
    let module = unsafe { LoadLibraryExW(name.as_ptr(), null_mut(), flags) };
    if module.is_null() {
        return None;
    }
    let found = text(FORMAT_MESSAGE_FROM_HMODULE, module, code);
    // SAFETY: loaded above, and not used any more.
    unsafe { FreeLibrary(module) };
    found
}

fn text(source: u32, module: HMODULE, code: u32) -> Option<String> {
    let mut buffer = [0u16; TEXT_MAX];
    // SAFETY: the buffer is as long as said, and no insert is looked for in the missing arguments.
    let length = unsafe {
        FormatMessageW(
            source | FORMAT_MESSAGE_IGNORE_INSERTS,
            module.cast_const(),
            code,
            0,
            buffer.as_mut_ptr(),
            TEXT_MAX as u32,
            null(),
        )
    };
    let said = String::from_utf16_lossy(buffer.get(..length as usize)?);
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}
