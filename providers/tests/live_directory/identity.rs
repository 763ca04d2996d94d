//! Who the rotator is, and where its own password comes from.

use std::sync::Arc;

use providers::active_directory::{ActiveDirectory, Settings};
use providers::port::Directory;

use crate::checks::{Check, checks};
use crate::world::{HOST, World};

/// Every check here; none of them bends the world.
pub(crate) fn all() -> Vec<(&'static str, Check)> {
    checks! {
        own_credential_is_found_by_the_logon_itself
    }
}

async fn own_credential_is_found_by_the_logon_itself(world: Arc<World>) {
    let set = world.fingerprint("rotator").await;
    for name in [world.dn("rotator"), "rotator@contoso.test", "CONTOSO\\rotator"] {
        let settings = world.settings("rotator", &[&format!("ldaps://{HOST}")]);
        let directory =
            ActiveDirectory::new(Settings { bind_name: name.to_owned(), ..settings }).expect("good settings");
        let own = directory.own_credential().await.expect("it is readable");
        assert_eq!(
            (own.holder.as_str(), own.kind.as_str(), own.name.as_str()),
            ("directory", "password", world.dn("rotator"))
        );
        assert_eq!(own.set_at, set.password_last_set_at(), "{own:?}");
        let (set_at, expires_at) = (own.set_at.expect("it was set"), own.expires_at.expect("passwords end here"));
        assert_eq!(expires_at.as_second() - set_at.as_second(), 42 * 24 * 3600, "{own:?}");
        assert_eq!(own.note, "", "{own:?}");
    }
}
