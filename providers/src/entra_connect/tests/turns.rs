//! Who waits for whom on one server.

use std::fs::File;
use std::sync::Arc;

use tokio::time::sleep;

use super::*;
use crate::entra_connect::Turns;

/// Long enough that whoever does not wait would be through.
const A_WHILE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_look_does_not_overtake_an_act_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data").join("agent.lock");
    let recording = Arc::new(Recording::default());
    let turns = Arc::new(Turns::new(recording.clone(), file.clone()));
    turns.describe().await.unwrap();
    // A look of another process that is not over.
    let early = File::open(&file).unwrap();
    early.lock_shared().unwrap();
    turns.describe().await.unwrap();
    assert_eq!(recording.asked().len(), 2, "looks do not wait for each other");

    let act = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move { turns.stop().await }
    });
    sleep(A_WHILE).await;
    let late = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move { turns.describe().await }
    });
    sleep(A_WHILE).await;
    assert_eq!(recording.asked().len(), 2, "both wait");
    early.unlock().unwrap();
    act.await.unwrap().unwrap();
    late.await.unwrap().unwrap();
    let asked: Vec<Operation> = recording.asked().into_iter().skip(2).map(|(_, operation)| operation).collect();
    assert_eq!(asked, [Operation::Stop, Operation::Describe]);
}
