//! What holds for every call, whatever way it takes to the server and back.

use super::{Able, Verdict, done, ensure, fault};
use crate::conformance::connect_server::call::Call;
use crate::conformance::connect_server::scene::{At, MARK, Scene};
use crate::conformance::connect_server::subject::{Asked, Held, Mishap, Situation};
use crate::port::step_scope::within;
use crate::port::{Fault, Meaning, Secret};

/// The step that calls are made for. Its name has letters beyond ASCII, as a connector's may.
const STEP: &str = "engine:SYNC1/größe.test";

/// The step of a look.
const LOOK: &str = "look:engine:SYNC1/größe.test";

/// The step for which the engine makes such a call. It logs on only to look.
fn step_of(call: Call) -> &'static str {
    if call.looks() || call == Call::LocalLogon { LOOK } else { STEP }
}

/// What reached the server during `call`, and its answer.
async fn asked_during(scene: &Scene, at: &At, call: Call) -> Able<(Vec<Asked>, Result<(), Fault>)> {
    let before = at.site.asked().await?.len();
    let answer = within(step_of(call).to_owned(), call.make(&*at.server, at, &scene.secret())).await;
    Ok((at.site.asked().await?.split_off(before), answer))
}

fn asked_once(at: &At, call: Call) -> Vec<Asked> {
    let seen = at.site.asked_for(call.name()).into_iter();
    seen.map(|name| Asked { call: name.to_owned(), step: step_of(call).to_owned(), done: true }).collect()
}

/// Each call reaches the server once and nothing else does, and says for which step.
pub(super) async fn each_call_is_asked_once_for_its_step(scene: &Scene) -> Verdict {
    for call in Call::ALL {
        let at = call.ready(scene).await?;
        let (reached, answer) = asked_during(scene, &at, call).await?;
        done(answer, call.name())?;
        let wanted = asked_once(&at, call);
        ensure!(reached == wanted, "{} reached the server as {reached:?}, not {wanted:?}", call.name());
    }
    Ok(())
}

/// It was done, and nobody can know: unclear, done once, and never asked again by the adapter itself.
pub(super) async fn a_lost_reply_of_what_acts_is_unclear(scene: &Scene) -> Verdict {
    for call in Call::ALL.into_iter().filter(|call| !call.looks()) {
        let at = call.ready(scene).await?;
        at.order(Mishap::ReplyLost(step_of(call))).await?;
        let (reached, answer) = asked_during(scene, &at, call).await?;
        fault(answer, Meaning::Unclear, &format!("{} with its reply lost", call.name()))?;
        let mut wanted = asked_once(&at, call);
        // Nobody goes on after the one whose reply was lost.
        wanted.truncate(1);
        ensure!(reached == wanted, "{} reached the server as {reached:?}, not {wanted:?}", call.name());
    }
    Ok(())
}

/// Nothing was done, and nobody can know that either.
pub(super) async fn an_end_before_the_act_is_unclear(scene: &Scene) -> Verdict {
    for call in [Call::SetConnectorPassword, Call::ChangeLocalPassword, Call::Restart, Call::Prove] {
        let at = call.ready(scene).await?;
        let before = at.site.snapshot().await?;
        at.order(Mishap::EndsBefore(step_of(call))).await?;
        let (_, answer) = asked_during(scene, &at, call).await?;
        fault(answer, Meaning::Unclear, &format!("{} of somebody who ended", call.name()))?;
        at.unchanged(&before, &format!("{} of somebody who ended", call.name())).await?;
    }
    Ok(())
}

/// A look has no effect to be unclear about: it is to be asked again, and then answers.
pub(super) async fn a_lost_reply_of_a_look_is_for_later(scene: &Scene) -> Verdict {
    for call in Call::ALL.into_iter().filter(|call| call.looks()) {
        let (at, secret) = (call.ready(scene).await?, scene.secret());
        let before = at.site.snapshot().await?;
        at.order(Mishap::ReplyLost(LOOK)).await?;
        let answer = within(LOOK.to_owned(), call.make(&*at.server, &at, &secret)).await;
        fault(answer, Meaning::Later, &format!("{} with its reply lost", call.name()))?;
        at.unchanged(&before, call.name()).await?;
        let again = within(LOOK.to_owned(), call.make(&*at.server, &at, &secret)).await;
        done(again, &format!("{} asked again", call.name()))?;
    }
    Ok(())
}

async fn nobody_answers(scene: &Scene, mishap: Mishap<'_>) -> Verdict {
    for call in Call::ALL {
        let at = call.ready(scene).await?;
        at.order(mishap).await?;
        let before = at.site.snapshot().await?;
        let (_, answer) = asked_during(scene, &at, call).await?;
        fault(answer, Meaning::Later, &format!("{} where nobody answers", call.name()))?;
        at.unchanged(&before, &format!("{} where nobody answers", call.name())).await?;
    }
    Ok(())
}

/// A server that does not answer is for later, whatever is asked, and nothing has changed.
pub(super) async fn a_server_that_is_silent_is_for_later(scene: &Scene) -> Verdict {
    nobody_answers(scene, Mishap::ServerSilent).await
}

/// So is one that nobody can connect to: no byte has left.
pub(super) async fn a_closed_way_is_for_later(scene: &Scene) -> Verdict {
    nobody_answers(scene, Mishap::WayClosed).await
}

/// A server's fault is told word by word: meaning, cause, hint, class.
pub(super) async fn a_fault_arrives_unchanged(scene: &Scene) -> Verdict {
    let mut classes = 0;
    for (mishap, call) in [
        (Mishap::EngineRefuses, Call::SetConnectorPassword),
        (Mishap::ConnectorBusy, Call::SetConnectorPassword),
        (Mishap::ServiceManagerRefuses, Call::SetServiceLogon),
        (Mishap::StopFails, Call::Stop),
        (Mishap::StopFails, Call::Restart),
        (Mishap::StartFails, Call::Start),
        (Mishap::DirectoryAway, Call::StoredLogon),
        (Mishap::EntraResetRefused, Call::ResetEntraAccount),
        (Mishap::ServerSilent, Call::Describe),
    ] {
        let (at, secret) = (call.ready(scene).await?, scene.secret());
        at.order(mishap).await?;
        let answer = call.make(&*at.server, &at, &secret).await;
        let direct = call.make(&*at.site.direct(), &at, &secret).await;
        let Err(wanted) = direct else {
            return Err(super::failed(format!("{mishap:?} does not strike {}", call.name())));
        };
        classes += usize::from(wanted.class.is_some());
        let came = answer.err();
        if at.site.words_faults() {
            let kind = |fault: &Fault| (fault.meaning, fault.class);
            ensure!(came.as_ref().map(kind) == Some(kind(&wanted)), "{}: {came:?} came, not {wanted:?}", call.name());
            continue;
        }
        ensure!(came.as_ref() == Some(&wanted), "{}: {came:?} came, not {wanted:?}", call.name());
    }
    ensure!(classes > 0, "none of these faults has a class, so nothing is shown of classes");
    Ok(())
}

/// Every character that can be printed, and those that shells and formats have a meaning for, in the places where that
/// shows.
fn awkward() -> [Secret; 5] {
    let printable: String = (' '..='~').collect();
    [
        Secret::new(format!("{MARK}{printable}")),
        Secret::new(format!("{MARK}ü€ß\u{10348}é\u{301}Ωжあ 7a")),
        Secret::new(format!(" {MARK} with spaces at both ends ")),
        Secret::new(format!("\"'{MARK}$env:PATH %PATH% `whoami` $(id) \\n\\u0041 7a\\\\\"'\\")),
        Secret::new(format!("-{MARK}\t<&>;|^!#@{{}}[]--% {{0}} 7a\u{feff}")),
    ]
}

/// Passwords arrive as they are, whatever is in them.
pub(super) async fn passwords_of_every_character_arrive(scene: &Scene) -> Verdict {
    let (at, domain) = (scene.at(Situation::LocalService).await?, scene.at(Situation::DomainService).await?);
    let (name, mut old) = (at.known.start_name.clone(), at.service_secret()?);
    for (number, secret) in awkward().into_iter().enumerate() {
        let when = format!("password {number}");
        done(at.server.set_connector_password(&at.known.connector, &secret).await, &when)?;
        at.must_hold(Held::Stored, &secret, &when).await?;
        done(domain.server.set_service_logon(&domain.known.start_name, &secret).await, &when)?;
        domain.must_hold(Held::ByServiceManager, &secret, &when).await?;
        // As the new one, and the next time as the old one.
        done(at.server.change_local_password(&name, &old, &secret).await, &when)?;
        at.must_hold(Held::ByLocalUser, &secret, &when).await?;
        let accepted = done(at.server.local_logon(&name, &secret).await, &when)?;
        ensure!(accepted, "{when} is not accepted");
        old = secret;
    }
    Ok(())
}

/// Names arrive as they are, both ways.
pub(super) async fn names_beyond_ascii_arrive(scene: &Scene) -> Verdict {
    let (at, secret) = (scene.at(Situation::NamesBeyondAscii).await?, scene.secret());
    let known = &at.known;
    ensure!(!known.connector.is_ascii() && !known.start_name.is_ascii(), "these names are plain: {known:?}");
    let facts = done(at.server.describe().await, "the description")?;
    ensure!(facts.service.account == known.start_name, "the service runs as {:?}", facts.service.account);
    done(at.server.set_connector_password(&known.connector, &secret).await, "setting the connector's password")?;
    at.must_hold(Held::Stored, &secret, "set").await?;
    done(at.server.set_service_logon(&known.start_name, &secret).await, "setting the service's logon")?;
    at.must_hold(Held::ByServiceManager, &secret, "set").await?;
    let proof = done(at.server.prove(&known.connector).await, "a run")?;
    ensure!(proof.connector == known.connector, "the run is of {:?}", proof.connector);
    let stranger = "größe.unbekannt.test";
    let refused = fault(at.server.prove(stranger).await, Meaning::Refused, "a run of a connector that is not there")?;
    ensure!(refused.to_string().contains(stranger), "it is refused as {refused}");
    Ok(())
}

/// Looks look: nothing has changed after them.
pub(super) async fn looks_change_nothing(scene: &Scene) -> Verdict {
    for call in Call::ALL.into_iter().filter(|call| call.looks()) {
        let at = call.ready(scene).await?;
        let before = at.site.snapshot().await?;
        for _ in 0..2 {
            done(call.make(&*at.server, &at, &scene.secret()).await, call.name())?;
            at.unchanged(&before, call.name()).await?;
        }
    }
    Ok(())
}

/// No secret ever reaches an error, a log or a `Debug` output. Provokes faults; what every other check heard is judged
/// together with it.
pub(super) async fn no_secret_is_shown(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::LocalService).await?;
    let name = &at.known.start_name;
    fault(at.server.set_connector_password("nobody", &scene.secret()).await, Meaning::Refused, "no such connector")?;
    fault(at.server.set_service_logon("nobody", &scene.secret()).await, Meaning::Refused, "no such account")?;
    let change = at.server.change_local_password(name, &scene.secret(), &scene.secret()).await;
    fault(change, Meaning::Refused, "a wrong old password")?;
    fault(at.server.local_logon(r".\nobody", &scene.secret()).await, Meaning::Refused, "nobody's logon").map(drop)
}
