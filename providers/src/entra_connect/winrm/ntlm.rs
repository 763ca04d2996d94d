//! NTLMv2, the client's side, as much as a logon inside TLS needs (MS-NLMP).
//!
//! Nothing is signed or sealed with its keys, TLS does that: so there is no RC4, and no key is exchanged. What ties the
//! logon to this connection and this host (the message's own code, the channel binding, the target's name) is always there,
//! but for the binding where the certificate is of a kind that has none (Ed25519): then all zeros say so, as MS-NLMP wants.
//! NTLMv1 and LM answers are never given.

use hmac::{Hmac, KeyInit, Mac};
use md4::{Digest, Md4};
use md5::Md5;
use zeroize::Zeroizing;

use crate::port::Secret;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// UNICODE, REQUEST_TARGET, SIGN, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY, TARGET_INFO, VERSION, 128, 56.
const FLAGS: u32 = 0xa288_8215;
const UNICODE: u32 = 0x0000_0001;
const EXTENDED: u32 = 0x0008_0000;
const TARGET_INFO: u32 = 0x0080_0000;
/// Windows 10, NTLM revision 15.
const VERSION: [u8; 8] = [10, 0, 0, 0, 0, 0, 0, 15];

/// A challenge is a few hundred bytes.
const CHALLENGE_BYTES_MAX: usize = 16 * 1024;
const PAYLOAD_AT: usize = 88;
const MIC_AT: usize = 72;

/// Names of the pairs in the target's information.
const END: u16 = 0;
const AV_FLAGS: u16 = 6;
const AV_TIME: u16 = 7;
const AV_TARGET: u16 = 9;
const AV_BINDING: u16 = 10;
/// In [`AV_FLAGS`]: this message carries a code over all three.
const HAS_MIC: u32 = 2;

/// Seconds between 1601 and 1970.
const EPOCH_S: i64 = 11_644_473_600;

/// The first message.
pub(super) fn negotiate() -> Vec<u8> {
    let mut message = [SIGNATURE, &1_u32.to_le_bytes(), &FLAGS.to_le_bytes()].concat();
    // No domain, no workstation.
    for _ in 0..2 {
        message.extend([0, 0, 0, 0]);
        message.extend(40_u32.to_le_bytes());
    }
    message.extend(VERSION);
    message
}

/// What the server's challenge says.
struct Challenge<'a> {
    flags: u32,
    nonce: [u8; 8],
    pairs: Vec<(u16, &'a [u8])>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn challenge(message: &[u8]) -> Option<Challenge<'_>> {
    if message.len() > CHALLENGE_BYTES_MAX || !message.starts_with(SIGNATURE) || u32_at(message, 8)? != 2 {
        return None;
    }
    let flags = u32_at(message, 20)?;
    let nonce = message.get(24..32)?.try_into().ok()?;
    let (length, start) = (usize::from(u16_at(message, 40)?), usize::try_from(u32_at(message, 44)?).ok()?);
    let mut rest = message.get(start..start.checked_add(length)?)?;
    let mut pairs = Vec::new();
    loop {
        let (name, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        if name == END {
            break;
        }
        pairs.push((name, rest.get(4..4 + length)?));
        rest = &rest[4 + length..];
    }
    (flags & UNICODE != 0 && flags & EXTENDED != 0 && flags & TARGET_INFO != 0).then_some(Challenge {
        flags,
        nonce,
        pairs,
    })
}

/// Who logs on where, on which connection.
pub(super) struct Logon<'a> {
    /// `DOMAIN\user`, `user@domain.name`, or `.\user` for one of the server itself.
    pub(super) user: &'a str,
    pub(super) password: &'a Secret,
    /// The server's name, as the service is called: `HTTP/name`.
    pub(super) target: &'a str,
    /// The channel binding's bytes, where the server's certificate has one.
    pub(super) binding: Option<&'a [u8]>,
}

/// Chance and time, which a test gives.
pub(super) struct Moment {
    pub(super) nonce: [u8; 8],
    pub(super) unix_s: i64,
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut code = Hmac::<Md5>::new_from_slice(key).unwrap_or_else(|_| unreachable!("any length is a key"));
    parts.iter().for_each(|part| code.update(part));
    code.finalize().into_bytes().into()
}

/// The key that stands for user and password: NTOWFv2.
fn user_key(user: &str, domain: &str, password: &Secret) -> Zeroizing<[u8; 16]> {
    let mut wide = Zeroizing::new(Vec::with_capacity(password.expose().len() * 2));
    wide.extend(password.expose().encode_utf16().flat_map(u16::to_le_bytes));
    let hash: Zeroizing<[u8; 16]> = Zeroizing::new(Md4::digest(&*wide).into());
    Zeroizing::new(keyed(&*hash, &[&utf16(&user.to_uppercase()), &utf16(domain)]))
}

/// `DOMAIN\user` in its parts. A UPN stays whole and has no domain, nor has a user of the server itself, `.\user`.
fn parts(user: &str) -> (&str, &str) {
    let (domain, user) = user.split_once('\\').unwrap_or(("", user));
    (if domain == "." { "" } else { domain }, user)
}

/// MD5 over the structure that GSSAPI makes of a binding (RFC 2744: no addresses, the data with its length).
fn hashed_binding(binding: &[u8]) -> Option<[u8; 16]> {
    let length = u32::try_from(binding.len()).ok()?.to_le_bytes();
    Some(Md5::digest([&[0; 16], &length[..], binding].concat()).into())
}

/// The last message, the answer to the server's challenge; `None` when that is no challenge to NTLMv2.
pub(super) fn authenticate(
    negotiate: &[u8],
    challenge_bytes: &[u8],
    logon: &Logon<'_>,
    moment: &Moment,
) -> Option<Zeroizing<Vec<u8>>> {
    let challenge = challenge(challenge_bytes)?;
    let find = |name| challenge.pairs.iter().find(|(found, _)| *found == name).map(|(_, value)| *value);
    let time = match find(AV_TIME).and_then(|value| value.try_into().ok()) {
        Some(time) => time,
        None => ((moment.unix_s + EPOCH_S) * 10_000_000).to_le_bytes(),
    };
    let flags = find(AV_FLAGS).and_then(|value| u32_at(value, 0)).unwrap_or(0) | HAS_MIC;
    let (binding, target) = (logon.binding.and_then(hashed_binding).unwrap_or_default(), utf16(logon.target));
    let ours = [(AV_FLAGS, &flags.to_le_bytes()[..]), (AV_BINDING, &binding), (AV_TARGET, &target)];
    let theirs = challenge.pairs.iter().filter(|(name, _)| ours.iter().all(|(mine, _)| mine != name)).copied();
    let mut information = Vec::new();
    for (name, value) in theirs.chain(ours) {
        information.extend(name.to_le_bytes());
        information.extend(u16::try_from(value.len()).ok()?.to_le_bytes());
        information.extend(value);
    }
    information.extend([0; 4]);

    let (domain, user) = parts(logon.user);
    let key = user_key(user, domain, logon.password);
    let said = [&[1, 1, 0, 0, 0, 0, 0, 0], &time[..], &moment.nonce, &[0; 4], &information, &[0; 4]].concat();
    let proof = keyed(&*key, &[&challenge.nonce, &said]);
    let session = Zeroizing::new(keyed(&*key, &[&proof]));

    // In this order: LM (all zeros, as with any code over the messages), NT, domain, user, workstation, session key.
    let fields = [vec![0; 24], [&proof[..], &said].concat(), utf16(domain), utf16(user), Vec::new(), Vec::new()];
    let mut message = Zeroizing::new(Vec::with_capacity(PAYLOAD_AT + fields.iter().map(Vec::len).sum::<usize>()));
    message.extend(SIGNATURE);
    message.extend(3_u32.to_le_bytes());
    let mut at = PAYLOAD_AT;
    for field in &fields {
        let length = u16::try_from(field.len()).ok()?.to_le_bytes();
        message.extend(length);
        message.extend(length);
        message.extend(u32::try_from(at).ok()?.to_le_bytes());
        at += field.len();
    }
    message.extend((FLAGS & challenge.flags).to_le_bytes());
    message.extend(VERSION);
    message.extend([0; 16]);
    fields.iter().for_each(|field| message.extend(field));
    let code = keyed(&*session, &[negotiate, challenge_bytes, &message]);
    message[MIC_AT..PAYLOAD_AT].copy_from_slice(&code);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
    }

    /// MS-NLMP 4.2.4: user `User` of `Domain`, password `Password`, a zero time, nonces of 01234… and aaaa….
    #[test]
    fn the_published_example_comes_out() {
        let key = user_key("User", "Domain", &Secret::new("Password"));
        assert_eq!(key[..], hex("0c868a403bfd7a93a3001ef22ef02e3f"));
        let pairs = hex("02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000");
        let said = [&hex("01010000000000000000000000000000")[..], &[0xaa; 8], &[0; 4], &pairs, &[0; 4]].concat();
        let proof = keyed(&*key, &[&hex("0123456789abcdef"), &said]);
        assert_eq!(proof[..], hex("68cd0ab851e51c96aabc927bebef6a1c"));
        assert_eq!(keyed(&*key, &[&proof])[..], hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
    }

    #[test]
    fn what_is_no_challenge_is_never_answered() {
        let mut good = [SIGNATURE, &2_u32.to_le_bytes()].concat();
        good.extend([0; 8]);
        good.extend(FLAGS.to_le_bytes());
        good.extend([7; 8]);
        good.extend([0; 8]);
        good.extend([8, 0, 8, 0, 48, 0, 0, 0]);
        good.extend([2, 0, 0, 0, 0, 0, 0, 0]);
        let password = Secret::new("x");
        let logon = Logon { user: "D\\u", password: &password, target: "HTTP/h", binding: None };
        let answer = |message: &[u8]| {
            authenticate(&negotiate(), message, &logon, &Moment { nonce: [1; 8], unix_s: 0 }).is_some()
        };
        assert!(answer(&good));
        for length in 0..good.len() {
            assert!(!answer(&good[..length]), "{length} bytes");
        }
        // Without extended session security it is NTLMv1's; without information on the target there is no NTLMv2.
        for flag in [EXTENDED, TARGET_INFO, UNICODE] {
            let mut weak = good.clone();
            weak[20..24].copy_from_slice(&(FLAGS & !flag).to_le_bytes());
            assert!(!answer(&weak), "{flag:x}");
        }
        for (at, byte) in [(0, b'X'), (8, 3), (44, 200), (47, 255), (50, 250)] {
            let mut odd = good.clone();
            odd[at] = byte;
            assert!(!answer(&odd), "byte {at}");
        }
    }
}
