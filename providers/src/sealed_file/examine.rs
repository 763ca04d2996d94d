//! What an administrator should know of the file, for `doctor`.

use super::keys::stanzas;
use super::store::{Hold, Loaded, Store};
use crate::port::{Fault, Meaning, Slot, Standing, VaultCheck};

/// A check that failed, or that could not be made now: a lock that somebody holds says nothing about the file.
fn failed(name: &str, fault: &Fault) -> VaultCheck {
    match fault.meaning {
        Meaning::Later => VaultCheck::unreached(fault),
        _ => VaultCheck::new(name, Standing::Bad, &fault.cause).todo(&fault.hint),
    }
}

/// All checks; changes nothing that anybody reads.
pub(super) fn examine(store: &Store, doing: &str, names: &[String]) -> Vec<VaultCheck> {
    let about = store.path().display().to_string();
    let mut checks = match store.lock(Hold::Reading, doing).and_then(|_lock| {
        let loaded = store.load(doing)?;
        Ok((store.backup(doing), loaded))
    }) {
        Ok((backup, loaded)) => seen(store, backup, loaded, names),
        Err(fault) if fault.meaning == Meaning::Later => return vec![VaultCheck::unreached(&fault)],
        Err(fault) => vec![failed("file", &fault)],
    };
    checks.push(match store.lock(Hold::Writing, doing).and_then(|_lock| store.probe(doing)) {
        Ok(()) => VaultCheck::new("right", Standing::Good, "files can be made and removed in its folder"),
        Err(fault) => failed("right", &fault),
    });
    for check in checks.iter_mut().filter(|check| check.about.is_empty()) {
        check.about.clone_from(&about);
    }
    checks
}

fn seen(
    store: &Store,
    backup: Option<Result<u64, String>>,
    loaded: Option<Loaded>,
    names: &[String],
) -> Vec<VaultCheck> {
    let recipients = store.keys().recipients();
    let kept = VaultCheck::new("recovery", Standing::Good, format!("{} recipients in the settings", recipients.len()));
    let Some(loaded) = loaded else {
        let none = VaultCheck::new("file", Standing::Doubtful, "there is none yet")
            .todo("if there never was one, adopt an account: that makes it; else bring it back from a copy first");
        return vec![none, kept];
    };
    let (size, generation) = (loaded.sealed.len(), loaded.content.generation);
    let file = format!("ours alone, generation {generation}, {size} bytes");
    let file = match backup {
        Some(Ok(before)) => {
            VaultCheck::new("file", Standing::Good, format!("{file}; FILE.bak has generation {before}"))
        }
        Some(Err(cause)) => VaultCheck::new("file", Standing::Doubtful, format!("{file}; FILE.bak {cause}"))
            .todo("the next change makes it anew; look why it is damaged"),
        None if generation == 1 => {
            VaultCheck::new("file", Standing::Good, format!("{file}; FILE.bak comes with the next"))
        }
        None => VaultCheck::new("file", Standing::Doubtful, format!("{file}; FILE.bak is missing"))
            .todo("the next change makes it anew; look who removed it"),
    };
    let sealed_for = stanzas(&loaded.sealed).unwrap_or_default();
    let identity = if same(&recipients, &loaded.content.sealed_for) && sealed_for == recipients.len() {
        VaultCheck::new("identity", Standing::Good, format!("our key opens it, one of {sealed_for}"))
    } else {
        let seen =
            format!("our key opens it, one of {sealed_for}; the settings name {}, not the same ones", recipients.len());
        VaultCheck::new("identity", Standing::Doubtful, seen)
            .todo("the next change seals it for the settings' recipients")
    };
    let kept = if sealed_for < 2 {
        VaultCheck::new("recovery", Standing::Bad, "it is sealed for a single key")
            .todo("make a change: that seals it anew")
    } else {
        kept
    };
    let mut checks = vec![file, identity, kept];
    let book = &loaded.content.book;
    checks.extend(names.iter().map(|name| {
        let pending = match book.find(name, Slot::Pending).map(|at| at.rotation.unwrap_or_default()) {
            Some(rotation) => format!("a candidate of rotation {rotation} is pending"),
            None => "nothing pending".to_owned(),
        };
        match book.find(name, Slot::Current) {
            Some(at) => {
                VaultCheck::new("reachable", Standing::Good, format!("current is version {}, {pending}", at.version))
            }
            None => VaultCheck::new("reachable", Standing::Doubtful, format!("no current password, {pending}"))
                .todo("adopt it"),
        }
        .about(name)
    }));
    checks
}

fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|recipient| other.contains(recipient))
}
