//! BER, as much of it as LDAP has (RFC 4511 section 5.1): definite lengths, small tags.
//!
//! Reading never recurses and never copies: the one who asks says how deep it goes, so an answer that is nested
//! without end costs nothing. Writing measures first and then fills one buffer that is wiped: a buffer that grows
//! would leave copies of a password behind.

use std::borrow::Cow;

use ldap3::asn1::{PL, StructureTag, TagClass};
use zeroize::Zeroizing;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// Set in a tag whose content is made of further elements.
const CONSTRUCTED: u8 = 0x20;
/// The low bits of a tag that goes on in further bytes.
const LONG_TAG: u8 = 0x1f;

/// An element to send.
pub(super) enum Element<'a> {
    Bytes(u8, Cow<'a, [u8]>),
    Group(u8, Vec<Element<'a>>),
}

impl<'a> Element<'a> {
    pub(super) fn octets(bytes: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self::Bytes(OCTETS, Cow::Borrowed(bytes.as_ref()))
    }

    /// `tag` is INTEGER or ENUMERATED.
    pub(super) fn number(tag: u8, number: u32) -> Self {
        let bytes = number.to_be_bytes();
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count().min(bytes.len() - 1);
        let mut content = Vec::with_capacity(bytes.len() + 1);
        // A set first bit would make it negative.
        if bytes[zeros] & 0x80 != 0 {
            content.push(0);
        }
        content.extend(&bytes[zeros..]);
        Self::Bytes(tag, Cow::Owned(content))
    }

    /// A search filter as ldap3 parsed it. It is ours, so it is as deep as we wrote it.
    pub(super) fn of_filter(filter: StructureTag) -> Element<'static> {
        let class = match filter.class {
            TagClass::Universal => 0x00,
            TagClass::Application => 0x40,
            TagClass::Context => 0x80,
            TagClass::Private => 0xc0,
        };
        let tag = class | u8::try_from(filter.id).unwrap_or(LONG_TAG);
        match filter.payload {
            PL::P(bytes) => Element::Bytes(tag, Cow::Owned(bytes)),
            PL::C(parts) => Element::Group(tag | CONSTRUCTED, parts.into_iter().map(Self::of_filter).collect()),
        }
    }

    /// The element on the wire.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.whole_length()));
        self.write(&mut out);
        out
    }

    fn content_length(&self) -> usize {
        match self {
            Self::Bytes(_, content) => content.len(),
            Self::Group(_, parts) => parts.iter().map(Element::whole_length).sum(),
        }
    }

    fn whole_length(&self) -> usize {
        let content = self.content_length();
        1 + length_bytes(content).count() + content
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (Self::Bytes(tag, _) | Self::Group(tag, _)) = self;
        out.push(*tag);
        out.extend(length_bytes(self.content_length()));
        match self {
            Self::Bytes(_, content) => out.extend_from_slice(content),
            Self::Group(_, parts) => parts.iter().for_each(|part| part.write(out)),
        }
    }
}

fn length_bytes(length: usize) -> impl Iterator<Item = u8> {
    let bytes = length.to_be_bytes();
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let count = bytes.len() - zeros;
    // Up to 127 the length is its own byte; above, a byte with their number goes before its bytes.
    let first = match (count, bytes[bytes.len() - 1]) {
        (0, _) => Some(0),
        (1, short @ ..0x80) => Some(short),
        _ => Some(0x80 | u8::try_from(count).unwrap_or(0x7f)),
    };
    let rest = if length < 0x80 { bytes.len() } else { zeros };
    first.into_iter().chain(bytes.into_iter().skip(rest))
}

/// Elements that came in, one after another.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next element: its tag and its content. `None` when there is none, or it is not whole.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let header = Header::read(self.0)??;
        let rest = self.0.get(header.size..)?;
        let (content, rest) = rest.split_at_checked(header.content)?;
        self.0 = rest;
        Some((header.tag, content))
    }

    /// The content of the next element, which must be tagged so.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content) = self.next()?;
        (found == tag).then_some(content)
    }

    /// The next element as elements.
    pub(super) fn group(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.take(tag).map(Reader)
    }

    /// The next element as a number that LDAP allows: 0 to 2³¹-1.
    pub(super) fn number(&mut self, tag: u8) -> Option<u32> {
        let content = self.take(tag)?;
        if content.is_empty() || content.len() > 4 || content[0] & 0x80 != 0 {
            return None;
        }
        Some(content.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }
}

/// What stands before an element's content.
pub(super) struct Header {
    pub(super) tag: u8,
    /// Bytes of the header itself.
    pub(super) size: usize,
    /// Bytes of the content.
    pub(super) content: usize,
}

impl Header {
    /// Reads the header that `bytes` begins with. `Some(None)`: not all of it is there yet. `None`: it is none
    /// that LDAP allows.
    #[expect(clippy::option_option, reason = "three answers, each asked for with its own `?`")]
    pub(super) fn read(bytes: &[u8]) -> Option<Option<Self>> {
        let (Some(&tag), length) = (bytes.first(), bytes.get(1)) else { return Some(None) };
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        let Some(&length) = length else { return Some(None) };
        let count = usize::from(length & 0x7f);
        if length & 0x80 == 0 {
            return Some(Some(Self { tag, size: 2, content: count }));
        }
        // None is the indefinite length, which LDAP forbids; more than four nobody needs.
        if !(1..=4).contains(&count) {
            return None;
        }
        let Some(length) = bytes.get(2..2 + count) else { return Some(None) };
        let content = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        Some(Some(Self { tag, size: 2 + count, content }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        for (length, header) in [
            (0, vec![4, 0]),
            (127, vec![4, 127]),
            (128, vec![4, 0x81, 128]),
            (255, vec![4, 0x81, 255]),
            (256, vec![4, 0x82, 1, 0]),
            (70_000, vec![4, 0x83, 1, 17, 112]),
        ] {
            let content = vec![7; length];
            let element = Element::octets(&content);
            let wire = element.encode();
            assert_eq!(wire.len(), wire.capacity(), "a buffer that grew");
            assert_eq!(wire[..header.len()], header);
            let mut reader = Reader(&wire);
            assert_eq!(reader.take(OCTETS), Some(content.as_slice()));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 127, 128, 255, 256, 65_535, 0x7fff_ffff] {
            let wire = Element::number(INTEGER, number).encode();
            assert_eq!(Reader(&wire).number(INTEGER), Some(number));
        }
        for wrong in [&[2, 0][..], &[2, 1, 0x80], &[2, 5, 0, 0, 0, 0, 1], &[10, 1, 1], &[2, 2, 1], &[2]] {
            assert_eq!(Reader(wrong).number(INTEGER), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_ldap_does_not_allow_is_no_element() {
        for wrong in [&[0x1f, 1, 0][..], &[0x30, 0x80, 0, 0], &[0x30, 0x85, 0, 0, 0, 0, 0], &[0x30, 0xff]] {
            assert!(Reader(wrong).next().is_none(), "{wrong:?}");
            assert!(Header::read(wrong).is_none(), "{wrong:?}");
        }
        for short in [&[][..], &[0x30], &[0x30, 0x82], &[0x30, 0x82, 1]] {
            assert!(matches!(Header::read(short), Some(None)), "{short:?}");
        }
        assert!(Reader(&[4, 0x84, 0xff, 0xff, 0xff, 0xff, 1]).next().is_none(), "longer than what is there");
    }

    #[test]
    fn a_filter_is_written_as_ldap3_would() {
        let filter = ldap3::parse_filter(r"(&(objectClass=user)(|(sAMAccountName=a\2a)(cn=b)))").expect("it is one");
        let wire = Element::of_filter(ldap3::asn1::ASNTag::into_structure(filter)).encode();
        let equal = |name: &str, value: &str| {
            [&[0x04, name.len() as u8], name.as_bytes(), &[4, value.len() as u8], value.as_bytes()].concat()
        };
        let group = |tag: u8, parts: &[Vec<u8>]| {
            let content = parts.concat();
            [&[tag, content.len() as u8], content.as_slice()].concat()
        };
        let or = group(0xa1, &[group(0xa3, &[equal("sAMAccountName", "a*")]), group(0xa3, &[equal("cn", "b")])]);
        assert_eq!(*wire, group(0xa0, &[group(0xa3, &[equal("objectClass", "user")]), or]));
    }
}
