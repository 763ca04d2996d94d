//! The right to act: whoever lost it sends nothing that may change something, and who loses it on the way says so.

use std::time::Instant;

use super::{Verdict, done, ensure, failed, fault};
use crate::conformance::connect_server::call::Call;
use crate::conformance::connect_server::scene::Scene;
use crate::conformance::connect_server::subject::Situation;
use crate::conformance::tenures::{AFTERWARDS, granted, lost, lost_after};
use crate::port::Meaning;

/// More requests than any operation sends.
const REQUESTS_MAX: usize = 4;

/// Whatever acts is refused, nothing reaches the server, and it does not come later either.
pub(super) async fn without_tenure_nothing_is_sent(scene: &Scene) -> Verdict {
    for call in Call::ALL.into_iter().filter(|call| call.changes()) {
        let (at, secret) = (call.ready(scene).await?, scene.secret());
        let (before, when) = (at.site.snapshot().await?, format!("{} without the tenure", call.name()));
        fault(lost(call.make(&*at.server, &at, &secret)).await, Meaning::Refused, &when)?;
        at.unchanged(&before, &when).await?;
        if call == Call::SetConnectorPassword {
            tokio::time::sleep(AFTERWARDS).await;
            at.unchanged(&before, &format!("some time after {when}")).await?;
        }
    }
    Ok(())
}

/// Looks and logons need none.
pub(super) async fn without_tenure_looks_go_on(scene: &Scene) -> Verdict {
    for call in Call::ALL.into_iter().filter(|call| !call.changes()) {
        let at = call.ready(scene).await?;
        let answer = lost(call.make(&*at.server, &at, &scene.secret())).await;
        done(answer, &format!("{} without the tenure", call.name()))?;
    }
    Ok(())
}

/// A tenure that is lost after any of a call's requests stops it there, with a true word for what is left, and the same
/// call under a good one completes it.
pub(super) async fn a_tenure_lost_on_the_way_is_told_truly(scene: &Scene) -> Verdict {
    for call in [Call::Restart, Call::SetConnectorPassword, Call::PauseScheduler, Call::ChangeLocalPassword] {
        let mut ended = false;
        for times in 1..=REQUESTS_MAX {
            let (at, secret) = (call.ready(scene).await?, scene.secret());
            let before = at.site.snapshot().await?;
            let when = format!("{} with the tenure for {times} requests", call.name());
            let Err(stopped) = granted(times, call.make(&*at.server, &at, &secret)).await else {
                ended = true;
                break;
            };
            match stopped.meaning {
                Meaning::Refused => at.unchanged(&before, &when).await?,
                Meaning::Unclear => {}
                other => return Err(failed(format!("{when} is {other}: {stopped}"))),
            }
            done(call.make(&*at.server, &at, &secret).await, &format!("{when}, and again under a good one"))?;
            let state = at.service().await?.state;
            ensure!(state == "running", "{when}, and again under a good one: the service is {state}");
        }
        ensure!(ended, "{} does not end within {REQUESTS_MAX} requests", call.name());
    }
    Ok(())
}

/// A tenure that ends while the adapter waits on its way is missed: what was asked before the wait does not count.
pub(super) async fn the_tenure_is_asked_last(scene: &Scene) -> Verdict {
    let (at, secret) = (scene.at(Situation::AsInstalled).await?, scene.secret());
    let before = at.site.snapshot().await?;
    let wait = at.site.delay_the_next_request().await?;
    let set = at.server.set_connector_password(&at.known.connector, &secret);
    let begun = Instant::now();
    let answer = lost_after(wait / 2, set).await;
    ensure!(begun.elapsed() >= wait / 2, "the call was not delayed: {:?}", begun.elapsed());
    let when = "a call that was delayed until the tenure was lost";
    fault(answer, Meaning::Refused, when)?;
    at.unchanged(&before, when).await?;
    tokio::time::sleep(AFTERWARDS).await;
    at.unchanged(&before, "some time after the delayed call").await
}
