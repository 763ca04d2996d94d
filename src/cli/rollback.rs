use super::arguments::{Global, OpenSelection};
use super::exit::Exit;
use super::rotate::{Order, each_open};

/// `rollback`: turns the open rotations of the chosen accounts back.
pub(super) async fn run(global: &Global, options: &OpenSelection) -> Exit {
    each_open(global, &options.account, Order::RollBack).await
}
