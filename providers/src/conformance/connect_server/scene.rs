//! What the checks work with: servers that are listened to, and secrets that nobody has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::subject::{Held, Known, Mishap, Site, Situation, Subject};
use super::watch::Watched;
use crate::conformance::Able;
use crate::conformance::heard::Heard;
use crate::conformance::verdict::{Verdict, done, ensure};
use crate::port::{ConnectServer, Secret, ServiceFacts};

/// Stands in every secret that the suite makes.
pub(super) const MARK: &str = "Sesame-Conform7";

/// A subject, and the ear at its servers.
pub(super) struct Scene {
    pub(super) subject: Arc<dyn Subject>,
    pub(super) heard: Arc<Heard>,
    number: AtomicU32,
}

/// A new server for one check.
pub(super) struct At {
    pub(super) site: Box<dyn Site>,
    /// The adapter, listened to.
    pub(super) server: Arc<dyn ConnectServer>,
    pub(super) known: Known,
}

impl Scene {
    pub(super) fn new(subject: Arc<dyn Subject>, heard: Arc<Heard>) -> Self {
        Self { subject, heard, number: AtomicU32::new(0) }
    }

    /// A secret that nobody has, another each time.
    pub(super) fn secret(&self) -> Secret {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        Secret::new(format!("{MARK}-\"\\ü-{number:04}"))
    }

    pub(super) async fn at(&self, situation: Situation) -> Able<At> {
        let site = self.subject.site(situation).await?;
        let known = site.known().clone();
        for secret in [&known.connector_secret].into_iter().chain(&known.service_secret) {
            self.heard.secret(secret);
        }
        let server = Arc::new(Watched { inner: site.server(), heard: Arc::clone(&self.heard) });
        Ok(At { site, server, known })
    }
}

impl At {
    /// The truth about the service.
    pub(super) async fn service(&self) -> Able<ServiceFacts> {
        Ok(done(self.site.direct().describe().await, "looking past the adapter")?.service)
    }

    /// The password of the service's account.
    pub(super) fn service_secret(&self) -> Able<Secret> {
        let secret = self.known.service_secret.clone();
        secret
            .ok_or_else(|| crate::conformance::Stop::Failed("the site does not know the service's password".to_owned()))
    }

    pub(super) async fn must_hold(&self, place: Held, secret: &Secret, when: &str) -> Verdict {
        let holds = self.site.holds(place, secret).await?;
        ensure!(holds, "{when}: another password is held ({place:?})");
        Ok(())
    }

    /// Nothing has changed since `before`.
    pub(super) async fn unchanged(&self, before: &str, when: &str) -> Verdict {
        let now = self.site.snapshot().await?;
        let differs = before.lines().zip(now.lines()).find(|(was, is)| was != is);
        ensure!(now == before, "{when}: something changed: {differs:?}");
        Ok(())
    }

    pub(super) async fn order(&self, mishap: Mishap<'_>) -> Verdict {
        self.site.order(mishap).await
    }
}
