use providers::port::Meaning;

use super::knowledge::Knowledge;
use super::{Exit, journal_failed, sentence, told};
use crate::engine::{self, Check, Prepared, Refusal, Verdict, Wish};
use crate::journal::{Journal, JournalError, Query, State};
use crate::wiring::World;

/// Why there is no plan.
pub enum NotPrepared {
    /// Windows manages the password: nothing is to be done.
    Managed(String),
    /// Cause, next step and exit code.
    No(String, Exit),
}

/// What a refusal to begin means for people.
fn refused(refusal: &Refusal) -> NotPrepared {
    let refusing = |checks: &[Check]| -> Vec<String> {
        checks.iter().filter(|check| check.verdict == Verdict::Refuse).map(told).collect()
    };
    match refusal {
        Refusal::Managed(checks) => NotPrepared::Managed(refusing(checks).join("; ")),
        Refusal::Refused(checks) => {
            let reasons = refusing(checks).join("\n  - ");
            NotPrepared::No(format!("nothing was changed, because:\n  - {reasons}"), Exit::Refused)
        }
        Refusal::Unseen(fault) => {
            let exit = match fault.meaning {
                Meaning::Later | Meaning::Unclear => Exit::Later,
                Meaning::Refused => Exit::Refused,
                Meaning::Broken => Exit::Usage,
            };
            NotPrepared::No(format!("nothing was changed: {}", sentence(fault)), exit)
        }
    }
}

/// Looks at the world and makes a plan, knowing what the journal, where there is one yet, knows of the account.
pub async fn prepare(world: &World, journal: Option<&dyn Journal>, wish: &Wish) -> Result<Prepared, NotPrepared> {
    look(world, journal, wish).await.map_err(|not| match not {
        Ok(refusal) => refused(&refusal),
        Err((message, exit)) => NotPrepared::No(message, exit),
    })
}

/// The same with the refusal itself, for whoever shows every check. `Err(Err(_))` = the journal says no already.
pub async fn look(
    world: &World,
    journal: Option<&dyn Journal>,
    wish: &Wish,
) -> Result<Prepared, Result<Refusal, (String, Exit)>> {
    let Some(journal) = journal else {
        return engine::prepare(world.ports(), wish, None).await.map_err(Ok);
    };
    let failed = |error: JournalError| Err(journal_failed(&error));
    let listed = journal.list(&Query { open: true, ..Query::of(&wish.account) }).await.map_err(failed)?;
    // Its pending candidate is no stranger's, and may be the live password.
    let mut of_account = listed.iter().rev();
    if let Some(running) = of_account.find(|listed| listed.state == State::Running) {
        let what =
            format!("rotation {} runs or was interrupted; `resume` carries it on, or says who is at it", running.id);
        return Err(Err((what, Exit::Later)));
    }
    let known = Knowledge::of(journal, world, wish).await.map_err(failed)?;
    engine::prepare(world.ports(), &known.inform(wish), known.last_known.as_ref()).await.map_err(Ok)
}
