//! What the vault says about the AppRole's secret id, where the policy lets us ask: its end is what a person must know.

use jiff::Timestamp;
use serde::Deserialize;

use super::wire::Reply;
use crate::port::OwnCredential;

#[derive(Deserialize)]
struct Envelope {
    data: Option<Raw>,
}

#[derive(Deserialize)]
struct Raw {
    creation_time: Timestamp,
    /// The year 1 for one that never ends.
    expiration_time: String,
    #[serde(default)]
    secret_id_num_uses: u64,
}

/// A secret id's age and end.
pub(super) struct SecretIdFacts {
    pub(super) made: Timestamp,
    pub(super) ends: Option<Timestamp>,
    /// How many logins are left; 0 = as many as one likes.
    pub(super) uses: u64,
}

/// `None` when it may not be looked up, or the answer can't be read.
pub(super) fn facts(reply: &Reply) -> Option<SecretIdFacts> {
    // The parser's own words would quote what it read.
    let raw = serde_json::from_slice::<Envelope>(&reply.body).ok().filter(|_| reply.status.is_success())?.data?;
    let ends = raw.expiration_time.parse().ok().filter(|end| *end > raw.creation_time);
    Some(SecretIdFacts { made: raw.creation_time, ends, uses: raw.secret_id_num_uses })
}

/// The secret id as the reports want it, in place of the tokens that are made with it.
pub(super) fn credential(facts: &SecretIdFacts, token: OwnCredential) -> OwnCredential {
    let note = match (facts.ends, facts.uses) {
        (None, 0) => "it never expires".to_owned(),
        (_, 0) => String::new(),
        (_, uses) => format!("good for {uses} more logins"),
    };
    OwnCredential { kind: "secret id".to_owned(), set_at: Some(facts.made), expires_at: facts.ends, note, ..token }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Option<SecretIdFacts> {
        facts(&Reply { body: body.as_bytes().to_vec().into(), ..Reply::default() })
    }

    #[test]
    fn a_secret_id_has_an_age_and_maybe_an_end() {
        let body = |end: &str| {
            format!(
                r#"{{"data":{{"creation_time":"2026-11-21T21:17:21.97Z","expiration_time":"{end}","secret_id_num_uses":3}}}}"#
            )
        };
        let ending = of(&body("2026-12-21T21:17:21Z")).unwrap();
        assert_eq!((ending.ends.unwrap().to_string().as_str(), ending.uses), ("2026-12-21T21:17:21Z", 3));
        assert_eq!(of(&body("0001-01-01T00:00:00Z")).unwrap().ends, None);
        assert!(of(r#"{"data":null}"#).is_none() && of("hunter2").is_none());
    }
}
