//! Prove: a test sync with the password that was set.
//!
//! Before: the directory was sealed, so that the password before is refused; without that an engine that kept
//! the old one would pass for 60 minutes. After: a Delta Import bound with the target. If we die here: nothing
//! is changed; it is repeated.

use providers::port::{Fault, ProofFacts};

use crate::engine::scene::{Acted, Scene};
use crate::rotation::Seen;

pub(super) async fn apply(scene: &Scene<'_>, server: &str, connector: &str) -> Result<Acted, Fault> {
    if let Some(seen) = scene.overtaken().await? {
        return Ok(Acted::Foreign(Seen::Directory(seen)));
    }
    let proof = judge(server, scene.ports.server(server)?.prove(connector).await?)?;
    // A password that somebody set during the test sync would leave ours as the previous one, still accepted.
    if let Some(seen) = scene.overtaken().await? {
        return Ok(Acted::Foreign(Seen::Directory(seen)));
    }
    Ok(Acted::Done(Seen::Sync(proof)))
}

/// What a finished run profile says about the password. Microsoft documents the words of the results in
/// "Run profile results" and "Troubleshoot password hash synchronization"; every step counts, because a
/// failed one is skipped since build 1.1.484.
pub(super) fn judge(server: &str, proof: ProofFacts) -> Result<ProofFacts, Fault> {
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
                    .hint("the engine kept another password, or the service was not restarted"));
            }
            "no-start-connection" | "no-start-ma-already-running" | "no-start-ma-update-in-progress" => {
                return Err(Fault::later(doing, format!("{result}: the network or another run, not the password")));
            }
            other if other.starts_with("stopped-") => {
                return Err(Fault::later(doing, format!("{other}: the run was stopped before its end")));
            }
            other => return Err(Fault::refused(doing, format!("{other}: a result that proves nothing"))),
        }
    }
    Ok(proof)
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
    }
}
