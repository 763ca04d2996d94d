//! The forms in which a secret may stand in a text.

use std::collections::HashMap;
use std::fmt::Write;

/// Shorter ones are looked for as they are and percent-encoded: what is left of their other forms could be anything.
const ENCODED_CHARS_MIN: usize = 8;
/// By so many first bytes a form is looked up.
const KEY_BYTES: usize = 8;

/// Secrets that must not stand in a text, in every form. A text is gone through once, however many there are.
#[derive(Default)]
pub(super) struct Needles {
    long: HashMap<[u8; KEY_BYTES], Vec<String>>,
    short: Vec<String>,
}

impl Needles {
    pub(super) fn add(&mut self, secret: &str) {
        for form in forms(secret) {
            let known = match form.as_bytes().first_chunk() {
                Some(key) => self.long.entry(*key).or_default(),
                None => &mut self.short,
            };
            if !known.contains(&form) {
                known.push(form);
            }
        }
    }

    pub(super) fn are_in(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let begins = |at: usize, key: &[u8; KEY_BYTES]| {
            self.long.get(key).is_some_and(|known| known.iter().any(|form| bytes[at..].starts_with(form.as_bytes())))
        };
        self.short.iter().any(|form| text.contains(form.as_str()))
            || (0..bytes.len()).any(|at| bytes[at..].first_chunk().is_some_and(|key| begins(at, key)))
    }
}

/// A text in every form in which a client crate may show it: as it is, percent-encoded, inside a longer base64 text (in
/// three alignments, both alphabets), in hexadecimal digits, and as a list of bytes.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![secret.to_owned(), percent(bytes), format!("{secret:?}").trim_matches('"').to_owned()];
    if bytes.len() >= ENCODED_CHARS_MIN {
        forms.extend((0..3).flat_map(|shift| {
            let inner = base64_inner(bytes, shift);
            [inner.replace('+', "-").replace('/', "_"), inner]
        }));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.extend([hex.to_uppercase(), hex]);
        let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
        forms.push(list.join(", "));
    }
    forms.sort();
    forms.dedup();
    forms
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// The characters of a base64 text that `bytes` alone decide, when `shift` other bytes stand before them.
fn base64_inner(bytes: &[u8], shift: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (from, to) = (shift * 8, (shift + bytes.len()) * 8);
    let bit = |at: usize| usize::from(bytes[at / 8 - shift] >> (7 - at % 8) & 1);
    (from.div_ceil(6)..to / 6)
        .map(|digit| char::from(DIGITS[(digit * 6..digit * 6 + 6).fold(0, |number, at| number << 1 | bit(at))]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let mut needles = Needles::default();
        needles.add("open/sesame+1");
        needles.add("Zq7#v");
        let found = |text: &str| needles.are_in(text);
        for text in [
            "x open/sesame+1 x",
            "open/sesame+1",
            "(Zq7#v)",
            "Zq7%23v",
            "?p=open%2Fsesame%2B1",
            // `open/sesame+1`, `xopen/sesame+1`, `xxopen/sesame+1` with something behind.
            "b3Blbi9zZXNhbWUrMQo=",
            "eG9wZW4vc2VzYW1lKzEK",
            "eHhvcGVuL3Nlc2FtZSsxCg",
            "6f70656e2f736573616d652b31",
            "6F70656E2F736573616D652B31",
            "[1, 111, 112, 101, 110, 47, 115, 101, 115, 97, 109, 101, 43, 49, 2]",
        ] {
            assert!(found(text), "{text}");
        }
        assert!(!found("open/sesame+2 and open sesame"));
        assert!(!found(""));
        assert!(!found("b3BlbiBzZXNhbWU="));
    }
}
