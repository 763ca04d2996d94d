use std::fmt;
use std::io::{ErrorKind, Write};

use schemars::JsonSchema;
use serde::Serialize;

/// A text that somebody else chose: a name, a reason, a message. Kept and stored as it is; whenever it is shown, what
/// is not to be seen in it (controls, marks that turn the direction of writing, spaces of no width) is made visible.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Text(pub String);

impl Text {
    /// Of anything that has a text.
    pub fn of(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| show(f, letter, is_unseen(letter)))
    }
}

fn show(out: &mut impl fmt::Write, letter: char, unseen: bool) -> fmt::Result {
    match letter {
        '\n' if unseen => out.write_char('⏎'),
        '\t' if unseen => out.write_char('⇥'),
        _ if unseen => write!(out, "⟨U+{:04X}⟩", u32::from(letter)),
        _ => out.write_char(letter),
    }
}

/// Controls, and what Unicode calls format characters, as far as they hide something or move it elsewhere.
fn is_unseen(letter: char) -> bool {
    letter.is_control() || hides(letter)
}

fn hides(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A cell of a table that a spreadsheet opens: never a formula. Line breaks and tabs stay; the other unseen marks are
/// made visible. `text` may be one of ours or somebody else's.
pub(super) fn cell(text: &str) -> String {
    let begins_formula = |letter: char| "=+-@＝＋－＠\t\r".contains(letter);
    let mut cell = String::new();
    // Spreadsheets look past spaces and quotes in front of a formula.
    let first = text
        .trim_start_matches(|letter: char| letter == ' ' || letter == '\n' || is_other_space(letter))
        .chars()
        .next();
    if first.is_some_and(begins_formula) {
        cell.push('\'');
    }
    for letter in text.chars() {
        // Writing into a String can't fail.
        let _ = show(&mut cell, letter, is_unseen(letter) && !matches!(letter, '\n' | '\t' | '\r'));
    }
    cell
}

fn is_other_space(letter: char) -> bool {
    !matches!(letter, '\t' | '\r') && (letter.is_whitespace() || is_unseen(letter))
}

/// Passes a JSON document on as [`json_safe`] makes it. It must come in pieces that are texts, as serde_json writes them.
pub(super) struct JsonSafe<W>(pub(super) W);

impl<W: Write> Write for JsonSafe<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(|cause| std::io::Error::new(ErrorKind::InvalidData, cause))?;
        self.0.write_all(json_safe(text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Escapes in a JSON document what would hide something from whoever reads it. Outside of strings there is none of it.
pub fn json_safe(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for letter in json.chars() {
        if hides(letter) || (letter.is_control() && letter != '\n') {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(letter);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_to_be_seen_is_shown() {
        let shown = Text::of("a\u{202e}b\nc\0d\u{200b}\u{e0041}é").to_string();
        assert_eq!(shown, "a⟨U+202E⟩b⏎c⟨U+0000⟩d⟨U+200B⟩⟨U+E0041⟩é");
    }

    #[test]
    fn a_cell_is_never_a_formula() {
        for formula in
            ["=cmd()", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "  =1", "\n=1", "\u{a0}=1", "\u{feff}=1", "＝1"]
        {
            let cell = cell(formula);
            assert!(cell.starts_with('\''), "{formula:?} became {cell:?}");
        }
        assert_eq!(cell("a=b"), "a=b");
        assert_eq!(cell("two\nlines, \"quoted\""), "two\nlines, \"quoted\"");
        assert_eq!(cell(""), "");
    }

    #[test]
    fn json_hides_nothing_and_means_the_same() {
        let text = "a\u{202e}b\u{e0041}\u{7f}\u{85}\"\\\n";
        let json = serde_json::to_string(text).expect("JSON");
        let safe = json_safe(&json);
        assert!(safe.is_ascii(), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).expect("JSON"), text);
    }
}
