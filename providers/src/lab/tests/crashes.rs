use super::*;
use crate::lab::faults;
use crate::port::Slot;

#[tokio::test]
async fn before_a_step_nothing_has_happened() {
    let bench = Bench::new();
    bench.fault("crash-before:directory");
    let (directory, dn) = (bench.directory(), bench.dn().await);
    never_returns(&bench, in_step("directory", directory.set_password(&dn, DC1, &password(2)))).await;
    assert_eq!(bench.label("directory").as_deref(), Some("p1"));
    assert!(faults::list(&bench.dir).unwrap().is_empty());
    let again = bench.reopen().directory();
    in_step("directory", again.set_password(&dn, DC1, &password(2))).await.unwrap();
}

#[tokio::test]
async fn after_a_step_it_has_happened() {
    let bench = Bench::new();
    bench.fault("crash-after:back:directory");
    let (directory, dn) = (bench.directory(), bench.dn().await);
    in_step("directory", directory.set_password(&dn, DC1, &password(2))).await.unwrap();
    in_step("back:directory", directory.fingerprint(&dn, DC1)).await.unwrap();
    never_returns(&bench, in_step("back:directory", directory.set_password(&dn, DC1, &password(3)))).await;
    assert_eq!(bench.label("directory").as_deref(), Some("p3"));
    assert!(faults::list(&bench.dir).unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_request_has_no_after() {
    let bench = Bench::new();
    bench.fault("crash-after:engine:SYNC1/contoso.test");
    bench.fault("engine-refuses");
    let server = bench.server();
    let step = "engine:SYNC1/contoso.test";
    assert!(in_step(step, server.set_connector_password(CONNECTOR, &password(2))).await.is_err());
    assert_eq!(faults::list(&bench.dir).unwrap().len(), 2);
}

#[tokio::test]
async fn a_look_can_be_where_the_process_ends() {
    let bench = Bench::new();
    bench.fault("crash-after:look:stage");
    let vault = bench.vault();
    never_returns(&bench, in_step("look:stage", vault.find(ACCOUNT, Slot::Pending))).await;
}

#[tokio::test]
async fn a_step_without_requests_dies_at_its_entry() {
    let bench = Bench::new();
    bench.fault("crash-before:quiesce");
    bench.fault("crash-after:baseline");
    bench.lab.at_append("baseline", false).await;
    never_returns(&bench, bench.lab.at_append("baseline", true)).await;
    never_returns(&bench, bench.lab.at_append("quiesce", false)).await;
    bench.lab.at_append("quiesce", false).await;
    assert!(!bench.has_ended());
}

#[tokio::test]
async fn the_n_th_entry_of_a_process_can_be_its_last() {
    let bench = Bench::new();
    bench.fault("crash-before-append:3");
    bench.fault("crash-after-append:2");
    bench.lab.before_append().await;
    bench.lab.after_append().await;
    bench.lab.before_append().await;
    never_returns(&bench, bench.lab.after_append()).await;
    // The next process counts anew.
    let next = bench.reopen();
    for _ in 0..2 {
        next.before_append().await;
        next.after_append().await;
    }
    never_returns(&bench, next.before_append()).await;
}
