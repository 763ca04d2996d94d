//! LDAP's messages (RFC 4511): the few requests that are asked here, and whatever a server may answer.

use ldap3::LdapResult;
use zeroize::Zeroizing;

use super::ber::{BOOLEAN, ENUMERATED, Element, Header, INTEGER, OCTETS, Reader, SEQUENCE, SET};
use super::entry::Entry;

/// The largest message that is read. What is asked here is a few hundred bytes; the groups of an account that is in
/// as many as a logon can carry (1,015) are 31 KiB. Taken apart, a message can take 13 times its size.
pub(super) const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// The only version of LDAP that Active Directory and RFC 4511 speak.
const VERSION: u32 = 3;

mod tag {
    pub(super) const BIND_REQUEST: u8 = 0x60;
    pub(super) const BIND_RESPONSE: u8 = 0x61;
    pub(super) const UNBIND_REQUEST: u8 = 0x42;
    pub(super) const SEARCH_REQUEST: u8 = 0x63;
    pub(super) const SEARCH_ENTRY: u8 = 0x64;
    pub(super) const SEARCH_DONE: u8 = 0x65;
    pub(super) const SEARCH_REFERENCE: u8 = 0x73;
    pub(super) const MODIFY_REQUEST: u8 = 0x66;
    pub(super) const MODIFY_RESPONSE: u8 = 0x67;
    pub(super) const EXTENDED_RESPONSE: u8 = 0x78;
    pub(super) const INTERMEDIATE_RESPONSE: u8 = 0x79;
    /// A simple bind's password.
    pub(super) const SIMPLE: u8 = 0x80;
    /// What one side of a SASL logon has for the other: a client, with the mechanism before it, and a server.
    #[cfg(feature = "kerberos")]
    pub(super) const SASL: u8 = 0xa3;
    #[cfg(feature = "kerberos")]
    pub(super) const SASL_ANSWER: u8 = 0x87;
}

/// What a search looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The object itself.
    Base = 0,
    /// It and all below it.
    Subtree = 2,
}

/// One change to an attribute.
pub(super) enum Change<'a> {
    Add(&'a [u8]),
    Delete(&'a [u8]),
    Replace(&'a [u8]),
}

/// A request.
pub(super) enum Request<'a> {
    Bind {
        name: &'a str,
        password: &'a str,
    },
    /// One message of a logon that takes several.
    #[cfg(feature = "kerberos")]
    Sasl {
        mechanism: &'a str,
        token: Option<&'a [u8]>,
    },
    Search {
        base: &'a str,
        scope: Scope,
        filter: Element<'static>,
        attributes: &'a [&'a str],
        entries_max: u32,
        seconds_max: u32,
    },
    Modify {
        dn: &'a str,
        attribute: &'a str,
        changes: &'a [Change<'a>],
    },
    Unbind,
}

impl<'a> Request<'a> {
    /// Whether it may change something.
    pub(super) fn writes(&self) -> bool {
        matches!(self, Self::Modify { .. })
    }

    /// The request as message number `id`, ready for the wire.
    pub(super) fn encode(self, id: u32) -> Zeroizing<Vec<u8>> {
        Element::Group(SEQUENCE, vec![Element::number(INTEGER, id), self.element()]).encode()
    }

    fn element(self) -> Element<'a> {
        use Element::{Bytes, Group};
        match self {
            Self::Bind { name, password } => Group(
                tag::BIND_REQUEST,
                vec![
                    Element::number(INTEGER, VERSION),
                    Element::octets(name),
                    Bytes(tag::SIMPLE, password.as_bytes().into()),
                ],
            ),
            #[cfg(feature = "kerberos")]
            Self::Sasl { mechanism, token } => {
                let mut parts = vec![Element::octets(mechanism)];
                parts.extend(token.map(Element::octets));
                // No name: the token says who it is.
                let parts = vec![Element::number(INTEGER, VERSION), Element::octets(""), Group(tag::SASL, parts)];
                Group(tag::BIND_REQUEST, parts)
            }
            Self::Search { base, scope, filter, attributes, entries_max, seconds_max } => Group(
                tag::SEARCH_REQUEST,
                vec![
                    Element::octets(base),
                    Element::number(ENUMERATED, scope as u32),
                    // Aliases are not followed: Active Directory has none.
                    Element::number(ENUMERATED, 0),
                    Element::number(INTEGER, entries_max),
                    Element::number(INTEGER, seconds_max),
                    // Values too, not only names.
                    Bytes(BOOLEAN, [0].as_slice().into()),
                    filter,
                    Group(SEQUENCE, attributes.iter().map(|name| Element::octets(*name)).collect()),
                ],
            ),
            Self::Modify { dn, attribute, changes } => {
                let changes = changes.iter().map(|change| {
                    let (operation, value) = match change {
                        Change::Add(value) => (0, value),
                        Change::Delete(value) => (1, value),
                        Change::Replace(value) => (2, value),
                    };
                    let values = Group(SET, vec![Element::octets(*value)]);
                    let attribute = Group(SEQUENCE, vec![Element::octets(attribute), values]);
                    Group(SEQUENCE, vec![Element::number(ENUMERATED, operation), attribute])
                });
                Group(tag::MODIFY_REQUEST, vec![Element::octets(dn), Group(SEQUENCE, changes.collect())])
            }
            Self::Unbind => Bytes(tag::UNBIND_REQUEST, [].as_slice().into()),
        }
    }
}

/// What a server sends.
#[derive(Debug)]
pub(super) enum Answer {
    /// The end of a bind, or of one message of it.
    Bound {
        result: LdapResult,
        /// What the server has for the client; empty when that is nothing.
        #[cfg(feature = "kerberos")]
        token: Vec<u8>,
    },
    /// The end of a modify.
    Modified(LdapResult),
    /// One object of a search.
    Entry(Entry),
    /// The end of a search.
    Searched(LdapResult),
    /// More of a search lies elsewhere, or more is to come: of no use here.
    Passing,
    /// The server ends the connection, and says why. It answers nothing.
    Farewell(LdapResult),
}

/// How many bytes the message takes that `bytes` begins with. `Ok(None)`: that can't be said yet.
pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    match Header::read(bytes) {
        None => Err("it is not LDAP"),
        Some(None) => Ok(None),
        Some(Some(header)) if header.tag != SEQUENCE => Err("it is not LDAP"),
        Some(Some(header)) if header.content > MESSAGE_BYTES_MAX => Err("it is longer than an answer may be"),
        Some(Some(header)) => Ok(Some(header.size + header.content)),
    }
}

/// Reads one whole message: its number, and what it says. `None` when it is not one that LDAP allows.
pub(super) fn read(bytes: &[u8]) -> Option<(u32, Answer)> {
    let mut message = Reader(bytes).group(SEQUENCE)?;
    let id = message.number(INTEGER)?;
    let (operation, content) = message.next()?;
    // What follows are controls, which nobody asked for, and a place where Active Directory puts the name of its
    // farewell, against the standard.
    let mut content = Reader(content);
    let answer = match operation {
        tag::BIND_RESPONSE => Answer::Bound {
            result: result(&mut content)?,
            #[cfg(feature = "kerberos")]
            token: token(content),
        },
        tag::MODIFY_RESPONSE => Answer::Modified(result(&mut content)?),
        tag::SEARCH_DONE => Answer::Searched(result(&mut content)?),
        tag::SEARCH_ENTRY => Answer::Entry(entry(content)?),
        tag::SEARCH_REFERENCE | tag::INTERMEDIATE_RESPONSE => Answer::Passing,
        // Nothing is asked here that would be answered so: without a number, it is the farewell.
        tag::EXTENDED_RESPONSE if id == 0 => Answer::Farewell(result(&mut content)?),
        _ => return None,
    };
    Some((id, answer))
}

fn result(content: &mut Reader<'_>) -> Option<LdapResult> {
    let rc = content.number(ENUMERATED)?;
    let matched = content.take(OCTETS)?;
    let text = content.take(OCTETS)?;
    // Both are there for people; a server that writes them in another encoding still means its code.
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(LdapResult { rc, matched: words(matched), text: words(text), refs: Vec::new(), ctrls: Vec::new() })
}

/// The server's part of a SASL logon, behind the result and whatever referrals there are.
#[cfg(feature = "kerberos")]
fn token(mut content: Reader<'_>) -> Vec<u8> {
    while let Some((tag, token)) = content.next() {
        if tag == tag::SASL_ANSWER {
            return token.to_vec();
        }
    }
    Vec::new()
}

fn entry(mut content: Reader<'_>) -> Option<Entry> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let dn = text(content.take(OCTETS)?)?;
    let mut attributes = Vec::new();
    let mut list = content.group(SEQUENCE)?;
    while !list.is_empty() {
        let mut attribute = list.group(SEQUENCE)?;
        let name = text(attribute.take(OCTETS)?)?;
        let mut set = attribute.group(SET)?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.take(OCTETS)?.to_vec());
        }
        attributes.push((name, values));
    }
    Some(Entry::new(dn, attributes))
}

#[cfg(test)]
mod tests;
