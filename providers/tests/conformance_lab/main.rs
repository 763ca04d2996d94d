//! The lab's directory, held to every promise of the port, with one and with two domain controllers; and adapters
//! with a defect each, which the suite must catch by name.

mod bench;
#[cfg(all(feature = "active-directory", feature = "lab-ldaps"))]
mod stand_in;

use std::collections::BTreeSet;
use std::sync::Arc;

use bench::LabBench;
use providers::conformance::directory::broken::{Broken, Defect};
use providers::conformance::directory::{Bench, names, run};

/// What a bench with one domain controller can't show.
const NEEDS_TWO: [&str; 6] = [
    "fingerprint_is_of_the_controller_asked",
    "set_happens_at_the_controller_named",
    "change_happens_at_the_controller_named",
    "lockout_is_of_the_controller_asked",
    "accepts_asks_the_controller_named",
    "replicate_done_is_there",
];
/// What the lab's directory can't show without a wire.
const NEEDS_A_WIRE: [&str; 1] = ["controller_silent_is_later_and_soon"];

const ONE: &[&str] = &["dc1.contoso.test"];
const TWO: &[&str] = &["dc1.contoso.test", "dc2.contoso.test"];

#[tokio::test]
async fn the_lab_keeps_every_promise() {
    for controllers in [TWO, ONE] {
        let bench = Arc::new(LabBench::new(controllers));
        let report = run(bench.directory(), bench).await;
        println!("{report}");
        assert_eq!(report.failed(), Vec::<&str>::new(), "{report}");
        let absent: BTreeSet<&str> = report.not_applicable().into_iter().collect();
        let mut expected: BTreeSet<&str> = NEEDS_A_WIRE.into();
        if controllers == ONE {
            expected.extend(NEEDS_TWO);
            expected.insert("working_dc_follows_the_role");
        }
        assert_eq!(absent, expected);
        assert_eq!(report.passed().len() + absent.len(), names().len());
    }
}

#[tokio::test]
async fn every_broken_adapter_is_caught_by_name_with_two_controllers() {
    broken_adapters_are_caught(TWO, Defect::ALL).await;
}

#[tokio::test]
async fn every_broken_adapter_is_caught_by_name_with_one_controller() {
    broken_adapters_are_caught(ONE, Defect::WRITING).await;
}

async fn broken_adapters_are_caught(controllers: &[&str], defects: &[Defect]) {
    let bench = Arc::new(LabBench::new(controllers));
    let good = run(bench.directory(), bench).await;
    let mut wrong = Vec::new();
    for &defect in defects {
        let bench = Arc::new(LabBench::new(controllers));
        let broken = Arc::new(Broken::new(bench.directory(), defect, bench.bystander()));
        let report = run(broken, bench).await;
        assert!(controllers != TWO || !report.failed().is_empty(), "{defect:?} is caught by nothing");
        if let Err(how) = defect.judge(&good, &report) {
            wrong.push(how);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_check_catches_somebody() {
    let caught: BTreeSet<&str> = Defect::ALL.iter().flat_map(|defect| defect.caught_by()).copied().collect();
    let all: BTreeSet<&str> = names().into_iter().collect();
    assert_eq!(caught.difference(&all).collect::<Vec<_>>(), Vec::<&&str>::new(), "names of no check");
    assert_eq!(all.difference(&caught).collect::<Vec<_>>(), Vec::<&&str>::new(), "checks that nobody fails");
    assert_eq!(all.len(), names().len(), "two checks have one name");
}
