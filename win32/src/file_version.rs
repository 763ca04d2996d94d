//! The version that a program carries.

use std::ffi::c_void;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::ERROR_RESOURCE_TYPE_NOT_FOUND;
use windows_sys::Win32::Storage::FileSystem::{
    GetFileVersionInfoSizeW, GetFileVersionInfoW, VS_FIXEDFILEINFO, VerQueryValueW,
};

use crate::Error;
use crate::wide::Wide;

/// What the first field of a fixed version holds.
const SIGNATURE: u32 = 0xFEEF_04BD;

/// The file's version as four numbers, such as `2.5.79.0`
/// ([`GetFileVersionInfoW`](https://learn.microsoft.com/en-us/windows/win32/api/winver/nf-winver-getfileversioninfow),
/// [`VerQueryValueW`](https://learn.microsoft.com/en-us/windows/win32/api/winver/nf-winver-verqueryvaluew)).
pub fn of(path: &str) -> Result<String, Error> {
    let file = Wide::new("GetFileVersionInfoSizeW", path)?;
    // SAFETY: the path ends with a zero; the second argument may be missing.
    let size = unsafe { GetFileVersionInfoSizeW(file.as_ptr(), null_mut()) };
    if size == 0 {
        return Err(Error::last("GetFileVersionInfoSizeW"));
    }
    // Words, not bytes: the structures inside want to be aligned.
    let mut block = vec![0u64; (size as usize).div_ceil(8)];
    // SAFETY: the block is at least as long as said.
    if unsafe { GetFileVersionInfoW(file.as_ptr(), 0, size, block.as_mut_ptr().cast::<c_void>()) } == 0 {
        return Err(Error::last("GetFileVersionInfoW"));
    }
    let root = Wide::new("VerQueryValueW", "\\")?;
    let (mut at, mut length) = (null_mut(), 0);
    // SAFETY: the block was filled by the call above; what is given back points into it.
    let found = unsafe { VerQueryValueW(block.as_ptr().cast(), root.as_ptr(), &raw mut at, &raw mut length) };
    if found == 0 || at.is_null() || (length as usize) < size_of::<VS_FIXEDFILEINFO>() {
        return Err(Error::new("VerQueryValueW", ERROR_RESOURCE_TYPE_NOT_FOUND));
    }
    // SAFETY: it points into the block and is as long as the structure, as was just seen.
    let fixed = unsafe { at.cast::<VS_FIXEDFILEINFO>().read_unaligned() };
    if fixed.dwSignature != SIGNATURE {
        return Err(Error::new("VerQueryValueW", ERROR_RESOURCE_TYPE_NOT_FOUND));
    }
    let (high, low) = (fixed.dwFileVersionMS, fixed.dwFileVersionLS);
    Ok(format!("{}.{}.{}.{}", high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF))
}
