use std::sync::Arc;

use providers::port::Fault;

use super::channel::Channel;
use super::command::Command;
use super::mail::Mail;
use super::webhook::Webhook;
use crate::config::NotifyConfig;

/// The channels of the configuration. Reads the addresses, keys and passwords that it names.
pub fn channels(config: &NotifyConfig) -> Result<Vec<Arc<dyn Channel>>, Fault> {
    let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
    for (index, webhook) in config.webhook.iter().enumerate() {
        channels.push(Arc::new(Webhook::new(index + 1, webhook)?));
    }
    if let Some(mail) = &config.mail {
        channels.push(Arc::new(Mail::new(mail)?));
    }
    if let Some(command) = &config.command {
        channels.push(Arc::new(Command::new(command)));
    }
    Ok(channels)
}
