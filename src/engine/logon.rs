//! Logging on with a password that may be wrong: only while the account's lockout leaves room for it.

use providers::port::{Directory, Fault, Secret};

/// Whether it is the password in use on `dc`; where the directory can't tell that, whether it accepts it.
pub(super) async fn in_use(directory: &dyn Directory, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault> {
    if !accepts(directory, dn, dc, secret).await? {
        return Ok(false);
    }
    Ok(directory.in_use(dn, dc, secret).await?.unwrap_or(true))
}

/// Whether `dc` accepts the password. Not asked at all where a wrong one could lock the account, or take what
/// the engine's own loop may need: then it is `Later`, and the window passes by itself.
pub(super) async fn accepts(directory: &dyn Directory, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault> {
    if let Some(why) = directory.lockout(dn, dc).await?.forbids_a_try() {
        return Err(Fault::later(format!("logging on to {dc} as {dn}"), why).hint(
            "find out who tries wrong passwords; when the lockout's observation window has passed without one, or the \
             account is unlocked, try again",
        ));
    }
    directory.accepts(dn, dc, secret).await
}
