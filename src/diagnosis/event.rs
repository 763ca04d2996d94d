use jiff::Timestamp;
use roxmltree::{Document, Node, ParsingOptions};
use serde::Serialize;

/// The largest event that is read, in bytes of XML. Windows itself keeps an event below 64 KiB.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;

/// The most events that are read at once.
pub const EVENT_COUNT_MAX: usize = 4_096;

/// The most nodes (elements and texts) of one event.
const NODES_MAX: u32 = 4_096;
/// Each may be half an attribute.
const QUOTES_MAX: usize = 4_000;
const NAMESPACES_MAX: usize = 64;

/// An event of a Windows log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerEvent {
    /// The source: `ADSync`, `Service Control Manager` …
    pub provider: String,
    /// EventID, without its severity and facility.
    pub id: u32,
    /// The log: `Application`, `System`; empty when not told.
    pub channel: String,
    /// When it was logged, by the server's clock.
    pub at: Timestamp,
    /// 1 critical, 2 error, 3 warning, 4 information; 0 when not told.
    pub level: u8,
    /// The strings that the event's message is made of, in order.
    pub values: Vec<String>,
    /// All of them, and the message where Windows rendered it, a line each.
    pub text: String,
}

/// A raw event that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("event {place} can't be read: {why}")]
pub struct Unreadable {
    /// Its place in what was read, from 1.
    pub place: usize,
    /// Why.
    pub why: String,
}

/// What the raw events hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Those that can be read, in their order.
    pub events: Vec<ServerEvent>,
    /// The others.
    pub unreadable: Vec<Unreadable>,
}

/// Reads raw event XML: in each string one `<Event>`, or several, in `<Events>` or not. What can't be read is
/// counted and told, and costs no other event.
pub fn read_events<S: AsRef<str>>(raw: &[S]) -> Read {
    let mut read = Read::default();
    let pieces = raw.iter().flat_map(|raw| pieces(raw.as_ref()));
    for (index, piece) in pieces.take(EVENT_COUNT_MAX).enumerate() {
        match event(piece) {
            Ok(event) => read.events.push(event),
            Err(why) => read.unreadable.push(Unreadable { place: index + 1, why }),
        }
    }
    let over = raw.iter().flat_map(|raw| self::pieces(raw.as_ref())).skip(EVENT_COUNT_MAX).count();
    if over > 0 {
        let why = format!("it and what follows are over the limit of {EVENT_COUNT_MAX}: {over} events");
        read.unreadable.push(Unreadable { place: EVENT_COUNT_MAX + 1, why });
    }
    read
}

/// The events of a text, each from its `<Event` to its `</Event>`. They are taken apart before they are parsed: each
/// has a bound of its own then, and a broken one breaks no other.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    const END: &str = "</Event>";
    let mut rest = text;
    std::iter::from_fn(move || {
        let trimmed = rest.trim_start_matches(['\u{feff}']).trim();
        if trimmed.is_empty() || trimmed == "</Events>" {
            return None;
        }
        let (piece, after) = match trimmed.find(END) {
            Some(end) => trimmed.split_at(end + END.len()),
            None => (trimmed, ""),
        };
        rest = after;
        // What stands before the first event: a declaration, the wrapper. Anything else there is told by the parser.
        let start = starts(piece);
        let before = piece[..start].trim();
        let is_frame = before.is_empty() || before.starts_with("<?xml") || before.starts_with("<Events");
        if after.is_empty() && is_empty_list(piece) {
            return None;
        }
        Some(if is_frame { &piece[start..] } else { piece })
    })
}

/// `<Events/>` or `<Events></Events>`: nothing was logged.
fn is_empty_list(text: &str) -> bool {
    let list = text.split_once("?>").map_or(text, |(_, list)| list).trim();
    let tag = list.strip_suffix("</Events>").or_else(|| list.ends_with("/>").then_some(list));
    tag.is_some_and(|tag| tag.starts_with("<Events") && tag.matches('<').count() == 1)
}

/// Where the first `<Event` begins that is not `<Events` or `<EventData`; 0 when there is none.
fn starts(piece: &str) -> usize {
    const TAG: &str = "<Event";
    let begins = |at: &usize| {
        let next = piece[at + TAG.len()..].chars().next();
        next.is_some_and(|next| next.is_whitespace() || next == '>')
    };
    piece.match_indices(TAG).map(|(at, _)| at).find(begins).unwrap_or(0)
}

fn event(piece: &str) -> Result<ServerEvent, String> {
    if piece.len() > EVENT_BYTES_MAX {
        return Err(format!("it has {} bytes, more than {EVENT_BYTES_MAX}", piece.len()));
    }
    // Parsing takes as long as attributes and namespaces have pairs.
    let quotes = piece.bytes().filter(|byte| matches!(byte, b'"' | b'\'')).count();
    if quotes > QUOTES_MAX || piece.matches("xmlns").count() > NAMESPACES_MAX {
        return Err("it has more attributes than any event".to_owned());
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(piece, options).map_err(|wrong| wrong.to_string())?;
    let root = document.root_element();
    if root.tag_name().name() != "Event" {
        return Err("it is no <Event>".to_owned());
    }
    let system = child(root, "System").ok_or("it has no <System>")?;
    let provider = child(system, "Provider")
        .and_then(|provider| provider.attribute("Name").or_else(|| provider.attribute("EventSourceName")));
    let id: u32 = text(child(system, "EventID")).parse().map_err(|_| "its <EventID> is no number")?;
    let time = child(system, "TimeCreated").and_then(|time| time.attribute("SystemTime"));
    let mut values = Vec::new();
    for data in ["EventData", "UserData"].iter().filter_map(|name| child(root, name)) {
        let leaves =
            data.descendants().filter(|node| node.is_element() && !node.children().any(|node| node.is_element()));
        // Binary holds bytes in hex, which say nothing to anybody here.
        values.extend(leaves.filter(|leaf| leaf.tag_name().name() != "Binary").map(|leaf| text(Some(leaf))));
    }
    values.retain(|value| !value.is_empty());
    let message = text(child(root, "RenderingInfo").and_then(|info| child(info, "Message")));
    let lines = values.iter().map(String::as_str).chain((!message.is_empty()).then_some(message.as_str()));
    Ok(ServerEvent {
        provider: provider.unwrap_or_default().trim().to_owned(),
        // Some tools print the whole 32 bits: severity, facility, code.
        id: id & 0xFFFF,
        channel: text(child(system, "Channel")),
        at: instant(time.ok_or("it has no time")?).ok_or("its time can't be read")?,
        level: text(child(system, "Level")).parse().unwrap_or(0),
        text: lines.collect::<Vec<_>>().join("\n"),
        values,
    })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

/// All text of an element, without the white space around it.
fn text(node: Option<Node<'_, '_>>) -> String {
    let parts =
        node.into_iter().flat_map(|node| node.descendants()).filter(Node::is_text).filter_map(|node| node.text());
    parts.collect::<String>().trim().to_owned()
}

/// Windows logs in UTC; not every tool says so.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().or_else(|_| format!("{text}Z").parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='ADSync'/><EventID Qualifiers='49152'>6000</EventID><Version>0</Version><Level>2</Level><Task>3</Task><Opcode>0</Opcode><Keywords>0x80000000000000</Keywords><TimeCreated SystemTime='2026-11-21T08:00:00.1234567Z'/><EventRecordID>4711</EventRecordID><Correlation/><Execution ProcessID='0' ThreadID='0'/><Channel>Application</Channel><Computer>SYNC1.contoso.test</Computer><Security/></System><EventData><Data>contoso.test</Data></EventData></Event>";

    fn one(raw: &str) -> ServerEvent {
        let read = read_events(&[raw]);
        assert_eq!(read.unreadable, [], "{raw}");
        let [event] = &read.events[..] else { panic!("{} events in {raw}", read.events.len()) };
        event.clone()
    }

    fn broken(raw: &str) -> String {
        let read = read_events(&[raw]);
        assert!(read.events.is_empty(), "{:?}", read.events);
        let [unreadable] = &read.unreadable[..] else { panic!("{:?} in {raw}", read.unreadable) };
        unreadable.why.clone()
    }

    #[test]
    fn an_event_as_wevtutil_prints_it() {
        let event = one(PLAIN);
        assert_eq!((event.provider.as_str(), event.id, event.level), ("ADSync", 6000, 2));
        assert_eq!(event.channel, "Application");
        assert_eq!(event.at, "2026-11-21T08:00:00.1234567Z".parse().expect("a time"));
        assert_eq!((event.values.as_slice(), event.text.as_str()), (&["contoso.test".to_owned()][..], "contoso.test"));
    }

    #[test]
    fn what_would_take_the_parser_minutes_is_not_parsed() {
        let many: String = (0..6_000).map(|number| format!("a{number}='' ")).collect();
        let spaces: String = (0..100).map(|number| format!("xmlns:a{number}='a' ")).collect();
        for much in [many, spaces] {
            assert_eq!(
                broken(&PLAIN.replace("<Data>", &format!("<Data {much}>"))),
                "it has more attributes than any event"
            );
        }
    }

    #[test]
    fn quotes_order_entities_names_and_line_ends_do_not_matter() {
        let event = one(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<Event>\r\n <System>\r\n  <TimeCreated SystemTime = \"2026-11-21T08:00:00\"/>\r\n  <EventID>7038</EventID>\r\n  <Provider EventSourceName=\"x\" Guid=\"{555908d1-a6d7-4695-8e1e-26931d2012f4}\" Name=\"Service Control Manager\" />\r\n </System>\r\n <EventData>\r\n  <Data Name=\"param1\">ADSync</Data>\r\n  <Data Name='param2'>CONTOSO\\a&amp;b &#x3c;&quot;</Data><Data/><Data><![CDATA[%%1326]]></Data><Binary>AA00</Binary>\r\n </EventData>\r\n <RenderingInfo Culture='en-US'><Message>The ADSync service was unable to log on</Message><Level>Error</Level></RenderingInfo>\r\n</Event>\r\n",
        );
        assert_eq!((event.provider.as_str(), event.id), ("Service Control Manager", 7038));
        assert_eq!(event.values, ["ADSync", "CONTOSO\\a&b <\"", "%%1326"]);
        assert!(event.text.ends_with("\nThe ADSync service was unable to log on"), "{}", event.text);
        assert_eq!((event.channel.as_str(), event.level), ("", 0));
        let whole = PLAIN.replace("6000<", "3221231472<");
        assert_eq!(one(&whole).id, 3_221_231_472 & 0xFFFF);
    }

    #[test]
    fn events_in_a_wrapper_and_side_by_side() {
        let second = PLAIN.replace("6000<", "6028<");
        for raw in [
            format!("<?xml version='1.0'?><Events>{PLAIN}{second}</Events>"),
            format!("<Events xmlns=\"x\">\n{PLAIN}\n{second}\n</Events>\n"),
            format!("{PLAIN}\r\n{second}"),
        ] {
            let read = read_events(&[raw.as_str(), PLAIN]);
            assert_eq!(read.unreadable, [], "{raw}");
            assert_eq!(read.events.iter().map(|event| event.id).collect::<Vec<_>>(), [6000, 6028, 6000]);
        }
        for empty in
            ["", " \n", "<Events></Events>", "<Events/>", "<Events>\n</Events>", "<?xml version='1.0'?>\n<Events />"]
        {
            assert_eq!(read_events(&[empty]), Read::default(), "{empty:?}");
        }
    }

    #[test]
    fn rubbish_is_counted_and_told() {
        assert!(broken("rubbish").contains("unknown token"), "{}", broken("rubbish"));
        for wrong in [
            "<Event>",
            "<Event></Event>",
            "</Event>",
            "<Other></Other>",
            "\u{0}\u{1}",
            "<Event><System></Event>",
            "&amp;",
            "<Events><Events><Events>",
            "<Event a='1' a='2'></Event>",
            "junk <Event></Event>",
        ] {
            broken(wrong);
        }
        broken(&PLAIN.replace("6000<", "six<"));
        broken(&PLAIN.replace("2026-11-21T", "2026-13-21T"));
        broken(&PLAIN.replace("SystemTime", "Time"));
        broken(&PLAIN.replace("contoso.test<", "&contoso;<"));
        let entity = format!("<!DOCTYPE Event [<!ENTITY a 'b'>]>{PLAIN}");
        assert!(broken(&entity).contains("DTD"), "{}", broken(&entity));
        let read = read_events(&[format!("<Events>{PLAIN}<Event>?</Event>{PLAIN}</Events>").as_str(), "x"]);
        assert_eq!(read.events.len(), 2, "a broken event costs no other");
        assert_eq!(read.unreadable.iter().map(|unreadable| unreadable.place).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn every_size_has_its_bound() {
        let long = PLAIN.replace("contoso.test<", &format!("{}<", "x".repeat(EVENT_BYTES_MAX)));
        assert!(broken(&long).contains("more than 65536"));
        let deep = format!("<Event>{}{}</Event>", "<a>".repeat(9_000), "</a>".repeat(9_000));
        assert!(deep.len() <= EVENT_BYTES_MAX);
        assert!(broken(&deep).contains("limit"), "{}", broken(&deep));
        let within = format!("<Event>{}{}</Event>", "<a>".repeat(4_000), "</a>".repeat(4_000));
        assert_eq!(broken(&within), "it has no <System>", "4,000 levels overflow no stack");
        let data = format!("<EventData>{}{}</EventData>", "<a>".repeat(4_000), "</a>".repeat(4_000));
        assert_eq!(one(&PLAIN.replace("<EventData><Data>contoso.test</Data></EventData>", &data)).text, "");
        let attributes: String = (0..7_000).map(|number| format!(" a{number}=''")).collect();
        broken(&format!("<Event{attributes}></Event>"));
        let many = vec![PLAIN; EVENT_COUNT_MAX + 3];
        let read = read_events(&many);
        assert_eq!(read.events.len(), EVENT_COUNT_MAX);
        assert!(read.unreadable[0].why.contains("3 events"), "{}", read.unreadable[0]);
    }
}
