//! The late proof: 70 minutes after the seal, when the directory no longer accepts the password before, every server is
//! proven once more. It changes nothing, and an outcome that is not good alarms: the rotation itself has ended.

use jiff::{SignedDuration, Timestamp};
use providers::port::{Fault, Meaning, ProofFacts, step_scope};

use super::actions::judge;
use super::{Ports, Rotation};
use crate::rotation::{Event, LateProof, Outcome, Step};

/// AD accepts the password before for 60 minutes; ten more for clocks that differ.
const AFTER_SEAL: SignedDuration = SignedDuration::from_mins(70);

/// When the late proof of a rotation is due; `None` = it has none, or it is done.
pub fn late_proof_due(rotation: &Rotation) -> Option<Timestamp> {
    let progress = rotation.progress();
    if progress.ended != Some(Outcome::Finished) || progress.late_proof.is_some() {
        return None;
    }
    let sealed = rotation.log().iter().rev().find_map(|entry| match &entry.event {
        Event::Done { step: Step::Seal, .. } | Event::Looked { step: Step::Seal, .. } => Some(entry.at),
        _ => None,
    })?;
    sealed.checked_add(AFTER_SEAL).ok()
}

/// Proves every server of the plan. `Err` = one could not be asked; nothing was recorded, and it stays due.
pub(super) async fn prove(ports: &Ports, rotation: &Rotation) -> Result<LateProof, Fault> {
    step_scope::within("late-proof".to_owned(), async {
        let mut proofs: Vec<ProofFacts> = Vec::new();
        for step in &rotation.plan().steps {
            let Step::Prove { server, connector } = step else { continue };
            let port = ports.server(server)?;
            let failed =
                |fault: Fault| LateProof::Failed { server: server.clone(), connector: connector.clone(), fault };
            let to_directory = rotation.plan().inventory.server(server).is_some_and(|used| used.imports(connector));
            if to_directory && port.stored_logon(connector).await? == Some(false) {
                let cause = "what the engine stores does not open a search in the directory any more";
                return Ok(failed(
                    Fault::refused(format!("the late proof of {connector} on {server}"), cause).hint(
                        "`doctor` says what the server shows; `rotate --repair` sets a fresh password everywhere",
                    ),
                ));
            }
            match judge(server, port.prove(connector).await?) {
                Ok(proof) => proofs.push(proof),
                Err(fault) if fault.meaning == Meaning::Later => return Err(fault),
                Err(fault) => return Ok(failed(fault)),
            }
        }
        Ok(LateProof::Proven { proofs })
    })
    .await
}
