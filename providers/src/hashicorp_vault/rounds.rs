//! The port's methods, each as rounds of look, decide, write with check-and-set.
//!
//! A write that meets another version than the one seen changes nothing and starts a new round; the rounds
//! are bounded. Nothing here repeats a write whose reply was lost: that is for the caller, who looks first.

use super::announcement::{self, Mark};
use super::document::{Document, Kept};
use super::entries::Entries;
use super::paths;
use super::reply::Written;
use crate::port::{Attempt, Fault, Meaning, Secret, SecretRef, Slot};

/// Each lost round means that somebody else's write came in between; five in a row is no coincidence.
const ROUNDS_MAX: u32 = 5;

fn contended(purpose: &str) -> Fault {
    Fault::later(purpose, format!("the entry changed under our hands {ROUNDS_MAX} times"))
        .hint("does another program write to this account's entries?")
}

pub(super) async fn stage(
    entries: &Entries,
    name: &str,
    attempt: &Attempt,
    secret: &Secret,
) -> Result<SecretRef, Fault> {
    let purpose = format!("staging the new password of {name}");
    for _ in 0..ROUNDS_MAX {
        let seen = entries.look(name, Slot::Pending, &purpose).await?;
        let (kept, since) = match seen.document {
            None => {
                // A call that arrives after its promotion: its value lies in current. Asked after pending, so that a
                // promotion in between is seen there or moves pending's version.
                let current = entries.look(name, Slot::Current, &purpose).await?;
                if let Some(done) = current.document.filter(|document| document.belongs_to(&attempt.rotation)) {
                    return Ok(done.at(name, Slot::Current, current.version));
                }
                if seen.is_deleted {
                    return Err(deleted(entries, name, seen.version, &purpose));
                }
                (Vec::new(), seen.version + 1)
            }
            Some(own) if own.belongs_to(&attempt.rotation) => return Ok(own.at(name, Slot::Pending, seen.version)),
            Some(other) => {
                let since = other.began(seen.version);
                (make_way(entries, name, attempt, other, &purpose).await?, since)
            }
        };
        let candidate = Document::candidate(secret.clone(), &attempt.rotation, kept, since);
        match entries.write(name, Slot::Pending, seen.version, &candidate, &purpose).await? {
            Written::Version(version) => return Ok(candidate.at(name, Slot::Pending, version)),
            Written::Conflict => {}
        }
    }
    Err(contended(&purpose))
}

/// Pending's latest version was deleted by hand. It can be brought back, and it may be the live password, so nothing is
/// written above it, and nothing may destroy it but a person.
fn deleted(entries: &Entries, name: &str, version: u64, purpose: &str) -> Fault {
    let mount = entries.mount();
    let entry = match paths::entry(name, Slot::Pending) {
        Ok(entry) => entry,
        Err(fault) => return fault,
    };
    let cause = format!("version {version} of {mount}/{entry} was deleted by hand, but not destroyed");
    Fault::refused(purpose, cause).hint(format!(
        "it may hold a password in use: bring it back (`kv undelete -mount={mount} -versions={version} {entry}`); if \
         surely nothing uses it, `kv destroy` with the same words makes way"
    ))
}

/// What a new candidate must keep when it replaces `other`, or why it may not.
async fn make_way(
    entries: &Entries,
    name: &str,
    attempt: &Attempt,
    other: Document,
    purpose: &str,
) -> Result<Vec<Kept>, Fault> {
    // A promotion that was cut before its last write leaves its candidate behind. It is current's value
    // already, so it is nobody's candidate any more and must not block later rotations.
    let current = entries.look(name, Slot::Current, purpose).await?.document;
    if other.rotation.is_some() && current.is_some_and(|current| current.same_value(&other)) {
        return Ok(Vec::new());
    }
    match (other.rotation, other.password) {
        (Some(rotation), Some(password)) if attempt.takes_over.contains(&rotation) => {
            let mut kept = other.kept;
            kept.push(Kept { rotation, password });
            Ok(kept)
        }
        (Some(rotation), _) => {
            Err(Fault::refused(purpose, format!("a candidate of the rotation {rotation} is pending"))
                .hint("finish that rotation first: resume it, roll it back, or repair it"))
        }
        (None, _) => Err(Fault::refused(purpose, "pending holds a value that no rotation wrote").hint(
            "find out whose it is; if a candidate was there before it, bring that back (`kv rollback` to its version), \
                 else `kv destroy` this one",
        )),
    }
}

pub(super) async fn read(entries: &Entries, at: &SecretRef) -> Result<Secret, Fault> {
    let purpose = format!("fetching the password of {}", at.name);
    let refused = |cause: String| Err(Fault::refused(&purpose, cause));
    let seen = entries.look(&at.name, at.slot, &purpose).await?;
    let Some(document) = seen.document else { return refused(format!("{:?} is empty now", at.slot).to_lowercase()) };
    // A value without a rotation can only be told from another such value by its version.
    let same = document.rotation == at.rotation && (at.rotation.is_some() || seen.version.to_string() == at.version);
    if !same {
        let word =
            |rotation: Option<&str>| rotation.map_or("no rotation".to_owned(), |id| format!("the rotation {id}"));
        let (now, then) = (word(document.rotation.as_deref()), word(at.rotation.as_deref()));
        return refused(format!(
            "the value is of {now}, version {} now, not of {then}, version {}",
            seen.version, at.version
        ));
    }
    match document.password {
        Some(password) => Ok(password),
        None => refused("the entry has no text under the key `password`".to_owned()),
    }
}

/// Order: (a) previous := current, (b) current := candidate, (c) take the mark away from current, (d) empty pending.
/// Cut anywhere, the next call carries on: before (b) the candidate still lies in pending, after (b) it lies in
/// current. The mark goes first: as long as ours is pending, no other rotation can have announced its own.
pub(super) async fn promote(entries: &Entries, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
    let purpose = format!("promoting the new password of {name}");
    for _ in 0..ROUNDS_MAX {
        let pending = entries.look(name, Slot::Pending, &purpose).await?;
        let current = entries.look(name, Slot::Current, &purpose).await?;
        let others_pending = pending.document.as_ref().and_then(|document| document.rotation.clone());
        let ours = pending.document.filter(|document| document.belongs_to(&attempt.rotation));
        let since = ours.as_ref().map(|document| document.began(pending.version));
        let promoted = match (current.document, ours) {
            (Some(done), _) if done.belongs_to(&attempt.rotation) => done.at(name, Slot::Current, current.version),
            (_, None) if pending.is_deleted => return Err(deleted(entries, name, pending.version, &purpose)),
            (_, None) => {
                let cause = format!("neither pending nor current is of the rotation {}", attempt.rotation);
                return Err(Fault::refused(&purpose, cause));
            }
            (old, Some(candidate)) => {
                if let Some(old) = &old
                    && !keep_previous(entries, name, old, &purpose).await?
                {
                    continue;
                }
                let others = old.map(|old| old.others).unwrap_or_default();
                let new = Document { kept: Vec::new(), since_version: None, others, ..candidate };
                match entries.write(name, Slot::Current, current.version, &new, &purpose).await? {
                    Written::Version(version) => new.at(name, Slot::Current, version),
                    Written::Conflict => continue,
                }
            }
        };
        // Current is the new value from here on, so no fault may say "surely unchanged" any more.
        let but = |what: &'static str| {
            move |fault: Fault| Fault {
                meaning: Meaning::Unclear,
                cause: format!("current is promoted, but {what}: {}", fault.cause),
                ..fault
            }
        };
        // A mark of the rotation that is pending instead of ours is not ours to take.
        let stale = current
            .mark
            .filter(|mark| since.is_some() || !others_pending.as_deref().is_some_and(|rotation| mark.names(rotation)));
        let withdrawn = announcement::withdraw(entries, name, stale.as_ref(), &purpose).await;
        if let Some(since) = since {
            let emptied = entries.empty_pending(name, since, pending.version, &purpose).await;
            emptied.map_err(but("pending could not be emptied"))?;
        }
        withdrawn.map_err(but("still names the candidate in its metadata"))?;
        return Ok(promoted);
    }
    Err(contended(&purpose))
}

/// Makes previous hold what current holds. `false` = somebody else wrote it in between: look again.
async fn keep_previous(entries: &Entries, name: &str, current: &Document, purpose: &str) -> Result<bool, Fault> {
    let previous = entries.look(name, Slot::Previous, purpose).await?;
    if previous.document.is_some_and(|previous| previous == *current) {
        return Ok(true);
    }
    let written = entries.write(name, Slot::Previous, previous.version, current, purpose).await?;
    Ok(written != Written::Conflict)
}

/// The mark goes first, as in [`promote`]: to the candidate that comes back, which may be the live password and which
/// readers find beside ours as well as in its place; or away, as ours is not the live password when it is discarded. It
/// also goes when a call before this one was cut in between. What a person deleted is
/// not ours to destroy: it stays hidden, and the next stage tells of it.
pub(super) async fn discard(entries: &Entries, name: &str, attempt: &Attempt) -> Result<(), Fault> {
    let purpose = format!("discarding the candidate of {name}");
    for _ in 0..ROUNDS_MAX {
        let seen = entries.look(name, Slot::Pending, &purpose).await?;
        let current = entries.look(name, Slot::Current, &purpose).await?;
        let ours: Option<Mark> = current.mark.filter(|mark| mark.names(&attempt.rotation));
        let own = seen.document.as_ref().filter(|document| document.belongs_to(&attempt.rotation));
        let withdrawn = match (ours, own.and_then(|own| own.kept.last())) {
            (None, _) => Ok(()),
            (Some(_), Some(back)) => {
                // The version that it comes back with: what check-and-set lets through below has no other.
                let mark = Mark::naming(paths::entry(name, Slot::Pending)?, seen.version + 1, &back.rotation);
                entries.mark(name, &mark, &purpose).await?;
                Ok(())
            }
            (Some(ours), None) => announcement::withdraw(entries, name, Some(&ours), &purpose).await,
        };
        let own = match seen.document {
            Some(own) if own.belongs_to(&attempt.rotation) => own,
            Some(_) => return withdrawn,
            None if seen.is_deleted => return withdrawn,
            None => match move_on(entries, name, seen.version, &purpose).await? {
                Written::Version(_) => return withdrawn,
                Written::Conflict => continue,
            },
        };
        let since = own.began(seen.version);
        let mut kept = own.kept;
        let removed = match kept.pop() {
            None => entries.empty_pending(name, since, seen.version, &purpose).await,
            Some(last) => {
                let restored = Document::candidate(last.password, &last.rotation, kept, since);
                match entries.write(name, Slot::Pending, seen.version, &restored, &purpose).await {
                    Ok(Written::Version(_)) => Ok(()),
                    Ok(Written::Conflict) => continue,
                    Err(fault) => Err(fault),
                }
            }
        };
        removed?;
        // The candidate is gone, so this fault may not say "surely unchanged".
        return withdrawn.map_err(|fault| Fault {
            meaning: Meaning::Unclear,
            cause: format!("the candidate is discarded, but current still names it in its metadata: {}", fault.cause),
            ..fault
        });
    }
    Err(contended(&purpose))
}

/// Lets an empty pending have another version, so that a stage of the same attempt that still hangs somewhere can't
/// succeed any more. Cut in between, an empty document is left, which counts as nothing.
async fn move_on(entries: &Entries, name: &str, version: u64, purpose: &str) -> Result<Written, Fault> {
    let written = entries.write(name, Slot::Pending, version, &Document::default(), purpose).await?;
    if let Written::Version(version) = written {
        entries.empty_pending(name, version, version, purpose).await?;
    }
    Ok(written)
}

pub(super) async fn adopt(entries: &Entries, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
    let purpose = format!("adopting the password of {name}");
    for _ in 0..ROUNDS_MAX {
        let seen = entries.look(name, Slot::Current, &purpose).await?;
        if seen.document.is_some() {
            return Err(Fault::refused(&purpose, "there is a current value already")
                .hint("adopt is for the first day only; rotate changes a value that is there"));
        }
        let document = Document { password: Some(secret.clone()), ..Document::default() };
        match entries.write(name, Slot::Current, seen.version, &document, &purpose).await? {
            Written::Version(version) => return Ok(document.at(name, Slot::Current, version)),
            Written::Conflict => {}
        }
    }
    Err(contended(&purpose))
}
