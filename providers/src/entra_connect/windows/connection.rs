//! The connections of a run's step: `ConnectorConnectionInformationXml`, a fragment of XML without a root.
//!
//! Its shape, from Microsoft's "ma-connection" of the run history and a published sample of a real server:
//! `<connection-result>failed-connection</connection-result><server>10.2.3.4:389</server><connection-log><incident>
//! <connection-result>…</connection-result><date>…</date><server>…</server>…</incident></connection-log>`.

/// Most connections that are read of one step.
const CONNECTIONS_MAX: usize = 32;

/// `(server, result)` of each connection, the last state first, each pair once.
pub(super) fn connections(xml: &str) -> Vec<(String, String)> {
    let (last, log) = xml.split_once("<connection-log>").unwrap_or((xml, ""));
    let mut found = Vec::new();
    for part in std::iter::once(last).chain(log.split("<incident>").skip(1)).take(CONNECTIONS_MAX) {
        let Some(result) = element(part, "connection-result") else { continue };
        let server = element(part, "server").unwrap_or_default();
        let pair = (without_port(&server).to_owned(), result);
        if !found.contains(&pair) {
            found.push(pair);
        }
    }
    found
}

/// What a step is called: the type in its `<step-type type="…">`, and its partition.
pub(super) fn step_name(xml: &str, number: i64) -> String {
    let kind = xml.split_once("<step-type type=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(kind, _)| kind);
    match (kind, element(xml, "partition")) {
        (Some(kind), Some(partition)) => format!("{number}: {kind} {partition}"),
        (Some(kind), None) => format!("{number}: {kind}"),
        (None, _) => format!("step {number}"),
    }
}

/// The text of the first element of that name. The names here never stand within one another.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = text.trim().replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    let plain = plain.replace("&amp;", "&");
    (!plain.is_empty()).then_some(plain)
}

/// `dc1.contoso.com:389` without its port.
fn without_port(server: &str) -> &str {
    match server.rsplit_once(':') {
        // A bare IPv6 address has colons of its own.
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => server,
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_is_read() {
        let xml = "<connection-result>success</connection-result>\n<server>dc2.contoso.com:389</server>\
            <connection-log><incident><connection-result>failed-authentication</connection-result>\
            <date>2026-01-01 10:00:00.000</date><server>dc1.contoso.com:389</server><cd-error>\
            <error-code>0x31</error-code></cd-error></incident><incident>\
            <connection-result>failed-connection</connection-result><server>10.2.3.4:389</server></incident></connection-log>";
        let pair = |server: &str, result: &str| (server.to_owned(), result.to_owned());
        assert_eq!(
            connections(xml),
            [
                pair("dc2.contoso.com", "success"),
                pair("dc1.contoso.com", "failed-authentication"),
                pair("10.2.3.4", "failed-connection")
            ]
        );
    }

    #[test]
    fn nothing_is_made_up() {
        assert!(connections("").is_empty());
        assert!(connections("<connection-result>cut off").is_empty());
        assert_eq!(
            connections("<connection-result>success</connection-result>"),
            [(String::new(), "success".to_owned())]
        );
    }

    #[test]
    fn a_step_has_a_name() {
        let xml = "<step-type type=\"delta-import\">\n</step-type>\n<partition>DC=a&amp;b,DC=com</partition>";
        assert_eq!(step_name(xml, 1), "1: delta-import DC=a&b,DC=com");
        assert_eq!(step_name("", 2), "step 2");
    }
}
