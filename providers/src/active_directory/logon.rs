use std::path::Path;

use super::answer::BindAnswer;
use super::connection::Connection;
use super::deadline;
use super::endpoint::Endpoint;
use crate::port::{Fault, Secret};
use crate::tls;

/// What a domain controller says to a logon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogonAnswer {
    /// The name and the password are right.
    Accepted,
    /// The password is wrong.
    WrongCredentials,
    /// The account is locked out.
    Locked,
    /// Refused for another reason, as a sentence fragment: disabled, expired, must change …
    Other(String),
}

/// One simple bind to the directory at `url` (`ldaps://host[:port]`), never repeated.
///
/// `bind_name` is a distinguished name, a user principal name or `DOMAIN\user`. `Err` means that nobody
/// answered: `Later` when not connected, `Broken` when the url, the CA file or the server's certificate is
/// wrong.
pub async fn logon(url: &str, ca_file: Option<&Path>, bind_name: &str, secret: &Secret) -> Result<LogonAnswer, Fault> {
    let at = Endpoint::parse(url)?;
    let config = tls::client_config(ca_file)?;
    let answer = deadline::call(async {
        let connection = Connection::open(&at, &config).await?;
        let answer = connection.bind(bind_name, secret).await;
        connection.close().await;
        answer
    });
    Ok(match answer.await? {
        BindAnswer::Accepted => LogonAnswer::Accepted,
        BindAnswer::WrongCredentials => LogonAnswer::WrongCredentials,
        BindAnswer::Locked => LogonAnswer::Locked,
        BindAnswer::Barred(bar) => LogonAnswer::Other(bar.into()),
        BindAnswer::Busy(bar) => {
            let doing = format!("logging on to {at} as {bind_name}");
            return Err(Fault::later(doing, bar.cause).hint(bar.next_step));
        }
    })
}
