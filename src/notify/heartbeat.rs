use std::time::Duration;

use providers::port::Fault;
use reqwest::Method;

use super::channel::Undelivered;
use super::https::{Request, SecretAddress};
use crate::config::{HeartbeatConfig, NotifyConfig};

/// What tells a service elsewhere that the rotator is well, so that it can raise an alarm when it hears nothing.
pub struct Heartbeat {
    address: SecretAddress,
    every: Duration,
}

impl Heartbeat {
    /// `None` when the configuration has none.
    pub fn new(config: &NotifyConfig) -> Result<Option<Self>, Fault> {
        config.heartbeat.as_ref().map(Self::of).transpose()
    }

    fn of(config: &HeartbeatConfig) -> Result<Self, Fault> {
        let address = SecretAddress::new("the heartbeat", &config.url, config.ca_file.as_deref())?;
        Ok(Self { address, every: Duration::from_secs(60 * u64::from(config.every_min)) })
    }

    /// How often it is to beat.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// Where it beats: scheme and host.
    pub fn address(&self) -> &str {
        self.address.shown()
    }

    /// One beat: a POST to the address when all is well, to `fail` below it when not. Ends within 14 seconds.
    pub async fn beat(&self, ok: bool) -> Result<(), Undelivered> {
        let below = (!ok).then_some("fail");
        let request = Request { method: Method::POST, below, headers: Vec::new(), body: None, answers_a_word: false };
        self.address.call(request).await
    }
}
