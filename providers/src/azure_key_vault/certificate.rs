//! When a certificate begins and ends. It is our own file, not an enemy's, yet every read is bounded by its length.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notBefore` and `notAfter` of an X.509 certificate in DER; `None` = it is none.
pub(super) fn validity(der: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, VERSION)?.1;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        rest = element(rest, *rest.first()?)?.1;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (from, rest) = time(validity)?;
    let (to, _) = time(rest)?;
    Some((from, to))
}

/// The content of the first element, and what is behind it.
fn element(from: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = from.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let digits = usize::from(first & 0x7f);
        if digits == 0 || digits > 4 {
            return None;
        }
        let (bytes, behind) = rest.split_at_checked(digits)?;
        rest = behind;
        bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte))
    };
    if found != tag {
        return None;
    }
    rest.split_at_checked(length)
}

fn time(from: &[u8]) -> Option<(Timestamp, &[u8])> {
    let tag = *from.first()?;
    let (content, rest) = element(from, tag)?;
    let text = std::str::from_utf8(content).ok()?;
    let full = match tag {
        // RFC 5280: two digits below 50 are of this century.
        UTC_TIME => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    Some((civil.to_zoned(TimeZone::UTC).ok()?.timestamp(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_its_days() {
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, tag) in [(2031, "2031-05-06"), (2051, "2051-05-06")] {
            let mut wanted = rcgen::CertificateParams::new(vec!["svc".to_owned()]).unwrap();
            wanted.not_before = rcgen::date_time_ymd(2026, 1, 2);
            wanted.not_after = rcgen::date_time_ymd(year, 5, 6);
            let certificate = wanted.self_signed(&key).unwrap();
            let (from, to) = validity(certificate.der()).unwrap();
            assert_eq!(from.to_string(), "2026-01-02T00:00:00Z");
            assert!(to.to_string().starts_with(tag), "{to}");
            // No prefix of it is taken for a whole one, and none ends the program.
            for end in 0..60 {
                assert_eq!(validity(&certificate.der()[..end]), None);
            }
        }
        assert_eq!(validity(b"no certificate"), None);
    }
}
