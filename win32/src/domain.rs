//! The domain that this machine belongs to.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::ERROR_SUCCESS;
use windows_sys::Win32::NetworkManagement::NetManagement::{NetGetJoinInformation, NetSetupDomainName};
use windows_sys::Win32::Networking::ActiveDirectory::{DOMAIN_CONTROLLER_INFOW, DS_RETURN_DNS_NAME, DsGetDcNameW};

use crate::Error;
use crate::handle::NetBuffer;
use crate::wide::text_at;

/// A domain controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainController {
    /// Its DNS name.
    pub name: String,
    /// The domain's DNS name.
    pub domain: String,
}

/// The domain controller that this machine was given for its own domain; none on a machine in no domain
/// ([`NetGetJoinInformation`](https://learn.microsoft.com/en-us/windows/win32/api/lmjoin/nf-lmjoin-netgetjoininformation),
/// [`DsGetDcNameW`](https://learn.microsoft.com/en-us/windows/win32/api/dsgetdc/nf-dsgetdc-dsgetdcnamew)).
///
/// The first question is there because the second one answers 1355 in both cases: no domain, and no controller found.
pub fn logon_controller() -> Result<Option<DomainController>, Error> {
    if !joined()? {
        return Ok(None);
    }
    let mut found = NetBuffer::<DOMAIN_CONTROLLER_INFOW>(null_mut());
    // SAFETY: without names the machine and its own domain are meant; what is found is freed by the buffer.
    let code = unsafe { DsGetDcNameW(null(), null(), null(), null(), DS_RETURN_DNS_NAME, &raw mut found.0) };
    if code != ERROR_SUCCESS || found.0.is_null() {
        return Err(Error::new("DsGetDcNameW", code));
    }
    // SAFETY: given by the call above, and it lives as long as the buffer.
    let (name, domain) = unsafe { (text_at((*found.0).DomainControllerName), text_at((*found.0).DomainName)) };
    let name = name.unwrap_or_default().trim_start_matches('\\').to_owned();
    Ok(Some(DomainController { name, domain: domain.unwrap_or_default() }))
}

fn joined() -> Result<bool, Error> {
    let mut name = NetBuffer::<u16>(null_mut());
    let mut status = 0;
    // SAFETY: without a name this machine is meant; the name that is given is freed by the buffer.
    let code = unsafe { NetGetJoinInformation(null(), &raw mut name.0, &raw mut status) };
    if code != ERROR_SUCCESS {
        return Err(Error::new("NetGetJoinInformation", code));
    }
    Ok(status == NetSetupDomainName)
}
