//! The Windows service: its logon, its end and its start.

use super::{Verdict, done, ensure, fault};
use crate::conformance::connect_server::scene::{At, Scene};
use crate::conformance::connect_server::subject::{Held, Mishap, Situation};
use crate::port::{FailureClass, Meaning, Secret};

/// The service manager's copy is wrong, past the adapter.
async fn wrong_logon(at: &At, secret: &Secret) -> Verdict {
    let direct = at.site.direct();
    done(direct.set_service_logon(&at.known.start_name, secret).await, "a wrong logon past the adapter")
}

/// What was set is what the service manager holds, and the engine's own passwords stay.
pub(super) async fn service_logon_is_kept(scene: &Scene) -> Verdict {
    for situation in [Situation::DomainService, Situation::LocalService] {
        let (at, secret) = (scene.at(situation).await?, scene.secret());
        at.must_hold(Held::ByServiceManager, &at.service_secret()?, "before").await?;
        for when in ["set", "set again"] {
            done(at.server.set_service_logon(&at.known.start_name, &secret).await, when)?;
            at.must_hold(Held::ByServiceManager, &secret, when).await?;
        }
        at.must_hold(Held::Stored, &at.known.connector_secret, "a service's logon set").await?;
    }
    Ok(())
}

/// The running service goes on, and only the next start logs on with what was set.
pub(super) async fn service_logon_waits_for_the_start(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::DomainService).await?;
    let before = at.service().await?;
    done(at.server.set_service_logon(&at.known.start_name, &scene.secret()).await, "a wrong logon")?;
    ensure!(at.service().await? == before, "the service did not go on: {:?}", at.service().await?);
    let answer = at.server.restart().await;
    fault(answer, Meaning::Refused, "a restart with a wrong logon")?;
    done(at.server.set_service_logon(&at.known.start_name, &at.service_secret()?).await, "the right logon")?;
    ensure!(at.service().await?.state == "stopped", "the service started by itself");
    done(at.server.start().await, "a start with the right logon")?;
    ensure!(at.service().await?.state == "running", "the start is done, and the service does not run");
    Ok(())
}

/// The account may not change, and Windows' own accounts have no password to be set.
pub(super) async fn service_logon_of_another_account_is_refused(scene: &Scene) -> Verdict {
    for (situation, accounts) in [
        (Situation::DomainService, [r"CONTOSO\somebody", r"NT SERVICE\ADSync", "LocalSystem", ""]),
        (Situation::LocalService, [r".\somebody", r"NT SERVICE\ADSync", "LocalSystem", ""]),
    ] {
        let at = scene.at(situation).await?;
        let before = at.site.snapshot().await?;
        for account in accounts {
            let call = format!("a service's logon as {account:?}");
            fault(at.server.set_service_logon(account, &scene.secret()).await, Meaning::Refused, &call)?;
            at.unchanged(&before, &call).await?;
        }
    }
    Ok(())
}

/// A service manager that says no has changed nothing.
pub(super) async fn service_logon_refused_changes_nothing(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::DomainService).await?;
    at.order(Mishap::ServiceManagerRefuses).await?;
    let before = at.site.snapshot().await?;
    let answer = at.server.set_service_logon(&at.known.start_name, &scene.secret()).await;
    fault(answer, Meaning::Refused, "a logon that the service manager refuses")?;
    at.unchanged(&before, "the service manager refused").await
}

/// Stopped when it is done; stopped already is done.
pub(super) async fn stop_ends_with_a_stopped_service(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    for when in ["the stop", "the stop of a stopped service"] {
        done(at.server.stop().await, when)?;
        let service = at.service().await?;
        ensure!(service.state == "stopped" && service.process_id == 0, "after {when} it is {service:?}");
    }
    Ok(())
}

/// A service that does not stop is said not to.
pub(super) async fn stop_that_fails_is_refused(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    at.order(Mishap::StopFails).await?;
    let before = at.service().await?;
    fault(at.server.stop().await, Meaning::Refused, "a stop that fails")?;
    ensure!(at.service().await? == before, "the service is {:?}", at.service().await?);
    Ok(())
}

/// Runs when it is done, as another process.
pub(super) async fn start_ends_with_a_running_service(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::DomainService).await?;
    let before = at.service().await?;
    done(at.server.stop().await, "the stop")?;
    done(at.server.start().await, "the start")?;
    let service = at.service().await?;
    ensure!(service.state == "running" && service.process_id != 0, "after the start it is {service:?}");
    ensure!(
        service.started_at > before.started_at,
        "it started {:?}, then {:?}",
        before.started_at,
        service.started_at
    );
    Ok(())
}

/// Runs already: done, and the same process goes on.
pub(super) async fn start_of_a_running_service_is_done(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    let before = at.service().await?;
    done(at.server.start().await, "the start of a running service")?;
    ensure!(at.service().await? == before, "the start of a running service makes {:?} of it", at.service().await?);
    Ok(())
}

/// A logon that is refused carries Windows' number, the class, and an event of the service manager.
pub(super) async fn start_with_a_wrong_logon_says_1069(scene: &Scene) -> Verdict {
    for situation in [Situation::DomainService, Situation::LocalService] {
        let (at, begun) = (scene.at(situation).await?, jiff::Timestamp::now());
        done(at.site.direct().stop().await, "stopping past the adapter")?;
        wrong_logon(&at, &scene.secret()).await?;
        let refused = fault(at.server.start().await, Meaning::Refused, "a start with a wrong logon")?;
        ensure!(refused.cause.contains("1069"), "the cause has no number: {refused}");
        ensure!(refused.class == Some(FailureClass::ServiceLogon), "it is of class {:?}", refused.class);
        ensure!(at.service().await?.state == "stopped", "after it the service is {:?}", at.service().await?);
        let events = done(at.server.events(begun).await, "the events")?;
        ensure!(events.iter().any(|event| event.contains(">7038<")), "no event 7038: {events:?}");
    }
    Ok(())
}

/// So is the right to log on as a service, which a right password does not replace.
pub(super) async fn start_without_the_right_says_so(scene: &Scene) -> Verdict {
    let (at, begun) = (scene.at(Situation::DomainService).await?, jiff::Timestamp::now());
    done(at.site.direct().stop().await, "stopping past the adapter")?;
    at.order(Mishap::ServiceRightLost).await?;
    let refused = fault(at.server.start().await, Meaning::Refused, "a start without the right")?;
    ensure!(refused.class == Some(FailureClass::ServiceLogonRight), "it is of class {:?}", refused.class);
    ensure!(refused.cause.contains("1069"), "the cause has no number: {refused}");
    let events = done(at.server.events(begun).await, "the events")?;
    ensure!(events.iter().any(|event| event.contains(">7041<")), "no event 7041: {events:?}");
    Ok(())
}

/// A start that takes too long has failed, and says so by its number.
pub(super) async fn start_that_takes_too_long_is_refused(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    done(at.site.direct().stop().await, "stopping past the adapter")?;
    at.order(Mishap::StartFails).await?;
    let refused = fault(at.server.start().await, Meaning::Refused, "a start that takes too long")?;
    ensure!(refused.cause.contains("1053"), "the cause has no number: {refused}");
    ensure!(at.service().await?.state == "stopped", "after it the service is {:?}", at.service().await?);
    Ok(())
}

/// Another process, begun later.
pub(super) async fn restart_is_another_process(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    let mut before = done(at.server.describe().await, "the description")?.service;
    for _ in 0..2 {
        done(at.server.restart().await, "the restart")?;
        let now = done(at.server.describe().await, "the description")?.service;
        ensure!(now.state == "running", "after a restart it is {now:?}");
        ensure!(now.process_id != before.process_id, "it goes on as process {}", now.process_id);
        ensure!(now.started_at > before.started_at, "it started {:?}, then {:?}", before.started_at, now.started_at);
        ensure!(now == at.service().await?, "it is said to be {now:?}, and is not");
        before = now;
    }
    Ok(())
}

/// A stopped service is started by it.
pub(super) async fn restart_of_a_stopped_service_starts_it(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    done(at.site.direct().stop().await, "stopping past the adapter")?;
    done(at.server.restart().await, "the restart of a stopped service")?;
    ensure!(at.service().await?.state == "running", "after it the service is {:?}", at.service().await?);
    Ok(())
}

/// It fails as the stop does, with the old process, and as the start does, with none.
pub(super) async fn restart_fails_as_stop_and_start_do(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::DomainService).await?;
    let before = at.service().await?;
    at.order(Mishap::StopFails).await?;
    fault(at.server.restart().await, Meaning::Refused, "a restart of a service that does not stop")?;
    ensure!(at.service().await? == before, "after it the service is {:?}", at.service().await?);
    at.site.take_back().await?;
    wrong_logon(&at, &scene.secret()).await?;
    let refused = fault(at.server.restart().await, Meaning::Refused, "a restart with a wrong logon")?;
    ensure!(refused.cause.contains("1069"), "the cause has no number: {refused}");
    ensure!(at.service().await?.state == "stopped", "after it the service is {:?}", at.service().await?);
    Ok(())
}
