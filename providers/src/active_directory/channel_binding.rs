//! What ties a Kerberos logon to the TLS connection it is made on (RFC 5929, `tls-server-end-point`): a hash of the
//! server's certificate. A domain controller that is told to check it refuses a logon that somebody relays.

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::ber::{Reader, SEQUENCE};

const PREFIX: &[u8] = b"tls-server-end-point:";
/// Tag of an object identifier.
const IDENTIFIER: u8 = 0x06;
/// Tag of RSASSA-PSS' first parameter, the hash.
const PSS_HASH: u8 = 0xa0;

/// 1.2.840.113549.1.1: RSA's signatures. The last part says which.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.10045.4: ECDSA's.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
/// 2.16.840.1.101.3.4.2: the hashes of the SHA-2 family.
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// The binding for a server with this certificate, in DER form. `None` when the standard has none for the kind of
/// its signature (EdDSA).
pub(super) fn of(certificate: &[u8]) -> Option<Vec<u8>> {
    let hash = match hash(certificate)? {
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    };
    Some([PREFIX, &hash].concat())
}

/// The hash that the certificate's signature is made with; instead of MD5 and SHA-1, SHA-256.
fn hash(certificate: &[u8]) -> Option<Hash> {
    let mut certificate = Reader(certificate).group(SEQUENCE)?;
    certificate.take(SEQUENCE)?;
    let mut algorithm = certificate.group(SEQUENCE)?;
    let identifier = algorithm.take(IDENTIFIER)?;
    match (identifier.strip_prefix(RSA), identifier.strip_prefix(ECDSA)) {
        // MD5, SHA-1, SHA-256.
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => Some(Hash::Sha256),
        (Some([12]), _) | (_, Some([3, 3])) => Some(Hash::Sha384),
        (Some([13]), _) | (_, Some([3, 4])) => Some(Hash::Sha512),
        (Some([10]), _) => pss_hash(algorithm),
        _ => None,
    }
}

/// RSASSA-PSS names its hash in its parameters; named none, it is SHA-1.
fn pss_hash(mut algorithm: Reader<'_>) -> Option<Hash> {
    let mut parameters = algorithm.group(SEQUENCE)?;
    let Some((PSS_HASH, hash)) = parameters.next() else { return Some(Hash::Sha256) };
    match Reader(hash).group(SEQUENCE)?.take(IDENTIFIER)?.strip_prefix(SHA2) {
        Some([1]) => Some(Hash::Sha256),
        Some([2]) => Some(Hash::Sha384),
        Some([3]) => Some(Hash::Sha512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ber::Element::{self, Bytes, Group};
    use super::*;

    fn certificate(signature: Vec<Element<'_>>) -> Vec<u8> {
        Group(SEQUENCE, vec![Group(SEQUENCE, Vec::new()), Group(SEQUENCE, signature)]).encode().to_vec()
    }

    fn named(prefix: &[u8], last: &[u8]) -> Element<'static> {
        Bytes(IDENTIFIER, [prefix, last].concat().into())
    }

    #[test]
    fn the_hash_is_that_of_the_signature_or_a_better_one() {
        for (prefix, last, wanted) in [
            (RSA, &[4][..], Some(Hash::Sha256)),
            (RSA, &[5], Some(Hash::Sha256)),
            (RSA, &[11], Some(Hash::Sha256)),
            (RSA, &[12], Some(Hash::Sha384)),
            (RSA, &[13], Some(Hash::Sha512)),
            (ECDSA, &[1], Some(Hash::Sha256)),
            (ECDSA, &[3, 2], Some(Hash::Sha256)),
            (ECDSA, &[3, 3], Some(Hash::Sha384)),
            (ECDSA, &[3, 4], Some(Hash::Sha512)),
            // Ed25519
            (&[0x2b, 0x65], &[0x70], None),
        ] {
            assert_eq!(hash(&certificate(vec![named(prefix, last)])), wanted, "{prefix:x?} {last:?}");
        }
        let pss = |hash: &[u8]| {
            let hash = Group(PSS_HASH, vec![Group(SEQUENCE, vec![named(SHA2, hash)])]);
            certificate(vec![named(RSA, &[10]), Group(SEQUENCE, vec![hash])])
        };
        assert_eq!(hash(&pss(&[2])), Some(Hash::Sha384));
        assert_eq!(hash(&pss(&[9])), None);
        assert_eq!(hash(&certificate(vec![named(RSA, &[10]), Group(SEQUENCE, Vec::new())])), Some(Hash::Sha256));
    }

    #[test]
    fn the_whole_certificate_is_hashed() {
        let certificate = certificate(vec![named(ECDSA, &[3, 3])]);
        let binding = of(&certificate).expect("it has one");
        assert_eq!(binding, [PREFIX, Sha384::digest(&certificate).as_slice()].concat());
        for nonsense in [&b""[..], b"\x30", b"text", b"\x30\x03\x30\x01\x00"] {
            assert_eq!(of(nonsense), None);
        }
    }
}
