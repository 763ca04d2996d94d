use super::*;
use crate::lab::set_password;

#[tokio::test]
async fn the_truth_of_a_fresh_world_is_one_password_everywhere() {
    let bench = Bench::new();
    let expected = serde_json::json!({
        "schema": 1,
        "accounts": [{"account": ACCOUNT, "holders": [
            {"holder": "directory", "label": "p1"},
            {"holder": "engine:SYNC1/contoso.test", "label": "p1"},
            {"holder": "vault:current", "label": "p1"},
            {"holder": "vault:previous", "label": null},
            {"holder": "vault:pending", "label": null},
        ]}],
        "counters": {
            "directory-binds": 0, "directory-writes": 0, "engine-writes": 0, "proofs": 0, "restarts": 0,
            "scheduler-writes": 0, "vault-writes": 0,
        },
        "scheduler": {"enabled": true, "suspended": false, "interval-minutes": 30, "restore-tasks": []},
        "servers": [{
            "server": "SYNC1", "staging": false, "build": "2.6.92.0", "service-account": "NT SERVICE\\ADSync",
            "service-state": "running", "open-programs": [], "upgrading": false,
        }],
        "world": "",
    });
    assert_eq!(bench.truth(), expected);
    assert_eq!(bench.lab.account_names(), [ACCOUNT]);
}

#[tokio::test]
async fn labels_follow_a_whole_rotation() {
    let bench = Bench::new();
    bench.vault().stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    assert_eq!(bench.label("vault:pending").as_deref(), Some("p2"));
    bench.set(&password(2)).await;
    assert_eq!(bench.label("directory").as_deref(), Some("p2"));
    bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    assert_eq!(bench.label("engine:SYNC1/contoso.test").as_deref(), Some("p2"));
    bench.server().restart().await.unwrap();
    bench.set(&password(2)).await;
    bench.directory().replicate(&bench.dn().await, DC1, DC2).await.unwrap();
    assert_eq!(bench.proof().await, "success");
    bench.vault().promote(ACCOUNT, &attempt("r1")).await.unwrap();
    assert_eq!(bench.label("vault:current").as_deref(), Some("p2"));
    assert_eq!(bench.label("vault:previous").as_deref(), Some("p1"));
    assert_eq!(bench.label("vault:pending"), None);
    assert_eq!(bench.counter("directory-writes"), 2);
    assert_eq!(bench.counter("restarts"), 1);
    assert_eq!(bench.counter("vault-writes"), 2);
}

#[tokio::test]
async fn a_person_moves_the_labels() {
    let bench = Bench::new();
    set_password(&bench.dir, ACCOUNT, "directory", None).unwrap();
    assert_eq!(bench.label("directory").as_deref(), Some("p2"));
    set_password(&bench.dir, ACCOUNT, "engine:SYNC1/contoso.test", Some(password(3))).unwrap();
    assert_eq!(bench.label("engine:SYNC1/contoso.test").as_deref(), Some("p3"));
    set_password(&bench.dir, ACCOUNT, "vault:current", None).unwrap();
    assert_eq!(bench.label("vault:current").as_deref(), Some("p4"));
    bench.set(&password(3)).await;
    assert_eq!(bench.label("directory").as_deref(), Some("p3"), "a password keeps its label");
    for (account, holder) in [("x", "directory"), (ACCOUNT, "somewhere"), (ACCOUNT, "engine:SYNC9/contoso.test")] {
        assert!(set_password(&bench.dir, account, holder, None).is_err());
    }
}

#[tokio::test]
async fn labels_and_passwords_outlive_the_process() {
    let bench = Bench::new();
    bench.set(&password(2)).await;
    let again = bench.reopen();
    let dn = bench.dn().await;
    assert!(again.directory().accepts(&dn, DC1, &password(2)).await.unwrap());
    again.directory().set_password(&dn, DC1, &password(3)).await.unwrap();
    assert_eq!(bench.label("directory").as_deref(), Some("p3"));
}

#[test]
fn a_person_may_come_before_the_world_is_opened() {
    let dir = fresh_dir();
    Lab::create(&dir, &WorldPlan::default_world()).unwrap();
    assert!(Lab::exists(&dir));
    assert!(Lab::create(&dir, &WorldPlan::default_world()).is_err());
    set_password(&dir, ACCOUNT, "directory", None).unwrap();
    assert_eq!(label(&show(&dir).unwrap(), "directory").as_deref(), Some("p2"));
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(!Lab::exists(&dir));
    assert!(show(&dir).is_err());
}
