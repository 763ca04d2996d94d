//! LDAP as bytes, written and read without the adapter's code.

/// One element: a tag, a length, a content.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if content.len() < 0x80 {
        out.push(u8::try_from(content.len()).expect("it is small"));
    } else {
        out.push(0x84);
        out.extend(u32::try_from(content.len()).expect("it is not that long").to_be_bytes());
    }
    out.extend(content);
    out
}

/// A message with that number around an operation.
pub(crate) fn message(id: u8, operation: &[u8]) -> Vec<u8> {
    element(0x30, &[&element(2, &[id]), operation].concat())
}

fn result(tag: u8, code: u8, text: &str) -> Vec<u8> {
    element(tag, &[element(10, &[code]), element(4, b""), element(4, text.as_bytes())].concat())
}

pub(crate) fn bound(id: u8, code: u8, text: &str) -> Vec<u8> {
    message(id, &result(0x61, code, text))
}

pub(crate) fn modified(id: u8, code: u8, text: &str) -> Vec<u8> {
    message(id, &result(0x67, code, text))
}

pub(crate) fn searched(id: u8, code: u8) -> Vec<u8> {
    message(id, &result(0x65, code, ""))
}

pub(crate) fn entry(id: u8, dn: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attributes: Vec<u8> = attributes
        .iter()
        .flat_map(|(name, value)| {
            let values = element(0x31, &element(4, value.as_bytes()));
            element(0x30, &[element(4, name.as_bytes()), values].concat())
        })
        .collect();
    message(id, &element(0x64, &[element(4, dn.as_bytes()), element(0x30, &attributes)].concat()))
}

/// More of it lies elsewhere.
pub(crate) fn reference(id: u8) -> Vec<u8> {
    message(id, &element(0x73, &element(4, b"ldaps://elsewhere/")))
}

/// "I am going": as the standard has it.
pub(crate) fn farewell(code: u8, text: &str) -> Vec<u8> {
    let name = element(0x8a, b"1.3.6.1.4.1.1466.20036");
    let parts = [element(10, &[code]), element(4, b""), element(4, text.as_bytes()), name].concat();
    message(0, &element(0x78, &parts))
}
