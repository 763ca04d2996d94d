//! Names that somebody chose to do harm.

use entra_rotator::journal::Note;
use entra_rotator::report::{Form, Table};
use entra_rotator::rotation::{Event, Trigger};
use serde_json::Value;

use super::written::{Written, begun, exempt, member, print_of};
use super::{FROM, TO, text, value};

const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    " \t@SUM(1+1)",
    "admin\u{202e}gnp.exe\u{2066}",
    "two\nlines\r\nand three",
    "nul\0\u{1b}[31mred\u{9b}2J\u{7f}",
    "{{ 7*7 }}{% raw %}&amp;<!--]]>",
    "</style></title></textarea>",
];

/// One journal, with these names wherever somebody chooses a text.
async fn named(names: &[String]) -> Written {
    let written = Written::new().await;
    let accounts = names.iter().map(|name| {
        let mut member = member(name, name, Some(90));
        member.schedule = name.clone();
        member.exempt = Some(exempt(name, name, "2027-01-01T00:00:00Z"));
        member
    });
    written.note(FROM, Note::Population { accounts: accounts.collect() }).await;
    for (number, name) in names.iter().enumerate() {
        let trigger = Trigger::Schedule { due: FROM.parse().expect("a time"), why: name.clone() };
        let found = print_of(1, "2026-06-01T00:00:00Z");
        let mut first = begun(name, found, [name, name, name], trigger.clone());
        if let Event::Begun { without_approval, .. } = &mut first {
            *without_approval = Some(name.clone());
        }
        written.rotation(&format!("r{number}"), name, &[(FROM, first)]).await;
        let raised = Note::Raised {
            key: name.clone(),
            kind: name.clone(),
            severity: name.clone(),
            account: Some(name.clone()),
            title: name.clone(),
            text: name.clone(),
        };
        written.note(FROM, raised).await;
        let not = Note::NotBegun { account: name.clone(), trigger, outcome: name.clone(), why: name.clone() };
        written.note(FROM, not).await;
        written.note(FROM, Note::Started { by: name.clone(), version: name.clone() }).await;
    }
    written
}

fn hostile() -> Vec<String> {
    let long = format!("{}=1", "w".repeat(254));
    HOSTILE.iter().map(|name| (*name).to_owned()).chain([long]).collect()
}

/// The page's markup without what stands between it.
fn tags(page: &str) -> Vec<String> {
    let (_, body) = page.split_once("</style>").expect("a style");
    body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default().to_owned()).collect()
}

fn is_hidden(letter: char) -> bool {
    letter.is_control() || ('\u{202a}'..='\u{202e}').contains(&letter) || ('\u{2066}'..='\u{2069}').contains(&letter)
}

#[tokio::test]
async fn the_page_has_the_same_markup_whatever_the_names_are() {
    let harmless: Vec<String> = (0..hostile().len()).map(|number| format!("name-{number}")).collect();
    let page = |report| text(&report, Form::Html);
    let (bad, good) =
        (page(named(&hostile()).await.report(FROM, TO).await), page(named(&harmless).await.report(FROM, TO).await));
    assert_eq!(tags(&bad), tags(&good));
    let hidden: Vec<char> = bad.chars().filter(|letter| is_hidden(*letter) && *letter != '\n').collect();
    assert_eq!(hidden, Vec::<char>::new());
    let shown = ["⟨U+202E⟩gnp.exe⟨U+2066⟩", "nul⟨U+0000⟩⟨U+001B⟩", "two⏎lines", "&#60;script&#62;", &"w".repeat(254)];
    for text in shown {
        assert!(bad.contains(text), "{text} is not on the page");
    }
}

#[tokio::test]
async fn a_table_holds_no_formula_and_every_cell_stays_in_its_place() {
    let report = named(&hostile()).await.report(FROM, TO).await;
    for table in [Table::Population, Table::Rotations, Table::Conditions] {
        let text = text(&report, Form::Csv(table));
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let width = reader.headers().expect("a header").len();
        let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), hostile().len(), "{table:?}");
        for row in &rows {
            assert_eq!(row.len(), width);
            for cell in row {
                let first = cell.trim_start_matches([' ', '\n']).chars().next();
                assert!(!first.is_some_and(|letter| "=+-@\t\r".contains(letter)), "{table:?}: {cell:?}");
                assert!(!cell.chars().any(|letter| is_hidden(letter) && !"\n\r\t".contains(letter)), "{cell:?}");
            }
        }
        let cells: Vec<&str> = rows.iter().flat_map(csv::StringRecord::iter).collect();
        assert!(cells.contains(&"two\nlines\r\nand three"), "{table:?}");
        assert!(cells.contains(&"'=cmd|' /C calc'!A0"), "{table:?}");
    }
}

#[tokio::test]
async fn text_and_json_hide_nothing() {
    let report = named(&hostile()).await.report(FROM, TO).await;
    let plain = text(&report, Form::Text);
    assert!(!plain.chars().any(|letter| is_hidden(letter) && letter != '\n'), "{plain:?}");
    assert!(plain.contains("two⏎lines"));
    let raw = text(&report, Form::Json);
    assert!(!raw.chars().any(|letter| is_hidden(letter) && letter != '\n'));
    let report = value(&report);
    let accounts = report["population"]["accounts"].as_array().expect("accounts");
    let mut names: Vec<&str> = accounts.iter().filter_map(|facts| facts["account"].as_str()).collect();
    let hostile = hostile();
    let mut expected: Vec<&str> = hostile.iter().map(String::as_str).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected, "a program gets the names as they are");
    assert!(report["rotations"].as_array().is_some_and(|all| all.iter().all(|facts| facts["reason"] != Value::Null)));
}
