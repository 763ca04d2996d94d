use super::arguments::{Global, OpenSelection};
use super::rotate::each_open;
use crate::order::Exit;
use crate::order::Order;

/// `rollback`: turns the open rotations of the chosen accounts back.
pub(super) async fn run(global: &Global, options: &OpenSelection) -> Exit {
    each_open(global, &options.account, Order::RollBack).await
}
