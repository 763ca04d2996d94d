//! What a rotation does to an account's two secrets.

use providers::port::{Meaning, Slot, Vault};
use serde_json::json;

use crate::bed::{Bed, attempt, seconds_now, secret};

#[tokio::test]
async fn a_rotation_from_adopt_to_the_second_promotion() {
    let bed = Bed::new();
    let vault = bed.vault();
    for slot in [Slot::Current, Slot::Pending, Slot::Previous] {
        assert_eq!(vault.find("life", slot).await.unwrap(), None);
    }
    let adopted = vault.adopt("life", &secret("first")).await.unwrap();
    assert_eq!((adopted.slot, adopted.rotation.as_deref()), (Slot::Current, None));
    assert_eq!(vault.adopt("life", &secret("other")).await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(bed.current("life")["value"], "first");

    let staged = vault.stage("life", &attempt("r1", &[]), &secret("second \"\\ ü")).await.unwrap();
    assert_eq!(vault.find("life", Slot::Pending).await.unwrap(), Some(staged.clone()));
    assert_eq!(vault.read(&staged).await.unwrap(), secret("second \"\\ ü"));
    assert_eq!(bed.current("life")["value"], "first");
    vault.announce(&staged).await.unwrap();
    assert_eq!(bed.current("life")["tags"]["pending"], format!("life-pending/{}", staged.version));
    assert_eq!(bed.current("life")["tags"]["pending-rotation"], "r1");

    let promoted = vault.promote("life", &attempt("r1", &[])).await.unwrap();
    assert_eq!(vault.find("life", Slot::Current).await.unwrap(), Some(promoted.clone()));
    assert_eq!(vault.promote("life", &attempt("r1", &[])).await.unwrap(), promoted);
    assert_eq!(vault.find("life", Slot::Pending).await.unwrap(), None);
    let previous = vault.find("life", Slot::Previous).await.unwrap().unwrap();
    assert_eq!(previous.version, adopted.version);
    assert_eq!(vault.read(&previous).await.unwrap(), secret("first"));
    let current = bed.current("life");
    assert_eq!(current["value"], "second \"\\ ü");
    assert_eq!(current["tags"], json!({"rotation": "r1", "sequence": "3", "previous": adopted.version}));
    assert_eq!(current["contentType"], "entra-rotator password");
    let (from, to) = (current["nbf"].as_u64().unwrap(), current["exp"].as_u64().unwrap());
    assert!(seconds_now().abs_diff(from) < 60 && to == from + 30 * 86400, "{from} {to}");
    let pending = bed.versions("life-pending");
    assert_eq!((pending.len(), &pending[0]["enabled"], &pending[0]["exp"]), (1, &json!(false), &json!(null)));

    vault.stage("life", &attempt("r2", &[]), &secret("third")).await.unwrap();
    vault.promote("life", &attempt("r2", &[])).await.unwrap();
    assert_eq!(vault.find("life", Slot::Previous).await.unwrap().unwrap().rotation.as_deref(), Some("r1"));
    assert_eq!(vault.promote("life", &attempt("r1", &[])).await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(bed.current("life")["value"], "third");
}

#[tokio::test]
async fn the_first_write_of_an_attempt_wins() {
    let bed = Bed::new();
    let vault = bed.vault();
    let one = vault.stage("first", &attempt("r1", &[]), &secret("one")).await.unwrap();
    let two = vault.stage("first", &attempt("r1", &[]), &secret("two")).await.unwrap();
    assert_eq!(one, two);
    assert_eq!(vault.read(&two).await.unwrap(), secret("one"));
    assert_eq!(bed.versions("first-pending").len(), 1);
}

#[tokio::test]
async fn another_rotations_candidate_is_safe_until_taken_over() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.stage("taken", &attempt("r1", &[]), &secret("one")).await.unwrap();
    let refused = vault.stage("taken", &attempt("r2", &["r0"]), &secret("two")).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused);
    assert!(refused.cause.contains("r1"), "{refused}");
    assert_eq!(bed.versions("taken-pending").len(), 1, "nothing was written");

    vault.stage("taken", &attempt("r2", &["r1"]), &secret("two")).await.unwrap();
    // Whoever comes back to what was taken over is refused, and its candidate stays for the day the other is discarded.
    let refused = vault.stage("taken", &attempt("r1", &[]), &secret("x")).await.unwrap_err();
    assert!(refused.meaning == Meaning::Refused && refused.cause.contains("r2"), "{refused}");
    assert!(bed.versions("taken-pending").iter().all(|version| version["enabled"] == true));
    let three = vault.stage("taken", &attempt("r3", &["r2", "r1"]), &secret("three")).await.unwrap();
    assert_eq!(vault.read(&three).await.unwrap(), secret("three"));
    assert_eq!(vault.promote("taken", &attempt("r1", &[])).await.unwrap_err().meaning, Meaning::Refused);
    vault.discard("taken", &attempt("r3", &[])).await.unwrap();
    vault.discard("taken", &attempt("r3", &[])).await.unwrap();
    let back = vault.find("taken", Slot::Pending).await.unwrap().unwrap();
    assert_eq!(back.rotation.as_deref(), Some("r2"));
    assert_eq!(vault.read(&back).await.unwrap(), secret("two"));
    assert_eq!(vault.read(&three).await.unwrap_err().meaning, Meaning::Refused);
    // What is over stays over.
    assert_eq!(
        vault.stage("taken", &attempt("r3", &["r2"]), &secret("x")).await.unwrap_err().meaning,
        Meaning::Refused
    );

    vault.promote("taken", &attempt("r2", &["r1"])).await.unwrap();
    assert_eq!(vault.find("taken", Slot::Pending).await.unwrap(), None);
    assert!(bed.versions("taken-pending").iter().all(|version| version["enabled"] == false));
    // The old candidate does not come back when current goes on.
    vault.stage("taken", &attempt("r4", &[]), &secret("four")).await.unwrap();
    vault.promote("taken", &attempt("r4", &[])).await.unwrap();
    assert_eq!(vault.find("taken", Slot::Pending).await.unwrap(), None);
}

#[tokio::test]
async fn discarding_touches_nobody_else_and_takes_the_mark_away() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.discard("mark", &attempt("r1", &[])).await.unwrap();
    assert!(bed.versions("mark-pending").is_empty());
    vault.adopt("mark", &secret("live")).await.unwrap();
    let staged = vault.stage("mark", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.announce(&staged).await.unwrap();
    vault.discard("mark", &attempt("r2", &[])).await.unwrap();
    assert_eq!(vault.find("mark", Slot::Pending).await.unwrap(), Some(staged.clone()));
    assert_eq!(bed.current("mark")["tags"]["pending-rotation"], "r1");
    vault.discard("mark", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.current("mark")["tags"], json!({"sequence": "1"}));
    assert_eq!(bed.versions("mark").len(), 1, "marks are no versions");
    assert_eq!(vault.announce(&staged).await.unwrap_err().meaning, Meaning::Refused);
}

#[tokio::test]
async fn what_people_keep_on_current_stays_and_what_they_set_counts() {
    let bed = Bed::new();
    let vault = bed.vault();
    bed.person_sets(
        "people",
        "old",
        &json!({"tags": {"owner": "ops", "pending": "stale"}, "contentType": "text/plain"}),
    );
    let old = vault.find("people", Slot::Current).await.unwrap().unwrap();
    let staged = vault.stage("people", &attempt("r1", &[]), &secret("new")).await.unwrap();
    vault.announce(&staged).await.unwrap();
    assert_eq!(bed.current("people")["tags"]["owner"], "ops");
    vault.promote("people", &attempt("r1", &[])).await.unwrap();
    let current = bed.current("people");
    assert_eq!(current["tags"], json!({"owner": "ops", "rotation": "r1", "sequence": "2", "previous": old.version}));
    assert_eq!(current["contentType"], "text/plain");

    let ours = vault.find("people", Slot::Current).await.unwrap().unwrap();
    bed.person_sets("people", "by hand", &json!({}));
    assert_eq!(vault.read(&ours).await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(vault.read(&old).await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(vault.find("people", Slot::Previous).await.unwrap(), None);
    // A value that a person put into pending is nobody's rotation, and is not written over.
    bed.person_sets("people-pending", "mine", &json!({}));
    let refused = vault.stage("people", &attempt("r2", &["r1"]), &secret("x")).await.unwrap_err();
    assert!(refused.meaning == Meaning::Refused && refused.cause.contains("no rotation"), "{refused}");
}

#[tokio::test]
async fn too_many_tags_are_said_before_anything_changes() {
    let bed = Bed::new();
    let vault = bed.vault();
    let tags: serde_json::Map<_, _> = (0..14).map(|n| (format!("t{n}"), json!("x"))).collect();
    bed.person_sets("tags", "old", &json!({"tags": tags}));
    let staged = vault.stage("tags", &attempt("r1", &[]), &secret("new")).await.unwrap();
    let refused = vault.announce(&staged).await.unwrap_err();
    assert!(refused.meaning == Meaning::Refused && refused.cause.contains("15 tags"), "{refused}");
    assert_eq!(bed.current("tags")["tags"].as_object().unwrap().len(), 14);
}

#[tokio::test]
async fn names_that_key_vault_does_not_take_are_refused() {
    let bed = Bed::new();
    let vault = bed.vault();
    for name in ["entra/svc", "a_b", "x-pending"] {
        assert_eq!(vault.find(name, Slot::Current).await.unwrap_err().meaning, Meaning::Broken);
        assert_eq!(vault.adopt(name, &secret("x")).await.unwrap_err().meaning, Meaning::Broken);
    }
    assert!(bed.requests().is_empty());
}

#[tokio::test]
async fn sixty_versions_are_read_page_by_page() {
    let bed = Bed::with(&json!({"page": 7, "missing_list": 404}));
    let vault = bed.vault();
    for n in 0..60 {
        let tags = json!({"tags": {"rotation": format!("r{n}"), "sequence": n.to_string()}});
        bed.person_sets("many-pending", "old", &tags);
        let version = bed.versions("many-pending").pop().unwrap();
        bed.control(
            "POST",
            "/change",
            &json!({"name": "many-pending", "version": version["id"], "attributes": {"enabled": n == 30}}),
        );
    }
    let front = vault.find("many", Slot::Pending).await.unwrap().unwrap();
    assert_eq!(front.rotation.as_deref(), Some("r30"));
    let pages = bed.requests().iter().filter(|request| request.1.ends_with("many-pending/versions")).count();
    assert_eq!(pages, 1 + 9, "the first asks for the challenge");
    vault.stage("many", &attempt("r60", &["r30"]), &secret("new")).await.unwrap();
    assert_eq!(bed.versions("many-pending")[60]["tags"]["sequence"], "60");
}

#[tokio::test]
async fn what_was_deleted_is_recovered_with_all_that_lay_there() {
    let bed = Bed::with(&json!({"recover_s": 2}));
    let vault = bed.vault();
    vault.adopt("gone", &secret("live")).await.unwrap();
    vault.stage("gone", &attempt("r1", &[]), &secret("candidate")).await.unwrap();
    bed.control("POST", "/delete", &json!({"name": "gone-pending"}));
    bed.control("POST", "/delete", &json!({"name": "gone"}));
    // A stranger's candidate comes back, and counts.
    let refused = vault.stage("gone", &attempt("r2", &[]), &secret("other")).await.unwrap_err();
    assert!(refused.meaning == Meaning::Refused && refused.cause.contains("r1"), "{refused}");
    // So does current: nobody adopts over it, and a promotion keeps what it was.
    let refused = vault.adopt("gone", &secret("other")).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused, "{refused}");
    bed.control("POST", "/delete", &json!({"name": "gone"}));
    vault.promote("gone", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.current("gone")["value"], "candidate");
    let previous = vault.find("gone", Slot::Previous).await.unwrap().unwrap();
    assert_eq!(vault.read(&previous).await.unwrap(), secret("live"));
}

#[tokio::test]
async fn a_disabled_current_is_said_and_left_alone() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.adopt("off", &secret("live")).await.unwrap();
    let staged = vault.stage("off", &attempt("r1", &[]), &secret("new")).await.unwrap();
    bed.control("POST", "/change", &json!({"name": "off", "attributes": {"enabled": false}}));
    for fault in [
        vault.find("off", Slot::Current).await.unwrap_err(),
        vault.announce(&staged).await.unwrap_err(),
        vault.promote("off", &attempt("r1", &[])).await.unwrap_err(),
        vault.adopt("off", &secret("x")).await.unwrap_err(),
    ] {
        assert_eq!(fault.meaning, Meaning::Refused);
        assert!(fault.cause.contains("off is disabled") && fault.hint.contains("enable"), "{fault}");
    }
    vault.discard("off", &attempt("r1", &[])).await.unwrap();
    assert_eq!(vault.find("off", Slot::Pending).await.unwrap(), None);
}

#[tokio::test]
async fn what_lies_there_survives_the_stand_ins_death() {
    let mut bed = Bed::new();
    let staged = bed.vault().stage("kill", &attempt("r1", &[]), &secret("new")).await.unwrap();
    bed.kill();
    bed.start();
    assert_eq!(bed.vault().read(&staged).await.unwrap(), secret("new"));
}
