//! A person who changes a password behind the tool's back.

use std::path::Path;

use super::cipher::random_password;
use super::clock::filetime;
use super::directory::FOREIGN_PASSWORD_LENGTH;
use super::lab_handle::Lab;
use super::store::{Books, Store};
use super::world::World;
use crate::port::{Fault, Secret};

/// What a person can set.
const HOLDERS: &str = "directory, engine:SERVER/CONNECTOR, vault:current, service:SERVER, local:SERVER";

/// A person sets the password that `holder` holds for `account`: `directory`, `engine:SERVER/CONNECTOR`,
/// `vault:current`, `service:SERVER` (the service manager's copy) or `local:SERVER` (a local user, by force), as
/// [`show`](super::show) names them. `None` = a random password.
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
    let names = books.world.account_names();
    if !names.iter().any(|known| known == account) {
        return Err(Fault::refused(&doing, "this lab has no such account")
            .hint(format!("its accounts are: {}", names.join(", "))));
    }
    let secret = secret.unwrap_or_else(|| random_password(FOREIGN_PASSWORD_LENGTH));
    match holder.split_once(':') {
        None if holder == "directory" => in_directory(books, account, &secret, &doing),
        Some(("vault", "current")) => {
            books.vault.overwrite_current(account, &secret);
            Ok(())
        }
        Some(("engine", key)) => in_engine(books, account, key, &secret, &doing),
        Some(("service", server)) => in_service_manager(books, account, server, &secret, &doing),
        Some(("local", server)) => {
            let now = books.now;
            books.world.server(server, &doing)?;
            let World { servers, labels, .. } = &mut books.world;
            let server = servers.iter_mut().find(|known| known.name == server);
            server.map_or(Ok(()), |server| server.reset_local_password(account, &secret, labels, now))
        }
        _ => Err(Fault::refused(&doing, "a person can't set it there").hint(format!("holders are: {HOLDERS}"))),
    }
}

fn in_directory(books: &mut Books, account: &str, secret: &Secret, doing: &str) -> Result<(), Fault> {
    let now = filetime(books.now);
    let domain = books.world.domain(doing)?;
    let at = domain.pdc_index();
    let known = domain.account(account).ok_or_else(|| {
        Fault::refused(doing, "the directory has no such account").hint("set it where the account lives")
    })?;
    if let Some(violation) = domain.violation(known, secret.expose()) {
        return Err(Fault::refused(doing, format!("0000052D, {violation}")).hint("choose another password"));
    }
    let digest = books.world.labels.see(account, secret);
    books.world.domain(doing)?.set(at, account, &digest, now);
    Ok(())
}

/// `key` is `SERVER/CONNECTOR`.
fn in_engine(books: &mut Books, account: &str, key: &str, secret: &Secret, doing: &str) -> Result<(), Fault> {
    let now = books.now;
    let (server, connector) = key.split_once('/').ok_or_else(|| {
        Fault::refused(doing, "it names no server and connector").hint(format!("holders are: {HOLDERS}"))
    })?;
    let server = books.world.server(server, doing)?;
    if server.connector(connector, doing)?.account != account {
        return Err(Fault::refused(doing, "this connector does not use the account")
            .hint("holders are shown by the lab with their accounts"));
    }
    server.store_password(connector, secret)?;
    server.touch(connector, now);
    books.world.labels.see(account, secret);
    Ok(())
}

/// What the service manager holds. The running service does not notice.
fn in_service_manager(
    books: &mut Books,
    account: &str,
    server: &str,
    secret: &Secret,
    doing: &str,
) -> Result<(), Fault> {
    let server = books.world.server(server, doing)?;
    if server.service.account() != Some(account) {
        let runs_as = &server.service.start_name;
        return Err(Fault::refused(doing, format!("the service runs as {runs_as}"))
            .hint("holders are shown by the lab with their accounts"));
    }
    server.keep_scm_password(secret);
    books.world.labels.see(account, secret);
    Ok(())
}
