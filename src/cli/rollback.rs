use super::arguments::{Global, OpenSelection};
use super::exit::Exit;
use super::rotate::{Order, each_open};

/// `rollback`: turns the open rotations of the chosen accounts back. A rotation that was rolled back by order
/// is done, not failed.
pub(super) async fn run(global: &Global, options: &OpenSelection) -> Exit {
    match each_open(global, &options.account, Order::RollBack).await {
        Exit::Failed => Exit::Done,
        other => other,
    }
}
