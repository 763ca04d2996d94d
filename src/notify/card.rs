use serde_json::{Value, json};

use super::Notice;
use super::escape::markdown;
use crate::config::Severity;

/// Teams takes 28 KB; a text this long is read by nobody.
const TITLE_MAX: usize = 400;
const TEXT_MAX: usize = 4000;
const FACT_MAX: usize = 600;
const STEPS_MAX: usize = 10;
const STEP_MAX: usize = 1000;
/// What all next steps may have together.
const STEPS_LENGTH_MAX: usize = 4000;

/// The message that a Workflows webhook of Microsoft Teams posts: one Adaptive Card 1.4.
pub(super) fn message(notice: &Notice) -> Value {
    let colour = match (notice.standing, notice.severity) {
        (super::Standing::Cleared, _) => "Good",
        (_, Severity::Alarm) => "Attention",
        (_, Severity::Warning) => "Warning",
        (_, Severity::Info) => "Default",
    };
    let facts: Vec<Value> = notice
        .facts()
        .into_iter()
        .map(|(title, value)| json!({ "title": title, "value": markdown(&value, FACT_MAX) }))
        .collect();
    let mut body = vec![
        json!({
            "type": "TextBlock", "text": markdown(&notice.headline(), TITLE_MAX), "wrap": true,
            "size": "Medium", "weight": "Bolder", "color": colour,
        }),
        json!({ "type": "TextBlock", "text": markdown(&notice.text, TEXT_MAX), "wrap": true }),
        json!({ "type": "FactSet", "facts": facts }),
    ];
    let mut left = STEPS_LENGTH_MAX;
    for (number, step) in notice.next_steps.iter().take(STEPS_MAX).enumerate() {
        let text = markdown(step, STEP_MAX.min(left));
        left = left.saturating_sub(text.chars().count());
        // A block of its own each, with a number that is no list's: what a step says can't end the list.
        body.push(json!({ "type": "TextBlock", "text": format!("Step {}: {text}", number + 1), "wrap": true }));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "body": body,
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::{hostile, notice};
    use super::super::{Severity, Standing};
    use super::*;

    #[test]
    fn it_is_a_message_with_one_card() {
        let made = message(&notice(Severity::Alarm, Standing::Raised));
        assert_eq!(made["type"], "message");
        let card = &made["attachments"][0];
        assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
        assert_eq!((&card["content"]["type"], &card["content"]["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
        assert_eq!(card["content"]["body"][0]["text"], "ALARM: msol is held");
        assert_eq!(card["content"]["body"][4]["text"], "Step 2: entra-rotator resume --account msol");
    }

    #[test]
    fn hostile_names_stay_text() {
        let made = message(&hostile()).to_string();
        assert!(made.contains(r"\\<script\\>"), "{made}");
        for markup in [" <", "{{", "\u{202e}", "\\n", "\\r"] {
            assert!(!made.contains(markup), "{markup:?} in {made}");
        }
    }

    #[test]
    fn the_worst_notice_fits() {
        let mut worst = hostile();
        worst.text = "&".repeat(100_000);
        worst.title = "é".repeat(100_000);
        worst.account = Some("日".repeat(100_000));
        worst.next_steps = vec!["日".repeat(5000); 50];
        assert!(message(&worst).to_string().len() < 28_000, "{}", message(&worst).to_string().len());
    }
}
