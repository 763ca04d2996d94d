//! What WinRM says: the parts of its replies that matter, and its faults.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node, ParsingOptions};

/// A reply has some dozens; one that says more is none of WinRM's.
const NODES_MAX: u32 = 20_000;
/// Each quotation mark may be half an attribute, which the parser compares with all others of its element.
const QUOTES_MAX: usize = 4_000;
/// The parser hands each namespace down to every element that names one of its own.
const NAMESPACES_MAX: usize = 64;
/// The longest piece of the server's own words that goes into a cause.
const WORDS_CHARS_MAX: usize = 300;

/// A piece of a command's outputs, and its end if it has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) output: Vec<Vec<u8>>,
    pub(super) talk: Vec<Vec<u8>>,
    pub(super) done: bool,
    pub(super) status: Option<i64>,
}

/// A reply that can be read.
pub(super) struct Envelope<'a>(Document<'a>);

impl<'a> Envelope<'a> {
    /// `None` when it is no SOAP.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        // Parsing has no deadline: nothing goes in that would take minutes.
        let quotes = body.iter().filter(|byte| matches!(byte, b'"' | b'\'')).count();
        if quotes > QUOTES_MAX || text.matches("xmlns").count() > NAMESPACES_MAX {
            return None;
        }
        let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text.trim_start_matches('\u{feff}'), options).ok()?;
        (document.root_element().tag_name().name() == "Envelope").then_some(Self(document))
    }

    fn elements(&self, name: &'static str) -> impl Iterator<Item = Node<'_, 'a>> {
        self.0.descendants().filter(move |node| node.tag_name().name() == name)
    }

    /// The name of the shell that was created.
    pub(super) fn shell(&self) -> Option<String> {
        // In the reference to what was created; the shell's own description says it too.
        let selector = self.elements("Selector").find(|node| node.attribute("Name") == Some("ShellId"));
        let node = selector.or_else(|| self.elements("ShellId").next())?;
        node.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The name of the command that was started.
    pub(super) fn command(&self) -> Option<String> {
        let text = self.elements("CommandId").next()?.text()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Outputs in the order in which they came; an error when they can't be read.
    pub(super) fn received(&self) -> Result<Received, &'static str> {
        if self.elements("ReceiveResponse").next().is_none() {
            return Err("it holds no output");
        }
        let mut received = Received::default();
        for stream in self.elements("Stream") {
            let mut text = stream.text().unwrap_or_default().to_owned();
            text.retain(|character| !character.is_ascii_whitespace());
            let bytes = STANDARD.decode(text).map_err(|_| "its output is no base64")?;
            match stream.attribute("Name") {
                _ if bytes.is_empty() => {}
                Some("stdout") => received.output.push(bytes),
                Some("stderr") => received.talk.push(bytes),
                _ => return Err("it holds an output that was not asked for"),
            }
        }
        if let Some(state) = self.elements("CommandState").next() {
            received.done = state.attribute("State").is_some_and(|state| state.ends_with("/CommandState/Done"));
            let code = state.descendants().find(|node| node.tag_name().name() == "ExitCode");
            received.status = code.and_then(|node| node.text()).and_then(|text| text.trim().parse().ok());
        }
        Ok(received)
    }

    /// The fault in it, if it is one.
    pub(super) fn fault(&self) -> Option<Complaint> {
        let fault = self.elements("Fault").next()?;
        let inside = |name: &'static str| fault.descendants().filter(move |node| node.tag_name().name() == name);
        // The code's own value comes first, what it means here is the last, in the subcode.
        let kind = inside("Value").next_back().and_then(|node| node.text()).unwrap_or_default();
        let kind = kind.rsplit(':').next().unwrap_or_default().trim().to_owned();
        let code = inside("WSManFault").find_map(|node| node.attribute("Code")?.parse().ok());
        let said = |name: &'static str| {
            let node = inside(name).next()?;
            let text: String = node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            (!text.is_empty()).then_some(text)
        };
        let words = said("Message").or_else(|| said("Text")).unwrap_or_default();
        let words = words.chars().filter(|character| !character.is_control()).take(WORDS_CHARS_MAX).collect();
        Some(Complaint { kind, code, words })
    }
}

/// A fault of WinRM.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Its kind, as WS-Management names it: `QuotaLimit`.
    pub(super) kind: String,
    /// Windows' own number for it.
    pub(super) code: Option<u32>,
    /// Windows' own words.
    pub(super) words: String,
}

/// ERROR_ACCESS_DENIED.
const ACCESS_DENIED: u32 = 5;
/// ERROR_WSMAN_OPERATION_TIMEDOUT: nothing has happened within the time that a message names.
const TIMED_OUT: u32 = 2_150_858_793;
/// ERROR_WSMAN_QUOTA_…: users, operations, and operations and shells of one user.
const QUOTAS: std::ops::RangeInclusive<u32> = 2_150_859_171..=2_150_859_174;

impl Complaint {
    pub(super) fn timed_out(&self) -> bool {
        self.code == Some(TIMED_OUT) || (self.code.is_none() && self.kind == "TimedOut")
    }

    pub(super) fn denied(&self) -> bool {
        self.code == Some(ACCESS_DENIED) || self.kind == "AccessDenied"
    }

    pub(super) fn quota(&self) -> bool {
        self.code.is_some_and(|code| QUOTAS.contains(&code)) || self.kind == "QuotaLimit" || {
            // Some of them come as an internal error, and only the words tell.
            self.kind == "InternalError" && self.words.contains("maximum number of")
        }
    }

    /// For people.
    pub(super) fn told(&self) -> String {
        let code = self.code.map(|code| format!(", {code}")).unwrap_or_default();
        let kind = if self.kind.is_empty() { "fault" } else { &self.kind };
        if self.words.is_empty() { format!("{kind}{code}") } else { format!("{kind}{code}: {}", self.words) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(body: &str) -> String {
        format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:x=\"http://x\"><s:Header/>\
             <s:Body>{body}</s:Body></s:Envelope>"
        )
    }

    fn fault(body: &str) -> Complaint {
        let text = envelope(body);
        Envelope::read(text.as_bytes()).and_then(|read| read.fault()).expect("a fault")
    }

    #[test]
    fn outputs_are_put_together_and_the_end_is_seen() {
        let text = envelope(
            "<x:ReceiveResponse><x:Stream Name=\"stdout\">w7\nw=</x:Stream><x:Stream Name=\"stderr\">YQ==</x:Stream>\
             <x:Stream Name=\"stdout\" End=\"true\"/><x:CommandState State=\"http://x/CommandState/Done\">\
             <x:ExitCode>3</x:ExitCode></x:CommandState></x:ReceiveResponse>",
        );
        let received = Envelope::read(text.as_bytes()).expect("SOAP").received().expect("output");
        let (output, talk) = (vec!["ü".as_bytes().to_vec()], vec![b"a".to_vec()]);
        assert_eq!(received, Received { output, talk, done: true, status: Some(3) });
        for body in [
            "<x:Other/>",
            "<x:ReceiveResponse><x:Stream Name=\"stdout\">?</x:Stream></x:ReceiveResponse>",
            "<x:ReceiveResponse><x:Stream Name=\"pr\">YQ==</x:Stream></x:ReceiveResponse>",
        ] {
            let text = envelope(body);
            assert!(Envelope::read(text.as_bytes()).expect("SOAP").received().is_err(), "{body}");
        }
        let running = envelope(
            "<x:ReceiveResponse><x:CommandState State=\"http://x/CommandState/Running\"/></x:ReceiveResponse>",
        );
        assert_eq!(Envelope::read(running.as_bytes()).expect("SOAP").received(), Ok(Received::default()));
    }

    #[test]
    fn faults_are_told_apart() {
        let of = |kind: &str, detail: &str| {
            fault(&format!(
                "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:{kind}</s:Value></s:Subcode>\
                 </s:Code><s:Reason><s:Text>why\n  so</s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault>"
            ))
        };
        let quota = of(
            "InternalError",
            "<x:WSManFault Code=\"2150859174\"><x:Message>too <b>many</b></x:Message></x:WSManFault>",
        );
        assert!(quota.quota() && !quota.timed_out() && !quota.denied());
        assert_eq!(quota.told(), "InternalError, 2150859174: too many");
        assert!(of("TimedOut", "").timed_out() && of("QuotaLimit", "").quota() && of("AccessDenied", "").denied());
        assert!(of("InternalError", "<x:WSManFault Code=\"5\"/>").denied());
        // Another number than the one of "nothing yet" is another matter, whatever its kind.
        assert!(!of("TimedOut", "<x:WSManFault Code=\"1\"/>").timed_out());
        assert_eq!(of("Odd", "").told(), "Odd: why so");
    }

    #[test]
    fn what_is_no_soap_is_not_read() {
        let deep = envelope(&"<a>".repeat(100_000));
        let wide = envelope(&"<a/>".repeat(30_000));
        // Either takes the parser minutes.
        let many = |part: &dyn Fn(usize) -> String| (0..60_000).map(part).collect::<String>();
        let attributes = envelope(&format!("<a {}/>", many(&|number| format!("a{number}='' "))));
        let names = many(&|number| format!("xmlns:a{number}='a' "));
        let namespaces = envelope(&format!("<a {names}>{}</a>", "<a xmlns:z='a'/>".repeat(15_000)));
        let entity = "<!DOCTYPE a [<!ENTITY b \"c\">]><s:Envelope xmlns:s=\"x\">&b;</s:Envelope>";
        for text in ["", "<html><body>no</body></html>", "Unauthorized", entity, &deep, &wide, &attributes, &namespaces]
        {
            assert!(Envelope::read(text.as_bytes()).is_none(), "{}", &text[..text.len().min(40)]);
        }
        assert!(Envelope::read(&[0xff, 0xfe]).is_none());
    }
}
