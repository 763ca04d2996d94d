//! Every way to a token, against the real auth methods.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use providers::hashicorp_vault::{HashicorpVault, Login, SecretId, Settings};
use providers::port::{Fault, Meaning, Secret, SecretRef, Slot, Standing, Vault};
use serde_json::json;

use super::bed::Bed;
use super::canned::Canned;
use super::{attempt, secret};

/// An AppRole at a mount of its own, with the rotator's rights for the account of the mount's name.
pub(crate) struct AppRole {
    bed: Arc<Bed>,
    pub(crate) mount: String,
    role_id: String,
}

impl AppRole {
    pub(crate) fn new(bed: &Arc<Bed>, mount: &str, settings: &[&str]) -> Self {
        bed.bao(&["auth", "enable", &format!("-path={mount}"), "approle"]);
        let policy = format!("token_policies={}", bed.rotators_policy(mount, &[mount]));
        let role = format!("auth/{mount}/role/rotator");
        bed.bao(&[&["write", &role, &policy, "token_no_default_policy=true"], settings].concat());
        let found = bed.json(&["read", "-format=json", &format!("{role}/role-id")]);
        let role_id = found["data"]["role_id"].as_str().expect("no role id").to_owned();
        Self { bed: Arc::clone(bed), mount: mount.to_owned(), role_id }
    }

    pub(crate) fn secret_id(&self) -> String {
        let path = format!("auth/{}/role/rotator/secret-id", self.mount);
        let made = self.bed.json(&["write", "-f", "-format=json", &path]);
        made["data"]["secret_id"].as_str().expect("no secret id").to_owned()
    }

    /// A wrapping token around what `path` gives.
    pub(crate) fn wrapped(&self, path: &str) -> String {
        let made = self.bed.json(&["write", "-f", "-wrap-ttl=120s", "-format=json", path]);
        made["wrap_info"]["token"].as_str().expect("no wrapping token").to_owned()
    }

    pub(crate) fn login(&self, secret_id: SecretId) -> Login {
        Login::AppRole { mount: self.mount.clone(), role_id: self.role_id.clone(), secret_id }
    }

    pub(crate) fn vault(&self, secret_id: SecretId) -> HashicorpVault {
        with(&self.bed, self.login(secret_id))
    }

    /// Which of its tokens live, by their leases.
    pub(crate) fn leases(&self) -> Vec<serde_json::Value> {
        let path = format!("sys/leases/lookup/auth/{}/login", self.mount);
        self.bed.json(&["list", "-format=json", &path]).as_array().expect("no list").clone()
    }

    /// How many of its tokens live.
    pub(crate) fn tokens(&self) -> usize {
        self.leases().len()
    }
}

pub(crate) fn with(bed: &Bed, login: Login) -> HashicorpVault {
    HashicorpVault::new(Settings { login, ..bed.settings() }).expect("the settings are not accepted")
}

async fn stage(vault: &HashicorpVault, name: &str) -> Result<SecretRef, Fault> {
    vault.stage(name, &attempt("r1", &[]), &secret("new")).await
}

#[tokio::test]
async fn an_approle_logs_in_by_its_secret_id() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "role-plain", &["token_ttl=1h"]);
    let secret_id = role.secret_id();
    let vault = role.vault(SecretId::Plain(secret(&format!("{secret_id}\n"))));
    stage(&vault, "role-plain").await.unwrap();
    assert_eq!(vault.find("role-plain", Slot::Pending).await.unwrap().unwrap().version, "1");
    assert_eq!(role.tokens(), 1, "each call has logged in");
    let own = vault.own_credential().await.unwrap();
    assert!(own.expires_at.is_none() && own.note.contains("AppRole"), "{own:?}");

    let file = bed.file("role-plain.secret-id");
    fs::write(&file, &secret_id).unwrap();
    stage(&role.vault(SecretId::File(file)), "role-plain").await.unwrap();

    let fault = stage(&role.vault(SecretId::Plain(secret("no-such-id"))), "role-plain").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.doing.contains("AppRole (auth/role-plain)") && fault.hint.contains("secret id"), "{fault}");
    assert!(!fault.to_string().contains("no-such-id"), "{fault}");
    let lost = Login::AppRole { mount: "nowhere".into(), role_id: "x".into(), secret_id: SecretId::Plain(secret("y")) };
    let fault = stage(&with(&bed, lost), "role-plain").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused, "{fault}");
}

#[tokio::test]
async fn the_end_of_a_secret_id_is_told_where_it_may_be_read() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "role-ending", &["secret_id_ttl=47h", "secret_id_num_uses=9"]);
    let vault = role.vault(SecretId::Plain(secret(&role.secret_id())));
    let about = async |what: &str| {
        let checks = vault.examine(&["role-ending".to_owned()]).await;
        checks.into_iter().find(|check| check.name == "credential" && check.about == what).expect("no such check")
    };
    assert_eq!(about("token").await.standing, Standing::Good);
    let unseen = about("secret id").await;
    let path = "auth/role-ending/role/rotator/secret-id/lookup";
    assert_eq!(unseen.standing, Standing::Unseen);
    assert!(unseen.todo.contains(path) && unseen.todo.contains("\"update\""), "{unseen:?}");
    assert_eq!(vault.own_credential().await.unwrap().kind, "token");

    let more = format!("{}\npath \"{path}\" {{\n capabilities = [\"update\"]\n}}\n", Bed::policy("role-ending"));
    bed.run_with("bao", &["policy", "write", "role-ending", "-"], &more);
    let seen = about("secret id").await;
    assert_eq!(seen.standing, Standing::Doubtful);
    assert!(seen.seen.contains("good for 8 more logins"), "{seen:?}");
    let own = vault.own_credential().await.unwrap();
    let hours = (own.expires_at.unwrap().as_second() - own.set_at.unwrap().as_second()) / 3600;
    assert_eq!((own.kind.as_str(), hours), ("secret id", 47));
}

#[tokio::test]
async fn a_wrapped_secret_id_is_unwrapped_once_and_a_second_time_is_said_to_be_maybe_theft() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "role-wrapped", &["token_ttl=1h"]);
    let token = role.wrapped("auth/role-wrapped/role/rotator/secret-id");
    let vault = role.vault(SecretId::Wrapped(secret(&token)));
    // Whoever only examines does not use it up.
    let doctor = role.vault(SecretId::Wrapped(secret(&token)));
    let checks = doctor.examine(&["role-wrapped".to_owned()]).await;
    let of = |name: &str| checks.iter().find(|check| check.name == name).expect("no such check");
    let credential = of("credential");
    assert_eq!((credential.standing, credential.about.as_str()), (Standing::Good, "wrapping token"), "{checks:?}");
    assert!(credential.seen.contains("ends at"), "{credential:?}");
    for name in ["identity", "right", "retention"] {
        assert_eq!(of(name).standing, Standing::Unseen);
        assert!(of(name).seen.contains("would use up the wrapping token"), "{checks:?}");
    }
    stage(&vault, "role-wrapped").await.unwrap();
    // The one that holds the secret id examines everything, another one sees that it is used.
    let checks = vault.examine(&["role-wrapped".to_owned()]).await;
    assert!(checks.iter().any(|check| check.name == "right" && check.standing == Standing::Good), "{checks:?}");
    let checks = doctor.examine(&["role-wrapped".to_owned()]).await;
    let credential = checks.iter().find(|check| check.name == "credential").unwrap();
    assert_eq!(credential.standing, Standing::Bad, "{checks:?}");
    assert!(credential.todo.contains("run by hand"), "{credential:?}");
    // The secret id stays known: another login needs no second wrapping token.
    bed.bao(&["lease", "revoke", "-prefix", "-sync", "auth/role-wrapped/login"]);
    assert!(vault.find("role-wrapped", Slot::Pending).await.unwrap().is_some());

    let thief = role.vault(SecretId::Wrapped(secret(&token)));
    let fault = stage(&thief, "role-wrapped").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.cause.contains("unwrapped before") && fault.hint.contains("stolen"), "{fault}");
    assert!(!fault.to_string().contains(&token), "{fault}");
}

#[tokio::test]
async fn what_somebody_else_wrapped_is_not_unwrapped() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "role-exchanged", &[]);
    let token = bed.json(&["write", "-wrap-ttl=120s", "-format=json", "sys/wrapping/wrap", "secret_id=mine"]);
    let token = token["wrap_info"]["token"].as_str().unwrap();
    let fault = stage(&role.vault(SecretId::Wrapped(secret(token))), "role-exchanged").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.cause.contains("sys/wrapping/wrap") && fault.hint.contains("not unwrapped"), "{fault}");
    // It still is good: nothing used it.
    bed.bao(&["unwrap", token]);

    let other = AppRole::new(&bed, "role-foreign", &[]);
    let token = other.wrapped("auth/role-foreign/role/rotator/secret-id");
    let fault = stage(&role.vault(SecretId::Wrapped(secret(&token))), "role-exchanged").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.cause.contains("auth/role-foreign"), "{fault}");
    bed.bao(&["unwrap", &token]);
}

#[tokio::test]
async fn a_caller_that_gives_up_takes_no_secret_id_with_it() {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "role-hasty", &[]);
    let token = role.wrapped("auth/role-hasty/role/rotator/secret-id");
    let vault = role.vault(SecretId::Wrapped(secret(&token)));
    // Gives up at every moment of the login until one gets through.
    for ms in 1..200 {
        let limit = std::time::Duration::from_millis(ms);
        if let Ok(staged) = tokio::time::timeout(limit, stage(&vault, "role-hasty")).await {
            staged.unwrap();
            assert!(ms > 1, "nobody ever gave up");
            return;
        }
    }
    stage(&vault, "role-hasty").await.unwrap();
}

#[tokio::test]
async fn a_client_certificate_logs_in() {
    let bed = Bed::shared();
    let certificate = bed.certificate("cert-rotator");
    bed.bao(&["auth", "enable", "-path=certs", "cert"]);
    let policy = bed.rotators_policy("cert-rotator", &["certified"]);
    for (role, name) in [("rotator", "cert-rotator.test"), ("stranger", "stranger.test")] {
        let (at, policy) = (format!("auth/certs/certs/{role}"), format!("token_policies={policy}"));
        let ca = format!("certificate=@{}", bed.file("tls/ca.pem").display());
        bed.bao(&["write", &at, &policy, &ca, &format!("allowed_dns_sans={name}"), "token_ttl=1h"]);
    }
    let login = |role: Option<&str>| Login::Certificate { mount: "certs".into(), role: role.map(str::to_owned) };
    let vault = |role, certificate| {
        let settings = Settings { login: login(role), client_certificate: Some(certificate), ..bed.settings() };
        HashicorpVault::new(settings).unwrap()
    };
    stage(&vault(Some("rotator"), certificate.clone()), "certified").await.unwrap();
    stage(&vault(None, certificate.clone()), "certified").await.unwrap();
    let fault = stage(&vault(Some("stranger"), certificate.clone()), "certified").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.doing.contains("auth/certs") && fault.hint.contains("certificate"), "{fault}");
    let fault = HashicorpVault::new(Settings { login: login(None), ..bed.settings() }).err().unwrap();
    assert_eq!(fault.meaning, Meaning::Broken);
}

#[tokio::test]
async fn a_listener_that_wants_a_client_certificate_gets_ours() {
    let bed =
        Bed::configured("tls_require_and_verify_client_cert = true\ntls_client_ca_file = \"DIR/tls/ca.pem\"\n", "");
    bed.run("allow", &["svc"]);
    let fault = with(&bed, bed.settings().login).find("svc", Slot::Current).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
    assert!(fault.cause.contains("asks for a client certificate") && fault.hint.contains("key"), "{fault}");
    let shown = |certificate| Settings { client_certificate: Some(certificate), ..bed.settings() };
    let vault = HashicorpVault::new(shown(bed.certificate("client"))).unwrap();
    stage(&vault, "svc").await.unwrap();

    let stranger = Bed::shared();
    let fault = stage(&HashicorpVault::new(shown(stranger.certificate("unknown"))).unwrap(), "svc").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
    assert!(fault.cause.contains("does not accept the client certificate"), "{fault}");
}

fn put_token(path: &Path, token: &Secret) {
    let beside = path.with_extension("new");
    fs::write(&beside, format!("{}\n", token.expose())).expect("can't write");
    fs::rename(beside, path).expect("can't rename");
}

#[tokio::test]
async fn a_token_file_is_read_again_when_it_was_exchanged() {
    let bed = Bed::shared();
    let file = bed.file("agent.token");
    let vault = with(&bed, Login::TokenFile(file.clone()));
    let fault = stage(&vault, "filed").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Later);
    assert!(fault.doing.contains("agent.token"), "{fault}");

    let policy = Bed::policy("filed");
    let token = |label: &str| bed.token_with(label, &policy);
    let (one, two, three) = (token("file-one"), token("file-two"), token("file-three"));
    put_token(&file, &one);
    stage(&vault, "filed").await.unwrap();
    // Exchanged: the new one is used though the one before is good still.
    put_token(&file, &two);
    assert!(vault.find("filed", Slot::Pending).await.unwrap().is_some());
    bed.bao(&["token", "revoke", one.expose()]);
    // Gone for a moment: the one before goes on.
    fs::remove_file(&file).unwrap();
    assert!(vault.find("filed", Slot::Pending).await.unwrap().is_some());
    put_token(&file, &two);
    bed.bao(&["token", "revoke", two.expose()]);
    let fault = vault.find("filed", Slot::Pending).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.hint.contains("expired or was revoked"), "{fault}");
    put_token(&file, &three);
    assert!(vault.find("filed", Slot::Pending).await.unwrap().is_some());
}

/// A service account's token: for `rotator` in the namespace `identity`, until the year 2100. The signature is
/// for the API server to judge.
const JWT: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.CLAIMS.c2lnbmF0dXJl";

#[tokio::test]
async fn a_service_account_logs_in() {
    let bed = Bed::shared();
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": {
        "authenticated": true, "audiences": ["vault"], "user": {"username": "system:serviceaccount:identity:rotator", "uid": "uid-1",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:identity", "system:authenticated"]}}})
    .to_string();
    let answer = format!(
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{review}",
        review.len()
    );
    let api = Canned::answering(&bed.file("tls/server.pem"), &bed.file("tls/server.key"), answer);
    bed.bao(&["auth", "enable", "-path=cluster", "kubernetes"]);
    let host = format!("kubernetes_host={}", api.url());
    let ca = format!("kubernetes_ca_cert=@{}", bed.file("tls/ca.pem").display());
    let jwt = JWT.replace("CLAIMS", CLAIMS);
    let reviewer = format!("token_reviewer_jwt={jwt}");
    bed.bao(&["write", "auth/cluster/config", &host, &ca, &reviewer, "disable_local_ca_jwt=true"]);
    let policy = format!("token_policies={}", bed.rotators_policy("kube", &["kube"]));
    for (role, account) in [("rotator", "rotator"), ("other", "somebody")] {
        let at = format!("auth/cluster/role/{role}");
        let name = format!("bound_service_account_names={account}");
        let namespace = "bound_service_account_namespaces=identity";
        bed.bao(&["write", &at, &name, namespace, &policy, "audience=vault", "token_ttl=1h"]);
    }
    let file = bed.file("kube.jwt");
    let vault = |role: &str| {
        let (mount, role) = ("cluster".to_owned(), role.to_owned());
        with(&bed, Login::Kubernetes { mount, role, jwt_file: file.clone() })
    };
    let rotator = vault("rotator");
    // Not there yet: the kubelet may still write it.
    assert_eq!(stage(&rotator, "kube").await.unwrap_err().meaning, Meaning::Later);
    fs::write(&file, format!("{jwt}\n")).unwrap();
    stage(&rotator, "kube").await.unwrap();
    assert!(api.heads()[0].contains("tokenreviews"), "{:?}", api.heads());
    assert!(api.heads()[0].contains(&jwt), "another token was reviewed");
    let fault = stage(&vault("other"), "kube").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.hint.contains("service account"), "{fault}");
    assert!(!fault.to_string().contains(&jwt), "{fault}");
}

/// The claims of [`JWT`].
const CLAIMS: &str = concat!(
    "eyJhdWQiOlsidmF1bHQiXSwiZXhwIjo0MTAyNDQ0ODAwLCJpYXQiOjE3NjcyMjU2MDAsIm5iZiI6MTc2NzIyNTYwMCwiaXNzIjoi",
    "aHR0cHM6Ly9rdWJlcm5ldGVzLmRlZmF1bHQuc3ZjIiwia3ViZXJuZXRlcy5pbyI6eyJuYW1lc3BhY2UiOiJpZGVudGl0eSIsInNl",
    "cnZpY2VhY2NvdW50Ijp7Im5hbWUiOiJyb3RhdG9yIiwidWlkIjoidWlkLTEifX0sInN1YiI6InN5c3RlbTpzZXJ2aWNlYWNjb3Vu",
    "dDppZGVudGl0eTpyb3RhdG9yIn0",
);

#[tokio::test]
async fn a_login_may_be_in_another_namespace_than_the_mount() {
    let bed = Bed::shared();
    bed.bao(&["namespace", "create", "branch"]);
    bed.bao(&["secrets", "enable", "-namespace=branch", "-path=secret", "-version=2", "kv"]);
    let role = AppRole::new(&bed, "role-above", &[]);
    let inside = Bed::policy("role-above").replace("path \"secret/", "path \"branch/secret/");
    let inside = format!("{inside}\npath \"branch/sys/capabilities-self\" {{\n capabilities = [\"update\"]\n}}\n");
    bed.run_with("bao", &["policy", "write", "role-above", "-"], &inside);
    let settings = Settings {
        namespace: Some("branch".into()),
        login_namespace: Some(String::new()),
        login: role.login(SecretId::Plain(secret(&role.secret_id()))),
        ..bed.settings()
    };
    let same = Settings { login_namespace: None, ..settings.clone() };
    let vault = HashicorpVault::new(settings).unwrap();
    // The mount was made a moment ago and may still be preparing itself, which means later.
    let mut staged = stage(&vault, "role-above").await;
    for _ in 0..100 {
        match staged {
            Err(fault) if fault.meaning == Meaning::Later => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            _ => break,
        }
        staged = stage(&vault, "role-above").await;
    }
    staged.unwrap();
    assert_eq!(bed.get("role-above-pending"), None);
    let checks = vault.examine(&["role-above".to_owned()]).await;
    let rights: Vec<_> = checks.iter().filter(|check| check.name == "right").collect();
    assert_eq!(rights.len(), 7, "{checks:?}");
    assert!(rights.iter().all(|check| check.standing == Standing::Good), "{rights:?}");
    let fault = stage(&HashicorpVault::new(same).unwrap(), "role-above").await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused, "{fault}");
}
