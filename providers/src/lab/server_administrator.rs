//! What an administrator does on a model server by hand.

use super::cipher::random_password;
use super::directory::FOREIGN_PASSWORD_LENGTH;
use super::lab_handle::Lab;
use super::store::Books;
use crate::port::{Fault, Secret};

impl Lab {
    /// Runs `miiskmu /a` on a server whose service is stopped: a fresh key set, and no stored password.
    pub fn abandon_key(&self, server: &str) -> Result<(), Fault> {
        self.books(|books| abandon_key(books, server))
    }

    /// Sets a local user's password without the old one, and the key that Windows protected with it is lost. `None` = a
    /// random password.
    pub fn force_local_password(&self, server: &str, user: &str, secret: Option<Secret>) -> Result<(), Fault> {
        self.books(|books| force_local_password(books, server, user, secret))
    }

    /// Gives the service's account the right to log on as a service, or takes it.
    pub fn let_log_on_as_service(&self, server: &str, may: bool) -> Result<(), Fault> {
        self.books(|books| let_log_on_as_service(books, server, may))
    }

    /// Gives the service manager a password that may be any.
    pub fn force_service_password(&self, server: &str, secret: Option<Secret>) -> Result<(), Fault> {
        self.books(|books| force_service_password(books, server, secret))
    }
}

pub(super) fn abandon_key(books: &mut Books, server: &str) -> Result<(), Fault> {
    let doing = format!("abandoning the encryption key of {server}");
    let epoch = books.world.key_epoch(server)?;
    books.world.server(server, &doing)?.abandon_key(&epoch, &doing)
}

pub(super) fn force_local_password(
    books: &mut Books,
    server: &str,
    user: &str,
    secret: Option<Secret>,
) -> Result<(), Fault> {
    let doing = format!("setting the password of {user} on {server} by force");
    let secret = secret.unwrap_or_else(|| random_password(FOREIGN_PASSWORD_LENGTH));
    let (now, mut labels) = (books.now, books.world.labels.clone());
    let set = books.world.server(server, &doing)?.reset_local_password(user, &secret, &mut labels, now);
    books.world.labels = labels;
    set
}

pub(super) fn let_log_on_as_service(books: &mut Books, server: &str, may: bool) -> Result<(), Fault> {
    let doing = format!("changing the rights of the service's account on {server}");
    books.world.server(server, &doing)?.service.right_lost = !may;
    Ok(())
}

pub(super) fn force_service_password(books: &mut Books, server: &str, secret: Option<Secret>) -> Result<(), Fault> {
    let doing = format!("setting the service's password on {server} by hand");
    let secret = secret.unwrap_or_else(|| random_password(FOREIGN_PASSWORD_LENGTH));
    let server = books.world.server(server, &doing)?;
    let start_name = server.service.start_name.clone();
    server.check_service_logon(&start_name, &secret, &doing)?;
    server.keep_scm_password(&secret);
    if let Some(account) = server.service.account().map(str::to_owned) {
        books.world.labels.see(&account, &secret);
    }
    Ok(())
}
