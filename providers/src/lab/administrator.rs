//! What an administrator does to the model domain and its servers while they run.

use super::account::Rights;
use super::clock::filetime;
use super::lab_handle::Lab;
use super::store::Books;
use crate::port::Fault;

/// What can be marked on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It may not log on.
    Disabled(bool),
    /// It expired just now; `false` = it never does.
    Expired(bool),
    /// It must change its password at the next logon (pwdLastSet 0).
    MustChange(bool),
    /// Its password expires with age.
    PasswordExpires(bool),
    /// It is locked out for a quarter of an hour; `false` unlocks it.
    Locked(bool),
    /// The relative ids of the groups that it is in: 512 Domain Admins, 525 Protected Users.
    Groups(Vec<u32>),
    /// What it may do to others.
    Rights(Rights),
}

const LOCKED_MINUTES: i64 = 15;

impl Lab {
    /// Marks an account of the model domain.
    pub fn mark(&self, account: &str, mark: Mark) -> Result<(), Fault> {
        let doing = format!("marking the account {account}");
        self.books(|books| {
            let now = filetime(books.now);
            let domain = books.world.domain(&doing)?;
            let known = domain.accounts.iter_mut().find(|known| known.name.eq_ignore_ascii_case(account));
            let known = known.ok_or_else(|| Fault::refused(&doing, "the model domain has no such account"))?;
            match mark {
                Mark::Disabled(yes) => known.disabled = yes,
                Mark::Expired(yes) => known.expires_at = yes.then_some(now),
                Mark::MustChange(yes) => known.must_change = yes,
                Mark::PasswordExpires(yes) => known.password_expires = yes,
                Mark::Locked(true) => known.locked_until = Some(now + LOCKED_MINUTES * super::clock::MINUTE),
                Mark::Locked(false) => {
                    let name = known.name.clone();
                    domain.unlock(&name);
                }
                Mark::Groups(groups) => known.groups = groups,
                Mark::Rights(rights) => known.rights = rights,
            }
            Ok(())
        })
    }

    /// Gives the account of a server's service the right to log on as a service, or takes it.
    pub fn let_log_on_as_service(&self, server: &str, may: bool) -> Result<(), Fault> {
        let doing = format!("changing the rights of the service's account on {server}");
        self.books(|books| {
            books.world.server(server, &doing)?.service.right_lost = !may;
            Ok(())
        })
    }

    /// How long a change made elsewhere needs, from now on, until it is seen on the controller `host`.
    pub fn set_lag(&self, host: &str, lag_ms: u32) -> Result<(), Fault> {
        let doing = format!("setting the lag of {host}");
        self.books(|books| {
            let at = controller(books, host, &doing)?;
            books.world.domain(&doing)?.controllers[at].lag_ms = lag_ms;
            Ok(())
        })
    }

    /// Makes the controller `host` the PDC emulator.
    pub fn move_pdc(&self, host: &str) -> Result<(), Fault> {
        let doing = format!("moving the PDC emulator's role to {host}");
        self.books(|books| {
            let at = controller(books, host, &doing)?;
            for (index, controller) in books.world.domain(&doing)?.controllers.iter_mut().enumerate() {
                controller.pdc = index == at;
            }
            Ok(())
        })
    }
}

fn controller(books: &mut Books, host: &str, doing: &str) -> Result<usize, Fault> {
    let domain = books.world.domain(doing)?;
    domain.controller_index(host).ok_or_else(|| Fault::refused(doing, "the model domain has no such controller"))
}
