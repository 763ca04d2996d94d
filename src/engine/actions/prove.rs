//! Prove: a test sync with the password that was set.
//!
//! Before: the directory was sealed, so that the password before is refused; without that an engine that kept
//! the old one would pass for 60 minutes. After: a Delta Import bound with the target. If we die here: nothing
//! is changed; it is repeated.

use providers::port::{FailureClass, Fault, ProofFacts};

use super::{engine_password, restart};
use crate::diagnosis::read_events;
use crate::engine::scene::{Acted, Scene};
use crate::rotation::{EngineMethod, Procedure, Seen, Step};

/// What the service and the service manager log when a start failed, or its key set can't be opened.
const SERVICE_EVENTS: [(u32, FailureClass); 3] =
    [(6028, FailureClass::KeySet), (7038, FailureClass::ServiceLogon), (7041, FailureClass::ServiceLogonRight)];

pub(super) async fn apply(scene: &Scene<'_>, server: &str, connector: &str) -> Result<Acted, Fault> {
    if let Some(seen) = scene.overtaken().await? {
        return Ok(Acted::Foreign(Seen::Directory(seen)));
    }
    let port = scene.ports.server(server)?;
    touched_since_the_intent(scene, server, connector).await?;
    another_process_runs(scene, server).await?;
    no_bad_event_since_the_restart(scene, server).await?;
    let to_directory = scene.plan.inventory.server(server).is_some_and(|used| used.imports(connector));
    if to_directory && scene.aside(port.stored_logon(connector)).await? == Some(false) {
        let cause = "what the engine stores does not open a search in the directory";
        return Err(Fault::refused(format!("test sync of {connector} on {server}"), cause)
            .hint("the engine kept another password, or a person changed it meanwhile")
            .of(FailureClass::EnginePassword));
    }
    let proof = judge(server, port.prove(connector).await?)?;
    // A password that somebody set during the test sync would leave ours as the previous one, still accepted.
    if let Some(seen) = scene.overtaken().await? {
        return Ok(Acted::Foreign(Seen::Directory(seen)));
    }
    Ok(Acted::Done(Seen::Sync(proof)))
}

/// The connector's own change marks must have moved since it was given the password: an engine that reported success
/// and did nothing shows here.
async fn touched_since_the_intent(scene: &Scene<'_>, server: &str, connector: &str) -> Result<(), Fault> {
    let step = Step::Engine { server: server.to_owned(), connector: connector.to_owned() };
    // A person may confirm a second time what was typed before the first.
    let attended = scene.plan.inventory.engine_method == EngineMethod::Attended;
    let before = if attended { scene.before_first(&step) } else { scene.before(&step) };
    let Some(before @ Seen::Connector { version, .. }) = before else { return Ok(()) };
    let now = engine_password::marks(&engine_password::connector(scene, server, connector).await?);
    if now != *before || engine_password::never_touched(scene, &step, &now) {
        return Ok(());
    }
    let cause = format!("its version is still {version}, as before it was given the password");
    Err(Fault::refused(format!("looking at {connector} on {server} before its test sync"), cause)
        .hint("the engine reported success and changed nothing: look at its Application log")
        .of(FailureClass::EnginePassword))
}

/// For a service account, whose password a test sync does not use: the process that runs is one that logged on with it.
async fn another_process_runs(scene: &Scene<'_>, server: &str) -> Result<(), Fault> {
    let restart_step = Step::Restart { server: server.to_owned() };
    let Some(before) = scene.before(&restart_step).filter(|_| of_service(scene)) else { return Ok(()) };
    let now = restart::service(scene, server).await?;
    if now.state == "running" && restart::process(&now) != *before {
        return Ok(());
    }
    let cause = format!("the service is {} as process {}, as before its restart", now.state, now.process_id);
    Err(Fault::refused(format!("looking at the service on {server} before its test sync"), cause)
        .hint("what the service manager holds is proven by a start alone: restart the service, then `resume`"))
}

fn of_service(scene: &Scene<'_>) -> bool {
    matches!(scene.plan.inventory.procedure, Procedure::Service | Procedure::ServiceKeyLost)
}

/// For a service account: the start with the new password left none of the events that tell of its failure.
async fn no_bad_event_since_the_restart(scene: &Scene<'_>, server: &str) -> Result<(), Fault> {
    let restart = Step::Restart { server: server.to_owned() };
    let Some(since) = scene.begun_at(&restart).filter(|_| of_service(scene)) else { return Ok(()) };
    let events = scene.aside(scene.ports.server(server)?.events(since)).await?;
    for event in read_events(&events).events {
        if let Some((id, class)) = SERVICE_EVENTS.iter().find(|(id, _)| *id == event.id && event.at >= since) {
            return Err(Fault::refused(
                format!("looking at the events of {server} since its restart"),
                format!("event {id}: {}", event.text.trim()),
            )
            .of(*class));
        }
    }
    Ok(())
}

/// What a finished run profile says about the password. Microsoft documents the words of the results in
/// "Run profile results" and "Troubleshoot password hash synchronization"; every step counts, because a
/// failed one is skipped since build 1.1.484.
pub(in crate::engine) fn judge(server: &str, proof: ProofFacts) -> Result<ProofFacts, Fault> {
    let connector = &proof.connector;
    let doing = format!("test sync of {connector} on {server}");
    let results = std::iter::once(&proof.result).chain(proof.steps.iter().map(|(_, result)| result));
    for result in results {
        match result.as_str() {
            "success" => {}
            // Objects failed, the bind did not.
            completed if completed.starts_with("completed-") => {}
            "no-start-credentials" | "failed-authentication" => {
                return Err(Fault::refused(doing, format!("{result}: the engine's password is not the directory's"))
                    .hint("the engine kept another password, or the service was not restarted")
                    .of(FailureClass::EnginePassword));
            }
            "no-start-connection" => {
                return Err(Fault::later(
                    doing,
                    format!("{result}: a domain controller or the network, not the password"),
                )
                .of(FailureClass::Connection));
            }
            "no-start-ma-already-running" | "no-start-ma-update-in-progress" | "ma-update-in-progress" => {
                return Err(Fault::later(doing, format!("{result}: somebody else runs or configures the connector"))
                    .of(FailureClass::Busy));
            }
            // How the connector to Entra ID fails, whatever is wrong there: its credential, or the cloud's answer.
            "stopped-extension-dll-exception" => {
                return Err(Fault::refused(doing, format!("{result}: the connector's own extension failed"))
                    .hint("`doctor` tells a wrong Entra connector account from a blocked one: mend that first"));
            }
            other if other.starts_with("stopped-") => {
                return Err(Fault::later(doing, format!("{other}: the run was stopped before its end")));
            }
            other => return Err(Fault::refused(doing, format!("{other}: a result that proves nothing"))),
        }
    }
    // One that refused the logon lags behind, though another let the run in.
    match proof.connections.iter().find(|(_, result)| result == "failed-authentication") {
        Some((dc, result)) => Err(Fault::later(doing, format!("{result} at {dc}, which has another password"))
            .of(FailureClass::NotReplicated)),
        None => Ok(proof),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use providers::port::Meaning;

    fn run(result: &str, step: &str) -> Result<(), Meaning> {
        let steps = vec![("Delta Import".to_owned(), step.to_owned())];
        let facts = ProofFacts {
            connector: "contoso.test".into(),
            result: result.into(),
            steps,
            connections: Vec::new(),
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        judge("SYNC1", facts).map(|_| ()).map_err(|fault| fault.meaning)
    }

    #[test]
    fn every_step_counts() {
        assert_eq!(run("success", "success"), Ok(()));
        assert_eq!(run("success", "completed-import-errors"), Ok(()));
        assert_eq!(run("success", "no-start-credentials"), Err(Meaning::Refused));
        assert_eq!(run("no-start-connection", "no-start-connection"), Err(Meaning::Later));
        assert_eq!(run("", ""), Err(Meaning::Refused));
        assert_eq!(run("success", "ma-update-in-progress"), Err(Meaning::Later));
        assert_eq!(run("stopped-user-termination-from-wmi-or-ui", ""), Err(Meaning::Later));
        assert_eq!(run("stopped-extension-dll-exception", ""), Err(Meaning::Refused));
    }

    #[test]
    fn a_domain_controller_that_refused_counts() {
        let connected = |result: &str| {
            let facts = ProofFacts {
                connector: "contoso.test".into(),
                result: "success".into(),
                steps: Vec::new(),
                connections: vec![("dc1".into(), result.into()), ("dc2".into(), "success".into())],
                at: jiff::Timestamp::UNIX_EPOCH,
            };
            judge("SYNC1", facts).map(|_| ()).map_err(|fault| fault.meaning)
        };
        assert_eq!(connected("failed-authentication"), Err(Meaning::Later));
        assert_eq!(connected("failed-connection"), Ok(()));
    }
}
