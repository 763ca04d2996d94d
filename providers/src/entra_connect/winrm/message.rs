//! What is said to WinRM: WS-Management's messages for a shell of commands (MS-WSMV).

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt;
use zeroize::Zeroizing;

/// How long the server keeps one message before it says that there is nothing yet.
pub(super) const OPERATION_LIMIT: Duration = Duration::from_secs(20);

/// Bytes of standard input in one message. As base64, with the envelope around, this is below any limit of envelopes
/// that a server is set to (500 kB by default, 150 kB before Windows 8).
pub(super) const PIECE_BYTES: usize = 24 * 1024;

/// A server takes no shorter one for a shell that nobody asks about.
const IDLE_S_MIN: u64 = 60;

const SHELL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";

/// A command in a shell of the server.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) shell: String,
    pub(super) command: String,
}

/// A shell. It holds one command, and ends by itself when nobody has asked about it for `idle`.
pub(super) fn create(url: &str, idle: Duration) -> String {
    // Characters are UTF-8 on both outputs; the account's profile is loaded, as at any logon.
    let options = [("WINRS_NOPROFILE", "FALSE"), ("WINRS_CODEPAGE", "65001")];
    let body = format!(
        "<rsp:Shell><rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams>\
         <rsp:IdleTimeOut>PT{}.000S</rsp:IdleTimeOut></rsp:Shell>",
        idle.as_secs().max(IDLE_S_MIN)
    );
    envelope(url, &format!("{TRANSFER}/Create"), "", &options, &body)
}

/// Starts the command. Its standard input is a pipe, no console: bytes arrive as they were sent, and it has an end.
///
/// `cmd.exe` starts it, so that a name on the PATH will do and one that is not there is told in words. Nothing is ever
/// put into this line: it is the administrator's, as it stands in the settings.
pub(super) fn command(url: &str, shell: &str, line: &str) -> String {
    let options = [("WINRS_CONSOLEMODE_STDIN", "FALSE"), ("WINRS_SKIP_CMD_SHELL", "FALSE")];
    let body = format!("<rsp:CommandLine><rsp:Command>{}</rsp:Command></rsp:CommandLine>", escaped(line));
    envelope(url, &format!("{SHELL}/Command"), shell, &options, &body)
}

/// A piece of standard input, the last one with its end. Wiped when dropped.
pub(super) fn send(url: &str, place: &Place, piece: &[u8], last: bool) -> Zeroizing<String> {
    const MARK: &str = "\u{1}";
    let body = format!(
        "<rsp:Send><rsp:Stream Name=\"stdin\" CommandId=\"{}\" End=\"{last}\">{MARK}</rsp:Stream></rsp:Send>",
        escaped(&place.command)
    );
    let around = envelope(url, &format!("{SHELL}/Send"), &place.shell, &[], &body);
    let (before, after) = around.split_once(MARK).unwrap_or((&around, ""));
    // One buffer of the whole length: one that grows leaves copies behind.
    let mut message = Zeroizing::new(String::with_capacity(around.len() + piece.len().div_ceil(3) * 4));
    message.push_str(before);
    STANDARD.encode_string(piece, &mut message);
    message.push_str(after);
    message
}

/// Asks for output, and for the command's end.
pub(super) fn receive(url: &str, place: &Place) -> String {
    let body = format!(
        "<rsp:Receive><rsp:DesiredStream CommandId=\"{}\">stdout stderr</rsp:DesiredStream></rsp:Receive>",
        escaped(&place.command)
    );
    envelope(url, &format!("{SHELL}/Receive"), &place.shell, &[], &body)
}

/// Ends the command, or lets the server forget the one that ended.
pub(super) fn terminate(url: &str, place: &Place) -> String {
    let body = format!(
        "<rsp:Signal CommandId=\"{}\"><rsp:Code>{SHELL}/signal/terminate</rsp:Code></rsp:Signal>",
        escaped(&place.command)
    );
    envelope(url, &format!("{SHELL}/Signal"), &place.shell, &[], &body)
}

/// Ends the shell, with whatever runs in it.
pub(super) fn delete(url: &str, shell: &str) -> String {
    envelope(url, &format!("{TRANSFER}/Delete"), shell, &[], "")
}

fn envelope(url: &str, action: &str, shell: &str, options: &[(&str, &str)], body: &str) -> String {
    let mut more = String::new();
    if !shell.is_empty() {
        let shell = escaped(shell);
        let _ = write!(more, "<w:SelectorSet><w:Selector Name=\"ShellId\">{shell}</w:Selector></w:SelectorSet>");
    }
    if !options.is_empty() {
        more.push_str("<w:OptionSet>");
        for (name, value) in options {
            let _ = write!(more, "<w:Option Name=\"{name}\">{value}</w:Option>");
        }
        more.push_str("</w:OptionSet>");
    }
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" \
         xmlns:p=\"http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd\" xmlns:rsp=\"{SHELL}\"><s:Header>\
         <a:To>{}</a:To><a:ReplyTo><a:Address s:mustUnderstand=\"true\">\
         http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>\
         <w:MaxEnvelopeSize s:mustUnderstand=\"true\">153600</w:MaxEnvelopeSize>\
         <a:MessageID>uuid:{}</a:MessageID><w:Locale xml:lang=\"en-US\" s:mustUnderstand=\"false\"/>\
         <p:DataLocale xml:lang=\"en-US\" s:mustUnderstand=\"false\"/>\
         <w:OperationTimeout>PT{}.000S</w:OperationTimeout>\
         <w:ResourceURI s:mustUnderstand=\"true\">{SHELL}/cmd</w:ResourceURI>\
         <a:Action s:mustUnderstand=\"true\">{action}</a:Action>{more}</s:Header><s:Body>{body}</s:Body></s:Envelope>",
        escaped(url),
        identifier(),
        OPERATION_LIMIT.as_secs()
    )
}

/// A random UUID.
fn identifier() -> String {
    let mut random = [0_u8; 16];
    rand::rng().fill(&mut random[..]);
    let number = u128::from_be_bytes(random) & !(0xf << 76) & !(0xc << 60) | 0x4 << 76 | 0x8 << 60;
    let hex = format!("{number:032X}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Text inside an element or an attribute. What XML can't hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_well_formed_whatever_the_names_are() {
        let place = Place { shell: "<s&\">".to_owned(), command: "c\u{1}<".to_owned() };
        let url = "https://h:5986/wsman";
        for text in [
            create(url, Duration::from_secs(5)),
            command(url, &place.shell, "\"C:\\Program Files\\x & y\\entra-rotator.exe\" agent"),
            String::clone(&send(url, &place, b"{}\n", true)),
            receive(url, &place),
            terminate(url, &place),
            delete(url, &place.shell),
        ] {
            let read = roxmltree::Document::parse(&text).expect("it is XML");
            let action =
                read.descendants().find(|node| node.tag_name().name() == "Action").and_then(|node| node.text());
            assert!(action.is_some_and(|action| action.starts_with("http://schemas.")), "{text}");
        }
        assert!(create(url, Duration::from_secs(5)).contains(">PT60.000S<"));
    }

    #[test]
    fn the_buffer_of_a_piece_never_grows() {
        for length in [0, 1, 2, 3, PIECE_BYTES] {
            let message = send("https://h:5986/wsman", &Place::default(), &vec![0xff; length], false);
            assert!(message.len() <= message.capacity() && message.capacity() < message.len() + 8, "{length}");
            assert!(message.contains(&STANDARD.encode(vec![0xff; length])));
        }
    }

    #[test]
    fn an_identifier_is_a_uuid_of_version_4() {
        let (one, other) = (identifier(), identifier());
        assert_ne!(one, other);
        assert_eq!((one.len(), &one[14..15]), (36, "4"), "{one}");
        assert!(matches!(&one[19..20], "8" | "9" | "A" | "B"), "{one}");
    }
}
