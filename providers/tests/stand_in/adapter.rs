//! The adapter's whole work.

use jiff::SignedDuration;
use providers::port::{Directory, Meaning, Secret};

use crate::bench::{ACCOUNT, Bench, DC1, DC2, DN, FIRST};

const SECOND: &str = "Second-Candidate-2-for-the-test";

#[tokio::test]
async fn an_account_is_found_at_the_pdc_emulator_by_each_of_its_names() {
    let bench = Bench::new().await;
    let facts = bench.facts().await;
    assert_eq!((facts.dn.as_str(), facts.sam_account_name.as_str(), facts.dc.as_str()), (DN, ACCOUNT, DC1));
    assert_eq!((facts.policy.length_min, facts.policy.complexity), (7, true));
    assert_eq!(bench.rotator().lockout(DN, DC1).await.unwrap().threshold, Some(10));
    assert!(facts.refusals.is_empty() && facts.warnings.is_empty(), "{facts:?}");
    for name in [DN, "msol_1A2B3C4D5E6F@contoso.test"] {
        assert_eq!(bench.rotator().account(name).await.unwrap(), facts);
    }
    let unknown = bench.rotator().account("nobody-at-all").await.unwrap_err();
    assert_eq!(unknown.meaning, Meaning::Refused);
}

#[tokio::test]
async fn a_set_is_made_looked_at_and_replicated() {
    let bench = Bench::new().await;
    let before = bench.print(DC1).await;
    bench.lab.set_lag(DC2, u32::MAX).unwrap();
    bench.rotator().set_password(DN, DC1, &Secret::new(SECOND)).await.unwrap();
    let after = bench.print(DC1).await;
    assert_eq!(after.key_version, before.key_version + 1);
    assert!(after.password_last_set >= before.dc_time);
    assert!(bench.print(DC2).await.same_set(&before), "it lags");
    assert!(bench.accepted(DC2, SECOND).await, "a refused logon is forwarded");
    assert!(bench.accepted(DC2, FIRST).await, "the stale copy accepts the old one");
    bench.rotator().replicate(DN, DC1, DC2).await.unwrap();
    assert!(bench.print(DC2).await.same_set(&after));
    bench.pass(SignedDuration::from_hours(2));
    assert!(!bench.accepted(DC2, FIRST).await);
}
