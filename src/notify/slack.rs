use serde_json::{Value, json};

use super::Notice;
use super::escape::slack;

/// A section takes 3,000 characters.
const SECTION_MAX: usize = 3000;
const TITLE_MAX: usize = 1000;
const FACT_MAX: usize = 400;
const STEPS_MAX: usize = 10;
const STEP_MAX: usize = 280;

/// The message that an incoming webhook of Slack posts.
pub(super) fn message(notice: &Notice) -> Value {
    let headline = slack(&notice.headline(), TITLE_MAX);
    // `verbatim`: addresses and channel names in the text do not become links.
    let section =
        |text: String| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
    let facts: Vec<String> =
        notice.facts().into_iter().map(|(label, value)| format!("{label}: {}", slack(&value, FACT_MAX))).collect();
    let mut blocks = vec![section(headline.clone())];
    // An empty text is refused by Slack.
    if !notice.text.trim().is_empty() {
        blocks.push(section(slack(&notice.text, SECTION_MAX)));
    }
    blocks.push(section(facts.join("\n")));
    if !notice.next_steps.is_empty() {
        let steps: Vec<String> = notice
            .next_steps
            .iter()
            .take(STEPS_MAX)
            .enumerate()
            .map(|(number, step)| format!("{}. {}", number + 1, slack(step, STEP_MAX)))
            .collect();
        blocks.push(section(steps.join("\n")));
    }
    json!({ "text": headline, "blocks": blocks })
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::{hostile, notice};
    use super::super::{Severity, Standing};
    use super::*;

    #[test]
    fn it_has_a_text_and_blocks() {
        let made = message(&notice(Severity::Warning, Standing::Repeated));
        assert_eq!(made["text"], "Warning, still: msol is held");
        assert_eq!(made["blocks"].as_array().map(Vec::len), Some(4));
        assert_eq!(
            made["blocks"][3]["text"]["text"],
            "1. entra-rotator status\n2. entra-rotator resume --account msol"
        );
        assert_eq!(made["blocks"][0]["text"]["verbatim"], true);
    }

    #[test]
    fn hostile_names_stay_text_and_every_section_fits() {
        let mut worst = hostile();
        worst.next_steps = vec![hostile().text; 50];
        worst.text = "&".repeat(5000);
        let made = message(&worst);
        let text = made.to_string();
        assert!(text.contains("&lt;script&gt;") && text.contains("&lt;!channel&gt;"), "{text}");
        assert!(!text.contains(['<', '>', '\u{202e}']), "{text}");
        for block in made["blocks"].as_array().expect("blocks") {
            let length = block["text"]["text"].as_str().expect("a text").chars().count();
            assert!((1..=SECTION_MAX).contains(&length), "{length}");
        }
    }
}
