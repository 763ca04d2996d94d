//! Who may approve plans, and whether somebody did: signatures under a file of plans, judged without asking anybody.
//!
//! What is signed is a text of five lines: what it is for, the SHA-256 of the plans as they are stored, the approver's
//! name, when, and until when. The file keeps the lines beside the signature, the journal keeps both.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::rotation::Approval;
use crate::signing::{PublicKey, SigningKey};

/// The first line of what is signed: a signature for anything else is none here.
const PURPOSE: &str = "entra-rotator approval 1";

/// How far the approver's clock may be ahead of ours.
const CLOCKS: SignedDuration = SignedDuration::from_mins(2);

/// Most letters of a name.
const NAME_MAX: usize = 100;

/// Somebody who may approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// The name that stands in the approval.
    pub name: String,
    /// Whose signature counts.
    pub key: PublicKey,
    /// The operating system's users that are this person.
    pub users: Vec<String>,
}

/// What is asked of plans before they are carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvers {
    /// Whether a person's rotation needs an approval.
    pub required: bool,
    /// Who may give it.
    pub all: Vec<Approver>,
}

/// Why signatures under plans are no approval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// The configuration does not know the name.
    #[error(
        "the file bears a signature of {by}, who is no approver here\n  next step: have it signed by one of: {known}; or enter this one in [approval]"
    )]
    UnknownApprover {
        /// Who it says it is.
        by: String,
        /// Who it may be.
        known: String,
    },
    /// It is another key than the configuration has for the name.
    #[error(
        "the file is signed in the name of {by}, but with an unknown key ({key}): not the one that the configuration has for this name\n  next step: ask {by}; a new key is entered in [approval]"
    )]
    UnknownKey {
        /// Whose name it bears.
        by: String,
        /// The key.
        key: String,
    },
    /// It is a good signature of something else.
    #[error(
        "the signature of {by} is of other plans than these: the plans were changed after they were signed, or it was taken from another file\n  next step: find out who changed the file; have plans made anew with `plan --out` and approved"
    )]
    OtherPlans {
        /// Who signed.
        by: String,
    },
    /// It is no signature of these words.
    #[error(
        "the signature of {by} does not fit: name, times or signature were changed after it was made\n  next step: find out who changed the file; have plans made anew with `plan --out` and approved"
    )]
    Wrong {
        /// Whose name it bears.
        by: String,
    },
    /// It holds from later on.
    #[error(
        "the approval of {by} is not valid yet: it is of {at}\n  next step: look at the clocks of this machine and of the approver's"
    )]
    NotYet {
        /// Who approved.
        by: String,
        /// From when.
        at: Timestamp,
    },
    /// It held.
    #[error(
        "the approval of {by} has expired at {until}\n  next step: have it approved again: `approve FILE --key KEY --as NAME`"
    )]
    Expired {
        /// Who approved.
        by: String,
        /// Until when.
        until: Timestamp,
    },
    /// Whoever approves does not carry it out.
    #[error(
        "{by} approved it and is the user {user}, who carries it out now: that takes two people\n  next step: let somebody else run it, or somebody else approve it"
    )]
    OwnApproval {
        /// Who approved.
        by: String,
        /// As whom it is carried out.
        user: String,
    },
}

/// The SHA-256 of plans as they are stored, in hex.
pub fn digest(plans: &str) -> String {
    hex::encode(Sha256::digest(plans))
}

/// Whether it can be a name: one line that shows all of itself.
pub fn is_name(name: &str) -> bool {
    let plain = |letter: char| letter == ' ' || letter.is_alphanumeric() || letter.is_ascii_punctuation();
    name.trim() == name && !name.is_empty() && name.chars().count() <= NAME_MAX && name.chars().all(plain)
}

/// Signs plans by their digest. Times count in whole seconds.
pub fn sign(key: &SigningKey, by: &str, plans: String, at: Timestamp, valid: SignedDuration) -> Approval {
    let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
    let until = at.checked_add(valid).unwrap_or(Timestamp::MAX);
    let mut approval = Approval {
        by: by.to_owned(),
        at: whole(at),
        until: whole(until),
        plans,
        key: key.public().to_string(),
        signature: String::new(),
    };
    approval.signature = key.sign(&signed_text(&approval));
    approval
}

/// What the signature of an approval is of.
pub fn signed_text(approval: &Approval) -> String {
    let Approval { by, at, until, plans, .. } = approval;
    format!("{PURPOSE}\n{plans}\n{by}\n{at}\n{until}\n")
}

impl Approvers {
    /// The approval among the signatures under plans, by somebody else than `users`, the names of whoever carries them
    /// out. `None` = nobody signed. A signature that is not good spoils the file, whether one is required or not.
    pub fn judge(
        &self,
        plans: &str,
        signed: &[Approval],
        users: &[String],
        now: Timestamp,
    ) -> Result<Option<Approval>, NotApproved> {
        let (mut good, mut why_not) = (None, None);
        for approval in signed {
            let approver = self.verified(plans, approval)?;
            match in_time(approval, now).and_then(|()| of_another(approver, users)) {
                Ok(()) => good = Some(approval.clone()),
                Err(why) => why_not = Some(why),
            }
        }
        match (good, why_not) {
            (None, Some(why)) => Err(why),
            (good, _) => Ok(good),
        }
    }

    /// Whose it is, where all of it is as it was signed.
    fn verified(&self, plans: &str, approval: &Approval) -> Result<&Approver, NotApproved> {
        let by = approval.by.clone();
        let Some(approver) = self.all.iter().find(|approver| approver.name == by) else {
            let known: Vec<&str> = self.all.iter().map(|approver| approver.name.as_str()).collect();
            let known = if known.is_empty() { "nobody, as none is configured".to_owned() } else { known.join(", ") };
            return Err(NotApproved::UnknownApprover { by: shown(&by), known });
        };
        if approver.key.to_string() != approval.key {
            return Err(NotApproved::UnknownKey { by, key: shown(&approval.key) });
        }
        if approver.key.verify(&signed_text(approval), &approval.signature).is_err() {
            return Err(NotApproved::Wrong { by });
        }
        if approval.plans != plans {
            return Err(NotApproved::OtherPlans { by });
        }
        Ok(approver)
    }
}

/// What somebody else wrote, on one line.
fn shown(text: &str) -> String {
    text.escape_debug().take(NAME_MAX).collect()
}

fn in_time(approval: &Approval, now: Timestamp) -> Result<(), NotApproved> {
    let by = approval.by.clone();
    if approval.at.duration_since(now) > CLOCKS {
        return Err(NotApproved::NotYet { by, at: approval.at });
    }
    if approval.until <= now {
        return Err(NotApproved::Expired { by, until: approval.until });
    }
    Ok(())
}

fn of_another(approver: &Approver, users: &[String]) -> Result<(), NotApproved> {
    let is_theirs = |user: &&String| approver.users.iter().any(|own| own.to_lowercase() == user.to_lowercase());
    match users.iter().find(is_theirs) {
        Some(user) => Err(NotApproved::OwnApproval { by: approver.name.clone(), user: user.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use providers::port::Secret;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    // Seeds of RFC 8032's tests 1 and 2.
    const ANNA: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const BEN: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----\n";

    fn key(pem: &str) -> SigningKey {
        SigningKey::read(&Secret::from(pem.to_owned())).unwrap()
    }

    fn approvers() -> Approvers {
        let approver = |name: &str, pem: &str, user: &str| Approver {
            name: name.into(),
            key: key(pem).public(),
            users: vec![user.into()],
        };
        Approvers { required: true, all: vec![approver("Anna", ANNA, "anna"), approver("Ben", BEN, r"CONTOSO\ben")] }
    }

    fn judge(signed: &[Approval], user: &str, now: Timestamp) -> Result<Option<String>, NotApproved> {
        let approval = approvers().judge(&digest("plans"), signed, &[user.to_owned()], now)?;
        Ok(approval.map(|approval| approval.by))
    }

    #[test]
    fn the_text_that_is_signed_is_the_golden_one() {
        let approval = sign(&key(ANNA), "Anna", digest("plans"), NOW, DAY);
        insta::assert_snapshot!(signed_text(&approval), @r"
        entra-rotator approval 1
        c404dc69b55c0692366e3f28e6d8bc2e506bedbd4f519644adb5802500d83331
        Anna
        1970-01-01T00:00:00Z
        1970-01-02T00:00:00Z
        ");
    }

    #[test]
    fn only_what_was_signed_counts() {
        let good = sign(&key(ANNA), "Anna", digest("plans"), NOW, DAY);
        assert_eq!(judge(&[], "carl", NOW), Ok(None));
        assert_eq!(judge(std::slice::from_ref(&good), "carl", NOW), Ok(Some("Anna".into())));
        let unknown = NotApproved::UnknownApprover { by: "Eve".into(), known: "Anna, Ben".into() };
        let other_key = NotApproved::UnknownKey { by: "Anna".into(), key: key(BEN).public().to_string() };
        let wrong = NotApproved::Wrong { by: "Anna".into() };
        let changed: [(Approval, NotApproved); 6] = [
            (sign(&key(BEN), "Eve", digest("plans"), NOW, DAY), unknown),
            (sign(&key(BEN), "Anna", digest("plans"), NOW, DAY), other_key),
            (sign(&key(ANNA), "Anna", digest("planS"), NOW, DAY), NotApproved::OtherPlans { by: "Anna".into() }),
            (Approval { until: good.until + DAY, ..good.clone() }, wrong.clone()),
            (Approval { at: good.at - DAY, ..good.clone() }, wrong.clone()),
            (Approval { plans: digest("planS"), ..good.clone() }, wrong),
        ];
        for (approval, why) in changed {
            assert_eq!(judge(std::slice::from_ref(&approval), "carl", NOW), Err(why.clone()));
            // A good one beside it does not heal the file.
            assert_eq!(judge(&[good.clone(), approval.clone()], "carl", NOW), Err(why.clone()));
            assert_eq!(judge(&[approval, good.clone()], "carl", NOW), Err(why));
        }
        // A good signature by the right key for something else.
        let for_else = key(ANNA).sign(&signed_text(&good).replace("approval", "journal"));
        let for_else = Approval { signature: for_else, ..good };
        assert_eq!(judge(&[for_else], "carl", NOW), Err(NotApproved::Wrong { by: "Anna".into() }));
    }

    #[test]
    fn it_has_its_time_and_takes_two_people() {
        let anna = sign(&key(ANNA), "Anna", digest("plans"), NOW, DAY);
        let ben = sign(&key(BEN), "Ben", digest("plans"), NOW, DAY * 2);
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        let anna_alone = |now| judge(std::slice::from_ref(&anna), "carl", now);
        assert_eq!(anna_alone(at(-121)), Err(NotApproved::NotYet { by: "Anna".into(), at: NOW }));
        assert!(anna_alone(at(-120)).is_ok() && anna_alone(at(86_399)).is_ok());
        assert_eq!(anna_alone(at(86_400)), Err(NotApproved::Expired { by: "Anna".into(), until: at(86_400) }));
        let both = [anna, ben];
        assert_eq!(judge(&both, "carl", at(86_400)), Ok(Some("Ben".into())));
        assert_eq!(judge(&both, r"contoso\BEN", NOW), Ok(Some("Anna".into())));
        let own = NotApproved::OwnApproval { by: "Ben".into(), user: r"contoso\BEN".into() };
        assert_eq!(judge(&both[1..], r"contoso\BEN", NOW), Err(own));
    }

    #[test]
    fn a_name_is_one_line_that_shows_itself() {
        assert!(["Anna", "Anna M. (on call)", "Jörg", r"CONTOSO\anna"].into_iter().all(is_name));
        for name in ["", " ", "Anna ", "a\nb", "a\u{202e}b", "a\u{1b}[2K", "a\u{0}", &"a".repeat(101)] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
