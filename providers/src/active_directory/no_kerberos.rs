//! In place of Kerberos, where the program is built without it.

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::identity::Denied;
use crate::port::Fault;

/// Says that it is not there.
pub(super) fn available() -> Result<(), Fault> {
    Err(Fault::broken("reading the directory's settings", "this program is built without Kerberos")
        .hint("build it with `--features kerberos`, or log on with a name and a password"))
}

/// Never reached: an identity that needs it is refused before.
pub(super) async fn log_on(_: &Connection, _: &Endpoint) -> Result<(), Denied> {
    available().map_err(Denied::from)
}
