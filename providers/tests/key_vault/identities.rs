//! Each way to be somebody, as the stand-in sees it.

use providers::azure_key_vault::{AzureKeyVault, Cloud, Identity, Settings};
use providers::port::{Meaning, Slot, Vault};

use serde_json::json;

use crate::bed::{BY_CERTIFICATE, BY_FEDERATION, BY_SECRET, Bed, TENANT, USER_ASSIGNED, secret};

fn ids(bed: &Bed) -> Vec<(Identity, &'static str, &'static str, Vec<&'static str>)> {
    let metadata = Some(format!("http://127.0.0.1:{}", bed.port("metadata")));
    let tenant_id = TENANT.to_owned();
    vec![
        (bed.by_secret(), BY_SECRET, "client secret", vec!["secret"]),
        (
            Identity::ClientCertificate {
                tenant_id: tenant_id.clone(),
                client_id: BY_CERTIFICATE.to_owned(),
                certificate_file: bed.file("client.pem"),
                key_file: Some(bed.file("client.key")),
            },
            BY_CERTIFICATE,
            "client certificate",
            vec!["assertion"],
        ),
        (
            Identity::Workload {
                tenant_id,
                client_id: BY_FEDERATION.to_owned(),
                token_file: bed.file("federated.token"),
            },
            BY_FEDERATION,
            "workload identity",
            vec!["assertion"],
        ),
        (
            Identity::Managed { client_id: None, metadata: metadata.clone() },
            "system-assigned",
            "managed identity",
            vec!["metadata"],
        ),
        (
            Identity::Managed { client_id: Some(USER_ASSIGNED.to_owned()), metadata },
            USER_ASSIGNED,
            "managed identity",
            vec!["metadata"],
        ),
        (
            Identity::AzureArc {
                endpoint: Some(format!("http://127.0.0.1:{}", bed.port("arc"))),
                tokens_folder: Some(bed.file("tokens")),
            },
            "arc-machine",
            "Azure Arc",
            vec!["arc", "arc"],
        ),
    ]
}

#[tokio::test]
async fn each_identity_works_as_itself() {
    let bed = Bed::new();
    for (identity, client, kind, asked) in ids(&bed) {
        let before = bed.requests().len();
        let vault = AzureKeyVault::new(bed.settings(identity)).unwrap();
        assert!(vault.describe().contains(kind), "{}", vault.describe());
        let name = format!("as-{client}");
        vault.adopt(&name, &secret("x")).await.unwrap_or_else(|fault| panic!("{client}: {fault}"));
        let seen = bed.requests().split_off(before);
        let tokens: Vec<_> =
            seen.iter().filter(|request| request.0 == "TOKEN").map(|request| request.1.as_str()).collect();
        assert_eq!(tokens, asked, "{client}");
        assert!(
            seen.iter().any(|(method, _, status, who)| method == "PUT" && *status == 200 && who == client),
            "{client}"
        );
        let own = vault.own_credential().await.unwrap();
        assert_eq!((own.holder.as_str(), own.kind.contains(kind)), ("vault", true), "{own:?}");
        match kind {
            "client certificate" => {
                let days = (own.expires_at.unwrap().as_second() - own.set_at.unwrap().as_second()) / 86400;
                assert_eq!(days, 90, "{own:?}");
            }
            _ => assert!(own.expires_at.is_none() && !own.note.is_empty(), "{own:?}"),
        }
    }
}

#[tokio::test]
async fn a_signed_assertion_is_really_checked() {
    let bed = Bed::new();
    let with = |certificate: &str, key: &str| {
        AzureKeyVault::new(bed.settings(Identity::ClientCertificate {
            tenant_id: TENANT.to_owned(),
            client_id: BY_CERTIFICATE.to_owned(),
            certificate_file: bed.file(certificate),
            key_file: Some(bed.file(key)),
        }))
        .unwrap()
    };
    let other = Bed::new();
    std::fs::copy(other.file("client.key"), bed.file("other.key")).unwrap();
    std::fs::copy(other.file("client.pem"), bed.file("other.pem")).unwrap();
    // A pair that Entra ID does not know; and a new key beside the old certificate, which it is not asked about.
    let fault = with("other.pem", "other.key").find("x", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Refused && fault.cause.contains("AADSTS700027"), "{fault}");
    assert!(fault.hint.contains("upload"), "{fault}");
    let tokens = || bed.requests().iter().filter(|request| request.0 == "TOKEN").count();
    let before = tokens();
    let renewed = with("client.pem", "other.key");
    let fault = renewed.find("x", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Later && fault.cause.contains("not that of the key"), "{fault}");
    assert!(fault.hint.contains("renewed"), "{fault}");
    assert_eq!(tokens(), before);
    std::fs::copy(bed.file("client.key"), bed.file("other.key")).unwrap();
    assert_eq!(renewed.find("x", Slot::Current).await.unwrap(), None, "the other file has come");
    // The files themselves, each with its own words.
    for (certificate, key, meaning, words) in [
        ("absent.pem", "client.key", Meaning::Later, "absent.pem"),
        ("client.key", "client.key", Meaning::Broken, "no certificate"),
        ("client.pem", "client.pem", Meaning::Broken, "is not there"),
        ("client.pem", "server.key", Meaning::Broken, "is no RSA key"),
    ] {
        let fault = with(certificate, key).find("x", Slot::Current).await.unwrap_err();
        assert_eq!(fault.meaning, meaning, "{fault}");
        assert!(fault.cause.contains(words) && !fault.hint.is_empty(), "{words}: {fault}");
    }
    // Both in one file, as az makes them.
    let both =
        [bed.file("client.key"), bed.file("client.pem")].map(|file| std::fs::read_to_string(file).unwrap()).concat();
    std::fs::write(bed.file("both.pem"), both).unwrap();
    let vault = with("both.pem", "both.pem");
    assert_eq!(vault.find("x", Slot::Current).await.unwrap(), None);
}

#[tokio::test]
async fn an_identity_that_is_not_there_is_said() {
    let bed = Bed::new();
    let identity = Identity::Managed {
        client_id: Some("nobody".to_owned()),
        metadata: Some(format!("http://127.0.0.1:{}", bed.port("metadata"))),
    };
    let fault = AzureKeyVault::new(bed.settings(identity)).unwrap().find("x", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Broken && fault.cause.contains("Identity not found"), "{fault}");
    let identity = Identity::AzureArc { endpoint: Some("http://127.0.0.1:9".to_owned()), tokens_folder: None };
    let fault = AzureKeyVault::new(bed.settings(identity)).unwrap().find("x", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Later && fault.hint.contains("azcmagent"), "{fault}");
    // The agent that listens names a file outside of its folder: it is not read.
    let identity = Identity::AzureArc {
        endpoint: Some(format!("http://127.0.0.1:{}", bed.port("arc"))),
        tokens_folder: Some(bed.file("elsewhere")),
    };
    let fault = AzureKeyVault::new(bed.settings(identity)).unwrap().find("x", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Broken && fault.cause.contains("not one of its own"), "{fault}");
}

/// `az` is found by PATH, which a test can only set for another process: this test runs itself again in one.
#[tokio::test]
async fn a_person_at_a_terminal_works_with_azs_token() {
    if let Ok(url) = std::env::var("KEY_VAULT_TEST_URL") {
        let file = |name: &str| std::path::PathBuf::from(std::env::var("KEY_VAULT_TEST_FOLDER").unwrap()).join(name);
        let settings = Settings {
            url,
            cloud: Cloud::default(),
            identity: Identity::AzureCli { tenant_id: Some(TENANT.to_owned()) },
            ca_file: Some(file("server.pem")),
            address: Some(std::net::Ipv4Addr::LOCALHOST.into()),
            content_type: "x".to_owned(),
            expires_after_days: None,
        };
        let vault = AzureKeyVault::new(settings).unwrap();
        vault.adopt("by-az", &secret("x")).await.unwrap();
        std::fs::remove_file(file("az")).unwrap();
        std::fs::write(file("done"), "").unwrap();
        return;
    }
    let bed = Bed::new();
    let given = bed.control("POST", "/token", &json!({"client": BY_SECRET}));
    let answer = json!({"accessToken": given["token"], "expires_on": given["end"], "tokenType": "Bearer"});
    let az = format!("#!/bin/sh\necho \"$*\" >> '{}'\ncat <<'E'\n{answer}\nE\n", bed.file("asked").display());
    std::fs::write(bed.file("az"), az).unwrap();
    let done = std::process::Command::new("chmod").arg("+x").arg(bed.file("az")).status().unwrap();
    assert!(done.success());
    let folder = bed.file("");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let done = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "identities::a_person_at_a_terminal_works_with_azs_token"])
        .env("PATH", path)
        .env("KEY_VAULT_TEST_URL", bed.settings(bed.by_secret()).url)
        .env("KEY_VAULT_TEST_FOLDER", &folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    assert!(bed.file("done").exists(), "the other process did not run it");
    let asked = std::fs::read_to_string(bed.file("asked")).unwrap();
    assert_eq!(
        asked.trim(),
        format!("account get-access-token -o json --scope https://vault.azure.net/.default --tenant {TENANT}")
    );
    assert_eq!(bed.current("by-az")["value"], "x");
}
