//! The adapter's whole work.

use jiff::SignedDuration;
use providers::lab::Mark;
use providers::port::{Directory, Meaning, ResetRight, Secret};

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

#[tokio::test]
async fn the_rights_are_told_without_changing_anything() {
    let bench = Bench::new().await;
    let before = bench.print(DC1).await;
    assert_eq!(bench.rotator().reset_right(DN, DC1).await.unwrap(), ResetRight::Held);
    assert_eq!(bench.somebody().reset_right(DN, DC1).await.unwrap(), ResetRight::Missing);
    assert!(bench.print(DC1).await.same_set(&before));
    let denied = bench.somebody().set_password(DN, DC1, &Secret::new(SECOND)).await.unwrap_err();
    assert_eq!(denied.meaning, Meaning::Refused);
    assert!(denied.hint.contains("Reset password"), "{denied}");
    bench.lab.mark(ACCOUNT, Mark::Groups(vec![512, 525])).unwrap();
    let facts = bench.facts().await;
    let said = [facts.refusals, facts.warnings].concat().join(" ");
    assert!(said.contains("Domain Admins") && said.contains("Protected Users"), "{said}");
    bench.lab.mark(ACCOUNT, Mark::MustChange(true)).unwrap();
    let refusals = bench.facts().await.refusals;
    assert!(refusals.iter().any(|refusal| refusal.contains("must change")), "{refusals:?}");
}

#[tokio::test]
async fn a_change_shows_the_old_password_and_obeys_the_history() {
    let bench = Bench::new().await;
    let (first, second) = (Secret::new(FIRST), Secret::new(SECOND));
    let rotator = bench.rotator();
    for (old, new, code) in [(&second, &second, "52e"), (&first, &first, "0000052D")] {
        let fault = rotator.change_password(DN, DC1, old, new).await.unwrap_err();
        assert_eq!(fault.meaning, Meaning::Refused);
        assert!(fault.cause.contains(code), "{fault}");
    }
    rotator.change_password(DN, DC1, &first, &second).await.unwrap();
    assert_eq!(bench.print(DC1).await.key_version, 3);
}

#[tokio::test]
async fn wrong_passwords_count_where_they_are_tried_and_at_the_pdc_emulator() {
    let bench = Bench::new().await;
    let wrong = async |dc| bench.rotator().lockout(DN, dc).await.unwrap().wrong;
    assert!(!bench.accepted(DC2, "A-wrong-one-of-nobody-1").await);
    assert_eq!((wrong(DC1).await, wrong(DC2).await), (Some(1), Some(1)));
    assert!(!bench.accepted(DC1, "A-wrong-one-of-nobody-1").await);
    assert_eq!((wrong(DC1).await, wrong(DC2).await), (Some(2), Some(1)));
    // The two previous passwords never count.
    for password in [SECOND, "Third-Candidate-3-for-the-test"] {
        bench.rotator().set_password(DN, DC1, &Secret::new(password)).await.unwrap();
    }
    bench.pass(SignedDuration::from_hours(2));
    for password in [FIRST, SECOND] {
        assert!(!bench.accepted(DC1, password).await);
    }
    assert_eq!(wrong(DC1).await, Some(0), "an old window");
}
