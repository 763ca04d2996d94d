//! `report`, as a person calls it.

use sqlx::{Connection, SqliteConnection};

use crate::lab::Lab;

const ALL: &str = "--from 2020-01-01 --to 2020-04-01";

#[test]
fn a_period_is_over_and_said_in_one_way() {
    let lab = Lab::made();
    let wrong = [
        "--from 2020-04-01 --to 2020-01-01",
        "--from 2020-01-01",
        "--from yesterday --to 2020-01-01",
        "--from 2020-01-01 --to 2999-01-01",
        "--quarter 2020Q5",
        "--quarter 2999Q1",
        "--quarter 2020Q1 --last-days 3",
        "--last-days 0",
    ];
    for words in wrong {
        let ended = lab.run(&format!("report --lab {words}"));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{words}: {}", ended.stderr);
    }
    for words in ["", "--last-days 7"] {
        let ended = lab.run(&format!("report --lab --form json {words}"));
        assert_eq!(ended.code, Some(0), "{words}: {}", ended.stderr);
    }
    let quarter = lab.run("report --lab --form json --quarter 2020Q1");
    assert_eq!(quarter.stdout, lab.run(&format!("report --lab --form json {ALL}")).stdout);
    assert_eq!(quarter.json()["period"]["to"], "2020-04-01T00:00:00Z");
}

#[test]
fn a_file_is_written_whole_and_again_the_same() {
    let lab = Lab::made();
    assert_eq!(lab.rotate().code, Some(0));
    let file = lab.dir().join("report.html");
    let call = |file: &std::path::Path| {
        let file = file.to_str().expect("UTF-8");
        lab.run_words(&["report", "--lab", "--last-days", "30", "--out", file])
    };
    for _ in 0..2 {
        let ended = call(&file);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    }
    let page = std::fs::read_to_string(&file).expect("a page");
    assert_eq!(page, lab.run("report --lab --last-days 30").stdout);
    let parts = std::fs::read_dir(lab.dir()).expect("a folder").filter_map(Result::ok);
    assert_eq!(parts.filter(|entry| entry.file_name().to_string_lossy().ends_with(".part")).count(), 0);
    assert_eq!(call(&lab.dir().join("none/report.html")).code, Some(2));
    let schema = lab.run("report --schema").json();
    assert_eq!(schema["title"], "Report");
}

#[tokio::test]
async fn a_journal_that_was_changed_gives_no_report_unless_told() {
    let lab = Lab::made();
    assert_eq!(lab.rotate().code, Some(0));
    let journal = format!("sqlite://{}", lab.dir().join("journal.db").display());
    let mut connection = SqliteConnection::connect(&journal).await.expect("the journal");
    let change = "UPDATE entries SET event = replace(event, 'stage', 'seal') WHERE position = 4";
    sqlx::raw_sql(change).execute(&mut connection).await.expect("changed");
    connection.close().await.expect("closed");

    let refused = lab.run("report --lab --last-days 1");
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("--unverified"), "{}", refused.stderr);
    let told = |form: &str| {
        let ended = lab.run(&format!("report --lab --last-days 1 --unverified --form {form}"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended
    };
    assert!(told("html").stdout.contains("class=\"alarm\" role=\"alert\"><p>NOT VERIFIED"));
    assert!(told("text").stdout.contains("NOT VERIFIED"));
    let report = told("json").json();
    assert_eq!((&report["evidence"]["intact"], report["evidence"]["first_bad_entry"].is_i64()), (&false.into(), true));
}
