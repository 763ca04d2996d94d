//! What the service's answers mean.

use std::time::{Duration, Instant};

use providers::azure_key_vault::{AzureKeyVault, Cloud, Identity};
use providers::port::{Meaning, Slot, Vault};
use serde_json::json;

use crate::bed::{BY_SECRET, Bed, ELSEWHERE, HOST, TENANT, attempt, secret};

#[tokio::test]
async fn throttling_is_later_with_the_wait_that_was_asked_for() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.find("busy", Slot::Current).await.unwrap();
    bed.fault(&json!({"times": -1, "does": "429", "retry_after": 17}));
    let before = bed.requests().len();
    for fault in [
        vault.find("busy", Slot::Current).await.unwrap_err(),
        vault.adopt("busy", &secret("x")).await.unwrap_err(),
        vault.stage("busy", &attempt("r1", &[]), &secret("x")).await.unwrap_err(),
    ] {
        assert_eq!((fault.meaning, fault.retry_after_s), (Meaning::Later, Some(17)), "{fault}");
    }
    assert_eq!(bed.requests().len(), before + 3, "nobody tries again by himself");
    bed.clear();
    // A write that is throttled did not happen; one that is answered with 5xx may have.
    for (does, meaning) in [("429", Meaning::Later), ("503", Meaning::Unclear), ("500", Meaning::Unclear)] {
        bed.fault(&json!({"method": "PUT", "does": does, "retry_after": 3}));
        let fault = vault.adopt("busy", &secret("x")).await.unwrap_err();
        assert_eq!((fault.meaning, fault.retry_after_s), (meaning, Some(3)), "{does} {fault}");
        bed.fault(&json!({"method": "GET", "does": does}));
        assert_eq!(vault.find("busy", Slot::Current).await.unwrap_err().meaning, Meaning::Later);
    }
    assert!(bed.versions("busy").is_empty());
    vault.adopt("busy", &secret("x")).await.unwrap();
}

#[tokio::test]
async fn a_call_has_an_end() {
    let bed = Bed::new();
    let vault = bed.vault();
    vault.find("slow", Slot::Current).await.unwrap();
    bed.fault(&json!({"method": "PUT", "does": "slow", "seconds": 25}));
    let begun = Instant::now();
    let fault = vault.adopt("slow", &secret("x")).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(fault.meaning == Meaning::Unclear && fault.cause.contains("within 15 s"), "{fault}");
    assert_eq!(bed.versions("slow").len(), 1, "it had arrived");
}

#[tokio::test]
async fn one_right_less_is_named() {
    let bed = Bed::new();
    let all = ["get", "list", "set", "update", "recover"];
    let vault = bed.vault();
    vault.adopt("rights", &secret("old")).await.unwrap();
    for (lacking, action) in [
        ("get", "getSecret/action"),
        ("list", "readMetadata/action"),
        ("set", "setSecret/action"),
        ("update", "update/action"),
        ("recover", "recover/action"),
    ] {
        let rights: Vec<_> = all.iter().filter(|&&right| right != lacking).collect();
        bed.person_sets(&format!("rights-{lacking}"), "old", &json!({}));
        if lacking == "recover" {
            bed.person_sets("rights-recover-pending", "x", &json!({}));
            bed.control("POST", "/delete", &json!({"name": "rights-recover-pending"}));
        }
        bed.control("POST", "/config", &json!({"rights": {BY_SECRET: rights}}));
        let name = format!("rights-{lacking}");
        let mut faults = Vec::new();
        match vault.stage(&name, &attempt("r1", &[]), &secret("new")).await {
            Err(fault) => faults.push(fault),
            Ok(staged) => {
                faults.extend(vault.announce(&staged).await.err());
                faults.extend(vault.promote(&name, &attempt("r1", &[])).await.err());
            }
        }
        bed.control("POST", "/config", &json!({"rights": {BY_SECRET: all}}));
        assert!(!faults.is_empty(), "without {lacking} it went well");
        for fault in faults {
            assert!(fault.cause.contains(&format!("secrets/{action}")), "{lacking}: {fault}");
            assert!(fault.hint.contains("key-vault.bicep"), "{fault}");
        }
    }
}

#[tokio::test]
async fn trust_and_addresses_are_checked_before_anything_is_sent() {
    let bed = Bed::new();
    let mut settings = bed.settings(bed.by_secret());
    settings.ca_file = Some(bed.file("client.pem"));
    let fault = AzureKeyVault::new(settings).unwrap().find("x", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Broken && fault.cause.contains("not issued by"), "{fault}");
    let mut settings = bed.settings(bed.by_secret());
    settings.url = settings.url.replace("myvault", "yourvault");
    let fault = AzureKeyVault::new(settings).unwrap().find("x", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Broken && fault.cause.contains("not valid for the name"), "{fault}");
    assert!(bed.requests().is_empty(), "{:?}", bed.requests());

    // The vault says that its tokens are those of vault.azure.net; a vault of another domain does not get one.
    let mut settings = bed.settings(bed.by_secret());
    settings.url = settings.url.replace(HOST, ELSEWHERE);
    let fault = AzureKeyVault::new(settings).unwrap().find("x", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Broken && fault.cause.contains("doesn't match"), "{fault}");
    assert!(!bed.requests().is_empty(), "the challenge was asked for");
    assert!(!bed.requests().iter().any(|request| request.0 == "TOKEN"), "no token was asked for");

    let mut gone = Bed::new();
    let vault = gone.vault();
    vault.find("x", Slot::Current).await.unwrap();
    gone.kill();
    let fault = vault.adopt("x", &secret("x")).await.unwrap_err();
    assert!(fault.meaning == Meaning::Later && fault.cause.contains("no connection"), "{fault}");
}

#[tokio::test]
async fn a_next_page_elsewhere_gets_no_token() {
    let bed = Bed::with(&json!({"page": 1, "next_host": "https://evil.vault.azure.net"}));
    let vault = bed.vault();
    for _ in 0..2 {
        bed.person_sets("page", "x", &json!({}));
        bed.person_sets("page-pending", "x", &json!({}));
    }
    let fault = vault.find("page", Slot::Pending).await.unwrap_err();
    assert!(fault.meaning == Meaning::Broken && fault.cause.contains("evil.vault.azure.net"), "{fault}");
}

#[tokio::test]
async fn no_token_is_told_apart_from_no_right() {
    let bed = Bed::new();
    let with = |tenant: &str, client: &str, value: &str| {
        let identity = Identity::ClientSecret {
            tenant_id: tenant.to_owned(),
            client_id: client.to_owned(),
            secret: secret(value),
        };
        AzureKeyVault::new(bed.settings(identity)).unwrap()
    };
    for (vault, meaning, words, hint) in [
        (with(TENANT, BY_SECRET, "hunter2-wrong"), Meaning::Refused, "AADSTS7000215", "its value"),
        (with(TENANT, "nobody", "x"), Meaning::Refused, "AADSTS700016", "belong together"),
        (with("elsewhere", BY_SECRET, "x"), Meaning::Broken, "AADSTS90002", "tenant_id"),
    ] {
        let fault = vault.adopt("x", &secret("x")).await.unwrap_err();
        assert_eq!(fault.meaning, meaning, "{fault}");
        assert!(fault.cause.contains(words) && fault.hint.contains(hint), "{fault}");
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
    }
    for (does, words) in [("503", "HTTP 503"), ("before", "broke"), ("429", "HTTP 429")] {
        bed.fault(&json!({"method": "TOKEN", "does": does, "retry_after": 5}));
        let fault = bed.vault().adopt("x", &secret("x")).await.unwrap_err();
        assert!(fault.meaning == Meaning::Later && fault.cause.contains(words), "{fault}");
        assert_eq!(fault.retry_after_s, (does != "before").then_some(5));
    }
    let mut settings = bed.settings(bed.by_secret());
    settings.cloud = Cloud::Other { authority: "http://127.0.0.1".to_owned() };
    assert_eq!(AzureKeyVault::new(settings).err().unwrap().meaning, Meaning::Broken);
}

#[tokio::test]
async fn a_token_is_used_until_near_its_end_and_then_renewed() {
    let bed = Bed::new();
    let vault = bed.vault();
    let tokens = || bed.requests().iter().filter(|request| request.0 == "TOKEN").count();
    for _ in 0..4 {
        vault.find("x", Slot::Current).await.unwrap();
    }
    assert_eq!(tokens(), 1);
    // One that the vault refuses all of a sudden is replaced, once, in the middle of a call.
    bed.control("POST", "/config", &json!({"generation": 1}));
    vault.adopt("x", &secret("x")).await.unwrap();
    assert_eq!((tokens(), bed.versions("x").len()), (2, 1));
    // One with less than five minutes to live is not used a second time.
    bed.control("POST", "/config", &json!({"token_s": 200}));
    let short = bed.vault();
    for _ in 0..3 {
        short.find("x", Slot::Current).await.unwrap();
    }
    assert!(tokens() >= 5, "{}", tokens());
}
