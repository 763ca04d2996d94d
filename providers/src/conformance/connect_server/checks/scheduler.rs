//! The scheduler's switch, and the task that gives it back.

use std::time::Duration;

use jiff::Timestamp;

use super::{Verdict, done, ensure};
use crate::conformance::connect_server::scene::Scene;
use crate::conformance::connect_server::subject::{SchedulerTruth, Situation};

const HOUR: Duration = Duration::from_secs(3600);
/// In how long a task is due that is waited for.
const SOON: Duration = Duration::from_millis(150);
/// How often is looked whether it ran, and the pause between.
const LOOKS_MAX: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// The switch is off, and the task lies there with its value and its time.
pub(super) async fn pause_switches_off_and_plants_the_task(scene: &Scene) -> Verdict {
    for restore in [true, false] {
        let (at, restore_at) = (scene.at(Situation::AsInstalled).await?, Timestamp::now() + HOUR);
        done(at.server.pause_scheduler(restore, restore_at).await, "the pause")?;
        let truth = at.site.scheduler().await?;
        ensure!(!truth.enabled, "paused, and SyncCycleEnabled is on");
        let Some((value, due)) = truth.task else {
            return Err(super::failed("paused, and no task gives the switch back".to_owned()));
        };
        ensure!(value == restore, "the task will give it {value}, not {restore}");
        let apart = due.duration_since(restore_at).unsigned_abs();
        // A task scheduler may count in whole seconds.
        ensure!(apart <= Duration::from_secs(1), "the task is due {due}, not {restore_at}");
    }
    Ok(())
}

/// Paused again, the first value is what is given back, at the second time: the first may lie in the middle of what
/// this pause is for.
pub(super) async fn pause_again_keeps_the_first_value(scene: &Scene) -> Verdict {
    let (at, restore_at) = (scene.at(Situation::AsInstalled).await?, Timestamp::now() + HOUR);
    done(at.server.pause_scheduler(true, restore_at).await, "the pause")?;
    let first = at.site.scheduler().await?;
    done(at.server.pause_scheduler(false, restore_at + HOUR).await, "the pause again")?;
    let second = at.site.scheduler().await?;
    let later = |truth: &SchedulerTruth| truth.task.map(|(value, due)| (value, due.duration_since(restore_at)));
    let (Some((true, _)), Some((true, apart))) = (later(&first), later(&second)) else {
        return Err(super::failed(format!("paused again, {first:?} became {second:?}")));
    };
    let moved = apart.unsigned_abs().abs_diff(HOUR);
    ensure!(moved <= Duration::from_secs(1) && !second.enabled, "paused again, {first:?} became {second:?}");
    Ok(())
}

/// The server gives the switch back by itself.
pub(super) async fn pause_ends_by_itself(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    done(at.server.pause_scheduler(true, Timestamp::now() + SOON).await, "the pause")?;
    for _ in 0..LOOKS_MAX {
        tokio::time::sleep(PAUSE).await;
        // The description is what moves a model on; nothing else is asked of the server.
        if done(at.server.describe().await, "the description")?.scheduler.enabled {
            return Ok(());
        }
    }
    Err(super::failed("the task was due, and the switch was not given back".to_owned()))
}

/// The value is given, the task is gone; again, the same.
pub(super) async fn release_gives_the_value_and_removes_the_task(scene: &Scene) -> Verdict {
    for enabled in [true, false] {
        let at = scene.at(Situation::AsInstalled).await?;
        done(at.site.direct().pause_scheduler(true, Timestamp::now() + HOUR).await, "a pause past the adapter")?;
        for when in ["the release", "the release again"] {
            done(at.server.release_scheduler(enabled).await, when)?;
            let truth = at.site.scheduler().await?;
            let wanted = SchedulerTruth { enabled, task: None };
            ensure!(truth == wanted, "after {when} it is {truth:?}, not {wanted:?}");
        }
    }
    Ok(())
}
