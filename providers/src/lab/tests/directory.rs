use super::*;
use crate::port::Meaning;

#[tokio::test]
async fn the_old_password_passes_for_an_hour_and_no_longer() {
    let bench = Bench::new();
    let (first, second) = (bench.first().await, password(2));
    bench.set(&second).await;
    bench.pass(SignedDuration::from_mins(59));
    for dc in [DC1, DC2] {
        assert!(bench.accepted(dc, &first).await);
        assert!(bench.accepted(dc, &second).await);
    }
    bench.pass(SignedDuration::from_mins(1));
    for dc in [DC1, DC2] {
        assert!(!bench.accepted(dc, &first).await);
        assert!(bench.accepted(dc, &second).await);
    }
}

#[tokio::test]
async fn a_second_set_to_the_same_password_ends_the_grace() {
    let bench = Bench::new();
    let (first, second) = (bench.first().await, password(2));
    bench.set(&second).await;
    assert!(bench.accepted(DC1, &first).await);
    bench.set(&second).await;
    assert!(!bench.accepted(DC1, &first).await);
    assert!(bench.accepted(DC1, &second).await);
}

#[tokio::test]
async fn a_new_password_still_passes_after_a_person_set_a_third() {
    let bench = Bench::new();
    bench.set(&password(2)).await;
    bench.lab.set_password(ACCOUNT, "directory", Some(password(3))).unwrap();
    assert!(bench.accepted(DC1, &password(2)).await);
    assert!(!bench.accepted(DC1, &bench.first().await).await);
}

#[tokio::test]
async fn a_set_moves_the_metadata_there_and_elsewhere_after_the_lag() {
    let bench = Bench::new();
    let (directory, dn) = (bench.directory(), bench.dn().await);
    let before = directory.fingerprint(&dn, DC2).await.unwrap();
    bench.set(&password(2)).await;
    let there = directory.fingerprint(&dn, DC1).await.unwrap();
    assert_eq!(there.key_version, before.key_version + 1);
    assert!(there.password_last_set >= before.dc_time);
    assert!(directory.fingerprint(&dn, DC2).await.unwrap().same_set(&before));
    bench.pass(SignedDuration::from_millis(199));
    assert!(directory.fingerprint(&dn, DC2).await.unwrap().same_set(&before));
    bench.pass(SignedDuration::from_millis(1));
    assert!(directory.fingerprint(&dn, DC2).await.unwrap().same_set(&there));
}

#[tokio::test]
async fn replication_on_request_is_immediate() {
    let bench = Bench::new();
    let (directory, dn) = (bench.directory(), bench.dn().await);
    bench.set(&password(2)).await;
    directory.replicate(&dn, DC1, DC2).await.unwrap();
    let (one, two) = (directory.fingerprint(&dn, DC1).await.unwrap(), directory.fingerprint(&dn, DC2).await.unwrap());
    assert!(one.same_set(&two));
    bench.pass(SignedDuration::from_secs(1));
    assert!(directory.fingerprint(&dn, DC2).await.unwrap().same_set(&two), "the change that was on its way undid it");
}

#[tokio::test]
async fn pwd_last_set_moves_even_when_the_clock_stands_still() {
    let bench = Bench::new();
    let (directory, dn) = (bench.directory(), bench.dn().await);
    let mut last = directory.fingerprint(&dn, DC1).await.unwrap();
    for number in 2..5 {
        bench.set(&password(number)).await;
        let next = directory.fingerprint(&dn, DC1).await.unwrap();
        assert!(next.password_last_set > last.password_last_set);
        last = next;
    }
}

#[tokio::test]
async fn two_sets_on_separated_controllers_share_a_key_version_and_the_later_one_wins() {
    let bench = Bench::new();
    let (directory, dn) = (bench.directory(), bench.dn().await);
    directory.set_password(&dn, DC1, &password(2)).await.unwrap();
    bench.pass(SignedDuration::from_millis(1));
    directory.set_password(&dn, DC2, &password(3)).await.unwrap();
    let (one, two) = (directory.fingerprint(&dn, DC1).await.unwrap(), directory.fingerprint(&dn, DC2).await.unwrap());
    assert_eq!(one.key_version, two.key_version);
    assert!(!one.same_set(&two));
    bench.pass(SignedDuration::from_secs(1));
    assert!(directory.fingerprint(&dn, DC1).await.unwrap().same_set(&two));
    assert!(directory.fingerprint(&dn, DC2).await.unwrap().same_set(&two), "the earlier set must not come back");
    assert_eq!(bench.label("directory").as_deref(), Some("p3"));
}

#[tokio::test]
async fn a_lagging_controller_forwards_a_refused_logon() {
    let bench = Bench::new();
    bench.set(&password(2)).await;
    assert!(bench.accepted(DC2, &password(2)).await, "dc2 does not know it yet and must ask the PDC emulator");
    assert!(!bench.accepted(DC2, &password(9)).await);
}

#[tokio::test]
async fn wrong_passwords_lock_the_account_and_time_unlocks_it() {
    let plan = WorldPlan { lockout_threshold: 3, ..WorldPlan::default_world() };
    let bench = Bench::with(&plan);
    let (first, dn) = (bench.first().await, bench.dn().await);
    for _ in 0..3 {
        assert!(!bench.accepted(DC2, &password(9)).await);
    }
    let locked = bench.directory().accepts(&dn, DC1, &first).await.unwrap_err();
    assert_eq!(locked.meaning, Meaning::Refused);
    assert!(locked.cause.contains("775"));
    assert!(bench.directory().account(ACCOUNT).await.unwrap().refusals[0].contains("locked"));
    assert_eq!(bench.proof().await, "no-start-credentials");
    bench.set(&password(2)).await;
    assert!(bench.directory().accepts(&dn, DC1, &password(2)).await.is_err(), "a reset does not unlock");
    bench.pass(SignedDuration::from_mins(15));
    assert!(bench.accepted(DC1, &password(2)).await);
    assert!(bench.directory().account(ACCOUNT).await.unwrap().refusals.is_empty());
}

#[tokio::test]
async fn the_two_previous_passwords_do_not_count_toward_lockout_and_the_one_before_does() {
    let plan = WorldPlan { lockout_threshold: 3, ..WorldPlan::default_world() };
    let bench = Bench::with(&plan);
    let first = bench.first().await;
    bench.set(&password(2)).await;
    bench.set(&password(3)).await;
    bench.pass(SignedDuration::from_hours(2));
    for _ in 0..5 {
        assert!(!bench.accepted(DC1, &first).await);
        assert!(!bench.accepted(DC1, &password(2)).await);
    }
    assert!(bench.accepted(DC1, &password(3)).await);
    bench.set(&password(4)).await;
    for _ in 0..3 {
        assert!(!bench.accepted(DC1, &first).await);
    }
    assert!(bench.directory().accepts(&bench.dn().await, DC1, &password(4)).await.is_err());
}

#[tokio::test]
async fn the_policy_refuses_and_changes_nothing() {
    let plan = WorldPlan { display_name: "Entra Connect Sync".to_owned(), ..WorldPlan::default_world() };
    let bench = Bench::with(&plan);
    let (directory, dn) = (bench.directory(), bench.dn().await);
    let before = directory.fingerprint(&dn, DC1).await.unwrap();
    for bad in ["Sh0rt!", "onlylowercaseletters", "xX9-msol_1A2B3C4D5E6F", "xX9-a-CONNECTing-word"] {
        let refused = directory.set_password(&dn, DC1, &Secret::new(bad)).await.unwrap_err();
        assert_eq!(refused.meaning, Meaning::Refused);
        assert!(refused.cause.contains("0000052D") && !refused.to_string().contains(bad));
    }
    assert!(directory.fingerprint(&dn, DC1).await.unwrap().same_set(&before));
    assert_eq!(bench.counter("directory-writes"), 0);
    // A reset obeys no history: the password in use may be set again.
    bench.set(&bench.first().await).await;
    assert_eq!(directory.fingerprint(&dn, DC1).await.unwrap().key_version, before.key_version + 1);
}

#[tokio::test]
async fn an_account_is_found_by_each_of_its_names() {
    let bench = Bench::new();
    let facts = bench.directory().account("msol_1A2B3C4D5E6F").await.unwrap();
    assert_eq!(facts.dn, "CN=MSOL_1a2b3c4d5e6f,OU=Entra Connect,DC=contoso,DC=test");
    assert_eq!(facts.dc, DC1);
    assert_eq!(bench.directory().account(&facts.dn).await.unwrap(), facts);
    assert_eq!(bench.directory().account("MSOL_1a2b3c4d5e6f@contoso.test").await.unwrap(), facts);
    assert_eq!(bench.directory().account("somebody").await.unwrap_err().meaning, Meaning::Refused);
    let unknown = bench.directory().fingerprint(&facts.dn, "dc9.contoso.test").await.unwrap_err();
    assert_eq!(unknown.meaning, Meaning::Later);
    assert_eq!(bench.directory().fingerprint("CN=x", DC1).await.unwrap_err().meaning, Meaning::Refused);
}
