use zeroize::Zeroizing;

use super::transport::Answer;
use crate::port::Secret;

/// Most characters of what an agent's side said that go into a fault.
const SAID_MAX: usize = 400;
/// Most characters of a text that an agent worded.
const WORDED_MAX: usize = 4_000;

/// So many characters of a secret in a row are a piece of it, not chance.
const PIECE_CHARS: usize = 4;
/// In what another version of ourselves worded, where `word` of an old `Password1` would be chance.
const WORDED_PIECE_CHARS: usize = 8;

/// What was said on standard error, or else on standard output, as the end of a sentence; empty when nothing was.
///
/// It is foreign text: cut to one line without control characters. It comes from a side that gave no reply, a shell as a
/// rule, which may take the request on its standard input for a command and quote it: a text that has a piece of a secret
/// in it is left out.
pub(super) fn said(answer: &Answer, secrets: &[Secret]) -> String {
    let talk = if answer.talk.iter().all(u8::is_ascii_whitespace) { &answer.output } else { &answer.talk };
    let text = cleaned(&String::from_utf8_lossy(&talk[talk.len().saturating_sub(4 * SAID_MAX)..]));
    if secrets.iter().any(|secret| shows(&text, secret, PIECE_CHARS)) {
        return ", only words that quote the request".to_owned();
    }
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// What an agent worded: our own program as a rule, but nothing holds the other side to that.
pub(super) fn worded(text: &str, secrets: &[Secret]) -> String {
    if secrets.iter().any(|secret| shows(text, secret, WORDED_PIECE_CHARS)) {
        return "words that quote the request".to_owned();
    }
    let (length, mut text) = (text.chars().count(), text.to_owned());
    if length > WORDED_MAX {
        text = text.chars().take(WORDED_MAX).chain("…".chars()).collect();
    }
    text
}

/// Whether a piece of the secret stands in the text, however the text is broken into lines.
fn shows(text: &str, secret: &Secret, piece_chars: usize) -> bool {
    let letters = |text: &str| Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<char>>());
    let (text, secret) = (letters(text), letters(secret.expose()));
    let length = secret.len().min(piece_chars);
    length > 0 && secret.windows(length).any(|piece| text.windows(length).any(|part| part == piece))
}

/// One line, the last characters of it, nothing that moves a cursor.
pub(super) fn cleaned(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    let surplus = line.chars().count().saturating_sub(SAID_MAX);
    line.chars().skip(surplus).collect()
}
