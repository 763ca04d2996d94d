//! Logon by Kerberos, in a program that was built without it.

use crate::entra_connect::transport::{Broken, Reached};

/// There is none.
pub(super) enum Context {}

pub(super) async fn begin(_: &str, _: Option<Vec<u8>>) -> Result<(Context, Vec<u8>), Broken> {
    Err(Broken::new(Reached::Settings, "this program was built without Kerberos")
        .hint("build it with the feature `kerberos`, or log on by a certificate or NTLM"))
}

pub(super) fn finish(context: Context, _: &[u8]) -> Result<(), Broken> {
    match context {}
}
