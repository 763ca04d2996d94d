use hmac::{Hmac, KeyInit, Mac};
use providers::port::Secret;
use sha2::Sha256;

/// The header that carries the signature.
pub(super) const HEADER: &str = "X-Entra-Rotator-Signature";

/// `t=UNIX SECONDS,v1=HEX`: the HMAC-SHA256 of `UNIX SECONDS.BODY`. The time is signed too, so that a receiver can
/// refuse an old message that somebody sends again.
pub(super) fn header(key: &Secret, unix_seconds: i64, body: &[u8]) -> String {
    // HMAC takes a key of any length: a longer one than a block is hashed first.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else { return String::new() };
    mac.update(unix_seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={unix_seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_agrees() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'a key of more than one block, a key of more than one block, a key of more'
        let key = Secret::new("a key of more than one block, a key of more than one block, a key of more");
        assert_eq!(
            header(&key, 1_700_000_000, br#"{"a":1}"#),
            "t=1700000000,v1=7cf2ecf95af5778df3a06f5c10fc43c403dbe30cc1431e72f299e3c56d3b9a1d"
        );
        assert_ne!(header(&key, 1_700_000_000, b"1"), header(&key, 17_000_000_001, b""));
    }
}
