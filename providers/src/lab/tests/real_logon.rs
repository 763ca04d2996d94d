//! A server whose engine and service log on to a directory outside its world: another lab's, over LDAPS.

use super::service::{SERVICE_USER, domain_user, server_plan};
use super::*;
use crate::lab::ldaps::{Options, Serving, serve};
use crate::lab::{AccountPlan, Logon, Rights};
use crate::port::{FailureClass, Meaning};

const START_NAME: &str = r"CONTOSO\svc-adsync";

/// A lab that is the directory, and a lab whose server logs on there.
struct Pair {
    directory: Bench,
    servers: Bench,
    _serving: Serving,
}

impl Pair {
    async fn new(build: &str) -> Self {
        let plan = WorldPlan {
            controller_hosts: vec!["127.0.0.2".to_owned()],
            first_password: Some(password(1)),
            more_accounts: vec![AccountPlan {
                name: SERVICE_USER.to_owned(),
                password: password(2),
                rights: Rights::default(),
            }],
            ..WorldPlan::default_world()
        };
        let directory = Bench::with(&plan);
        let serving = serve(&directory.lab, &Options::default()).await.unwrap();
        let logon = Logon::Ldaps {
            url: serving.urls()[0].clone(),
            ca_file: Some(serving.ca_file().to_owned()),
            bind_name: directory.dn().await,
        };
        let servers = Bench::with(&WorldPlan {
            logon,
            first_password: Some(password(1)),
            servers: vec![server_plan(build, domain_user(START_NAME))],
            ..WorldPlan::default_world()
        });
        Self { directory, servers, _serving: serving }
    }

    async fn reset(&self, account: &str, secret: &Secret) {
        let dn = self.directory.directory().account(account).await.unwrap().dn;
        self.directory.directory().set_password(&dn, "127.0.0.2", secret).await.unwrap();
    }
}

#[tokio::test]
async fn the_service_logs_on_to_the_real_directory() {
    let pair = Pair::new("2.6.92.0").await;
    let server = pair.servers.server();
    server.set_service_logon(START_NAME, &password(2)).await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(pair.servers.proof().await, "success");
    assert_eq!(server.stored_logon(CONNECTOR).await.unwrap(), Some(true));
    pair.reset(SERVICE_USER, &password(3)).await;
    pair.directory.pass(SignedDuration::from_mins(61));
    let refused = server.restart().await.unwrap_err();
    assert_eq!((refused.meaning, refused.class), (Meaning::Refused, Some(FailureClass::ServiceLogon)));
    assert_eq!(pair.servers.event_ids(), [7038, 7000]);
    server.set_service_logon(START_NAME, &password(3)).await.unwrap();
    server.start().await.unwrap();
    pair.reset(ACCOUNT, &password(4)).await;
    pair.directory.pass(SignedDuration::from_mins(61));
    assert_eq!(pair.servers.proof().await, "no-start-credentials");
    assert_eq!(server.stored_logon(CONNECTOR).await.unwrap(), Some(false));
}

#[tokio::test]
async fn on_the_oldest_builds_another_password_counts_as_a_reset() {
    let pair = Pair::new("1.1.443.0").await;
    let server = pair.servers.server();
    server.set_service_logon(START_NAME, &password(2)).await.unwrap();
    let refused = server.restart().await.unwrap_err();
    assert_eq!((refused.meaning, refused.class), (Meaning::Refused, Some(FailureClass::KeySet)));
    assert_eq!(pair.servers.event_ids(), [6028]);
}
