//! Accounts that this machine keeps itself.

use std::ptr::{null, null_mut};
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_LOGON_FAILURE, ERROR_LOGON_TYPE_NOT_GRANTED, HANDLE};
use windows_sys::Win32::NetworkManagement::NetManagement::{
    NERR_Success, NetUserChangePassword, NetUserGetInfo, NetUserModalsGet, UF_ACCOUNTDISABLE, UF_LOCKOUT,
    UF_PASSWD_CANT_CHANGE, UF_PASSWORD_EXPIRED, USER_INFO_3, USER_MODALS_INFO_0,
};
use windows_sys::Win32::Security::{LOGON32_LOGON_NETWORK, LOGON32_PROVIDER_DEFAULT, LogonUserW};
use windows_sys::Win32::System::SystemInformation::{ComputerNamePhysicalNetBIOS, GetComputerNameExW};

use crate::Error;
use crate::handle::{Kernel, NetBuffer};
use crate::wide::{Wide, text_in};

/// What Windows knows of a local account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalUser {
    /// How long ago its password was set; Windows counts whole seconds.
    pub password_age: Duration,
    /// It may not log on.
    pub disabled: bool,
    /// Too many wrong passwords.
    pub locked: bool,
    /// Its password is too old, or must be changed at the next logon.
    pub password_expired: bool,
    /// The account may not change its own password.
    pub password_cannot_change: bool,
    /// When the account ends, in seconds since 1970; none for one that doesn't.
    pub expires_at: Option<u32>,
    /// Shortest password that the machine's policy allows.
    pub length_min: u32,
    /// How old a password must be before it may be changed.
    pub age_min: Duration,
}

/// The machine's NetBIOS name, which local accounts are qualified with
/// ([`GetComputerNameExW`](https://learn.microsoft.com/en-us/windows/win32/api/sysinfoapi/nf-sysinfoapi-getcomputernameexw)).
pub fn computer_name() -> Result<String, Error> {
    let mut buffer = [0u16; 64];
    let mut length = buffer.len() as u32;
    // SAFETY: the buffer is as long as said.
    if unsafe { GetComputerNameExW(ComputerNamePhysicalNetBIOS, buffer.as_mut_ptr(), &raw mut length) } == 0 {
        return Err(Error::last("GetComputerNameExW"));
    }
    Ok(text_in(&buffer))
}

/// What Windows knows of the local account `name`, without machine or `.\` before it
/// ([`NetUserGetInfo`](https://learn.microsoft.com/en-us/windows/win32/api/lmaccess/nf-lmaccess-netusergetinfo) level 3,
/// [`NetUserModalsGet`](https://learn.microsoft.com/en-us/windows/win32/api/lmaccess/nf-lmaccess-netusermodalsget)
/// level 0). No such account = 2221.
pub fn facts(name: &str) -> Result<LocalUser, Error> {
    const CALL: &str = "NetUserGetInfo";
    let name = Wide::new(CALL, name)?;
    let mut buffer = NetBuffer::<USER_INFO_3>(null_mut());
    // SAFETY: no server means this machine; the name ends with a zero; what is given is freed by the buffer.
    let code = unsafe { NetUserGetInfo(null(), name.as_ptr(), 3, (&raw mut buffer.0).cast()) };
    if code != NERR_Success || buffer.0.is_null() {
        return Err(Error::new(CALL, code));
    }
    // SAFETY: level 3 gives this structure, and it lives as long as the buffer.
    let user = unsafe { &*buffer.0 };
    let policy = policy()?;
    Ok(LocalUser {
        password_age: Duration::from_secs(user.usri3_password_age.into()),
        disabled: user.usri3_flags & UF_ACCOUNTDISABLE != 0,
        locked: user.usri3_flags & UF_LOCKOUT != 0,
        password_expired: user.usri3_flags & UF_PASSWORD_EXPIRED != 0 || user.usri3_password_expired != 0,
        password_cannot_change: user.usri3_flags & UF_PASSWD_CANT_CHANGE != 0,
        // All bits: never (TIMEQ_FOREVER).
        expires_at: (user.usri3_acct_expires != u32::MAX).then_some(user.usri3_acct_expires),
        length_min: policy.usrmod0_min_passwd_len,
        age_min: Duration::from_secs(policy.usrmod0_min_passwd_age.into()),
    })
}

fn policy() -> Result<USER_MODALS_INFO_0, Error> {
    let mut buffer = NetBuffer::<USER_MODALS_INFO_0>(null_mut());
    // SAFETY: no server means this machine; what is given is freed by the buffer.
    let code = unsafe { NetUserModalsGet(null(), 0, (&raw mut buffer.0).cast()) };
    if code != NERR_Success || buffer.0.is_null() {
        return Err(Error::new("NetUserModalsGet", code));
    }
    // SAFETY: level 0 gives this structure of plain numbers.
    Ok(unsafe { *buffer.0 })
}

/// Changes the password of a local account from the old one, so that what its old password protects (DPAPI) lives on
/// ([`NetUserChangePassword`](https://learn.microsoft.com/en-us/windows/win32/api/lmaccess/nf-lmaccess-netuserchangepassword)).
///
/// A wrong old one = 86, what the policy forbids = 2245, an account that is locked = 1909, no such account = 2221.
pub fn change_password(name: &str, old: &str, new: &str) -> Result<(), Error> {
    const CALL: &str = "NetUserChangePassword";
    // The machine is named: no name would mean the domain that the caller logged on to.
    let machine = Wide::new(CALL, &computer_name()?)?;
    let (name, old, new) = (Wide::new(CALL, name)?, Wide::new(CALL, old)?, Wide::new(CALL, new)?);
    // SAFETY: all four texts end with a zero and outlive the call.
    match unsafe { NetUserChangePassword(machine.as_ptr(), name.as_ptr(), old.as_ptr(), new.as_ptr()) } {
        code if code == NERR_Success => Ok(()),
        code => Err(Error::new(CALL, code)),
    }
}

/// Whether this machine accepts the password of a local account, by a logon as from the network: it needs no right of its
/// own and makes no profile ([`LogonUserW`](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-logonuserw)).
///
/// - 1326 = no such account or a wrong password: `false`. It counts towards the account's lockout.
/// - 1385 = the password was right, but the account may not log on from the network, as hardened servers have it: the
///   right is looked at after the password: `true`. Not proven on Windows.
/// - Anything else is about the account, not the password: 1327 restricted, 1330 expired, 1331 disabled, 1907 must be
///   changed, 1909 locked. An error, since nobody can tell from it whether the password is right.
pub fn logon(name: &str, password: &str) -> Result<bool, Error> {
    const CALL: &str = "LogonUserW";
    let (name, password) = (Wide::new(CALL, name)?, Wide::new(CALL, password)?);
    let here = Wide::new(CALL, ".")?;
    let mut token: HANDLE = null_mut();
    // SAFETY: the texts end with a zero and outlive the call; the token is closed below.
    let done = unsafe {
        LogonUserW(
            name.as_ptr(),
            here.as_ptr(),
            password.as_ptr(),
            LOGON32_LOGON_NETWORK,
            LOGON32_PROVIDER_DEFAULT,
            &raw mut token,
        )
    };
    if done != 0 {
        drop(Kernel::of(token));
        return Ok(true);
    }
    let error = Error::last(CALL);
    match error.code {
        ERROR_LOGON_FAILURE => Ok(false),
        ERROR_LOGON_TYPE_NOT_GRANTED => Ok(true),
        _ => Err(error),
    }
}
