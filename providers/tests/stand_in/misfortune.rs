//! Bad luck on the wire, on order: what the adapter makes of it, and what became of the password.

use std::time::{Duration, Instant};

use providers::active_directory::ActiveDirectory;
use providers::lab::ldaps::{Certificate, Options};
use providers::port::{Directory, Fault, Meaning, Secret};

use crate::bench::{ACCOUNT, Bench, DC1, DC2, DN, FIRST, plan};

const SECOND: &str = "Second-Candidate-2-for-the-test";
/// The adapter's own limits end every call by then.
const CALL_LIMIT: Duration = Duration::from_secs(60);

async fn set(bench: &Bench) -> Result<(), Fault> {
    let secret = Secret::new(SECOND);
    let rotator = bench.rotator();
    tokio::time::timeout(CALL_LIMIT, rotator.set_password(DN, DC1, &secret)).await.expect("the call never returned")
}

/// Whether the directory holds the second password, past every fault.
async fn is_set(bench: &Bench) -> bool {
    bench.print(DC1).await.key_version > 2
}

#[tokio::test]
async fn a_set_that_is_cut_happened_or_not_and_nobody_can_tell() {
    for (order, happened) in [
        ("cut-before", false),
        ("cut-request:0", false),
        ("cut-request:1", false),
        ("cut-request:9", false),
        ("cut-request:40", false),
        ("cut-after", true),
        ("cut-answer:0", true),
        ("cut-answer:1", true),
        ("cut-answer:6", true),
        ("cut-answer:13", true),
        ("other", true),
        ("garbage", true),
        ("disconnect", false),
    ] {
        let bench = Bench::new().await;
        bench.fault(&format!("ldaps:modify:{order}"));
        let fault = set(&bench).await.expect_err(order);
        assert_eq!(fault.meaning, Meaning::Unclear, "{order}: {fault}");
        assert!(!fault.to_string().contains(SECOND));
        assert_eq!(is_set(&bench).await, happened, "{order}");
        assert!(bench.accepted(DC1, if happened { SECOND } else { FIRST }).await, "{order}");
        set(&bench).await.unwrap_or_else(|fault| panic!("{order} struck twice: {fault}"));
    }
}

#[tokio::test]
async fn a_whole_answer_that_comes_slowly_is_an_answer() {
    let bench = Bench::new().await;
    bench.fault("ldaps:modify:dribble:5");
    bench.fault("ldaps:search:dribble:1");
    bench.fault("ldaps:bind:late:300");
    let begun = Instant::now();
    set(&bench).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300), "nothing was late");
    assert!(is_set(&bench).await);
    assert_eq!(bench.facts().await.dn, DN);
}

#[tokio::test]
async fn a_refusal_is_told_from_a_busy_controller() {
    let bench = Bench::new().await;
    for (order, meaning) in [("busy", Meaning::Later), ("unavailable", Meaning::Later), ("refuse", Meaning::Refused)] {
        bench.fault(&format!("ldaps:modify:{order}"));
        assert_eq!(set(&bench).await.expect_err(order).meaning, meaning, "{order}");
    }
    bench.fault("ldaps:bind:busy");
    assert_eq!(set(&bench).await.expect_err("busy").meaning, Meaning::Later);
    assert!(!is_set(&bench).await);
}

#[tokio::test]
async fn a_look_that_is_cut_comes_later() {
    let bench = Bench::new().await;
    for order in ["search:cut-before", "search:cut-answer:20", "bind:cut-after", "connect:cut-before"] {
        bench.fault(&format!("ldaps:{order}@{DC2}"));
        bench.print(DC1).await;
        let fault = bench.rotator().fingerprint(DN, DC2).await.expect_err(order);
        assert_eq!(fault.meaning, Meaning::Later, "{order}: {fault}");
        bench.print(DC2).await;
    }
    bench.fault(&format!("ldaps:search:garbage@{DC2}"));
    let fault = bench.rotator().fingerprint(DN, DC2).await.expect_err("it is no LDAP");
    assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
}

#[tokio::test]
async fn endless_huge_and_missing_answers_end_at_the_adapters_limits() {
    // All side by side: each ends by its own limit, in seconds.
    let benches = [Bench::new().await, Bench::new().await, Bench::new().await];
    // What no domain controller says is told from what one may say later.
    let orders = [("endless", Meaning::Broken), ("huge", Meaning::Broken), ("stall", Meaning::Later)];
    let looks = orders.iter().zip(&benches).map(|((order, meaning), bench)| async move {
        bench.fault(&format!("ldaps:search:{order}"));
        let rotator = bench.rotator();
        let look = tokio::time::timeout(CALL_LIMIT, rotator.fingerprint(DN, DC1)).await.expect("it never returned");
        let fault = look.expect_err(order);
        assert_eq!(fault.meaning, *meaning, "{order}: {fault}");
    });
    let mut looks: Vec<_> = looks.map(Box::pin).collect();
    let (first, second, third) = (looks.remove(0), looks.remove(0), looks.remove(0));
    tokio::join!(first, second, third);
}

#[tokio::test]
async fn an_attribute_that_may_not_be_read_is_missing() {
    let bench = Bench::new().await;
    bench.fault("ldaps:search:hide:userAccountControl");
    let refusals = bench.facts().await.refusals;
    assert!(refusals.iter().any(|refusal| refusal.contains("userAccountControl")), "{refusals:?}");
    assert_eq!(bench.facts().await.refusals, refusals, "it stays hidden");
}

#[tokio::test]
async fn a_certificate_that_can_not_be_trusted_is_never_spoken_to() {
    for certificate in [Certificate::Expired, Certificate::NotYetValid, Certificate::OtherName, Certificate::OtherCa] {
        let options = Options { certificates: [(DC2.to_owned(), certificate)].into(), ..Options::default() };
        let bench = Bench::with(&plan(), &options).await;
        bench.print(DC1).await;
        let fault = bench.rotator().fingerprint(DN, DC2).await.expect_err("it is not trusted");
        assert_eq!(fault.meaning, Meaning::Broken, "{certificate:?}: {fault}");
        let log = std::fs::read_to_string(bench.dir.path().join("requests.log")).unwrap();
        assert!(!log.contains(&format!("ldaps {DC2}")), "{certificate:?}");
    }
}

#[tokio::test]
async fn the_work_goes_on_at_another_controller_and_follows_the_role() {
    let mut bench = Bench::new().await;
    bench.lab.move_pdc(DC2).unwrap();
    assert_eq!(bench.facts().await.dc, DC2);
    bench.serving.stop(DC1).await;
    assert_eq!(bench.rotator().account(ACCOUNT).await.unwrap().dc, DC2);
    assert_eq!(bench.rotator().fingerprint(DN, DC1).await.unwrap_err().meaning, Meaning::Later);
}

#[tokio::test]
async fn no_secret_lies_in_the_lab_in_clear() {
    let bench = Bench::new().await;
    set(&bench).await.unwrap();
    let wrong = ActiveDirectory::new(bench.settings("rotator@contoso.test", "Wrong-but-secret-too-4")).unwrap();
    assert_eq!(wrong.account(ACCOUNT).await.unwrap_err().meaning, Meaning::Broken);
    let secrets = [SECOND, crate::bench::ROTATOR_PASSWORD, "Wrong-but-secret-too-4"];
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        let path = file.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} lies in {}", path.display());
        }
    }
    let log = std::fs::read_to_string(bench.dir.path().join("requests.log")).unwrap();
    assert!(log.contains("modify unicodePwd") && log.contains("bind as rotator@contoso.test"), "{log}");
}
