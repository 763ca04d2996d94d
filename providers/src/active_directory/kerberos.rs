use super::connection::Connection;
use super::endpoint::Endpoint;
use crate::port::Fault;
pub(super) fn available() -> Result<(), Fault> {
    Ok(())
}
pub(super) async fn log_on(_: &Connection, _: &Endpoint) -> Result<(), Fault> {
    available()
}
