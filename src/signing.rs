//! Ed25519 (RFC 8032): who vouches for the history, and who approved a plan.
//!
//! A private key is PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes it; a public one is SPKI in PEM, or its
//! 32 bytes in hex, as it is printed here. What is signed begins with a line that says what it is, so that a signature for
//! one purpose is none for another.

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use providers::port::Secret;

/// Why a key or a signature is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no private key.
    #[error("it is no Ed25519 private key in PEM (PKCS #8): make one with `openssl genpkey -algorithm ed25519`")]
    Private,
    /// It is no public key.
    #[error("it is no Ed25519 public key: neither PEM (`openssl pkey -pubout`) nor 64 hex digits")]
    Public,
    /// It is no signature.
    #[error("it is no Ed25519 signature: 128 digits of lower-case hex")]
    Signature,
    /// The signature is not of this text by this key.
    #[error("the signature does not fit the text and the key")]
    Wrong,
}

/// Who signs. Never shown.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Reads a private key.
    pub fn read(pem: &Secret) -> Result<Self, Unusable> {
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem.expose().trim()).map(Self).map_err(|_| Unusable::Private)
    }

    /// Its public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature of a text, in hex.
    pub fn sign(&self, text: &str) -> String {
        hex::encode(self.0.sign(text.as_bytes()).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey of {}", self.public())
    }
}

/// Whose signature it is. Shown as 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a public key: PEM, or hex.
    pub fn read(text: &str) -> Result<Self, Unusable> {
        let text = text.trim();
        if text.starts_with("-----") {
            return VerifyingKey::from_public_key_pem(text).map(Self).map_err(|_| Unusable::Public);
        }
        let bytes: [u8; 32] = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(Unusable::Public)?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| Unusable::Public)
    }

    /// Reads a public key as it is printed here and stands in what is signed: 64 digits of lower-case hex, and nothing else.
    pub fn of_hex(text: &str) -> Result<Self, Unusable> {
        let bytes = bytes_of(text).ok_or(Unusable::Public)?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| Unusable::Public)
    }

    /// The key in PEM (SPKI).
    pub fn pem(&self) -> Result<String, Unusable> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| Unusable::Public)
    }

    /// Whether a signature, in hex, is of this text by this key. Strict: one text has one signature that passes.
    pub fn verify(&self, text: &str, signature: &str) -> Result<(), Unusable> {
        let bytes = bytes_of(signature).ok_or(Unusable::Signature)?;
        self.0.verify_strict(text.as_bytes(), &Signature::from_bytes(&bytes)).map_err(|_| Unusable::Wrong)
    }
}

/// The bytes of lower-case hex: one value is written in one way.
fn bytes_of<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    hex::decode(text).ok().filter(|_| is_lower)?.try_into().ok()
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8032, section 7.1, TEST 2: the seed in PKCS #8, its public key, and the signature of one byte 0x72.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNED: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    #[test]
    fn it_signs_as_the_rfc_has_it() {
        let key = SigningKey::read(&Secret::from(PEM.to_owned())).unwrap();
        assert_eq!(key.public().to_string(), PUBLIC);
        assert_eq!(key.sign("r"), SIGNED);
        let public = PublicKey::read(PUBLIC).unwrap();
        // openssl pkey -pubout
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n-----END PUBLIC KEY-----\n";
        assert_eq!(public.pem().unwrap(), pem);
        assert_eq!(PublicKey::read(pem).unwrap(), public);
        assert_eq!(public.verify("r", SIGNED), Ok(()));
        assert_eq!(public.verify("s", SIGNED), Err(Unusable::Wrong));
        assert_eq!(public.verify("r", &SIGNED.replace('9', "8")), Err(Unusable::Wrong));
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for text in ["", "geheim", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            assert_eq!(SigningKey::read(&Secret::from(text.to_owned())).unwrap_err(), Unusable::Private);
            assert_eq!(PublicKey::read(text), Err(Unusable::Public));
        }
        assert_eq!(PublicKey::read(PUBLIC).unwrap().verify("r", "00"), Err(Unusable::Signature));
    }

    #[test]
    fn what_is_signed_is_written_in_one_way() {
        let public = PublicKey::of_hex(PUBLIC).unwrap();
        assert_eq!(public.verify("r", &SIGNED.to_uppercase()), Err(Unusable::Signature));
        for text in [PUBLIC.to_uppercase(), format!(" {PUBLIC}"), format!("{PUBLIC}\n"), public.pem().unwrap()] {
            assert_eq!(PublicKey::of_hex(&text), Err(Unusable::Public), "{text}");
            assert_eq!(PublicKey::read(&text).unwrap(), public, "a person may write it so");
        }
    }
}
