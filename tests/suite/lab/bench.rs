//! `lab bench`, small; the stage `bench` runs the whole.

use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

/// A machine that runs all other tests beside it is no place for 1.1.
const RATIO_MAX: f64 = 1.3;

#[test]
fn a_hundred_accounts_keep_near_the_critical_path() {
    let words = ["lab", "bench", "--accounts", "100", "--sites", "25", "--latency-ms", "60", "--format", "json"];
    let done = Command::new(cargo_bin("entra-rotator")).args(words).output().expect("it runs");
    let measured: Value = serde_json::from_slice(&done.stdout).expect("one document");
    let figure = |name: &str| measured[name].as_f64().expect("a number");
    assert_eq!((figure("rotated"), figure("accounts"), figure("servers")), (100.0, 100.0, 25.0), "{measured}");
    assert!(figure("seconds") <= RATIO_MAX * figure("critical_path_seconds"), "{measured}");
    let small = measured["resident_max_kib"].as_u64().is_none_or(|kib| kib < 128 * 1024);
    assert!(small, "{measured}");
    let met = figure("ratio") <= 1.1 && small;
    assert_eq!(done.status.code(), Some(i32::from(!met)), "{measured}");
}
