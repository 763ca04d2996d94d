//! What the tests have in common.

use std::time::Duration;

use providers::entra_connect::winrm::{Settings, WinrmTransport};
use providers::entra_connect::{Answer, Broken, Transport};
use zeroize::Zeroizing;

pub(crate) const REQUEST: &[u8] = b"{\"request\":\"hunter2-request\"}\n";
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn bytes(text: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.to_vec())
}

/// One exchange of [`REQUEST`] within [`LIMIT`].
pub(crate) async fn exchange(settings: Settings) -> Result<Answer, Broken> {
    within(settings, LIMIT).await
}

pub(crate) async fn within(settings: Settings, limit: Duration) -> Result<Answer, Broken> {
    WinrmTransport::new(settings)?.exchange(&bytes(REQUEST), limit).await
}
