//! Parts of checks that share no account, as many at once as the subject allows, of all checks together.

use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::scene::Scene;
use crate::conformance::Stop;
use crate::conformance::verdict::Verdict;

/// Runs `one` for each item. Each is a task of its own: where polls are counted, one task would poll all of them whenever
/// one moves on. What fails first is the verdict.
pub(super) async fn together<T, F>(
    scene: &Scene,
    items: impl IntoIterator<Item = T>,
    one: impl Fn(Scene, T) -> F,
) -> Verdict
where
    F: Future<Output = Verdict> + Send + 'static,
{
    let mut running = JoinSet::new();
    for item in items {
        // It is never closed, so there is always a permit to come.
        let permit = Arc::clone(&scene.room).acquire_owned().await;
        let part = one(scene.clone(), item);
        running.spawn(async move {
            let verdict = part.await;
            drop(permit);
            verdict
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.map_err(|error| Stop::Failed(format!("a part of it did not end by itself: {error}")))??;
    }
    Ok(())
}
