//! The credentials that the tool itself works with: journaled with each plan, so that reports know their age.

use jiff::{SignedDuration, Timestamp};
use providers::port::{Fault, OwnCredential};

use super::Ports;

/// Older than this, Defender for Identity flags a service account's password.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(90 * 24);
/// What ends sooner than this needs a person now.
const REST_MIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A token that lives for less is renewed by something, and its end is no news.
const LIFE_MIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Asks directory and vault. What can't be known is said, and is no reason not to rotate.
pub(super) async fn own(ports: &Ports) -> Vec<OwnCredential> {
    let unknown = |holder: &str, fault: Fault| OwnCredential {
        holder: holder.to_owned(),
        name: String::new(),
        kind: "not known".to_owned(),
        set_at: None,
        expires_at: None,
        note: fault.to_string(),
    };
    vec![
        ports.directory.own_credential().await.unwrap_or_else(|fault| unknown("directory", fault)),
        ports.vault.own_credential().await.unwrap_or_else(|fault| unknown("vault", fault)),
    ]
}

/// Why a credential needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A password that was set so long ago.
    Old(Timestamp),
    /// It ends soon.
    Ends(Timestamp),
}

/// What a credential needs a person for.
pub(super) fn due(own: &OwnCredential, now: Timestamp) -> Vec<Due> {
    let old = own.set_at.filter(|at| now.duration_since(*at) > AGE_MAX && own.kind.contains("password"));
    let lives = |end: &Timestamp| own.set_at.is_none_or(|at| end.duration_since(at) > LIFE_MIN);
    let ends = own.expires_at.filter(|end| lives(end) && end.duration_since(now) < REST_MIN);
    old.map(Due::Old).into_iter().chain(ends.map(Due::Ends)).collect()
}

/// The credential as a sentence names it.
pub(super) fn whose(own: &OwnCredential) -> String {
    format!("the tool's own {} for the {} ({})", own.kind, own.holder, own.name)
}

/// What a person should do about them, as sentences.
pub(super) fn warnings(credentials: &[OwnCredential], now: Timestamp) -> Vec<String> {
    let warning = |own: &OwnCredential, due: Due| match due {
        Due::Old(at) => {
            format!("{} is {} days old: rotate it too", whose(own), now.duration_since(at).as_hours() / 24)
        }
        Due::Ends(at) => format!("{} ends at {at}: replace it before", whose(own)),
    };
    credentials.iter().flat_map(|own| due(own, now).into_iter().map(move |due| warning(own, due))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(kind: &str, set_days_ago: Option<i64>, ends_in_days: Option<i64>) -> (OwnCredential, Timestamp) {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
        let day = |days: i64| now + SignedDuration::from_hours(24 * days);
        let own = OwnCredential {
            holder: "directory".into(),
            name: "CN=rotator".into(),
            kind: kind.into(),
            set_at: set_days_ago.map(|days| day(-days)),
            expires_at: ends_in_days.map(day),
            note: String::new(),
        };
        (own, now)
    }

    #[test]
    fn old_passwords_and_near_ends_are_told() {
        let told = |(own, now): (OwnCredential, Timestamp)| warnings(&[own], now).len();
        assert_eq!(told(own("password", Some(89), None)), 0);
        assert_eq!(told(own("password", Some(91), None)), 1);
        assert_eq!(told(own("password", None, None)), 0);
        assert_eq!(told(own("token", Some(300), None)), 0);
        assert_eq!(told(own("token", Some(300), Some(6))), 1);
        assert_eq!(told(own("token", Some(300), Some(8))), 0);
        // A day's token, renewed every few hours.
        assert_eq!(told(own("token", Some(0), Some(1))), 0);
        assert_eq!(told(own("token", None, Some(1))), 1);
    }
}
