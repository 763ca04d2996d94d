//! What is done with an account's two secrets. Key Vault has no compare-and-set: whoever writes a candidate looks
//! afterwards whose came first, and takes its own back if it was not the first.

use std::time::Duration;

use super::answer::{Asked, No};
use super::names::{self, Names};
use super::secrets::{Secrets, Value};
use super::version::{PENDING, PENDING_ROTATION, PREVIOUS, ROTATION, SEQUENCE, Sight, TOOK_OVER, Tags, Version};
use crate::https::Effect;
use crate::port::{Attempt, Fault, Meaning, Secret, SecretRef, Slot};

/// How long after a candidate was seen to be there it can be told who was first: `created` has whole seconds, so another
/// one of the same second may still be under way. By our own steady clock: no other has to be right for it.
const SETTLED: Duration = Duration::from_secs(2);
/// A look, a recovery, a second look; the third is for whoever deletes it meanwhile.
const ROUNDS_MAX: usize = 3;
/// Key Vault's limit for a tag's value.
const TAG_CHARS_MAX: usize = 256;

fn at(name: &str, slot: Slot, version: &Version) -> SecretRef {
    SecretRef {
        name: name.to_owned(),
        slot,
        version: version.id.clone(),
        rotation: version.rotation().map(str::to_owned),
    }
}

fn whose(version: &Version) -> String {
    match version.rotation() {
        Some(rotation) => format!("pending holds the candidate of the rotation {rotation}"),
        None => "pending holds a value that no rotation wrote".to_owned(),
    }
}

async fn look(secrets: &Secrets, names: &Names, doing: &str) -> Result<Sight, Fault> {
    // Current last: a promotion that happens in between is seen as done, never as not begun.
    let pending = secrets.all_versions(&names.pending, doing).await?;
    let current = secrets.all_versions(&names.current, doing).await?;
    Ok(Sight::new(current, pending))
}

fn refused_set(no: &No, secret: &str, doing: &str) -> Fault {
    no.fault(&Asked { doing, secret, right: "set", effect: Effect::Write })
}

pub(super) async fn find(secrets: &Secrets, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
    let names = names::of_account(name)?;
    let doing = format!("looking for the password of {name}");
    match slot {
        Slot::Current => {
            let found = secrets.latest(&names.current, &doing).await?;
            Ok(found.map(|(version, _)| at(name, slot, &version)))
        }
        Slot::Pending => {
            let sight = look(secrets, &names, &doing).await?;
            // Of a promotion that was cut before pending was emptied, so that whoever looks promotes once more.
            let half_promoted = || {
                let mut left = sight.leftovers().into_iter();
                left.find(|version| version.rotation().is_some_and(|rotation| !sight.is_over(rotation)))
            };
            Ok(sight.front().or_else(half_promoted).map(|version| at(name, slot, version)))
        }
        Slot::Previous => {
            let Some((current, _)) = secrets.latest(&names.current, &doing).await? else { return Ok(None) };
            let Some(previous) = current.tags.get(PREVIOUS) else { return Ok(None) };
            let versions = secrets.versions(&names.current, &doing).await?;
            Ok(versions.iter().find(|version| &version.id == previous).map(|version| at(name, slot, version)))
        }
    }
}

pub(super) async fn read(secrets: &Secrets, from: &SecretRef) -> Result<Secret, Fault> {
    let names = names::of_account(&from.name)?;
    let doing = format!("reading the password of {}", from.name);
    let gone = |now: Option<&SecretRef>| {
        let was = from.rotation.as_deref().unwrap_or("no rotation");
        let cause = match now {
            Some(now) => format!(
                "it no longer carries the value of {was} (version {}), but one of {} (version {})",
                from.version,
                now.rotation.as_deref().unwrap_or("no rotation"),
                now.version
            ),
            None => format!("it no longer carries the value of {was} (version {})", from.version),
        };
        Fault::refused(&doing, cause)
    };
    let same = |now: &SecretRef| match &from.rotation {
        Some(_) => now.rotation == from.rotation,
        None => now.rotation.is_none() && now.version == from.version,
    };
    if from.slot == Slot::Current {
        let found = secrets.latest(&names.current, &doing).await?;
        let Some((version, value)) = found else { return Err(gone(None)) };
        let now = at(&from.name, from.slot, &version);
        return if same(&now) { Ok(value) } else { Err(gone(Some(&now))) };
    }
    let now = find(secrets, &from.name, from.slot).await.map_err(|fault| Fault { doing: doing.clone(), ..fault })?;
    let Some(now) = now.as_ref().filter(|now| same(now)) else { return Err(gone(now.as_ref())) };
    let secret = if from.slot == Slot::Pending { &names.pending } else { &names.current };
    match secrets.get(secret, Some(&now.version), &doing).await? {
        Some((_, value)) => Ok(value),
        None => Err(gone(None)),
    }
}

pub(super) async fn stage(
    secrets: &Secrets,
    name: &str,
    attempt: &Attempt,
    secret: &Secret,
) -> Result<SecretRef, Fault> {
    let names = names::of_account(name)?;
    let doing = format!("staging a candidate for {name}");
    for _ in 0..ROUNDS_MAX {
        let sight = look(secrets, &names, &doing).await?;
        if sight.is_over(&attempt.rotation) {
            let cause = format!("the candidate of the rotation {} was discarded before", attempt.rotation);
            return Err(Fault::refused(&doing, cause).hint("begin a new rotation: what this one writes is dead"));
        }
        let set = match sight.own(&attempt.rotation) {
            Some(own) => Written { version: own.clone(), value: None },
            None => {
                for left in sight.leftovers() {
                    secrets.disable(&names.pending, &left.id, &doing).await?;
                }
                if let Some(front) = sight.front()
                    && !front.rotation().is_some_and(|rotation| attempt.takes_over.iter().any(|t| t == rotation))
                {
                    return Err(Fault::refused(&doing, whose(front)));
                }
                let value =
                    Value { password: secret, tags: candidate_tags(&sight, attempt), content_type: None, ends: false };
                match secrets.set(&names.pending, &value, &doing).await? {
                    Ok(version) => Written { version, value: Some(secret) },
                    Err(no) if no.is_soft_deleted() => {
                        secrets.recover(&names.pending, &doing).await?;
                        continue;
                    }
                    Err(no) => return Err(refused_set(&no, &names.pending, &doing)),
                }
            }
        };
        return first(secrets, name, &names, attempt, &set, &doing).await;
    }
    Err(Fault::later(&doing, format!("{} is deleted again and again", names.pending)).hint("find out who deletes it"))
}

fn candidate_tags(sight: &Sight, attempt: &Attempt) -> Tags {
    let mut tags = Tags::new();
    tags.insert(ROTATION.to_owned(), attempt.rotation.clone());
    tags.insert(SEQUENCE.to_owned(), sight.next_sequence().to_string());
    if let Some(front) = sight.front() {
        let mut ids = front.id.clone();
        // One names its whole rotation; the others are named for people, as far as there is room.
        for other in sight.pending().iter().filter(|v| v.enabled && v.id != front.id) {
            let taken = other.rotation().is_some_and(|rotation| attempt.takes_over.iter().any(|t| t == rotation));
            if taken && ids.len() + 1 + other.id.len() <= TAG_CHARS_MAX {
                ids = format!("{ids} {}", other.id);
            }
        }
        tags.insert(TOOK_OVER.to_owned(), ids);
    }
    tags
}

/// Our candidate, found there or just written.
struct Written<'a> {
    version: Version,
    /// What it must hold, where we wrote it just now.
    value: Option<&'a Secret>,
}

/// Our candidate lies there: was it the first? If not, it is taken back.
async fn first(
    secrets: &Secrets,
    name: &str,
    names: &Names,
    attempt: &Attempt,
    written: &Written<'_>,
    doing: &str,
) -> Result<SecretRef, Fault> {
    // From here on something may lie there, so no fault may say "surely unchanged" any more.
    let after = |fault: Fault| Fault {
        meaning: Meaning::Unclear,
        cause: format!("the candidate is written, but not confirmed: {}", fault.cause),
        ..fault
    };
    tokio::time::sleep(SETTLED).await;
    let sight = look(secrets, names, doing).await.map_err(after)?;
    match sight.front() {
        Some(front) if front.rotation() == Some(&attempt.rotation) => {
            let (_, stored) = secrets
                .get(&names.pending, Some(&front.id), doing)
                .await
                .map_err(after)?
                .ok_or_else(|| Fault::unclear(doing, "the candidate is listed and can't be read"))?;
            // Where an earlier write of this rotation is in front, that one's value stays.
            if front.id == written.version.id && written.value.is_some_and(|value| stored != *value) {
                return Err(Fault::unclear(doing, "what the vault gives back is not what was written")
                    .hint("somebody changes the vault's content: find out who"));
            }
            Ok(at(name, Slot::Pending, front))
        }
        Some(front) => {
            // Only what was written a moment ago is surely nobody's password yet. A candidate that was found there may have
            // been confirmed and used: whoever owns it discards it.
            if written.value.is_some() && sight.taker(&attempt.rotation).is_none() {
                for own in sight.enabled_of(&attempt.rotation) {
                    secrets.disable(&names.pending, &own.id, doing).await.map_err(after)?;
                }
            }
            Err(Fault::refused(doing, format!("{}, which goes before ours", whose(front))))
        }
        None => Err(Fault::unclear(doing, "the candidate is written, but the vault does not list it yet")),
    }
}

pub(super) async fn announce(secrets: &Secrets, from: &SecretRef) -> Result<(), Fault> {
    let names = names::of_account(&from.name)?;
    let doing = format!("announcing the candidate of {}", from.name);
    let sight = look(secrets, &names, &doing).await?;
    let Some(front) = sight.front().filter(|front| front.rotation() == from.rotation.as_deref()) else {
        let cause = match sight.front() {
            Some(front) => whose(front),
            None => "pending is empty".to_owned(),
        };
        return Err(Fault::refused(doing, cause));
    };
    let Some((current, _)) = secrets.latest(&names.current, &doing).await? else { return Ok(()) };
    let place = format!("{}/{}", names.pending, front.id);
    let rotation = front.rotation().unwrap_or_default();
    let announced = current.tags.get(PENDING) == Some(&place)
        && current.tags.get(PENDING_ROTATION).map(String::as_str).unwrap_or_default() == rotation;
    if announced {
        return Ok(());
    }
    let mut tags = current.tags.clone();
    tags.insert(PENDING.to_owned(), place);
    tags.insert(PENDING_ROTATION.to_owned(), rotation.to_owned());
    secrets.tag(&names.current, &current.id, tags, &doing).await
}

/// Takes the mark of this rotation from current, if it is there, and gives it to the candidate that comes back, if any.
async fn remark(
    secrets: &Secrets,
    names: &Names,
    rotation: &str,
    back: Option<&Version>,
    doing: &str,
) -> Result<(), Fault> {
    let mut asked = secrets.ask(&names.current, None, doing).await?;
    if asked.as_ref().is_err_and(No::is_missing) && secrets.came_back(&names.current, doing).await? {
        asked = secrets.ask(&names.current, None, doing).await?;
    }
    let (current, _) = match asked {
        Ok(found) => found,
        // Nobody reads it, so nobody reads its mark.
        Err(no) if no.is_missing() || no.is_disabled() => return Ok(()),
        Err(no) => return Err(no.fault(&Asked { doing, secret: &names.current, right: "get", effect: Effect::Read })),
    };
    if current.tags.get(PENDING_ROTATION).map(String::as_str) != Some(rotation) {
        return Ok(());
    }
    let mut tags = current.tags;
    tags.remove(PENDING);
    tags.remove(PENDING_ROTATION);
    if let Some((back, rotation)) = back.and_then(|back| Some((back, back.rotation()?))) {
        tags.insert(PENDING.to_owned(), format!("{}/{}", names.pending, back.id));
        tags.insert(PENDING_ROTATION.to_owned(), rotation.to_owned());
    }
    secrets.tag(&names.current, &current.id, tags, doing).await
}

pub(super) async fn promote(secrets: &Secrets, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
    let names = names::of_account(name)?;
    let doing = format!("promoting the new password of {name}");
    for _ in 0..ROUNDS_MAX {
        let sight = look(secrets, &names, &doing).await?;
        let old = secrets.get(&names.current, None, &doing).await?.map(|(version, _)| version);
        if let Some(done) = old.as_ref().filter(|old| old.rotation() == Some(&attempt.rotation)) {
            empty(secrets, &names, sight.leftovers(), &doing).await?;
            return Ok(at(name, Slot::Current, done));
        }
        let Some(front) = sight.front().filter(|front| front.rotation() == Some(&attempt.rotation)) else {
            let cause = match sight.front() {
                Some(front) => whose(front),
                None => format!("neither pending nor current is of the rotation {}", attempt.rotation),
            };
            return Err(Fault::refused(&doing, cause));
        };
        let Some((_, password)) = secrets.get(&names.pending, Some(&front.id), &doing).await? else {
            return Err(Fault::later(&doing, "the candidate is listed and can't be read"));
        };
        let mut tags = old.as_ref().map(Version::peoples_tags).unwrap_or_default();
        tags.insert(ROTATION.to_owned(), attempt.rotation.clone());
        tags.insert(SEQUENCE.to_owned(), sight.next_sequence().to_string());
        if let Some(old) = &old {
            tags.insert(PREVIOUS.to_owned(), old.id.clone());
        }
        let content_type = old.and_then(|old| old.content_type).filter(|text| !text.is_empty());
        let value = Value { password: &password, tags, content_type, ends: true };
        let set = match secrets.set(&names.current, &value, &doing).await? {
            Ok(set) => set,
            Err(no) if no.is_soft_deleted() => {
                secrets.recover(&names.current, &doing).await?;
                continue;
            }
            Err(no) => return Err(refused_set(&no, &names.current, &doing)),
        };
        let stored = secrets.get(&names.current, Some(&set.id), &doing).await.map_err(half_promoted)?;
        if stored.is_none_or(|(_, stored)| stored != password) {
            return Err(Fault::unclear(&doing, "what the vault gives back is not what was written"));
        }
        // Seen anew: what is settled now is exactly what is to be disabled.
        let sight = look(secrets, &names, &doing).await.map_err(half_promoted)?;
        if !sight.current.iter().any(|version| version.id == set.id) {
            return Err(Fault::unclear(&doing, "current is written, but the vault does not list it yet"));
        }
        empty(secrets, &names, sight.leftovers(), &doing).await?;
        return Ok(at(name, Slot::Current, &set));
    }
    Err(Fault::later(&doing, format!("{} is deleted again and again", names.current)).hint("find out who deletes it"))
}

/// Current is the new value from here on, so no fault may say "surely unchanged" any more.
fn half_promoted(fault: Fault) -> Fault {
    Fault {
        meaning: Meaning::Unclear,
        cause: format!("current is promoted, but pending could not be emptied: {}", fault.cause),
        ..fault
    }
}

async fn empty(secrets: &Secrets, names: &Names, left: Vec<&Version>, doing: &str) -> Result<(), Fault> {
    for version in left {
        secrets.disable(&names.pending, &version.id, doing).await.map_err(half_promoted)?;
    }
    Ok(())
}

pub(super) async fn discard(secrets: &Secrets, name: &str, attempt: &Attempt) -> Result<(), Fault> {
    let names = names::of_account(name)?;
    let doing = format!("discarding the candidate of {name}");
    let after = |fault: Fault| Fault {
        meaning: Meaning::Unclear,
        cause: format!("the candidate is discarded, but not everything is tidied up: {}", fault.cause),
        ..fault
    };
    let pending = secrets.all_versions(&names.pending, &doing).await?;
    // A list of pending alone is enough: what is promoted is disabled too, and the copy in current stays.
    let sight = Sight::new(Vec::new(), pending.clone());
    let mut any = sight.is_over(&attempt.rotation);
    // Readers are told of what comes back before ours is out of their sight: it may be the live password.
    let others = pending.into_iter().filter(|version| version.rotation() != Some(&attempt.rotation));
    let others = Sight::new(Vec::new(), others.collect());
    let took = |back: &&Version| back.rotation().is_some_and(|other| sight.took(&attempt.rotation, other));
    let back = others.front().filter(took);
    if back.is_some() {
        remark(secrets, &names, &attempt.rotation, back, &doing).await?;
    }
    for version in sight.enabled_of(&attempt.rotation) {
        let disabled = secrets.disable(&names.pending, &version.id, &doing).await;
        disabled.map_err(|fault| if any { after(fault) } else { fault })?;
        any = true;
    }
    if any { remark(secrets, &names, &attempt.rotation, back, &doing).await.map_err(after) } else { Ok(()) }
}

pub(super) async fn adopt(secrets: &Secrets, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
    let names = names::of_account(name)?;
    let doing = format!("adopting the password of {name}");
    for _ in 0..ROUNDS_MAX {
        if secrets.latest(&names.current, &doing).await?.is_some() {
            return Err(Fault::refused(&doing, "there is a current value already")
                .hint("adopt is for the first day only; rotate changes a value that is there"));
        }
        let sight = look(secrets, &names, &doing).await?;
        if !sight.current.is_empty() {
            // It came back between the two looks.
            continue;
        }
        let mut tags = Tags::new();
        tags.insert(SEQUENCE.to_owned(), sight.next_sequence().to_string());
        let value = Value { password: secret, tags, content_type: None, ends: true };
        let set = match secrets.set(&names.current, &value, &doing).await? {
            Ok(set) => set,
            Err(no) if no.is_soft_deleted() => {
                secrets.recover(&names.current, &doing).await?;
                continue;
            }
            Err(no) => return Err(refused_set(&no, &names.current, &doing)),
        };
        let after = |fault: Fault| Fault { meaning: Meaning::Unclear, ..fault };
        let stored = secrets.get(&names.current, None, &doing).await.map_err(after)?;
        if stored.is_none_or(|(version, stored)| version.id != set.id || stored != *secret) {
            return Err(Fault::unclear(&doing, "what the vault gives back is not what was written")
                .hint("somebody else set a value at the same time: look which one is right"));
        }
        return Ok(at(name, Slot::Current, &set));
    }
    Err(Fault::later(&doing, format!("{} is deleted again and again", names.current)).hint("find out who deletes it"))
}
