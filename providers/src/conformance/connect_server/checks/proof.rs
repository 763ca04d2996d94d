//! Runs, their results, and the search with the stored password.

use super::{Verdict, done, ensure, fault};
use crate::conformance::connect_server::scene::{At, Scene};
use crate::conformance::connect_server::subject::{Mishap, Situation};
use crate::port::{Meaning, ProofFacts, RUNS_MAX};

async fn run(at: &At, when: &str) -> super::Able<ProofFacts> {
    let proof = done(at.server.prove(&at.known.connector).await, when)?;
    ensure!(proof.connector == at.known.connector, "{when}: it is of {:?}", proof.connector);
    ensure!(!proof.steps.is_empty(), "{when}: no step is told: {proof:?}");
    Ok(proof)
}

/// The result, every step and every connection.
pub(super) async fn proof_has_steps_and_connections(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    let proof = run(&at, "a run").await?;
    ensure!(proof.result == "success", "a run with the right password gives {proof:?}");
    ensure!(proof.steps.iter().all(|(step, result)| !step.is_empty() && result == "success"), "steps: {proof:?}");
    ensure!(!proof.connections.is_empty(), "no connection is told: {proof:?}");
    ensure!(proof.connections.iter().all(|(to, result)| !to.is_empty() && result == "success"), "to: {proof:?}");
    Ok(())
}

/// A run that ended is an answer, whatever its result.
pub(super) async fn proof_with_a_wrong_password_is_a_result(scene: &Scene) -> Verdict {
    let (at, direct_secret) = (scene.at(Situation::AsInstalled).await?, scene.secret());
    let direct = at.site.direct();
    done(
        direct.set_connector_password(&at.known.connector, &direct_secret).await,
        "a wrong password past the adapter",
    )?;
    done(direct.restart().await, "a restart past the adapter")?;
    let proof = run(&at, "a run with a wrong password").await?;
    ensure!(proof.result == "no-start-credentials", "a run with a wrong password gives {proof:?}");
    ensure!(proof.steps.iter().any(|(_, result)| result != "success"), "no step failed: {proof:?}");
    let failed = proof.connections.iter().any(|(_, result)| result == "failed-authentication");
    ensure!(failed, "no connection says that the logon failed: {proof:?}");
    Ok(())
}

/// So is one that found nobody to connect to.
pub(super) async fn proof_without_a_connection_is_a_result(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    at.order(Mishap::DirectoryAway).await?;
    let proof = run(&at, "a run without a domain controller").await?;
    ensure!(proof.result == "no-start-connection", "a run without a domain controller gives {proof:?}");
    ensure!(proof.connections.iter().any(|(_, result)| result == "failed-connection"), "{proof:?}");
    Ok(())
}

/// No run came about: the service is stopped, or there is no such connector.
pub(super) async fn proof_that_did_not_come_about_is_a_fault(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    fault(at.server.prove("fabrikam.test").await, Meaning::Refused, "a run of a connector that is not there")?;
    done(at.site.direct().stop().await, "stopping past the adapter")?;
    fault(at.server.prove(&at.known.connector).await, Meaning::Later, "a run of a stopped engine")?;
    // A stopped engine need not tell its history.
    done(at.site.direct().start().await, "a start past the adapter")?;
    let runs = done(at.server.runs(&at.known.connector).await, "the last runs")?;
    ensure!(runs.is_empty(), "no run came about, and there are {runs:?}");
    Ok(())
}

/// Whether the stored password opens a search, and nothing where the build has no such search.
pub(super) async fn stored_logon_is_told_where_the_build_can(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::OldBuild).await?;
    let answer = done(at.server.stored_logon(&at.known.connector).await, "a search on an old build")?;
    ensure!(answer.is_none(), "a build without the search answers {answer:?}");
    let at = scene.at(Situation::AsInstalled).await?;
    let answer = done(at.server.stored_logon(&at.known.connector).await, "a search")?;
    ensure!(answer == Some(true), "the right password gives {answer:?}");
    let direct = at.site.direct();
    done(direct.set_connector_password(&at.known.connector, &scene.secret()).await, "a wrong password")?;
    let answer = done(at.server.stored_logon(&at.known.connector).await, "a search with a wrong password")?;
    ensure!(answer == Some(false), "what is stored is wrong, running or not, and gives {answer:?}");
    Ok(())
}

/// Newest first, no more than are promised, each as its run gave it.
pub(super) async fn runs_are_the_last_newest_first(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    let mut wanted = Vec::new();
    let runs = done(at.server.runs(&at.known.connector).await, "the runs before the first")?;
    ensure!(runs.is_empty(), "before the first run there are {runs:?}");
    for _ in 0..=RUNS_MAX {
        wanted.insert(0, run(&at, "a run").await?);
    }
    wanted.truncate(RUNS_MAX);
    let runs = done(at.server.runs(&at.known.connector).await, "the last runs")?;
    ensure!(runs == wanted, "the last runs are {runs:?}, not {wanted:?}");
    fault(at.server.runs("fabrikam.test").await, Meaning::Refused, "the runs of a connector that is not there")?;
    Ok(())
}
