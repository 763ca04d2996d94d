//! Encryption under the machine's own key (DPAPI).
//!
//! Whoever may run programs on this machine can decrypt what is protected here, if they can read it: the file's access
//! list is what keeps them out. What it is good for: a copy of the file (a backup, a disk image) says nothing elsewhere.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::ERROR_INVALID_PARAMETER;
use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, CRYPTPROTECT_LOCAL_MACHINE, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData, CryptUnprotectData,
};
use zeroize::Zeroizing;

use crate::Error;
use crate::handle::Local;

/// Encrypts for this machine
/// ([`CryptProtectData`](https://learn.microsoft.com/en-us/windows/win32/api/dpapi/nf-dpapi-cryptprotectdata)).
/// `entropy` is asked for again by [`unprotect`]: it keeps the blobs of different purposes apart.
pub fn protect(data: &[u8], entropy: &[u8]) -> Result<Vec<u8>, Error> {
    const CALL: &str = "CryptProtectData";
    let (input, entropy) = (blob(CALL, data)?, blob(CALL, entropy)?);
    let mut output = CRYPT_INTEGER_BLOB::default();
    let flags = CRYPTPROTECT_LOCAL_MACHINE | CRYPTPROTECT_UI_FORBIDDEN;
    // SAFETY: both inputs outlive the call and are only read; no description, no prompt.
    let done = unsafe {
        CryptProtectData(&raw const input, null(), &raw const entropy, null(), null(), flags, &raw mut output)
    };
    if done == 0 {
        return Err(Error::last(CALL));
    }
    Ok(owned(output).bytes().to_vec())
}

/// Decrypts what [`protect`] made on this machine with the same entropy
/// ([`CryptUnprotectData`](https://learn.microsoft.com/en-us/windows/win32/api/dpapi/nf-dpapi-cryptunprotectdata)).
pub fn unprotect(data: &[u8], entropy: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    const CALL: &str = "CryptUnprotectData";
    let (input, entropy) = (blob(CALL, data)?, blob(CALL, entropy)?);
    let mut output = CRYPT_INTEGER_BLOB::default();
    let flags = CRYPTPROTECT_UI_FORBIDDEN;
    // SAFETY: as in `protect`; the description is not asked for.
    let done = unsafe {
        CryptUnprotectData(&raw const input, null_mut(), &raw const entropy, null(), null(), flags, &raw mut output)
    };
    if done == 0 {
        return Err(Error::last(CALL));
    }
    Ok(Zeroizing::new(owned(output).bytes().to_vec()))
}

fn blob(call: &'static str, data: &[u8]) -> Result<CRYPT_INTEGER_BLOB, Error> {
    let length = u32::try_from(data.len()).map_err(|_| Error::new(call, ERROR_INVALID_PARAMETER))?;
    // Only read, though its type does not say so.
    Ok(CRYPT_INTEGER_BLOB { cbData: length, pbData: data.as_ptr().cast_mut() })
}

fn owned(blob: CRYPT_INTEGER_BLOB) -> Local {
    Local { at: blob.pbData, length: blob.cbData as usize }
}
