use windows_sys::Win32::Foundation::ERROR_INVALID_PARAMETER;
use zeroize::Zeroizing;

use crate::Error;

/// A text as Windows wants it: UTF-16 with a zero at its end. Wiped when dropped, since it may be a password.
pub(crate) struct Wide(Zeroizing<Vec<u16>>);

impl Wide {
    /// For the call `call`; a zero inside, which would cut the text short, is an invalid parameter.
    pub(crate) fn new(call: &'static str, text: &str) -> Result<Self, Error> {
        if text.contains('\0') {
            return Err(Error::new(call, ERROR_INVALID_PARAMETER));
        }
        // No UTF-16 is longer than its UTF-8: the buffer never moves, so no copy stays behind.
        let mut units = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        units.extend(text.encode_utf16());
        units.push(0);
        Ok(Self(units))
    }

    pub(crate) fn as_ptr(&self) -> *const u16 {
        self.0.as_ptr()
    }

    /// Its length in bytes, with the zero.
    pub(crate) fn bytes(&self) -> u32 {
        u32::try_from(self.0.len() * 2).unwrap_or(u32::MAX)
    }
}

/// Longest text that is read from a pointer: far above every name, path and description.
const UNITS_MAX: usize = 32_768;

/// The text at `at`; none for a null pointer.
///
/// # Safety
/// `at` is null, or points to UTF-16 that ends with a zero.
pub(crate) unsafe fn text_at(at: *const u16) -> Option<String> {
    if at.is_null() {
        return None;
    }
    let mut length = 0;
    // SAFETY: up to the zero the units are there, as promised by the caller.
    while length < UNITS_MAX && unsafe { *at.add(length) } != 0 {
        length += 1;
    }
    // SAFETY: these units were just read one by one.
    Some(String::from_utf16_lossy(unsafe { std::slice::from_raw_parts(at, length) }))
}

/// The text in a buffer, up to the first zero.
pub(crate) fn text_in(buffer: &[u16]) -> String {
    let length = buffer.iter().position(|unit| *unit == 0).unwrap_or(buffer.len());
    String::from_utf16_lossy(&buffer[..length])
}
