//! Orders of a person on the page, as the whole service takes them.

use entra_rotator::journal::Note;

use super::configured::{ACCOUNT, Configured};
use super::process::notes;
use super::{Service, wait_until};

const ADA: &str = "the-token-of-ada-4711-4711";
const OURS: &str = "origin: http://localhost\r\nsec-fetch-site: same-origin\r\n";

/// With these persons, each with this token.
fn with(persons: &[(&str, &str)], more: &str) -> Configured {
    let configured = Configured::new("");
    let mut text = "[serve]\nlook_every_h = 0\n".to_owned();
    for (number, (name, token)) in persons.iter().enumerate() {
        let file = configured.path(&format!("token-{number}"));
        std::fs::write(&file, format!("{token}\n")).expect("a token");
        text += &format!("[[serve.actions.person]]\nname = {name:?}\ntoken = {{ file = {file:?} }}\n");
    }
    configured.write(&format!("{text}{more}"));
    configured
}

#[test]
fn tokens_that_tell_nobody_apart_end_the_start() {
    for (persons, said) in [
        (vec![("ada", "nineteen-characters")], "shorter than 20 characters"),
        (vec![("ada", ADA), ("bob", ADA)], "the token of bob is another one's too"),
        (vec![("ada", ADA), ("Ada", "another-token-of-hers-1")], "a second person has the name"),
        (vec![("ada", "")], "is empty"),
        (vec![(" ada", ADA)], "name"),
        (vec![("", ADA)], "name"),
    ] {
        let refused = with(&persons, "").run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(refused.code, Some(2), "{persons:?}: {refused:?}");
        assert!(refused.stderr.contains(said) && !refused.stderr.contains("serving;"), "{persons:?}: {refused:?}");
        assert!(!refused.stderr.contains("4711") && !refused.stderr.contains("nineteen-c"), "{refused:?}");
    }
}

/// The value behind some words of an answer.
fn after<'a>(answer: &'a str, before: &str) -> &'a str {
    let rest = answer.split_once(before).unwrap_or_else(|| panic!("no {before}: {answer}")).1;
    rest.split(['"', ';', '\r']).next().unwrap_or_default()
}

/// Signs in and orders a rotation; the answer.
fn ordered(service: &Service, reason: &str) -> (String, String) {
    let signed_in = service.answer("POST", "/login", OURS, &format!("token={ADA}"));
    let cookie = format!("cookie: {}\r\n", after(&signed_in, "set-cookie: "));
    let form = service.answer("GET", &format!("/order?what=rotate&account={ACCOUNT}"), &cookie, "");
    let (csrf, id) = (after(&form, "name=\"csrf\" value=\""), after(&form, "name=\"form\" value=\""));
    let body = format!("csrf={csrf}&form={id}&confirm={ACCOUNT}&reason={reason}&ticket=T-1");
    (service.answer("POST", "/order", &format!("{OURS}{cookie}"), &body), cookie)
}

#[tokio::test]
async fn an_order_that_comes_to_nothing_is_kept_with_its_cause_and_costs_the_schedule_nothing() {
    let configured = with(&[("ada", ADA)], "[schedule]\ncron = \"30 4 1 1 *\"\n");
    let mut service = configured.start();
    let (answer, cookie) = ordered(&service, "to+see");
    assert!(answer.starts_with("HTTP/1.1 303") && answer.contains(&format!("/ordered?account={ACCOUNT}")), "{answer}");
    let page = || service.get_with(&format!("/ordered?account={ACCOUNT}"), &cookie).1;
    wait_until("answered", &service, || page().contains("data-figure=\"outcome\""));
    assert!(page().contains("ada via page") && page().contains("to see") && page().contains("T-1"), "{}", page());
    let name = format!("entra_rotator_account_failures{{account=\"{ACCOUNT}\"}}");
    let failures = service.metric_with(&name, &format!("authorization: Bearer {ADA}\r\n"));
    assert_eq!(failures, Some(0.0));
    assert_eq!(service.stop(), Some(0), "{}", service.said());
    assert!(!service.said().contains(ADA) && service.said().contains("ada via page"), "{}", service.said());
    let notes: Vec<Note> = notes(&configured.lab).await;
    let told: Vec<(&str, &str)> = notes
        .iter()
        .filter_map(|note| match note {
            Note::Ordered { by, reason, .. } => Some((by.as_str(), reason.as_str())),
            Note::Answered { by, outcome, .. } => Some((by.as_str(), outcome.as_str())),
            Note::NotBegun { .. } => Some(("the schedule", "not begun")),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("ada via page", "to see"), ("ada via page", "later")]);
}

#[tokio::test]
async fn outside_its_windows_an_account_waits_unless_it_is_compromised() {
    let closed = "[schedule]\ncron = \"30 4 1 1 *\"\nblackout = [{ from = \"2000-01-01\", to = \"2199-12-31\", reason = \"a test\" }]\n";
    let configured = with(&[("ada", ADA)], closed);
    let mut service = configured.start();
    let (answer, _) = ordered(&service, "soon");
    assert!(answer.starts_with("HTTP/1.1 409") && answer.contains("outside its maintenance windows"), "{answer}");
    let (answer, _) = ordered(&service, "Compromise");
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert_eq!(service.stop(), Some(0), "{}", service.said());
    let ordered = |note: &Note| matches!(note, Note::Ordered { reason, .. } if reason == "Compromise");
    let notes = notes(&configured.lab).await;
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Ordered { .. })).count(), 1, "{notes:?}");
    assert!(notes.iter().any(ordered), "{notes:?}");
}
