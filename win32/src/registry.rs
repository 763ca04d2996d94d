//! Values below `HKEY_LOCAL_MACHINE`.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_MORE_DATA, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, KEY_SET_VALUE, KEY_WOW64_64KEY, REG_DWORD, REG_EXPAND_SZ, REG_OPTION_NON_VOLATILE,
    RRF_RT_REG_DWORD, RRF_RT_REG_SZ, RRF_SUBKEY_WOW6464KEY, RegCloseKey, RegCreateKeyExW, RegDeleteTreeW, RegGetValueW,
    RegSetValueExW,
};

use crate::Error;
use crate::wide::{Wide, text_in};

/// How often a value is read anew that grew in between.
const TRIES: usize = 4;

/// A text value, its environment variables put in; none when key or value is not there
/// ([`RegGetValueW`](https://learn.microsoft.com/en-us/windows/win32/api/winreg/nf-winreg-reggetvaluew)).
pub fn string(key: &str, value: &str) -> Result<Option<String>, Error> {
    const CALL: &str = "RegGetValueW";
    let (key, value) = (Wide::new(CALL, key)?, Wide::new(CALL, value)?);
    let mut buffer = vec![0u16; 512];
    for _ in 0..TRIES {
        let mut bytes = u32::try_from(buffer.len() * 2).unwrap_or(u32::MAX);
        // RRF_RT_REG_SZ takes REG_EXPAND_SZ too, since that is expanded on the way.
        // SAFETY: both names end with a zero, and the buffer is as long as said.
        let code = unsafe {
            RegGetValueW(
                HKEY_LOCAL_MACHINE,
                key.as_ptr(),
                value.as_ptr(),
                RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY,
                null_mut(),
                buffer.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        match code {
            ERROR_SUCCESS => return Ok(Some(text_in(&buffer))),
            ERROR_FILE_NOT_FOUND => return Ok(None),
            ERROR_MORE_DATA => buffer.resize((bytes as usize).div_ceil(2).max(buffer.len() * 2), 0),
            code => return Err(Error::new(CALL, code)),
        }
    }
    Err(Error::new(CALL, ERROR_MORE_DATA))
}

/// A number; none when key or value is not there
/// ([`RegGetValueW`](https://learn.microsoft.com/en-us/windows/win32/api/winreg/nf-winreg-reggetvaluew)).
pub fn dword(key: &str, value: &str) -> Result<Option<u32>, Error> {
    const CALL: &str = "RegGetValueW";
    let (key, value) = (Wide::new(CALL, key)?, Wide::new(CALL, value)?);
    let (mut number, mut bytes) = (0u32, size_of::<u32>() as u32);
    // SAFETY: both names end with a zero, and a number has four bytes.
    let code = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_DWORD | RRF_SUBKEY_WOW6464KEY,
            null_mut(),
            (&raw mut number).cast(),
            &raw mut bytes,
        )
    };
    match code {
        ERROR_SUCCESS => Ok(Some(number)),
        ERROR_FILE_NOT_FOUND => Ok(None),
        code => Err(Error::new(CALL, code)),
    }
}

/// A key that may be written to.
pub(crate) struct Key(HKEY);

impl Key {
    /// Opened, and made first where it is not there
    /// ([`RegCreateKeyExW`](https://learn.microsoft.com/en-us/windows/win32/api/winreg/nf-winreg-regcreatekeyexw)).
    pub(crate) fn made(path: &str) -> Result<Self, Error> {
        const CALL: &str = "RegCreateKeyExW";
        let path = Wide::new(CALL, path)?;
        let mut key = null_mut();
        // SAFETY: the path ends with a zero; class, attributes and disposition may be missing.
        let code = unsafe {
            RegCreateKeyExW(
                HKEY_LOCAL_MACHINE,
                path.as_ptr(),
                0,
                null(),
                REG_OPTION_NON_VOLATILE,
                KEY_SET_VALUE | KEY_WOW64_64KEY,
                null(),
                &raw mut key,
                null_mut(),
            )
        };
        if code == ERROR_SUCCESS { Ok(Self(key)) } else { Err(Error::new(CALL, code)) }
    }

    /// Writes a text with environment variables in it.
    pub(crate) fn set_expandable(&self, value: &str, text: &str) -> Result<(), Error> {
        let text = Wide::new(SET, text)?;
        self.set(value, REG_EXPAND_SZ, text.as_ptr().cast(), text.bytes())
    }

    /// Writes a number.
    pub(crate) fn set_dword(&self, value: &str, number: u32) -> Result<(), Error> {
        self.set(value, REG_DWORD, (&raw const number).cast(), size_of::<u32>() as u32)
    }

    /// [`RegSetValueExW`](https://learn.microsoft.com/en-us/windows/win32/api/winreg/nf-winreg-regsetvalueexw).
    fn set(&self, value: &str, kind: u32, data: *const u8, bytes: u32) -> Result<(), Error> {
        let value = Wide::new(SET, value)?;
        // SAFETY: the key is open, the name ends with a zero, and both callers give as many bytes as they say.
        let code = unsafe { RegSetValueExW(self.0, value.as_ptr(), 0, kind, data, bytes) };
        if code == ERROR_SUCCESS { Ok(()) } else { Err(Error::new(SET, code)) }
    }
}

const SET: &str = "RegSetValueExW";

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: open, and ours alone.
        unsafe { RegCloseKey(self.0) };
    }
}

/// Takes a key away with all below it; one that is not there is no fault
/// ([`RegDeleteTreeW`](https://learn.microsoft.com/en-us/windows/win32/api/winreg/nf-winreg-regdeletetreew)).
pub(crate) fn remove(path: &str) -> Result<(), Error> {
    const CALL: &str = "RegDeleteTreeW";
    let path = Wide::new(CALL, path)?;
    // SAFETY: the path ends with a zero.
    match unsafe { RegDeleteTreeW(HKEY_LOCAL_MACHINE, path.as_ptr()) } {
        ERROR_SUCCESS | ERROR_FILE_NOT_FOUND => Ok(()),
        code => Err(Error::new(CALL, code)),
    }
}
