//! A person who changes a password behind the tool's back.

use std::path::Path;

use super::cipher::random_password;
use super::clock::filetime;
use super::directory::FOREIGN_PASSWORD_LENGTH;
use super::lab_handle::Lab;
use super::store::{Books, Store};
use crate::port::{Fault, Secret};

/// A person sets the password that `holder` holds for `account`: `directory`, `engine:SERVER/CONNECTOR` or
/// `vault:current`, as [`show`](super::show) names them. `None` = a random password.
///
/// It happens at the time of the world's last request, because a folder has no clock; where the time counts
/// use [`Lab::set_password`].
pub fn set_password(dir: &Path, account: &str, holder: &str, secret: Option<Secret>) -> Result<(), Fault> {
    Store::new(dir).with(None, |books| set(books, account, holder, secret))
}

impl Lab {
    /// The same as [`set_password`], now.
    pub fn set_password(&self, account: &str, holder: &str, secret: Option<Secret>) -> Result<(), Fault> {
        self.books(|books| set(books, account, holder, secret))
    }
}

fn set(books: &mut Books, account: &str, holder: &str, secret: Option<Secret>) -> Result<(), Fault> {
    let doing = format!("setting the password of {account} in {holder} by hand");
    if !books.world.accounts.iter().any(|known| known.name == account) {
        let names: Vec<_> = books.world.accounts.iter().map(|known| known.name.as_str()).collect();
        return Err(Fault::refused(&doing, "this lab has no such account")
            .hint(format!("its accounts are: {}", names.join(", "))));
    }
    let secret = secret.unwrap_or_else(|| random_password(FOREIGN_PASSWORD_LENGTH));
    let now = books.now;
    if holder == "directory" {
        let domain = books.world.domain(&doing)?;
        let at = domain.pdc_index();
        let known = domain.account(account);
        if let Some(violation) = known.and_then(|known| domain.violation(known, secret.expose())) {
            return Err(Fault::refused(&doing, format!("0000052D, {violation}")).hint("choose another password"));
        }
        let digest = books.world.labels.see(account, &secret);
        books.world.domain(&doing)?.set(at, account, &digest, filetime(now));
    } else if holder == "vault:current" {
        books.vault.overwrite_current(account, &secret);
    } else {
        let place = holder.strip_prefix("engine:").and_then(|key| key.split_once('/'));
        let (server, connector) = place.ok_or_else(|| {
            Fault::refused(&doing, "a person can't set it there")
                .hint("holders are: directory, engine:SERVER/CONNECTOR, vault:current")
        })?;
        let server = books.world.server(server, &doing)?;
        if server.connector(connector, &doing)?.account != account
            || server.connector(connector, &doing)?.stored.is_none()
        {
            return Err(Fault::refused(&doing, "this connector does not use the account")
                .hint("holders are shown by the lab with their accounts"));
        }
        server.store_password(connector, &secret)?;
        server.touch(connector, now);
        books.world.labels.see(account, &secret);
    }
    Ok(())
}
