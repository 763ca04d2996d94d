//! Setting a password: by reset, as the rotator; by change, as the account itself; and the probe for the right.

use zeroize::Zeroizing;

use super::ActiveDirectory;
use super::answer;
use super::connection::{Connection, Octets};
use super::endpoint::Endpoint;
use crate::port::{Fault, ResetRight, Secret, tenure};

const ATTRIBUTE: &str = "unicodePwd";

/// One byte: not even half a UTF-16 unit, so no domain controller can make a password of it.
const NO_PASSWORD: &str = "?";

impl ActiveDirectory {
    /// Replaces the password. Needs the right User-Force-Change-Password.
    pub(super) async fn reset(&self, dn: &str, at: &Endpoint, new: &Secret) -> Result<(), Fault> {
        let doing = || format!("setting the password of {dn} on {}", at.host);
        if new.expose().is_empty() {
            return Err(Fault::broken(doing(), "the new password is empty"));
        }
        let connection = self.log_on(at).await?;
        match connection.replace(dn, ATTRIBUTE, Octets(quoted_utf16(new))).await {
            Ok(result) => {
                connection.close().await;
                answer::reset(doing, &result)
            }
            Err(lost) => {
                drop(connection);
                Err(lost.fault(doing()))
            }
        }
    }

    /// Changes the password as the account itself: takes the old value away and adds the new one.
    pub(super) async fn change(&self, dn: &str, at: &Endpoint, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let doing = || format!("changing the password of {dn} on {}", at.host);
        if new.expose().is_empty() {
            return Err(Fault::broken(doing(), "the new password is empty"));
        }
        let connection = self.connect(at).await?;
        if let Err(fault) = log_on_as(&connection, dn, old, doing()).await {
            connection.close().await;
            return Err(fault);
        }
        let (old, new) = (Octets(quoted_utf16(old)), Octets(quoted_utf16(new)));
        match connection.exchange(dn, ATTRIBUTE, old, new).await {
            Ok(result) => {
                connection.close().await;
                answer::change(doing, &result)
            }
            Err(lost) => {
                drop(connection);
                Err(lost.fault(doing()))
            }
        }
    }

    /// Changes the password to itself, as the account: the answer tells whether it is the one in use.
    pub(super) async fn compare(&self, dn: &str, at: &Endpoint, secret: &Secret) -> Result<Option<bool>, Fault> {
        let doing = || format!("asking whether {dn} has this password on {}", at.host);
        let connection = self.connect(at).await?;
        match connection.bind(dn, secret).await? {
            answer::BindAnswer::Accepted => {}
            answer::BindAnswer::WrongCredentials => {
                connection.close().await;
                return Ok(Some(false));
            }
            answer::BindAnswer::Busy(bar) => return Err(Fault::later(doing(), bar.cause).hint(bar.next_step)),
            answer::BindAnswer::Barred(bar) => return Err(Fault::refused(doing(), bar.cause).hint(bar.next_step)),
            answer::BindAnswer::Locked => {
                return Err(Fault::refused(doing(), "the account is locked out (775)")
                    .hint("find out who tries wrong passwords, then unlock it"));
            }
        }
        let value = || Octets(quoted_utf16(secret));
        match connection.exchange(dn, ATTRIBUTE, value(), value()).await {
            Ok(result) => {
                connection.close().await;
                Ok(answer::in_use(&result))
            }
            Err(lost) => {
                drop(connection);
                Err(lost.fault(doing()))
            }
        }
    }

    /// Asks for a reset that can't succeed: without the right the answer is about the right, with it about
    /// the value.
    pub(super) async fn probe(&self, dn: &str, at: &Endpoint) -> Result<ResetRight, Fault> {
        let doing = || format!("asking whether the password of {dn} may be reset on {}", at.host);
        let connection = self.log_on(at).await?;
        // It changes nothing whoever sends it, so it needs no tenure.
        let asked = connection.replace(dn, ATTRIBUTE, Octets::of(NO_PASSWORD));
        let answer = tenure::within(None, asked).await;
        connection.close().await;
        match answer {
            Ok(result) if result.rc == 0 => {
                Err(Fault::broken(doing(), "the domain controller took a value that is no password").hint(
                    "look at the account's password before anything else: this directory does not behave as AD does",
                ))
            }
            Ok(result) => answer::probe(doing, &result),
            // Whether it arrived or not, it changed nothing.
            Err(lost) => Err(Fault::later(doing(), lost.cause())),
        }
    }
}

async fn log_on_as(connection: &Connection, dn: &str, secret: &Secret, doing: String) -> Result<(), Fault> {
    use answer::BindAnswer::{Accepted, Barred, Busy, Locked, WrongCredentials};
    match connection.bind(dn, secret).await? {
        Accepted => Ok(()),
        WrongCredentials => Err(Fault::refused(doing, "the password in use is another one (52e)")
            .hint("store the password in use in the vault; nothing was changed")),
        Locked => Err(Fault::refused(doing, "the account is locked out (775)")
            .hint("find out who tries wrong passwords, then unlock it")),
        Barred(bar) => Err(Fault::refused(doing, bar.cause).hint(bar.next_step)),
        Busy(bar) => Err(Fault::later(doing, bar.cause).hint(bar.next_step)),
    }
}

/// The password in the form that unicodePwd wants: quoted, UTF-16LE.
fn quoted_utf16(secret: &Secret) -> Zeroizing<Vec<u8>> {
    let units = || std::iter::once(0x22).chain(secret.expose().encode_utf16()).chain(std::iter::once(0x22));
    // The exact size beforehand: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(units().count() * 2));
    bytes.extend(units().flat_map(u16::to_le_bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_quoted_and_little_endian() {
        assert_eq!(quoted_utf16(&Secret::new("aé𝄞")).as_slice(), b"\"\0a\0\xe9\0\x34\xd8\x1e\xdd\"\0");
    }
}
