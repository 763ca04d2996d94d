//! What ties a logon to the TLS connection it is made on (RFC 5929, `tls-server-end-point`): a hash of the server's
//! certificate, by the hash of its signature, or SHA-256 instead of MD5 and SHA-1.

use sha2::{Digest, Sha256, Sha384, Sha512};

const PREFIX: &[u8] = b"tls-server-end-point:";
const SEQUENCE: u8 = 0x30;
const IDENTIFIER: u8 = 0x06;
/// 1.2.840.113549.1.1: RSA's signatures. The last part says which.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.10045.4: ECDSA's.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
/// 2.16.840.1.101.3.4.2: the hashes of the SHA-2 family, which RSASSA-PSS names in its parameters.
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// The binding for a server with this certificate, in DER form. `None` when the standard has none for the kind of its
/// signature (EdDSA), and for what is no certificate.
pub(super) fn of(certificate: &[u8]) -> Option<Vec<u8>> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (_, rest) = element(whole, SEQUENCE)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    let (identifier, parameters) = element(algorithm, IDENTIFIER)?;
    let hash = match (identifier.strip_prefix(RSA), identifier.strip_prefix(ECDSA)) {
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => Sha256::digest(certificate).to_vec(),
        (Some([12]), _) | (_, Some([3, 3])) => Sha384::digest(certificate).to_vec(),
        (Some([13]), _) | (_, Some([3, 4])) => Sha512::digest(certificate).to_vec(),
        (Some([10]), _) => {
            // The first hash in there is the signature's own.
            let at = parameters.windows(SHA2.len()).position(|part| part == SHA2);
            match at.and_then(|at| parameters.get(at + SHA2.len())) {
                None | Some(1) => Sha256::digest(certificate).to_vec(),
                Some(2) => Sha384::digest(certificate).to_vec(),
                Some(3) => Sha512::digest(certificate).to_vec(),
                Some(_) => return None,
            }
        }
        _ => return None,
    };
    Some([PREFIX, &hash].concat())
}

/// The content of the element that the bytes begin with, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, short], rest) = bytes.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x83 => {
            let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (long.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).expect("short")], content].concat()
    }

    fn certificate(identifier: &[&[u8]], parameters: &[u8]) -> Vec<u8> {
        let algorithm = [group(IDENTIFIER, &identifier.concat()), parameters.to_vec()].concat();
        group(SEQUENCE, &[group(SEQUENCE, b"x"), group(SEQUENCE, &algorithm)].concat())
    }

    #[test]
    fn the_hash_is_that_of_the_signature_or_a_better_one() {
        for (prefix, last, parameters, bytes) in [
            (RSA, &[4_u8][..], &b""[..], 32),
            (RSA, &[5], b"", 32),
            (RSA, &[11], b"", 32),
            (RSA, &[12], b"", 48),
            (RSA, &[13], b"", 64),
            (RSA, &[10], b"", 32),
            (RSA, &[10], &[SHA2, &[2]].concat(), 48),
            (ECDSA, &[1], b"", 32),
            (ECDSA, &[3, 2], b"", 32),
            (ECDSA, &[3, 3], b"", 48),
            (ECDSA, &[3, 4], b"", 64),
        ] {
            let binding = of(&certificate(&[prefix, last], parameters)).expect("it has one");
            assert_eq!(binding.len(), PREFIX.len() + bytes, "{prefix:x?} {last:?}");
        }
        let whole = certificate(&[ECDSA, &[3, 3]], b"");
        assert_eq!(of(&whole), Some([PREFIX, &Sha384::digest(&whole)[..]].concat()));
        for none in [&certificate(&[&[0x2b, 0x65], &[0x70]], b"")[..], b"", b"\x30", b"text", b"\x30\x83\xff\xff\xff"] {
            assert_eq!(of(none), None);
        }
    }
}
