use std::collections::{BTreeSet, HashMap};

use azure_security_keyvault_secrets::models::{SecretAttributes, SecretProperties};

/// The rotation that wrote the value.
pub(super) const ROTATION: &str = "rotation";
/// Counts up with every value of an account, so that their order can be told.
pub(super) const SEQUENCE: &str = "sequence";
/// On current: the version that was current before.
pub(super) const PREVIOUS: &str = "previous";
/// On a candidate: the versions whose candidate it took over, separated by spaces.
pub(super) const TOOK_OVER: &str = "took-over";
/// On current: where the candidate lies, for readers whom the directory refuses.
pub(super) const PENDING: &str = "pending";
/// On current: the candidate's rotation.
pub(super) const PENDING_ROTATION: &str = "pending-rotation";
/// What we write ourselves; everything else is people's and goes along.
const OURS: [&str; 6] = [ROTATION, SEQUENCE, PREVIOUS, TOOK_OVER, PENDING, PENDING_ROTATION];

pub(super) type Tags = HashMap<String, String>;

/// A version of a secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) id: String,
    /// Whole seconds since 1970, by the service's clock.
    pub(super) created: i64,
    pub(super) enabled: bool,
    pub(super) tags: Tags,
    pub(super) content_type: Option<String>,
    /// What deleting would mean: `Recoverable+Purgeable`.
    pub(super) recovery_level: Option<String>,
}

impl Version {
    /// `None` = the answer names no version.
    pub(super) fn new(
        id: Option<&str>,
        attributes: Option<&SecretAttributes>,
        tags: Option<Tags>,
        content_type: Option<String>,
    ) -> Option<Self> {
        let (_, id) = id?.rsplit_once('/')?;
        let created = attributes.and_then(|attributes| attributes.created);
        Some(Self {
            id: id.to_owned(),
            created: created.map_or(0, |created| created.unix_timestamp()),
            enabled: attributes.and_then(|attributes| attributes.enabled).unwrap_or(true),
            tags: tags.unwrap_or_default(),
            content_type,
            recovery_level: attributes.and_then(|attributes| Some(attributes.recovery_level.as_ref()?.to_string())),
        })
    }

    pub(super) fn of_list(found: SecretProperties) -> Option<Self> {
        Self::new(found.id.as_deref(), found.attributes.as_ref(), found.tags, found.content_type)
    }

    pub(super) fn rotation(&self) -> Option<&str> {
        self.tags.get(ROTATION).map(String::as_str)
    }

    fn sequence(&self) -> u64 {
        self.tags.get(SEQUENCE).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn took_over(&self) -> impl Iterator<Item = &str> {
        self.tags.get(TOOK_OVER).map(String::as_str).unwrap_or_default().split(' ').filter(|id| !id.is_empty())
    }

    /// The tags that people gave it.
    pub(super) fn peoples_tags(&self) -> Tags {
        self.tags.iter().filter(|(key, _)| !OURS.contains(&key.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

/// An account's two secrets at one moment, without values.
pub(super) struct Sight {
    /// All versions of current, in no order that means anything.
    pub(super) current: Vec<Version>,
    /// All versions of pending, oldest first.
    pending: Vec<Version>,
}

impl Sight {
    pub(super) fn new(current: Vec<Version>, mut pending: Vec<Version>) -> Self {
        pending.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Self { current, pending }
    }

    /// What the next value's sequence is.
    pub(super) fn next_sequence(&self) -> u64 {
        let highest = self.current.iter().chain(&self.pending).map(Version::sequence).max();
        highest.unwrap_or(0).saturating_add(1)
    }

    /// Whether the rotation's candidate was discarded (or lost against another): whatever of it arrives late is dead.
    pub(super) fn is_over(&self, rotation: &str) -> bool {
        self.pending.iter().any(|version| version.rotation() == Some(rotation) && !version.enabled)
    }

    /// The rotations whose value became current at some time, and those that they had taken over: what is left of them in
    /// pending is nobody's.
    fn settled(&self) -> BTreeSet<&str> {
        self.with_what_they_took(self.current.iter().filter_map(Version::rotation).collect())
    }

    /// These rotations, those that they took over, and those that those had taken over, whatever became of them since.
    fn with_what_they_took<'a>(&'a self, mut rotations: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        let mut open: Vec<&str> = rotations.iter().copied().collect();
        while let Some(next) = open.pop() {
            open.extend(self.taken_by(next).into_iter().filter(|taken| rotations.insert(taken)));
        }
        rotations
    }

    /// The candidates: enabled, of a rotation that is neither over nor settled. A value that no rotation wrote counts
    /// too: somebody put it there.
    fn alive(&self) -> impl Iterator<Item = &Version> {
        let settled = self.settled();
        self.pending.iter().filter(move |version| {
            version.enabled
                && version.rotation().is_none_or(|rotation| !self.is_over(rotation) && !settled.contains(rotation))
        })
    }

    /// The rotations that `rotation`'s candidate took over directly.
    fn taken_by(&self, rotation: &str) -> BTreeSet<&str> {
        let ids: BTreeSet<&str> = self
            .pending
            .iter()
            .filter(|version| version.rotation() == Some(rotation))
            .flat_map(Version::took_over)
            .collect();
        let named = self.pending.iter().filter(|version| ids.contains(version.id.as_str()));
        named.filter_map(Version::rotation).filter(|&taken| taken != rotation).collect()
    }

    /// The candidate in force: the oldest that is alive and that no other living one took over.
    pub(super) fn front(&self) -> Option<&Version> {
        self.alive().find(|version| version.rotation().is_none_or(|rotation| self.taker(rotation).is_none()))
    }

    /// The living candidate that took this rotation's over, itself or by way of others.
    pub(super) fn taker(&self, rotation: &str) -> Option<&Version> {
        self.alive().find(|version| {
            version.rotation().is_some_and(|other| {
                other != rotation && self.with_what_they_took(BTreeSet::from([other])).contains(rotation)
            })
        })
    }

    /// Whether the rotation took the other one's candidate over, itself or by way of others.
    pub(super) fn took(&self, rotation: &str, other: &str) -> bool {
        rotation != other && self.with_what_they_took(BTreeSet::from([rotation])).contains(other)
    }

    /// The oldest living candidate of the rotation: its first write.
    pub(super) fn own(&self, rotation: &str) -> Option<&Version> {
        self.alive().find(|version| version.rotation() == Some(rotation))
    }

    /// Every enabled version that the rotation wrote to pending, alive or not.
    pub(super) fn enabled_of(&self, rotation: &str) -> Vec<&Version> {
        self.pending.iter().filter(|version| version.enabled && version.rotation() == Some(rotation)).collect()
    }

    /// Leftovers of promotions that were cut before pending was emptied.
    pub(super) fn leftovers(&self) -> Vec<&Version> {
        let settled = self.settled();
        let left = |version: &&Version| version.enabled && version.rotation().is_some_and(|r| settled.contains(r));
        self.pending.iter().filter(left).collect()
    }

    pub(super) fn pending(&self) -> &[Version] {
        &self.pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `id@created rotation`, with `!` in front when disabled, and what it took over behind `<`.
    fn version(text: &str) -> Version {
        let (text, took_over) = text.split_once('<').unwrap_or((text, ""));
        let mut words = text.split_whitespace();
        let (place, rotation) = (words.next().unwrap(), words.next());
        let (place, enabled) = place.strip_prefix('!').map_or((place, true), |place| (place, false));
        let (id, created) = place.split_once('@').unwrap();
        let mut tags = Tags::new();
        if let Some(rotation) = rotation {
            tags.insert(ROTATION.to_owned(), rotation.to_owned());
        }
        tags.insert(TOOK_OVER.to_owned(), took_over.trim().to_owned());
        Version {
            id: id.to_owned(),
            created: created.parse().unwrap(),
            enabled,
            tags,
            content_type: None,
            recovery_level: None,
        }
    }

    fn sight(current: &[&str], pending: &[&str]) -> Sight {
        let versions = |texts: &[&str]| texts.iter().map(|text| version(text)).collect();
        Sight::new(versions(current), versions(pending))
    }

    fn ids(versions: &[&Version]) -> Vec<String> {
        versions.iter().map(|version| version.id.clone()).collect()
    }

    #[test]
    fn the_front_is_the_oldest_living_candidate_that_nobody_took_over() {
        for (pending, front) in [
            (&[][..], None),
            (&["b@5 r1"], Some("b")),
            (&["b@5 r1", "a@5 r2"], Some("a")),
            (&["b@4 r1", "a@5 r2"], Some("b")),
            // A rotation with one disabled version is over, late writes included.
            (&["!a@1 r1", "b@2 r1", "c@3 r2"], Some("c")),
            (&["!a@1 r1", "b@2 r1"], None),
            // What no rotation wrote counts.
            (&["a@1", "b@2 r1"], Some("a")),
            (&["a@1 r1", "b@2 r2 <a"], Some("b")),
            // A late write of the rotation that was taken over is aside too.
            (&["a@1 r1", "b@2 r2 <a", "c@3 r1"], Some("b")),
            (&["a@1 r1", "b@2 r2 <a", "c@3 r3 <b"], Some("c")),
            // The taker is gone: what it took is in front again.
            (&["a@1 r1", "!b@2 r2 <a"], Some("a")),
            (&["a@1 r1", "b@2 r2 <a", "!c@3 r3 <b"], Some("b")),
            // One in the middle was discarded: what it had taken stays aside as long as its own taker lives.
            (&["a@1 r1", "!b@2 r2 <a", "c@3 r3 <b"], Some("c")),
            (&["a@1 r1", "!b@2 r2 <a", "!c@3 r3 <b"], Some("a")),
            // Two takers: the oldest.
            (&["a@1 r1", "c@2 r2 <a", "b@2 r3 <a"], Some("b")),
        ] {
            assert_eq!(sight(&[], pending).front().map(|version| version.id.as_str()), front, "{pending:?}");
        }
    }

    #[test]
    fn a_promoted_rotations_candidate_is_nobodys_for_ever() {
        let seen = sight(&["x@9 r2", "y@10"], &["a@1 r1", "b@2 r2 <a", "c@3 r3"]);
        assert_eq!(seen.own("r2"), None);
        assert_eq!(ids(&seen.leftovers()), ["a", "b"]);
        assert_eq!(seen.front().map(|version| version.id.as_str()), Some("c"));
        assert!(sight(&["x@9 r2"], &["!a@1 r1", "!b@2 r2 <a"]).leftovers().is_empty());
    }

    #[test]
    fn a_promotion_settles_all_that_was_taken_over() {
        let pending = ["a@1 r1", "b@2 r2 <a", "c@3 r3 <b", "d@4 r4"];
        assert_eq!(ids(&sight(&["x@9 r3"], &pending).leftovers()), ["a", "b", "c"]);
        assert_eq!(ids(&sight(&["x@9 r4"], &pending).leftovers()), ["d"]);
        // Somebody wrote a ring by hand: it ends all the same.
        assert_eq!(ids(&sight(&["x@9 r2"], &["a@1 r1 <b", "b@2 r2 <a"]).leftovers()), ["a", "b"]);
    }

    #[test]
    fn the_sequence_goes_on_from_the_highest_of_both() {
        assert_eq!(sight(&[], &[]).next_sequence(), 1);
        let mut seen = sight(&["x@9 r2"], &["a@1 r1"]);
        seen.pending[0].tags.insert(SEQUENCE.to_owned(), "41".to_owned());
        seen.current[0].tags.insert(SEQUENCE.to_owned(), "not a number".to_owned());
        assert_eq!(seen.next_sequence(), 42);
    }
}
