use super::*;
use crate::port::{FailureClass, Meaning};

#[tokio::test]
async fn every_operation_goes_there_with_its_arguments_and_its_step() {
    for operation in operations() {
        let recording = Recording::default();
        let step = format!("look:back:{}:größe", operation.name());
        step_scope::within(step.clone(), call(&remote(Straight(&recording)), &operation)).await.unwrap();
        assert_eq!(recording.asked(), [(step, operation)]);
    }
}

#[tokio::test]
async fn outside_any_step_none_is_named() {
    let recording = Recording::default();
    remote(Straight(&recording)).stop().await.unwrap();
    assert_eq!(recording.asked(), [(String::new(), Operation::Stop)]);
}

#[tokio::test]
async fn every_value_comes_back() {
    let recording = Recording::default();
    let server = remote(Straight(&recording));
    let described = server.describe().await.unwrap();
    assert_eq!(described, ServerFacts { server: "connect-größe".to_owned(), ..facts() }, "with the configured name");
    assert_eq!(server.local_user(r".\größe").await.unwrap(), user());
    assert!(!server.local_logon(r".\größe", &secret(1)).await.unwrap());
    assert_eq!(server.stored_logon("größe.test").await.unwrap(), None);
    assert_eq!(server.prove("größe.test").await.unwrap(), proof());
    assert_eq!(server.runs("größe.test").await.unwrap(), [proof(), proof()]);
    assert_eq!(server.events(Timestamp::UNIX_EPOCH).await.unwrap(), ["<Event>größe</Event>\n", ""]);
}

#[tokio::test]
async fn every_fault_comes_back_as_it_is() {
    let whole = Fault::refused("größe", "error 1069, \"no\"\n")
        .hint("look at it")
        .of(FailureClass::ServiceLogon)
        .retry_after_s(Some(7));
    for meaning in [Meaning::Refused, Meaning::Unclear, Meaning::Later, Meaning::Broken] {
        for fault in [Fault { meaning, ..whole.clone() }, Fault::new(meaning, "", "")] {
            let recording = Recording::failing(fault.clone());
            for operation in operations() {
                assert_eq!(call(&remote(Straight(&recording)), &operation).await, Err(fault.clone()));
            }
        }
    }
}

#[tokio::test]
async fn a_transport_in_a_box_is_one() {
    let recording: &'static Recording = Box::leak(Box::default());
    let boxed: Box<dyn Transport> = Box::new(Straight(recording));
    assert_eq!(boxed.address(), "memory");
    remote(boxed).stop().await.unwrap();
    assert_eq!(recording.asked().len(), 1);
}

#[test]
fn what_acts_is_what_may_leave_a_trace() {
    let looks: Vec<_> = operations().iter().filter(|it| !it.acts()).map(Operation::name).collect();
    assert_eq!(looks, ["describe", "local-user", "stored-logon", "events", "runs"]);
}

#[test]
fn everything_has_a_limit_and_the_proof_the_longest() {
    for operation in operations() {
        let limit = operation.limit();
        assert!(limit >= Duration::from_secs(60) && limit <= Duration::from_secs(1800), "{}", operation.name());
    }
    let longest = operations().into_iter().max_by_key(Operation::limit).unwrap();
    assert_eq!(longest.name(), "prove");
}

#[test]
fn what_is_being_done_names_the_server_and_no_secret() {
    for operation in operations() {
        let doing = operation.doing("connect-größe");
        assert!(doing.contains("connect-größe") && doing.starts_with(|c: char| c.is_lowercase()), "{doing}");
        shows_no_secret(&doing);
    }
}

#[test]
fn debug_shows_no_secret() {
    for operation in operations() {
        shows_no_secret(&format!("{:?} {operation:#?}", request(operation.clone())));
    }
}
