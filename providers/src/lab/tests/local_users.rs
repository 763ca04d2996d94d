//! Users of the server's own account database, and the key set that they protect.

use super::service::{bench_of, local_user, server_plan};
use super::*;
use crate::lab::faults;
use crate::port::{FailureClass, Meaning};

const USER: &str = r".\adsync";

fn bench() -> Bench {
    bench_of(server_plan("2.6.92.0", local_user()))
}

impl Bench {
    fn local_policy(&self, set: impl Fn(&mut crate::lab::local_users::LocalPolicy)) {
        self.lab
            .books(|books| {
                set(&mut books.world.servers[0].local_policy);
                Ok(())
            })
            .unwrap();
    }
}

#[tokio::test]
async fn a_local_user_is_found_by_either_form_and_has_facts() {
    let bench = bench();
    for name in [USER, r"SYNC1\adsync", r"sync1\ADSYNC"] {
        let facts = bench.server().local_user(name).await.unwrap();
        assert_eq!((facts.name.as_str(), facts.length_min), ("adsync", 8));
        assert_eq!(facts.at.duration_since(facts.password_set_at), SignedDuration::from_hours(120 * 24));
        assert!(facts.refusals.is_empty());
    }
    for name in [r"OTHER\adsync", "adsync", "adsync@contoso.test", r".\nobody"] {
        assert_eq!(bench.server().local_user(name).await.unwrap_err().meaning, Meaning::Refused, "{name}");
    }
}

#[tokio::test]
async fn a_change_shows_the_old_password_and_there_is_no_grace() {
    let bench = bench();
    let (server, first) = (bench.server(), bench.scm().unwrap());
    let wrong = server.change_local_password(USER, &password(8), &password(2)).await.unwrap_err();
    assert!(wrong.meaning == Meaning::Refused && wrong.cause.contains("error 86"), "{wrong}");
    server.change_local_password(USER, &first, &password(2)).await.unwrap();
    assert!(server.local_logon(USER, &password(2)).await.unwrap());
    assert!(!server.local_logon(USER, &first).await.unwrap(), "the one before is refused at once");
    let facts = server.local_user(USER).await.unwrap();
    assert_eq!(facts.password_set_at, facts.at);
}

#[tokio::test]
async fn history_length_and_minimum_age_refuse_a_change() {
    let bench = bench();
    let (server, first) = (bench.server(), bench.scm().unwrap());
    server.change_local_password(USER, &first, &password(2)).await.unwrap();
    for new in [first, password(2), Secret::new("Short1!"), Secret::new("Aa1!".repeat(32))] {
        let refused = server.change_local_password(USER, &password(2), &new).await.unwrap_err();
        assert!(refused.meaning == Meaning::Refused && refused.cause.contains("error 2245"), "{refused}");
    }
    bench.local_policy(|policy| policy.minimum_age_minutes = 60);
    let young = server.change_local_password(USER, &password(2), &password(3)).await.unwrap_err();
    assert!(young.cause.contains("minimum age"), "{young}");
    bench.pass(SignedDuration::from_mins(60));
    server.change_local_password(USER, &password(2), &password(3)).await.unwrap();
}

#[tokio::test]
async fn wrong_passwords_lock_a_local_user_for_a_while() {
    let bench = bench();
    let (server, first) = (bench.server(), bench.scm().unwrap());
    bench.local_policy(|policy| policy.lockout_threshold = 3);
    assert!(!server.local_logon(USER, &password(8)).await.unwrap());
    assert!(server.change_local_password(USER, &password(8), &password(2)).await.is_err());
    assert!(!server.local_logon(USER, &password(8)).await.unwrap());
    let locked = server.local_logon(USER, &first).await.unwrap_err();
    assert!(locked.meaning == Meaning::Refused && locked.cause.contains("1909"), "{locked}");
    assert_eq!(server.local_user(USER).await.unwrap().refusals, ["the user is locked"]);
    let refused = server.restart().await.unwrap_err();
    assert!(refused.class == Some(FailureClass::ServiceLogon) && refused.cause.contains("locked out"), "{refused}");
    bench.pass(SignedDuration::from_mins(11));
    assert!(server.local_logon(USER, &first).await.unwrap());
    server.start().await.unwrap();
}

#[tokio::test]
async fn a_change_keeps_the_key_set_and_force_destroys_it() {
    let bench = bench();
    let (server, first) = (bench.server(), bench.scm().unwrap());
    server.change_local_password(USER, &first, &password(2)).await.unwrap();
    let refused = server.restart().await.unwrap_err();
    assert_eq!(refused.class, Some(FailureClass::ServiceLogon));
    server.set_service_logon(USER, &password(2)).await.unwrap();
    server.start().await.unwrap();
    assert_eq!(bench.proof().await, "success");

    bench.lab.set_password("adsync", "local:SYNC1", Some(password(3))).unwrap();
    server.set_service_logon(USER, &password(3)).await.unwrap();
    let refused = server.restart().await.unwrap_err();
    assert_eq!((refused.meaning, refused.class), (Meaning::Refused, Some(FailureClass::KeySet)));
}

#[tokio::test]
async fn a_change_whose_reply_is_lost_has_happened() {
    let bench = bench();
    let (server, first) = (bench.server(), bench.scm().unwrap());
    bench.fault("local-change-reply-lost");
    let lost = server.change_local_password(USER, &first, &password(2)).await.unwrap_err();
    assert_eq!(lost.meaning, Meaning::Unclear);
    assert!(server.local_logon(USER, &password(2)).await.unwrap());
    assert!(faults::list(&bench.dir).unwrap().is_empty());
    let text = std::fs::read_to_string(bench.dir.join("world.json")).unwrap();
    assert!(!text.contains(password(2).expose()), "the world's file holds a password");
}
