//! Hostile names, made harmless for each format.

/// Shows what would be obeyed or not be seen: control characters, line breaks, direction marks, characters without a
/// width. The rest stays.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hidden(letter) {
            shown.push_str(&format!("[U+{:04X}]", u32::from(letter)));
        } else {
            shown.push(letter);
        }
    }
    shown
}

fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            // soft hyphen, Arabic letter mark, Mongolian vowel separator, joiners, direction marks, separators
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            // word joiner, invisible operators, isolates, byte order mark, interlinear marks, tags
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// At most so many characters; an ellipsis stands for the rest.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    fitted(text, longest, |_, letter| letter.to_string())
}

/// For Slack's mrkdwn: no link, mention or entity can be written. At most so many characters once escaped.
pub(super) fn slack(text: &str, longest: usize) -> String {
    fitted(visible(text).trim(), longest, |_, letter| match letter {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        other => other.to_string(),
    })
}

/// For the markdown of a card's text block: every character stands for itself. At most so many once escaped.
pub(super) fn markdown(text: &str, longest: usize) -> String {
    let shown = visible(text);
    let shown = shown.trim();
    // Where a list or a heading could begin: after the digits of the first word, or at once.
    let digits = shown.chars().take_while(char::is_ascii_digit).count();
    fitted(shown, longest, |at, letter| {
        let always = matches!(letter, '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '~' | '|' | '&');
        let begins = at == digits && matches!(letter, '#' | '+' | '-' | '=' | '.' | ')');
        if always || begins { format!("\\{letter}") } else { letter.to_string() }
    })
}

/// Escapes piece by piece, so that no escape is cut in two.
fn fitted(text: &str, longest: usize, escape: impl Fn(usize, char) -> String) -> String {
    let (mut whole, mut length, mut cut) = (String::new(), 0, 0);
    for (at, letter) in text.chars().enumerate() {
        let piece = escape(at, letter);
        length += piece.chars().count();
        if length > longest {
            whole.truncate(cut);
            whole.push('…');
            return whole;
        }
        whole.push_str(&piece);
        if length < longest {
            cut = whole.len();
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::notice::tests::hostile_name;
    use super::*;

    #[test]
    fn what_would_be_obeyed_is_shown() {
        assert_eq!(
            visible("a\r\nb\u{202e}c\u{2066}\u{200b}\0\u{85}\u{2028}"),
            "a[U+000D][U+000A]b[U+202E]c[U+2066][U+200B][U+0000][U+0085][U+2028]"
        );
        assert_eq!(visible("Łódź 日本 עברית 👍"), "Łódź 日本 עברית 👍");
    }

    #[test]
    fn slack_gets_no_markup() {
        assert_eq!(
            slack("<!channel> & <http://evil.test|x>", 100),
            "&lt;!channel&gt; &amp; &lt;http://evil.test|x&gt;"
        );
    }

    #[test]
    fn a_card_gets_no_markdown() {
        assert_eq!(
            markdown("[x](http://e.test) *b* {{DATE(1)}} \\", 100),
            r"\[x\](http://e.test) \*b\* \{\{DATE(1)\}\} \\"
        );
        assert_eq!(markdown("1. a", 9), r"1\. a");
        assert_eq!(markdown("  # a - b", 99), r"\# a - b");
        assert_eq!(markdown("&lt;", 99), r"\&lt;");
    }

    #[test]
    fn nothing_is_cut_inside_an_escape() {
        assert_eq!(slack("a<b", 5), "a…");
        assert_eq!(slack("a<b", 6), "a&lt;b");
        assert_eq!(slack("abc", 3), "abc");
        assert_eq!(shortened("abcd", 3), "ab…");
        assert!(slack(&hostile_name(), 150).ends_with('…'));
    }

    proptest! {
        #[test]
        fn nothing_grows_too_long_and_nothing_hidden_stays(text in any::<String>(), longest in 1_usize..80) {
            for made in [slack(&text, longest), markdown(&text, longest), shortened(&visible(&text), longest)] {
                prop_assert!(made.chars().count() <= longest);
                prop_assert!(!made.chars().any(is_hidden));
            }
            let made = slack(&text, longest);
            prop_assert!(!made.contains(['<', '>']));
            let rest = made.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
            prop_assert!(!rest.contains('&'), "{}", made);
        }

        #[test]
        fn markdown_taken_back_is_the_text(text in "[ -~]{0,60}") {
            let made = markdown(&text, 1000);
            let mut back = String::new();
            let mut letters = made.chars();
            while let Some(letter) = letters.next() {
                back.push(if letter == '\\' { letters.next().expect("something is escaped") } else { letter });
            }
            prop_assert_eq!(back, text.trim());
        }
    }
}
