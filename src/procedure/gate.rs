use std::ops::{Bound, RangeBounds};

use jiff::civil::{Date, date};
use serde::Serialize;

use super::{Build, Kind, SEEN_ON};

/// The option that lifts a refusal, for laboratories.
pub const OVERRIDE: &str = "--allow-unsupported-build";

/// What a gate does to a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// No rotation; [`OVERRIDE`] lifts it.
    Refuse,
    /// Only on an explicit order, with a person at hand: the procedure destroys the encryption key.
    AttendedOnly,
    /// A rotation, and a word about it.
    Warn,
}

/// Which builds a gate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builds {
    /// Those between two bounds.
    Between(Bound<Build>, Bound<Build>),
    /// One that could not be read.
    Unreadable,
}

/// Which accounts a gate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// All that a Connect server uses.
    Any,
    /// The account that the ADSync service runs as.
    Service,
    /// The Entra connector account.
    Entra,
}

/// A row: some builds, from some day on, allow some rotations only so, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its name, in kebab case.
    pub id: &'static str,
    /// The builds.
    pub builds: Builds,
    /// From which day on it holds.
    pub since: Date,
    /// From which day on it is told: earlier, where there is time to prepare.
    pub told_from: Date,
    /// What it does.
    pub effect: Effect,
    /// The accounts.
    pub about: About,
    /// What a person is told.
    pub sentence: &'static str,
    /// What a person can do.
    pub next_step: &'static str,
    /// The title of Microsoft's document, or `community`.
    pub document: &'static str,
    /// When the row was last held against that document.
    pub seen_on: Date,
}

/// The last build whose service account loses its key to a reset.
const KEY_DESTROYED_TO: Build = Build::new(1, 1, 443, 0);
/// The first build of version 2.
const VERSION_2: Build = Build::new(2, 0, 0, 0);
/// The first build that went on syncing after 2026-09-30.
const SYNCING: Build = Build::new(2, 5, 79, 0);
/// The first build that goes on syncing after 2027-04-07.
const SYNCING_2027: Build = Build::new(2, 6, 84, 0);
/// The newest build that was there when the table was written.
const NEWEST_SEEN: Build = Build::new(2, 6, 92, 0);

/// All gates, the hardest first.
pub const GATES: &[Gate] = &[
    Gate {
        id: "version-1-retired",
        builds: Builds::Between(Bound::Unbounded, Bound::Excluded(VERSION_2)),
        since: date(2022, 8, 31),
        told_from: date(2022, 8, 31),
        effect: Effect::Refuse,
        about: About::Any,
        sentence: "version 1 was retired and no longer syncs, so a new password could not be proven",
        next_step: "install a current version; for laboratories, --allow-unsupported-build",
        document: "What is Microsoft Entra Connect V2?",
        seen_on: SEEN_ON,
    },
    Gate {
        id: "stopped-syncing",
        builds: Builds::Between(Bound::Included(VERSION_2), Bound::Excluded(SYNCING)),
        since: date(2026, 9, 30),
        told_from: date(2026, 9, 30),
        effect: Effect::Refuse,
        about: About::Any,
        sentence: "builds below 2.5.79.0 stopped syncing on 2026-09-30, so a new password could not be proven",
        next_step: "upgrade to 2.5.79.0 or later; for laboratories, --allow-unsupported-build",
        document: "Microsoft Entra Connect: Version release history",
        seen_on: SEEN_ON,
    },
    Gate {
        id: "reset-destroys-key",
        builds: Builds::Between(Bound::Unbounded, Bound::Included(KEY_DESTROYED_TO)),
        since: date(2017, 3, 1),
        told_from: date(2017, 3, 1),
        effect: Effect::AttendedOnly,
        about: About::Service,
        sentence: "up to build 1.1.443.0 Windows destroys the encryption key when the service account's password is reset: every stored connector password is lost with it",
        next_step: "follow the procedure for builds up to 1.1.443.0, with every connector's password in the vault and an Entra administrator at hand (--abandon-encryption-key)",
        document: "Changing the ADSync service account password",
        seen_on: SEEN_ON,
    },
    Gate {
        id: "stops-syncing-2027",
        builds: Builds::Between(Bound::Included(SYNCING), Bound::Excluded(SYNCING_2027)),
        since: date(2027, 4, 7),
        told_from: SEEN_ON,
        effect: Effect::Warn,
        about: About::Any,
        sentence: "from 2027-04-07 on sync needs build 2.6.84.0 or later, with application-based authentication",
        next_step: "upgrade to 2.6.84.0 or later and configure application-based authentication before that day",
        document: "community",
        seen_on: SEEN_ON,
    },
    Gate {
        id: "newer-than-known",
        builds: Builds::Between(Bound::Excluded(NEWEST_SEEN), Bound::Unbounded),
        since: SEEN_ON,
        told_from: SEEN_ON,
        effect: Effect::Warn,
        about: About::Any,
        sentence: "newer than any build this program knows (2.6.92.0)",
        next_step: "rehearse before the first rotation on this build",
        document: "Microsoft Entra Connect: Version release history",
        seen_on: SEEN_ON,
    },
    Gate {
        id: "unreadable-build",
        builds: Builds::Unreadable,
        since: SEEN_ON,
        told_from: SEEN_ON,
        effect: Effect::Warn,
        about: About::Any,
        sentence: "the build could not be read, so no gate can tell whether it is supported",
        next_step: "read the file version of miiserver.exe on the server, and rehearse before the first rotation",
        document: "Microsoft Entra Connect: Version release history",
        seen_on: SEEN_ON,
    },
];

impl Gate {
    /// Whether the gate is about that build; `None` = it could not be read.
    fn covers(&self, build: Option<&Build>) -> bool {
        match (self.builds, build) {
            (Builds::Between(from, to), Some(build)) => (from, to).contains(build),
            (Builds::Unreadable, None) => true,
            (Builds::Between(..), None) | (Builds::Unreadable, Some(_)) => false,
        }
    }

    /// Whether the gate is about accounts of that kind.
    fn concerns(&self, kind: Kind) -> bool {
        match (self.about, kind) {
            // No Connect server uses the rotator's own account.
            (_, Kind::Own) => false,
            (About::Any, _) | (About::Service, Kind::Service) | (About::Entra, Kind::Entra) => true,
            (About::Service | About::Entra, _) => false,
        }
    }
}

/// The gates that a rotation meets: an account of that kind, on a server with that build (`None` = it could not be
/// read), on that day.
pub fn judge(build: Option<&Build>, today: Date, kind: Kind) -> Vec<&'static Gate> {
    GATES.iter().filter(|gate| gate.told_from <= today && gate.covers(build) && gate.concerns(kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(build: &str, day: Date, kind: Kind) -> Vec<&'static str> {
        let build = build.parse::<Build>().ok();
        judge(build.as_ref(), day, kind).into_iter().map(|gate| gate.id).collect()
    }

    fn refused(build: &str, day: Date) -> bool {
        let build = build.parse::<Build>().expect("a build");
        judge(Some(&build), day, Kind::Connector).iter().any(|gate| gate.effect == Effect::Refuse)
    }

    #[test]
    fn builds_that_stopped_syncing_are_refused_from_that_day_on() {
        let (before, day) = (date(2026, 9, 29), date(2026, 9, 30));
        assert!(!refused("2.5.78.9999", before) && refused("2.5.78.9999", day));
        assert!(!refused("2.5.79.0", day), "2.5.79.0 itself is allowed");
        assert!(!refused("2.5.79.0", date(2030, 1, 1)));
        assert!(refused("2.0.0.0", day) && refused("1.6.16.0", before));
    }

    #[test]
    fn only_the_service_account_of_old_builds_loses_the_key() {
        let now = date(2026, 11, 21);
        assert_eq!(ids("1.1.443.0", now, Kind::Service), ["version-1-retired", "reset-destroys-key"]);
        assert_eq!(ids("1.1.443.1", now, Kind::Service), ["version-1-retired"]);
        assert_eq!(ids("1.1.443.0", now, Kind::Connector), ["version-1-retired"]);
        assert_eq!(ids("1.1.443.0", now, Kind::Entra), ["version-1-retired"]);
    }

    #[test]
    fn what_comes_and_what_is_unknown_is_told() {
        let now = date(2026, 11, 21);
        assert_eq!(ids("2.5.79.0", now, Kind::Connector), ["stops-syncing-2027"]);
        assert_eq!(ids("2.6.83.9", date(2027, 4, 7), Kind::Entra), ["stops-syncing-2027"]);
        assert!(ids("2.6.84.0", now, Kind::Connector).is_empty());
        assert!(ids("2.6.92.0", now, Kind::Service).is_empty(), "the newest one seen");
        assert_eq!(ids("2.6.92.1", now, Kind::Service), ["newer-than-known"]);
        assert_eq!(ids("?", now, Kind::Connector), ["unreadable-build"]);
        assert!(ids("?", now, Kind::Own).is_empty() && ids("1.0.0.0", now, Kind::Own).is_empty());
    }

    #[test]
    fn rows_can_be_told_apart_and_are_whole() {
        for (place, gate) in GATES.iter().enumerate() {
            assert!(gate.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
            assert!(GATES[..place].iter().all(|other| other.id != gate.id), "{} twice", gate.id);
            assert!(gate.told_from <= gate.since, "{} is told after it holds", gate.id);
            for text in [gate.sentence, gate.next_step, gate.document] {
                assert!(!text.is_empty() && !text.contains('|'), "{}", gate.id);
            }
            assert_eq!(gate.effect == Effect::Refuse, gate.next_step.contains(OVERRIDE), "{}", gate.id);
        }
    }
}
