use super::*;

/// A message as a server writes it.
fn message(id: u32, tag: u8, parts: Vec<Element<'_>>) -> Vec<u8> {
    Element::Group(SEQUENCE, vec![Element::number(INTEGER, id), Element::Group(tag, parts)]).encode().to_vec()
}

fn result_parts<'a>(code: u32, text: &'a str) -> Vec<Element<'a>> {
    vec![Element::number(ENUMERATED, code), Element::octets(""), Element::octets(text)]
}

fn wire(request: Request<'_>) -> Vec<u8> {
    request.encode(7).to_vec()
}

#[test]
fn requests_are_what_the_standard_says() {
    // Written out by hand from RFC 4511.
    let bind = wire(Request::Bind { name: "cn=a", password: "pw" });
    assert_eq!(bind, b"\x30\x12\x02\x01\x07\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw");
    let filter = ldap3::parse_filter("(objectClass=*)").expect("it is one");
    let search = wire(Request::Search {
        base: "dc=x",
        scope: Scope::Subtree,
        filter: Element::of_filter(ldap3::asn1::ASNTag::into_structure(filter)),
        attributes: &["cn"],
        entries_max: 5,
        seconds_max: 15,
    });
    let expected = b"\x30\x2d\x02\x01\x07\x63\x28\x04\x04dc=x\x0a\x01\x02\x0a\x01\x00\x02\x01\x05\x02\x01\x0f\x01\x01\x00\x87\x0bobjectClass\x30\x04\x04\x02cn";
    assert_eq!(search, expected);
    let changes = [Change::Delete(b"o"), Change::Add(b"n")];
    let modify = wire(Request::Modify { dn: "cn=a", attribute: "p", changes: &changes });
    let expected = b"\x30\x2b\x02\x01\x07\x66\x26\x04\x04cn=a\x30\x1e\x30\x0d\x0a\x01\x01\x30\x08\x04\x01p\x31\x03\x04\x01o\x30\x0d\x0a\x01\x00\x30\x08\x04\x01p\x31\x03\x04\x01n";
    assert_eq!(modify, expected);
    assert_eq!(wire(Request::Unbind), b"\x30\x05\x02\x01\x07\x42\x00");
}

#[test]
fn answers_are_read() {
    let refused = message(3, tag::MODIFY_RESPONSE, result_parts(53, "0000052D: x"));
    let Some((3, Answer::Modified(result))) = read(&refused) else { panic!("it is one") };
    assert_eq!((result.rc, result.text.as_str()), (53, "0000052D: x"));
    let value = |text: &'static str| Element::Group(SET, vec![Element::octets(text)]);
    let attribute = Element::Group(SEQUENCE, vec![Element::octets("cn"), value("me")]);
    let parts = vec![Element::octets("cn=me"), Element::Group(SEQUENCE, vec![attribute])];
    let Some((4, Answer::Entry(entry))) = read(&message(4, tag::SEARCH_ENTRY, parts)) else { panic!("it is one") };
    assert_eq!((entry.dn.as_str(), entry.text("CN")), ("cn=me", Some("me")));
    // Words in no encoding that we know: the code counts all the same.
    let mut latin = message(5, tag::BIND_RESPONSE, result_parts(49, "x"));
    *latin.last_mut().expect("it has bytes") = 0xe4;
    assert!(
        matches!(read(&latin), Some((5, Answer::Bound { result, .. })) if result.rc == 49 && !result.text.is_empty())
    );
}

#[test]
fn a_farewell_is_read_as_the_standard_has_it_and_as_active_directory_does() {
    let name = || Element::Bytes(0x8a, b"1.3.6.1.4.1.1466.20036".as_slice().into());
    let mut inside = result_parts(52, "closing");
    inside.push(name());
    let standard = message(0, tag::EXTENDED_RESPONSE, inside);
    let outside = Element::Group(
        SEQUENCE,
        vec![Element::number(INTEGER, 0), Element::Group(tag::EXTENDED_RESPONSE, result_parts(52, "closing")), name()],
    );
    for farewell in [standard, outside.encode().to_vec()] {
        assert!(matches!(read(&farewell), Some((0, Answer::Farewell(result))) if result.rc == 52));
    }
}

#[test]
fn what_is_too_long_or_no_message_is_known_by_its_first_bytes() {
    assert_eq!(length(b""), Ok(None));
    assert_eq!(length(b"\x30"), Ok(None));
    assert_eq!(length(b"\x30\x84\x00\x00"), Ok(None));
    assert_eq!(length(b"\x30\x84\x00\x00\x00\x10"), Ok(Some(22)));
    assert_eq!(length(b"\x30\x83\x04\x00\x00"), Ok(Some(5 + MESSAGE_BYTES_MAX)));
    for wrong in [&b"\x30\x83\x04\x00\x01"[..], b"\x30\x84\xff\xff\xff\xff", b"\x30\x80", b"HTTP/1.1 400", b"\x1f"] {
        assert!(length(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn brackets_without_end_cost_nothing() {
    // What overflows the stack of a reader that follows them: each bracket holds all the others.
    let mut brackets = Vec::new();
    for _ in 0..40_000 {
        let length = u32::try_from(brackets.len()).expect("a few hundred kilobytes");
        brackets.extend(length.to_le_bytes());
        brackets.extend([0x84, 0x30]);
    }
    brackets.reverse();
    assert!(read(&brackets).is_none());
}

#[test]
fn no_change_of_a_valid_answer_is_more_than_unreadable() {
    let mut samples = vec![
        message(1, tag::BIND_RESPONSE, result_parts(49, "80090308: LdapErr: DSID, data 52e, v1db1")),
        message(2, tag::MODIFY_RESPONSE, result_parts(0, "")),
        message(0, tag::EXTENDED_RESPONSE, result_parts(52, "bye")),
        message(3, tag::SEARCH_DONE, result_parts(0, "")),
    ];
    let values = Element::Group(SET, vec![Element::octets("one"), Element::octets("two")]);
    let attribute = Element::Group(SEQUENCE, vec![Element::octets("cn"), values]);
    samples.push(message(
        3,
        tag::SEARCH_ENTRY,
        vec![Element::octets("cn=x"), Element::Group(SEQUENCE, vec![attribute])],
    ));
    for sample in samples {
        assert!(read(&sample).is_some());
        // Every byte, every value; and every beginning.
        for at in 0..sample.len() {
            assert!(read(&sample[..at]).is_none(), "{at} bytes of {sample:?}");
            for value in 0..=u8::MAX {
                let mut changed = sample.clone();
                changed[at] = value;
                let _ = (length(&changed), read(&changed));
            }
        }
    }
}

#[cfg(feature = "kerberos")]
#[test]
fn a_logon_of_several_messages_is_as_the_standard_has_it() {
    let first = Request::Sasl { mechanism: "GSSAPI", token: Some(b"t") }.encode(7).to_vec();
    assert_eq!(first, b"\x30\x17\x02\x01\x07\x60\x12\x02\x01\x03\x04\x00\xa3\x0b\x04\x06GSSAPI\x04\x01t");
    let next = Request::Sasl { mechanism: "GSSAPI", token: None }.encode(7).to_vec();
    assert_eq!(next, b"\x30\x14\x02\x01\x07\x60\x0f\x02\x01\x03\x04\x00\xa3\x08\x04\x06GSSAPI");
    let mut parts = result_parts(14, "");
    let silent = message(7, tag::BIND_RESPONSE, result_parts(14, ""));
    parts.push(Element::Group(0xa3, vec![Element::octets("ldap://elsewhere")]));
    parts.push(Element::Bytes(tag::SASL_ANSWER, b"answer".as_slice().into()));
    for (message, wanted) in [(message(7, tag::BIND_RESPONSE, parts), &b"answer"[..]), (silent, b"")] {
        let Some((7, Answer::Bound { result, token })) = read(&message) else { panic!("it is one") };
        assert_eq!((result.rc, token.as_slice()), (14, wanted));
    }
}
