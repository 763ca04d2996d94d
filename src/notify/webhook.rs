use std::time::Duration;

use async_trait::async_trait;
use providers::port::{Fault, Secret};
use reqwest::Method;

use super::channel::{Channel, Undelivered};
use super::https::{Request, SecretAddress};
use super::{Notice, Severity, card, signature, slack};
use crate::clock::{Clock, SystemClock};
use crate::config::{Shape, WebhookConfig};

/// A webhook of any shape.
pub(super) struct Webhook {
    name: String,
    shape: Shape,
    severity: Severity,
    address: SecretAddress,
    key: Option<Secret>,
}

impl Webhook {
    /// `number` counts the webhooks of the configuration, from 1.
    pub(super) fn new(number: usize, config: &WebhookConfig) -> Result<Self, Fault> {
        let shape = match config.shape {
            Shape::Teams => "teams",
            Shape::Slack => "slack",
            Shape::Json => "json",
        };
        let name = format!("{shape}-{number}");
        let what = format!("webhook {number} ({shape})");
        let address = SecretAddress::new(&what, &config.url, config.ca_file.as_deref())?;
        let key = match &config.key {
            Some(key) => Some(key.read(&format!("the key of {what}"))?),
            None => None,
        };
        Ok(Self { name, shape: config.shape, severity: config.severity, address, key })
    }
}

#[async_trait]
impl Channel for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn wants(&self, notice: &Notice) -> bool {
        notice.severity >= self.severity
    }

    async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let document = match self.shape {
            Shape::Teams => card::message(notice),
            Shape::Slack => slack::message(notice),
            Shape::Json => notice.document(),
        };
        let body = document.to_string().into_bytes();
        let mut headers = Vec::new();
        if let Some(key) = &self.key {
            // Signed anew at each try: the receiver may refuse what is old.
            headers.push((signature::HEADER, signature::header(key, SystemClock.now().as_second(), &body)));
        }
        let request = Request {
            method: Method::POST,
            below: None,
            headers,
            body: Some(body),
            answers_a_word: self.shape == Shape::Slack,
        };
        self.address.call(request).await
    }

    fn asked_wait(&self) -> Option<Duration> {
        self.address.asked_wait()
    }
}
