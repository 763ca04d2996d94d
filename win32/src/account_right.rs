//! What this machine's own policy lets an account do.

use std::ptr::null;

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, NTSTATUS};
use windows_sys::Win32::Security::Authentication::Identity::{
    LSA_HANDLE, LSA_OBJECT_ATTRIBUTES, LSA_UNICODE_STRING, LsaAddAccountRights, LsaClose, LsaNtStatusToWinError,
    LsaOpenPolicy, LsaRemoveAccountRights, POLICY_CREATE_ACCOUNT, POLICY_LOOKUP_NAMES,
};
use windows_sys::Win32::Security::{LookupAccountNameW, PSID, SECURITY_MAX_SID_SIZE};

use crate::Error;
use crate::wide::Wide;

/// To be started as a service
/// ([account rights constants](https://learn.microsoft.com/en-us/windows/win32/secauthz/account-rights-constants)).
pub const SERVICE_LOGON: &str = "SeServiceLogonRight";

/// Gives the right to the account, `DOMAIN\name`; one that has it keeps it, and nobody else's rights change
/// ([`LsaAddAccountRights`](https://learn.microsoft.com/en-us/windows/win32/api/ntsecapi/nf-ntsecapi-lsaaddaccountrights)).
/// A group policy that sets the same right still has the last word. No such account = 1332.
pub fn grant(account: &str, right: &str) -> Result<(), Error> {
    const CALL: &str = "LsaAddAccountRights";
    let (sid, right) = (Sid::of(account)?, Wide::new(CALL, right)?);
    let policy = Policy::open()?;
    // SAFETY: an open policy, a SID that Windows wrote, one text that outlives the call.
    told(CALL, unsafe { LsaAddAccountRights(policy.0, sid.as_ptr(), &lsa_text(&right), 1) })
}

/// Takes the right from the account, and nothing else. One that does not have it is no fault
/// ([`LsaRemoveAccountRights`](https://learn.microsoft.com/en-us/windows/win32/api/ntsecapi/nf-ntsecapi-lsaremoveaccountrights)).
pub fn revoke(account: &str, right: &str) -> Result<(), Error> {
    const CALL: &str = "LsaRemoveAccountRights";
    let (sid, right) = (Sid::of(account)?, Wide::new(CALL, right)?);
    let policy = Policy::open()?;
    // SAFETY: as above; not all of its rights, but the one that is named.
    let status = unsafe { LsaRemoveAccountRights(policy.0, sid.as_ptr(), false, &lsa_text(&right), 1) };
    match told(CALL, status) {
        // The policy knows no right of this account at all.
        Err(error) if error.code == ERROR_FILE_NOT_FOUND => Ok(()),
        told => told,
    }
}

/// The number that says who an account is, aligned as Windows wants it.
struct Sid([u32; SID_WORDS]);

const SID_WORDS: usize = SECURITY_MAX_SID_SIZE.div_ceil(4) as usize;

impl Sid {
    /// [`LookupAccountNameW`](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-lookupaccountnamew).
    fn of(account: &str) -> Result<Self, Error> {
        const CALL: &str = "LookupAccountNameW";
        let account = Wide::new(CALL, account)?;
        let mut sid = Self([0; SID_WORDS]);
        // Far above every domain's name.
        let mut domain = [0u16; 512];
        let (mut sid_bytes, mut domain_units, mut kind) = (SECURITY_MAX_SID_SIZE, domain.len() as u32, 0);
        // SAFETY: no server means this machine; both buffers are as long as said.
        let found = unsafe {
            LookupAccountNameW(
                null(),
                account.as_ptr(),
                sid.0.as_mut_ptr().cast(),
                &raw mut sid_bytes,
                domain.as_mut_ptr(),
                &raw mut domain_units,
                &raw mut kind,
            )
        };
        if found == 0 { Err(Error::last(CALL)) } else { Ok(sid) }
    }

    fn as_ptr(&self) -> PSID {
        // The functions that take it do not write to it.
        self.0.as_ptr().cast_mut().cast()
    }
}

/// This machine's policy, closed when dropped.
struct Policy(LSA_HANDLE);

impl Policy {
    /// [`LsaOpenPolicy`](https://learn.microsoft.com/en-us/windows/win32/api/ntsecapi/nf-ntsecapi-lsaopenpolicy).
    fn open() -> Result<Self, Error> {
        let (attributes, mut handle) = (LSA_OBJECT_ATTRIBUTES::default(), 0);
        let access = (POLICY_CREATE_ACCOUNT | POLICY_LOOKUP_NAMES).cast_unsigned();
        // SAFETY: no system means this one; the attributes are all zero, as the function wants them.
        told("LsaOpenPolicy", unsafe { LsaOpenPolicy(null(), &raw const attributes, access, &raw mut handle) })?;
        Ok(Self(handle))
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        // SAFETY: open, and ours alone.
        unsafe { LsaClose(self.0) };
    }
}

/// The text for functions that count its bytes, without the zero at its end.
fn lsa_text(text: &Wide) -> LSA_UNICODE_STRING {
    let bytes = u16::try_from(text.bytes()).unwrap_or(u16::MAX);
    // Only read by those functions.
    LSA_UNICODE_STRING { Length: bytes - 2, MaximumLength: bytes, Buffer: text.as_ptr().cast_mut() }
}

fn told(call: &'static str, status: NTSTATUS) -> Result<(), Error> {
    if status >= 0 {
        return Ok(());
    }
    // SAFETY: turns one number into another.
    Err(Error::new(call, unsafe { LsaNtStatusToWinError(status) }))
}
