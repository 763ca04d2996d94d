use super::transport::Answer;

/// Most characters of what an agent's side said that go into a fault.
const SAID_MAX: usize = 400;

/// What was said on standard error, or else on standard output, as the end of a sentence; empty when nothing was.
///
/// It is foreign text: cut to one line without control characters. It comes from a side that gave no reply, a shell as a
/// rule, and such a one was handed the request on standard input only.
pub(super) fn said(answer: &Answer) -> String {
    let talk = if answer.talk.iter().all(u8::is_ascii_whitespace) { &answer.output } else { &answer.talk };
    let text = cleaned(&String::from_utf8_lossy(&talk[talk.len().saturating_sub(4 * SAID_MAX)..]));
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// One line, the last characters of it, nothing that moves a cursor.
pub(super) fn cleaned(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    let surplus = line.chars().count().saturating_sub(SAID_MAX);
    line.chars().skip(surplus).collect()
}
