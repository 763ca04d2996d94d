//! LDAP messages (RFC 4511) on their way in and out. The BER itself is lber's.

use bytes::BytesMut;
use lber::common::TagClass;
use lber::parse::{parse_tag, parse_uint};
use lber::structure::{PL, StructureTag};
use lber::write::encode_into;
use zeroize::Zeroizing;

use super::answers::Answer;
use super::filter::Filter;

/// No request to this server is longer.
pub(super) const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Deepest nesting of a request: a filter of some levels. The parser calls itself for each.
const DEPTH_MAX: usize = 32;

/// RFC 4511's numbers.
mod tag {
    pub(super) const BIND: u64 = 0;
    pub(super) const BIND_ANSWER: u64 = 1;
    pub(super) const UNBIND: u64 = 2;
    pub(super) const SEARCH: u64 = 3;
    pub(super) const SEARCH_ENTRY: u64 = 4;
    pub(super) const SEARCH_DONE: u64 = 5;
    pub(super) const MODIFY: u64 = 6;
    pub(super) const ABANDON: u64 = 16;
    pub(super) const SEARCH_REFERENCE: u64 = 19;
    pub(super) const EXTENDED: u64 = 23;
    pub(super) const EXTENDED_ANSWER: u64 = 24;
}

const BOOLEAN: u64 = 1;
const INTEGER: u64 = 2;
const OCTETS: u64 = 4;
const ENUMERATED: u64 = 10;
const SEQUENCE: u64 = 16;
const SET: u64 = 17;

/// Bytes that are no LDAP message. What was in them is not told: it may have been a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// A request.
pub(super) struct Message {
    pub(super) id: i32,
    pub(super) operation: Operation,
    /// A critical control: there is none that this server knows.
    pub(super) critical_control: bool,
}

pub(super) enum Operation {
    /// `password` is `None` for anything but a simple bind.
    Bind {
        version: u64,
        name: String,
        password: Option<Zeroizing<Vec<u8>>>,
    },
    Unbind,
    Search(Search),
    Modify {
        dn: String,
        changes: Vec<Change>,
    },
    Abandon,
    Extended {
        oid: String,
    },
    /// One that is not offered; the number that its answer has.
    Other(u64),
}

pub(super) struct Search {
    pub(super) base: String,
    pub(super) scope: Scope,
    pub(super) size_limit: usize,
    pub(super) types_only: bool,
    pub(super) filter: Filter,
    pub(super) attributes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Base,
    One,
    Subtree,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Add,
    Delete,
    Replace,
}

pub(super) struct Change {
    pub(super) act: Act,
    pub(super) attribute: String,
    pub(super) values: Vec<Zeroizing<Vec<u8>>>,
}

/// The first tag in `bytes`: whether it is constructed, how long its head is and how long its body.
/// `None` = not all of the head is there.
fn head(bytes: &[u8]) -> Result<Option<(bool, usize, usize)>, Malformed> {
    let [kind, length, rest @ ..] = bytes else { return Ok(None) };
    if kind & 0x1f == 0x1f {
        return Err(Malformed);
    }
    let constructed = kind & 0x20 != 0;
    if *length < 0x80 {
        return Ok(Some((constructed, 2, usize::from(*length))));
    }
    let count = usize::from(length & 0x7f);
    if count == 0 || count > 4 {
        return Err(Malformed);
    }
    let Some(digits) = rest.get(..count) else { return Ok(None) };
    let body = digits.iter().fold(0_usize, |sum, digit| (sum << 8) | usize::from(*digit));
    Ok(Some((constructed, 2 + count, body)))
}

/// How long the message at the start of `bytes` is; `None` = its head is not all there yet.
pub(super) fn message_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    if bytes.first().is_some_and(|first| *first != 0x30) {
        return Err(Malformed);
    }
    match head(bytes)? {
        Some((_, head, body)) if head + body <= MESSAGE_BYTES_MAX => Ok(Some(head + body)),
        Some(_) => Err(Malformed),
        None => Ok(None),
    }
}

/// The number of the operation in a message of which the first bytes are there.
pub(super) fn operation_number(bytes: &[u8]) -> Option<u8> {
    let (_, outer, _) = head(bytes).ok()??;
    let inner = bytes.get(outer..)?;
    let (_, id_head, id_body) = head(inner).ok()??;
    inner.get(id_head + id_body).map(|kind| kind & 0x1f)
}

fn is_shallow(mut bytes: &[u8], depth: usize) -> bool {
    while !bytes.is_empty() {
        let Ok(Some((constructed, head, body))) = head(bytes) else { return false };
        let Some(content) = bytes.get(head..head + body) else { return false };
        if constructed && (depth == 0 || !is_shallow(content, depth - 1)) {
            return false;
        }
        bytes = &bytes[head + body..];
    }
    true
}

/// Reads one whole message.
pub(super) fn read(bytes: &[u8]) -> Result<Message, Malformed> {
    if !is_shallow(bytes, DEPTH_MAX) {
        return Err(Malformed);
    }
    let (rest, message) = parse_tag(bytes).map_err(|_| Malformed)?;
    if !rest.is_empty() {
        return Err(Malformed);
    }
    let mut parts = Parts::of(message)?;
    let id = i32::try_from(parts.number()?).map_err(|_| Malformed)?;
    let operation = operation(parts.tag()?)?;
    let critical_control = match parts.0.next() {
        Some(controls) => has_critical(controls)?,
        None => false,
    };
    Ok(Message { id, operation, critical_control })
}

fn operation(request: StructureTag) -> Result<Operation, Malformed> {
    if request.class != TagClass::Application {
        return Err(Malformed);
    }
    Ok(match request.id {
        tag::BIND => {
            let mut parts = Parts::of(request)?;
            let (version, name, credentials) = (parts.number()?, parts.text()?, parts.tag()?);
            let password = match (credentials.id, credentials.payload) {
                (0, PL::P(password)) => Some(Zeroizing::new(password)),
                _ => None,
            };
            Operation::Bind { version, name, password }
        }
        tag::UNBIND => Operation::Unbind,
        tag::SEARCH => {
            let mut parts = Parts::of(request)?;
            let base = parts.text()?;
            let scope = match parts.number()? {
                0 => Scope::Base,
                1 => Scope::One,
                2 => Scope::Subtree,
                _ => return Err(Malformed),
            };
            let _dereference = parts.number()?;
            let size_limit = usize::try_from(parts.number()?).map_err(|_| Malformed)?;
            let _time_limit = parts.number()?;
            let types_only = parts.number()? != 0;
            let filter = Filter::read(parts.tag()?)?;
            let attributes = Parts::of(parts.tag()?)?.texts()?;
            Operation::Search(Search { base, scope, size_limit, types_only, filter, attributes })
        }
        tag::MODIFY => {
            let mut parts = Parts::of(request)?;
            let dn = parts.text()?;
            let changes = Parts::of(parts.tag()?)?.0.map(change).collect::<Result<_, _>>()?;
            Operation::Modify { dn, changes }
        }
        tag::ABANDON => Operation::Abandon,
        tag::EXTENDED => Operation::Extended { oid: Parts::of(request)?.text()? },
        // Add, delete, rename, compare: each answer has the next number.
        other => Operation::Other(other + 1),
    })
}

fn change(tag: StructureTag) -> Result<Change, Malformed> {
    let mut parts = Parts::of(tag)?;
    let act = match parts.number()? {
        0 => Act::Add,
        1 => Act::Delete,
        2 => Act::Replace,
        _ => return Err(Malformed),
    };
    let mut attribute = Parts::of(parts.tag()?)?;
    let name = attribute.text()?;
    let values = match attribute.0.next() {
        Some(set) => Parts::of(set)?.0.map(|value| octets(value).map(Zeroizing::new)).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    Ok(Change { act, attribute: name, values })
}

fn has_critical(controls: StructureTag) -> Result<bool, Malformed> {
    for control in Parts::of(controls)?.0 {
        let mut parts = Parts::of(control)?;
        parts.text()?;
        if let Some(StructureTag { id: BOOLEAN, payload: PL::P(flag), .. }) = parts.0.next()
            && flag != [0]
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The parts of a constructed tag, taken one by one.
pub(super) struct Parts(pub(super) std::vec::IntoIter<StructureTag>);

impl Parts {
    pub(super) fn of(tag: StructureTag) -> Result<Self, Malformed> {
        tag.expect_constructed().map(|parts| Self(parts.into_iter())).ok_or(Malformed)
    }

    pub(super) fn tag(&mut self) -> Result<StructureTag, Malformed> {
        self.0.next().ok_or(Malformed)
    }

    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        text(self.tag()?)
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let digits = octets(self.tag()?)?;
        if digits.is_empty() || digits.len() > 8 {
            return Err(Malformed);
        }
        parse_uint(&digits).map(|(_, number)| number).map_err(|_| Malformed)
    }

    fn texts(self) -> Result<Vec<String>, Malformed> {
        self.0.map(text).collect()
    }
}

pub(super) fn octets(tag: StructureTag) -> Result<Vec<u8>, Malformed> {
    tag.expect_primitive().ok_or(Malformed)
}

pub(super) fn text(tag: StructureTag) -> Result<String, Malformed> {
    String::from_utf8(octets(tag)?).map_err(|_| Malformed)
}

// ---- answers

fn primitive(class: TagClass, id: u64, body: impl Into<Vec<u8>>) -> StructureTag {
    StructureTag { class, id, payload: PL::P(body.into()) }
}

fn constructed(class: TagClass, id: u64, parts: Vec<StructureTag>) -> StructureTag {
    StructureTag { class, id, payload: PL::C(parts) }
}

fn octet_string(body: impl Into<Vec<u8>>) -> StructureTag {
    primitive(TagClass::Universal, OCTETS, body)
}

/// A number that is not negative, in as few bytes as BER wants.
fn number(id: u64, value: u32) -> StructureTag {
    let digits = value.to_be_bytes();
    let zeros = digits.iter().take_while(|digit| **digit == 0).count().min(3);
    let mut body = digits[zeros..].to_vec();
    if body[0] & 0x80 != 0 {
        body.insert(0, 0);
    }
    primitive(TagClass::Universal, id, body)
}

fn message(id: i32, mut parts: Vec<StructureTag>) -> Vec<u8> {
    parts.insert(0, number(INTEGER, id.unsigned_abs()));
    let mut bytes = BytesMut::new();
    // Writing into memory can't fail.
    let _ = encode_into(&mut bytes, constructed(TagClass::Universal, SEQUENCE, parts));
    bytes.to_vec()
}

fn result_parts(answer: &Answer) -> Vec<StructureTag> {
    let mut parts = vec![
        number(ENUMERATED, answer.code),
        octet_string(answer.matched.as_bytes()),
        octet_string(answer.text.as_bytes()),
    ];
    if !answer.referral.is_empty() {
        let urls = answer.referral.iter().map(|url| octet_string(url.as_bytes())).collect();
        parts.push(constructed(TagClass::Context, 3, urls));
    }
    parts
}

/// The answer to a request, under the number that its kind has.
pub(super) fn result(id: i32, request: &Operation, answer: &Answer) -> Vec<u8> {
    let kind = match request {
        Operation::Bind { .. } => tag::BIND_ANSWER,
        Operation::Search(_) => tag::SEARCH_DONE,
        Operation::Modify { .. } => tag::MODIFY + 1,
        Operation::Extended { .. } | Operation::Unbind | Operation::Abandon => tag::EXTENDED_ANSWER,
        Operation::Other(kind) => *kind,
    };
    message(id, vec![constructed(TagClass::Application, kind, result_parts(answer))])
}

/// The answer to "who am I".
pub(super) fn who_am_i(id: i32, name: &str) -> Vec<u8> {
    let mut parts = result_parts(&Answer::success());
    parts.push(primitive(TagClass::Context, 11, name.as_bytes()));
    message(id, vec![constructed(TagClass::Application, tag::EXTENDED_ANSWER, parts)])
}

/// One object.
pub(super) fn entry(id: i32, dn: &str, attributes: &[(String, Vec<Vec<u8>>)]) -> Vec<u8> {
    let attributes = attributes.iter().map(|(name, values)| {
        let values = values.iter().map(|value| octet_string(value.clone())).collect();
        let parts = vec![octet_string(name.as_bytes()), constructed(TagClass::Universal, SET, values)];
        constructed(TagClass::Universal, SEQUENCE, parts)
    });
    let parts = vec![octet_string(dn.as_bytes()), constructed(TagClass::Universal, SEQUENCE, attributes.collect())];
    message(id, vec![constructed(TagClass::Application, tag::SEARCH_ENTRY, parts)])
}

/// A part of the tree that is kept elsewhere.
pub(super) fn reference(id: i32, url: &str) -> Vec<u8> {
    message(id, vec![constructed(TagClass::Application, tag::SEARCH_REFERENCE, vec![octet_string(url.as_bytes())])])
}

/// The Notice of Disconnection, in Active Directory's way: its OID stands outside of the answer, where controls belong.
pub(super) fn notice_of_disconnection(answer: &Answer) -> Vec<u8> {
    const OID: &str = "1.3.6.1.4.1.1466.20036";
    let notice = constructed(TagClass::Application, tag::EXTENDED_ANSWER, result_parts(answer));
    message(0, vec![notice, primitive(TagClass::Context, 10, OID.as_bytes())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_measured_before_it_is_there() {
        assert_eq!(message_length(&[]), Ok(None));
        assert_eq!(message_length(&[0x30, 0x82, 1]), Ok(None));
        assert_eq!(message_length(&[0x30, 0x82, 1, 2]), Ok(Some(4 + 258)));
        for bad in [&[0x31, 1][..], &[0x30, 0x80], &[0x30, 0x85, 1, 1, 1, 1, 1], &[0x30, 0x84, 0x7f, 0, 0, 0]] {
            assert_eq!(message_length(bad), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn a_bind_is_read_and_named_early() {
        let bytes = [0x30, 14, 2, 1, 7, 0x60, 9, 2, 1, 3, 4, 1, b'n', 0x80, 1, b'p'];
        assert_eq!((operation_number(&bytes[..6]), operation_number(&bytes[..5])), (Some(0), None));
        let message = read(&bytes).unwrap();
        assert_eq!((message.id, message.critical_control), (7, false));
        match message.operation {
            Operation::Bind { version: 3, name, password: Some(password) } => {
                assert_eq!((name.as_str(), password.as_slice()), ("n", &b"p"[..]));
            }
            _ => panic!("not a bind"),
        }
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_deep_nest_is_refused_before_it_is_parsed() {
        let nest = |depth: usize| {
            let mut bytes = Vec::new();
            for _ in 0..depth {
                bytes.splice(0..0, [0x30, u8::try_from(bytes.len()).unwrap()]);
            }
            bytes
        };
        assert!(is_shallow(&nest(DEPTH_MAX), DEPTH_MAX));
        assert!(!is_shallow(&nest(DEPTH_MAX + 1), DEPTH_MAX));
    }

    #[test]
    fn a_number_keeps_its_sign() {
        assert_eq!(number(INTEGER, 0).payload, PL::P(vec![0]));
        assert_eq!(number(INTEGER, 127).payload, PL::P(vec![127]));
        assert_eq!(number(INTEGER, 128).payload, PL::P(vec![0, 128]));
        assert_eq!(number(INTEGER, 0x0102_0304).payload, PL::P(vec![1, 2, 3, 4]));
    }
}
