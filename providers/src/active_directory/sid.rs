//! Security identifiers.

/// The usual text, `S-1-5-21-…`; `None` for bytes that are no identifier.
pub(super) fn sid_text(sid: &[u8]) -> Option<String> {
    let [revision @ 1, count, authority @ ..] = sid else { return None };
    let (authority, parts) = authority.split_at_checked(6)?;
    if parts.len() != usize::from(*count) * 4 {
        return None;
    }
    // Six bytes, most significant first; the rest is little-endian.
    let authority = authority.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut text = format!("S-{revision}-{authority}");
    for part in parts.chunks_exact(4) {
        let number = part.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        text.push_str(&format!("-{number}"));
    }
    Some(text)
}

/// The last part of an identifier of the form S-1-5-21-a-b-c-ID, by which a domain's own groups are known;
/// `None` for any other.
pub(super) fn domain_relative_id(sid: &[u8]) -> Option<u32> {
    const DOMAIN_SID_BYTES: usize = 8 + 5 * 4;
    const DOMAIN_SID_START: [u8; 12] = [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
    if sid.len() != DOMAIN_SID_BYTES || !sid.starts_with(&DOMAIN_SID_START) {
        return None;
    }
    sid.last_chunk().map(|id| u32::from_le_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain_admins() -> Vec<u8> {
        let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0, 255, 255, 255, 255];
        sid.extend(512_u32.to_le_bytes());
        sid
    }

    #[test]
    fn an_identifier_has_its_usual_text() {
        assert_eq!(sid_text(&domain_admins()).as_deref(), Some("S-1-5-21-1-258-4294967295-512"));
        assert_eq!(sid_text(&[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]).as_deref(), Some("S-1-5-18"));
        assert_eq!(sid_text(&[1, 0, 1, 0, 0, 0, 0, 0]).as_deref(), Some("S-1-1099511627776"));
        for bytes in [&b""[..], b"S-1-5-18", &[1, 2, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0], &[2, 0, 0, 0, 0, 0, 0, 5]] {
            assert_eq!(sid_text(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn only_a_domain_group_has_a_relative_id() {
        assert_eq!(domain_relative_id(&domain_admins()), Some(512));
        assert_eq!(domain_relative_id(&[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0, 2, 0, 0]), None);
        assert_eq!(domain_relative_id(b"text"), None);
    }
}
