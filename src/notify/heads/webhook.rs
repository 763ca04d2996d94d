use std::path::Path;

use async_trait::async_trait;
use providers::port::{Fault, Secret};
use reqwest::Method;

use super::{HeadChannel, HeadLine};
use crate::clock::{Clock, SystemClock};
use crate::config::SecretRef;
use crate::notify::https::{Request, SecretAddress};
use crate::notify::{Undelivered, signature};

/// An address that heads are posted to.
pub(super) struct HeadWebhook {
    address: SecretAddress,
    key: Option<Secret>,
}

impl HeadWebhook {
    /// `number` counts the places of the configuration, from 1.
    pub(super) fn new(
        number: usize,
        url: &SecretRef,
        key: Option<&SecretRef>,
        ca_file: Option<&Path>,
    ) -> Result<Self, Fault> {
        let what = format!("webhook {number} of [history]");
        let key = key.map(|key| key.read(&format!("the key of {what}"))).transpose()?;
        Ok(Self { address: SecretAddress::new(&what, url, ca_file)?, key })
    }
}

#[async_trait]
impl HeadChannel for HeadWebhook {
    async fn send(&self, head: &HeadLine) -> Result<(), Undelivered> {
        let body = head.line.clone().into_bytes();
        let mut headers = Vec::new();
        if let Some(key) = &self.key {
            headers.push((signature::HEADER, signature::header(key, SystemClock.now().as_second(), &body)));
        }
        let request = Request { method: Method::POST, below: None, headers, body: Some(body), answers_a_word: false };
        self.address.call(request).await
    }
}
