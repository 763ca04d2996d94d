//! Who the rotator is, and where its own password comes from.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use providers::active_directory::{ActiveDirectory, Identity, PasswordSource, Settings};
use providers::port::{Attempt, Directory, Fault, Meaning, OwnCredential, Secret, SecretRef, Slot, Vault, VaultCheck};

use crate::checks::{Check, checks, fault};
use crate::world::{CONNECTOR, HOST, World, fresh};

/// Every check here; none of them bends the world.
pub(crate) fn all() -> Vec<(&'static str, Check)> {
    checks! {
        own_credential_is_found_by_the_logon_itself
        own_password_in_the_vault_is_current_or_else_pending
        own_password_that_moves_while_it_is_read_is_found
        own_password_that_is_refused_while_the_vault_is_silent_is_not_offered_again
    }
}

async fn own_credential_is_found_by_the_logon_itself(world: Arc<World>) {
    let set = world.fingerprint("rotator").await;
    for name in [world.dn("rotator"), "rotator@contoso.test", "CONTOSO\\rotator"] {
        let settings = world.settings("rotator", &[&format!("ldaps://{HOST}")]);
        let directory = ActiveDirectory::new(Settings {
            identity: Identity::password(name, world.password("rotator")),
            ..settings
        })
        .expect("good settings");
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

/// What the rotator reads of a vault: places that the test fills.
#[derive(Default)]
struct Shelf {
    places: Mutex<BTreeMap<&'static str, (u32, Secret)>>,
    /// What current becomes as soon as it was read once.
    next: Mutex<Option<(u32, Secret)>>,
    /// Whether pending can't be read now.
    silent: AtomicBool,
}

impl Shelf {
    fn put(&self, slot: Slot, version: u32, secret: &Secret) {
        self.places.lock().expect("not poisoned").insert(word(slot), (version, secret.clone()));
    }

    fn clear(&self, slot: Slot) {
        self.places.lock().expect("not poisoned").remove(word(slot));
    }
}

fn word(slot: Slot) -> &'static str {
    match slot {
        Slot::Current => "current",
        Slot::Pending => "pending",
        Slot::Previous => "previous",
    }
}

fn nobody_asks<T>() -> Result<T, Fault> {
    Err(Fault::broken("writing to the shelf", "a logon only reads"))
}

#[async_trait]
impl Vault for Shelf {
    fn describe(&self) -> String {
        "the test's shelf".to_owned()
    }

    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
        if slot == Slot::Pending && self.silent.load(Ordering::SeqCst) {
            return Err(Fault::later("looking on the shelf", "nobody answers"));
        }
        let places = self.places.lock().expect("not poisoned");
        Ok(places.get(word(slot)).map(|(version, _)| SecretRef {
            name: name.to_owned(),
            slot,
            version: version.to_string(),
            rotation: None,
        }))
    }

    async fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        let mut places = self.places.lock().expect("not poisoned");
        let (version, secret) = places.get(word(at.slot)).expect("it was found");
        assert_eq!(version.to_string(), at.version);
        let secret = secret.clone();
        if let Some(next) = self.next.lock().expect("not poisoned").take() {
            places.insert(word(Slot::Current), next);
        }
        Ok(secret)
    }

    async fn stage(&self, _: &str, _: &Attempt, _: &Secret) -> Result<SecretRef, Fault> {
        nobody_asks()
    }

    async fn announce(&self, _: &SecretRef) -> Result<(), Fault> {
        nobody_asks()
    }

    async fn promote(&self, _: &str, _: &Attempt) -> Result<SecretRef, Fault> {
        nobody_asks()
    }

    async fn discard(&self, _: &str, _: &Attempt) -> Result<(), Fault> {
        nobody_asks()
    }

    async fn adopt(&self, _: &str, _: &Secret) -> Result<SecretRef, Fault> {
        nobody_asks()
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        nobody_asks()
    }

    async fn examine(&self, _: &[String]) -> Vec<VaultCheck> {
        Vec::new()
    }
}

pub(crate) const OWN: &str = "bystander";

/// The directory as `bystander`, whose password lies on the shelf.
fn from_shelf(world: &World, shelf: &Arc<Shelf>) -> ActiveDirectory {
    let password = PasswordSource::InVault { vault: Arc::clone(shelf) as Arc<dyn Vault>, name: "entra/own".to_owned() };
    let settings = Settings {
        identity: Identity::Password { name: world.dn(OWN).to_owned(), password },
        ..world.settings(OWN, &[&format!("ldaps://{HOST}")])
    };
    ActiveDirectory::new(settings).expect("good settings")
}

/// Gives the account another password, twice, so that the one before is not even the previous one any more.
pub(crate) async fn set_own(world: &World) -> Secret {
    let administrator = Identity::password(r"CONTOSO\Administrator", world.password("administrator"));
    let settings = Settings { identity: administrator, ..world.settings(OWN, &[&format!("ldaps://{HOST}")]) };
    let (directory, secret) = (ActiveDirectory::new(settings).expect("good settings"), fresh());
    for _ in 0..2 {
        directory.set_password(world.dn(OWN), HOST, &secret).await.expect("it may");
    }
    secret
}

pub(crate) fn wrong_logons(world: &World) -> u32 {
    world.attribute(OWN, "badPwdCount").parse().expect("a number")
}

async fn own_password_in_the_vault_is_current_or_else_pending(world: Arc<World>) {
    let shelf = Arc::new(Shelf::default());
    let directory = from_shelf(&world, &shelf);
    let none = fault(&world, directory.account(CONNECTOR).await, Meaning::Broken);
    assert!(none.cause.contains("entra/own"), "{none}");

    shelf.put(Slot::Current, 1, &set_own(&world).await);
    directory.account(CONNECTOR).await.expect("the current one is right");
    let own = directory.own_credential().await.expect("it is readable");
    assert_eq!(own.note, "kept in the vault as entra/own", "{own:?}");

    let new = set_own(&world).await;
    shelf.put(Slot::Pending, 2, &new);
    let before = wrong_logons(&world);
    directory.account(CONNECTOR).await.expect("the pending one is right");
    directory.fingerprint(world.dn(CONNECTOR), HOST).await.expect("and again");
    assert_eq!(wrong_logons(&world), before, "a password of the recent past counts");

    // Neither is right: one logon is lost for it, however often the directory is asked.
    shelf.put(Slot::Pending, 3, &fresh());
    for _ in 0..3 {
        let refused = fault(&world, directory.account(CONNECTOR).await, Meaning::Broken);
        assert!(refused.cause.contains("52e") && refused.cause.contains("pending"), "{refused}");
    }
    assert_eq!(wrong_logons(&world), before + 1);

    // Whatever is new in the vault is offered.
    shelf.put(Slot::Pending, 4, &new);
    directory.account(CONNECTOR).await.expect("the new candidate is right");
    shelf.clear(Slot::Pending);
    fault(&world, directory.account(CONNECTOR).await, Meaning::Broken);
    shelf.put(Slot::Current, 2, &new);
    directory.account(CONNECTOR).await.expect("it was promoted");
}

async fn own_password_that_moves_while_it_is_read_is_found(world: Arc<World>) {
    let shelf = Arc::new(Shelf::default());
    shelf.put(Slot::Current, 1, &set_own(&world).await);
    let right = set_own(&world).await;
    *shelf.next.lock().expect("not poisoned") = Some((2, right));
    from_shelf(&world, &shelf).account(CONNECTOR).await.expect("promoted between two looks");
}

async fn own_password_that_is_refused_while_the_vault_is_silent_is_not_offered_again(world: Arc<World>) {
    let shelf = Arc::new(Shelf::default());
    let directory = from_shelf(&world, &shelf);
    let right = set_own(&world).await;
    shelf.put(Slot::Current, 1, &fresh());
    shelf.silent.store(true, Ordering::SeqCst);
    let before = wrong_logons(&world);
    for _ in 0..3 {
        let later = fault(&world, directory.account(CONNECTOR).await, Meaning::Later);
        assert!(later.cause.contains("52e"), "{later}");
    }
    assert_eq!(wrong_logons(&world), before + 1);
    shelf.silent.store(false, Ordering::SeqCst);
    shelf.put(Slot::Pending, 1, &right);
    directory.account(CONNECTOR).await.expect("the vault answers, and pending is right");
}
