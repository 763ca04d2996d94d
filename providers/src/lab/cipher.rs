//! How the model engine keeps its passwords: enciphered under a key set that the service's password protects.
//!
//! This is a model, not protection. It keeps clear passwords out of the world's file and makes "who holds
//! which key" matter, as on a real server; whoever reads the whole file can decipher it, just as an
//! administrator of a real server can. The keystream is SHA-256 in counter mode, without authentication.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::port::{Fault, Secret};

const NONCE_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// What stands before every enciphered password.
const MARK: &[u8] = b"password";

/// Bytes under a key. The text form is hexadecimal: nonce, then the enciphered bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Sealed(String);

/// Random bytes as hexadecimal text: salts, keys, the machine's stand-in for a managed service password.
pub(super) fn random_hex(bytes: usize) -> String {
    let mut random = Zeroizing::new(vec![0_u8; bytes]);
    rand::rng().fill(&mut random[..]);
    hex::encode(&*random)
}

/// A password no person chose: `length` characters of all four classes, none of which needs quoting.
pub(super) fn random_password(length: usize) -> Secret {
    const CLASSES: [&[u8]; 4] =
        [b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"abcdefghijkmnopqrstuvwxyz", b"23456789", b"!*+,-./:?@_~"];
    let mut rng = rand::rng();
    let mut text = Zeroizing::new(String::with_capacity(length));
    // The first four positions fix one class each, so that every password satisfies complexity.
    for position in 0..length {
        let class = CLASSES.get(position).copied().unwrap_or_else(|| CLASSES[rng.random_range(0..CLASSES.len())]);
        text.push(char::from(class[rng.random_range(0..class.len())]));
    }
    Secret::new(text.as_str())
}

/// The engine's key set, fresh.
pub(super) fn new_key() -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0_u8; KEY_BYTES]);
    rand::rng().fill(&mut key[..]);
    key
}

/// Enciphers `clear` under `key`.
pub(super) fn seal(key: &[u8], clear: &[u8]) -> Sealed {
    let mut nonce = [0_u8; NONCE_BYTES];
    rand::rng().fill(&mut nonce);
    let mut bytes = clear.to_vec();
    apply_keystream(key, &nonce, &mut bytes);
    Sealed(format!("{}{}", hex::encode(nonce), hex::encode(bytes)))
}

/// Deciphers what `key` enciphered. Under another key the bytes come out as noise.
pub(super) fn open(key: &[u8], sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let damaged = || {
        Fault::broken("deciphering the model engine's key or password", "the stored text is damaged")
            .hint("the lab's world.json was changed by hand; make a new lab")
    };
    let bytes = hex::decode(&sealed.0).map_err(|_| damaged())?;
    if bytes.len() < NONCE_BYTES {
        return Err(damaged());
    }
    let (nonce, body) = bytes.split_at(NONCE_BYTES);
    let mut clear = Zeroizing::new(body.to_vec());
    apply_keystream(key, nonce, &mut clear);
    Ok(clear)
}

/// Enciphers a password so that the right key can be told from a wrong one.
pub(super) fn seal_password(key: &[u8], secret: &Secret) -> Sealed {
    let clear = Zeroizing::new([MARK, secret.expose().as_bytes()].concat());
    seal(key, &clear)
}

/// Deciphers a password; `None` = another key than the one that enciphered it.
pub(super) fn open_password(key: &[u8], sealed: &Sealed) -> Result<Option<Secret>, Fault> {
    let clear = open(key, sealed)?;
    let text = clear.strip_prefix(MARK).and_then(|text| std::str::from_utf8(text).ok());
    Ok(text.map(Secret::new))
}

fn apply_keystream(key: &[u8], nonce: &[u8], bytes: &mut [u8]) {
    let mut seed = Zeroizing::new([key, nonce, &[0; 8]].concat());
    let at = seed.len() - 8;
    for (counter, block) in (0_u64..).zip(bytes.chunks_mut(32)) {
        // One piece: in a build without optimisation each piece costs as much as the digest.
        seed[at..].copy_from_slice(&counter.to_be_bytes());
        let stream = Sha256::digest(&*seed);
        for (byte, mask) in block.iter_mut().zip(stream) {
            *byte ^= mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_key_opens_and_another_does_not() {
        let (key, other) = (new_key(), new_key());
        let clear = "a password that is longer than one block of the keystream";
        let sealed = seal_password(&key, &Secret::new(clear));
        assert_eq!(open_password(&key, &sealed).unwrap(), Some(Secret::new(clear)));
        assert_eq!(open_password(&other, &sealed).unwrap(), None);
        assert_ne!(
            seal_password(&key, &Secret::new(clear)),
            sealed,
            "two enciphered copies of one password must not look alike"
        );
    }

    #[test]
    fn a_random_password_has_its_length_and_all_classes() {
        let secret = random_password(64);
        let text = secret.expose();
        assert_eq!(text.len(), 64);
        assert!(text.chars().any(|c| c.is_ascii_uppercase()) && text.chars().any(|c| c.is_ascii_lowercase()));
        assert!(text.chars().any(|c| c.is_ascii_digit()) && text.chars().any(|c| c.is_ascii_punctuation()));
        assert_ne!(random_password(64), secret);
    }
}
