//! The journal's entries as JSON Lines, and changes of passwords as OCSF events.

use std::io::{self, ErrorKind, Write};

use entra_rotator::history::{Finding, Word};
use entra_rotator::journal::{Journal, NOTES, Note};
use entra_rotator::report::{Form, NoReport, Period, Table, Verified, line_schema, make};
use entra_rotator::rotation::{Event, Method, Procedure, Seen, Side, Step, Trigger, TurnedBy, plan};
use providers::port::Fault;
use serde_json::Value;

use super::written::{Written, at, begun, inventory, print_of, set};
use super::{FROM, TO, quarter};

fn period() -> Period {
    Period::new(at(FROM), at(TO)).expect("a period")
}

pub(super) async fn lines(written: &Written, verified: &Verified) -> Vec<String> {
    made(written, verified, Form::Jsonl).await
}

pub(super) async fn events(written: &Written) -> Vec<Value> {
    let lines = made(written, &Verified::Intact, Form::Ocsf).await;
    lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

async fn made(written: &Written, verified: &Verified, form: Form) -> Vec<String> {
    let mut bytes = Vec::new();
    make(&written.journal, period(), verified.clone(), form, &mut bytes).await.expect("a report");
    let text = String::from_utf8(bytes).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_entry_of_the_period_is_one_line_and_keeps_its_place() {
    let written = quarter().await;
    let mut stored = Vec::new();
    let mut after = 0;
    while let Some(last) = {
        let page = written.journal.stored(after).await.expect("a page");
        let last = page.last().map(|stored| stored.position);
        stored.extend(page);
        last
    } {
        after = last;
    }
    let expected: Vec<_> = stored.into_iter().filter(|stored| period().has(at(&stored.at))).collect();
    let schema = serde_json::from_str(&line_schema().expect("a schema")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let found = lines(&written, &Verified::Intact).await;
    assert_eq!(found.len(), expected.len());
    assert!(expected.iter().any(|stored| stored.rotation == NOTES), "there are notes");
    for (line, stored) in found.iter().zip(&expected) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(schema.iter_errors(&line).map(|error| error.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
        assert_eq!(line["position"], stored.position);
        assert_eq!(line["at"], stored.at.as_str());
        assert_eq!(line["hash"], stored.hash.as_str());
        assert_eq!(line["data"], serde_json::from_str::<Value>(&stored.event).expect("JSON"), "nothing of it is lost");
        let is_note = stored.rotation == NOTES;
        assert_eq!(line["kind"], if is_note { "note" } else { "rotation" });
        assert_eq!(line["rotation"].as_str(), (!is_note).then_some(stored.rotation.as_str()));
        assert_eq!(line["event"], line["data"][if is_note { "note" } else { "event" }], "the word is the stored one");
        assert!(is_note || line["account"].is_string(), "{line}: whose rotation it is");
        assert!(line.get("unverified").is_none());
    }
    assert_eq!(found, lines(&written, &Verified::Intact).await);
}

#[tokio::test]
async fn a_rotation_that_began_before_has_its_account_and_doubt_is_on_every_line() {
    let written = Written::new().await;
    let found = print_of(7, "2026-04-02T00:00:00Z");
    let [intent, done] = set(8, "2026-07-11T00:00:12Z");
    let early = "2026-06-30T23:59:59Z";
    written
        .rotation(
            "r1",
            "alpha",
            &[(early, begun("alpha", found, ["", "", ""], Trigger::Person)), (FROM, intent), (TO, done)],
        )
        .await;
    let tampered = Finding { position: 1, word: Word::Changed, cause: "for a test".into() };
    let found = lines(&written, &Verified::Broken(tampered)).await;
    let [line] = &found[..] else { panic!("{found:?}") };
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(
        (&line["account"], &line["event"], &line["step"], &line["unverified"]),
        (&"alpha".into(), &"intent".into(), &"directory".into(), &true.into())
    );
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it() {
    let written = quarter().await;
    for form in [Form::Html, Form::Json, Form::Csv(Table::Rotations), Form::Text, Form::Pdf, Form::Jsonl, Form::Ocsf] {
        let mut reader = Away(3);
        let ended = make(&written.journal, period(), Verified::Intact, form, &mut reader).await;
        assert!(matches!(ended, Err(NoReport::Unwritten(cause)) if cause.kind() == ErrorKind::BrokenPipe), "{form:?}");
        assert_eq!(reader.0, 0, "{form:?}: nothing more is written");
    }
}

/// Takes so many bytes, and is gone.
struct Away(usize);

impl Write for Away {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(ErrorKind::BrokenPipe.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn directory() -> Step {
    Step::Directory
}

pub(super) fn intent(step: Step) -> Event {
    Event::Intent { step, before: Seen::Nothing }
}

pub(super) fn done(step: Step) -> Event {
    Event::Done { step, proof: Seen::Nothing }
}

fn looked(side: Side) -> Event {
    Event::Looked { step: directory(), side, seen: Seen::Directory(print_of(8, "2026-07-11T00:00:12Z")) }
}

fn failed(fault: fn(&'static str, &'static str) -> Fault) -> Event {
    Event::Failed { step: directory(), fault: fault("setting the password", "for a test") }
}

/// Of each event the step, what it was, whether it is sure, whether it belongs to the way back.
type Told = Vec<[String; 4]>;

/// What is told of a rotation with these events after its first.
async fn told(events_after: Vec<Event>) -> Told {
    let written = Written::new().await;
    let first = begun("alpha", print_of(7, "2026-04-02T00:00:00Z"), ["me@host", "why", "CHG-1"], Trigger::Person);
    let all: Vec<(&str, Event)> = [first].into_iter().chain(events_after).map(|event| (FROM, event)).collect();
    written.rotation("r1", "alpha", &all).await;
    events(&written).await.iter().map(summary).collect()
}

fn summary(event: &Value) -> [String; 4] {
    ["/metadata/event_code", "/activity_name", "/status", "/unmapped/way_back"]
        .map(|pointer| event.pointer(pointer).map_or_else(String::new, |value| value.to_string().replace('"', "")))
}

fn row(step: &str, status: &str, back: bool) -> [String; 4] {
    [step.to_owned(), "Password Reset".to_owned(), status.to_owned(), back.to_string()]
}

#[tokio::test]
async fn each_change_that_was_made_is_told_once_and_none_that_was_not() {
    let (sure, doubt) = (row("directory", "Success", false), row("directory", "Unknown", false));
    let refused = || failed(Fault::refused);
    let unclear = || failed(Fault::unclear);
    let later = || failed(Fault::later);
    let begin = || intent(directory());
    let cases: Vec<(&str, Vec<Event>, Told)> = vec![
        ("done", vec![begin(), done(directory())], vec![sure.clone()]),
        ("refused", vec![begin(), refused()], vec![]),
        ("not reached, then done", vec![begin(), later(), begin(), done(directory())], vec![sure.clone()]),
        ("the reply is lost, a look shows it", vec![begin(), unclear(), looked(Side::New)], vec![sure.clone()]),
        ("the reply is lost, it is not there", vec![begin(), unclear(), looked(Side::Old)], vec![]),
        ("a replica answers late", vec![begin(), unclear(), looked(Side::Old), looked(Side::New)], vec![sure.clone()]),
        (
            "not there, and again",
            vec![begin(), unclear(), looked(Side::Old), begin(), done(directory())],
            vec![sure.clone()],
        ),
        ("the process dies", vec![begin()], vec![doubt.clone()]),
        ("nobody can say", vec![begin(), unclear(), looked(Side::Foreign)], vec![doubt.clone()]),
        (
            "once in doubt, once done",
            vec![begin(), unclear(), begin(), done(directory())],
            vec![doubt.clone(), sure.clone()],
        ),
        ("seen again after a resume", vec![begin(), done(directory()), looked(Side::New)], vec![sure.clone()]),
        ("another step's look", vec![begin(), done(directory()), done(Step::Stage)], vec![sure.clone()]),
        (
            "set, sealed, put back",
            vec![
                begin(),
                done(directory()),
                intent(Step::Seal),
                done(Step::Seal),
                Event::Turned { by: TurnedBy::Engine, why: "for a test".into() },
                begin(),
                done(directory()),
                Event::RolledBack,
            ],
            vec![sure.clone(), row("seal", "Success", false), row("directory", "Success", true)],
        ),
    ];
    for (name, after, expected) in cases {
        assert_eq!(told(after).await, expected, "{name}");
    }
}

#[tokio::test]
async fn an_event_says_who_whose_where_and_when() {
    let written = Written::new().await;
    let first = begun("alpha", print_of(7, "2026-04-02T00:00:00Z"), ["me@host", "why", "CHG-1"], Trigger::Person);
    let [intent, done] = set(8, "2026-07-11T00:00:12Z");
    let (begin, end) = ("2026-07-11T00:00:10Z", "2026-07-11T00:00:12.345Z");
    written.rotation("r1", "alpha", &[(FROM, first), (begin, intent), (end, done)]).await;
    let found = events(&written).await;
    let [event] = &found[..] else { panic!("{found:?}") };
    let is = |pointer: &str, expected: Value| assert_eq!(event.pointer(pointer), Some(&expected), "{pointer}");
    is("/class_uid", 3001.into());
    is("/type_uid", 300_104.into());
    is("/time", at(end).as_millisecond().into());
    is("/start_time", at(begin).as_millisecond().into());
    is("/metadata/uid", "r1/1".into());
    is("/metadata/correlation_uid", "r1".into());
    is("/actor/user/name", "me@host".into());
    is("/user/name", "alpha".into());
    is("/user/uid", "CN=alpha,DC=contoso,DC=test".into());
    is("/user/account/type", "ActiveDirectory Account".into());
    is("/user/account/labels/0", "connector".into());
    is("/device/hostname", "SYNC1".into());
    is("/enrichments/0/data/key_version", 8.into());
    is("/unmapped/ticket", "CHG-1".into());
}

#[tokio::test]
async fn who_changes_his_own_password_resets_nothing() {
    let cases = [
        (Procedure::Own, Method::Change, "Password Change", "self", "ActiveDirectory Account"),
        (Procedure::Service, Method::LocalChange, "Password Change", "service", "Windows Account"),
        (Procedure::Service, Method::Reset, "Password Reset", "service", "ActiveDirectory Account"),
    ];
    for (procedure, method, activity, label, kind) in cases {
        let written = Written::new().await;
        let mut made = plan(inventory("alpha", print_of(7, "2026-04-02T00:00:00Z"))).expect("a plan");
        (made.inventory.procedure, made.inventory.method) = (procedure, method);
        if procedure == Procedure::Own {
            made.inventory.servers.clear();
        }
        let first = Event::Begun {
            plan: Box::new(made),
            initiator: String::new(),
            reason: String::new(),
            ticket: String::new(),
            trigger: Trigger::Person,
            approved: None,
            without_approval: None,
        };
        written.rotation("r1", "alpha", &[(FROM, first), (FROM, intent(directory())), (FROM, done(directory()))]).await;
        let found = events(&written).await;
        let told = ["/activity_name", "/user/account/labels/0", "/user/account/type"].map(|at| found[0].pointer(at));
        assert_eq!(told.map(|value| value.and_then(Value::as_str)), [Some(activity), Some(label), Some(kind)]);
        assert_eq!(found[0].get("device").is_some(), procedure != Procedure::Own);
    }
}

#[tokio::test]
async fn names_that_somebody_chose_stay_on_their_line() {
    let written = Written::new().await;
    let name = "a\u{202e}b\nc\r\u{2028}\u{0}\"}{";
    let first = begun(name, print_of(7, "2026-04-02T00:00:00Z"), [name, name, name], Trigger::Person);
    written.rotation("r1", name, &[(FROM, first), (FROM, intent(directory())), (FROM, done(directory()))]).await;
    let why = Note::Stopped { by: name.into(), why: name.into() };
    written.note(FROM, why).await;
    for line in lines(&written, &Verified::Intact).await {
        assert!(line.chars().all(|letter| !letter.is_control() && !"\u{202e}\u{2028}".contains(letter)), "{line:?}");
        serde_json::from_str::<Value>(&line).expect("JSON");
    }
    assert_eq!(events(&written).await[0]["user"]["name"], name);
}
