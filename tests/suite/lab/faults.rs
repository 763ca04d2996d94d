//! The table of faults: what `rotate` must come to for each. The table itself is data.

use serde_json::Value;

use super::Lab;

const TABLE: &str = include_str!("fault_table.tsv");

#[test]
fn every_row_of_the_fault_table() {
    let rows: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(rows.len() >= 19, "the table lost rows");
    for row in rows {
        let mut cells = row.split('\t');
        let mut cell = || cells.next().unwrap_or_default();
        let (faults, exits, world, more) = (cell(), cell(), cell(), cell());
        let lab = Lab::new();
        for fault in faults.split(';').map(str::trim).filter(|fault| *fault != "-") {
            lab.order(fault);
        }
        let ended = lab.rotate();
        let code = ended.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        assert!(
            exits.split(" or ").any(|exit| exit == code),
            "{faults}: exit {code}\n{}\n{}",
            ended.stdout,
            ended.stderr
        );
        if world != "any" {
            lab.expect(world, faults);
        }
        for demand in more.split_whitespace() {
            meets(&lab, demand, faults, &ended.stdout);
        }
        lab.expect_intact_journal(faults);
        println!("{faults}: exit {code}, {:?}", lab.holders());
    }
}

fn meets(lab: &Lab, demand: &str, faults: &str, told: &str) {
    match demand {
        "directory-untouched" => assert_eq!(lab.counter("directory-writes"), 0, "{faults}"),
        "ends-in-old-proof" => ends_in_old_proof(&lab.newest_history(), faults),
        "names-service-state" => {
            assert!(told.contains("running"), "{faults}: the service's state is not named: {told}")
        }
        "foreign" => assert!(told.contains("somebody else"), "{faults}: {told}"),
        "resume-ends-0" => {
            assert_eq!(lab.run("lab fault clear").code, Some(0));
            let resumed = lab.run("resume --lab");
            assert_eq!(resumed.code, Some(0), "{faults}: {}", resumed.stdout);
            lab.expect("all=p2 previous=p1", faults);
        }
        "repair-ends-0" => {
            let still = lab.rotate();
            assert_eq!(still.code, Some(3), "a held rotation was passed over: {}", still.stdout);
            let repaired = lab.run("rotate --lab --all --repair");
            assert_eq!(repaired.code, Some(0), "{faults}: {}\n{}", repaired.stdout, repaired.stderr);
            lab.expect_one_label(faults);
            assert_eq!(lab.run("status --lab --check").code, Some(0), "the held rotation is still open");
            assert_eq!(lab.rotate().code, Some(0), "the next rotation is blocked");
        }
        other => panic!("the table asks for {other}, which nobody checks"),
    }
}

/// After the turn there is a test sync that succeeded, and the journal ends with "all old".
fn ends_in_old_proof(history: &[Value], context: &str) {
    let turned = history.iter().position(|entry| entry["event"] == "turned").expect("a turn");
    let proof = history[turned..].iter().find(|entry| {
        entry["event"] == "done" && entry["step"].as_str().is_some_and(|step| step.starts_with("prove:"))
    });
    let proof = proof.unwrap_or_else(|| panic!("{context}: the old password was not proven"));
    assert_eq!(proof["proof"]["sync"]["result"], "success", "{context}");
    let last = history.last().expect("an entry");
    assert_eq!(last["event"], "rolled-back", "{context}");
    let seal = |entry: &&Value| entry["event"] == "done" && entry["step"] == "seal";
    assert!(history[turned..].iter().any(|entry| seal(&entry)), "{context}: the proof came before the seal");
}
