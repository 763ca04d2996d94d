use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{KeyRef, SecretRef};

/// The kinds of vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VaultKind {
    /// HashiCorp Vault or OpenBao, KV version 2.
    Hashicorp,
    /// Azure Key Vault.
    Azure,
    /// A sealed file on this machine, for whoever has no vault.
    SealedFile,
}

/// Where the passwords are kept. Which keys it has depends on `kind`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("allOf" = [
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "hashicorp" } } },
        "then": {
            "required": ["url"],
            "oneOf": [{ "required": ["token"] }, { "required": ["login"] }],
            "dependentRequired": { "client_cert_file": ["client_key_file"], "client_key_file": ["client_cert_file"] },
            "properties": {
                "identity": false, "cloud": false, "authority": false, "address": false, "expires_after_days": false,
                "file": false, "recipients": false, "key": false,
            },
        },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "azure" } } },
        "then": {
            "required": ["url", "identity"],
            "properties": {
                "mount": false, "namespace": false, "token": false, "login": false,
                "client_cert_file": false, "client_key_file": false,
                "file": false, "recipients": false, "key": false,
            },
        },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "sealed-file" } } },
        "then": {
            "required": ["file", "recipients", "key"],
            "properties": {
                "url": false, "ca_file": false,
                "mount": false, "namespace": false, "token": false, "login": false,
                "client_cert_file": false, "client_key_file": false,
                "identity": false, "cloud": false, "authority": false, "address": false, "expires_after_days": false,
            },
        },
    },
]))]
pub struct VaultConfig {
    /// Which kind.
    pub kind: VaultKind,
    /// `https://HOST:PORT`; of an Azure Key Vault `https://NAME.vault.azure.net`. Plain HTTP is not possible.
    // `with`: TOML has no null, and without it a fault inside would only be told as one of the whole.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none", regex(pattern = "^https://"))]
    pub url: Option<String>,
    /// Certificate authority to trust, PEM; without it the machine's trust store.
    pub ca_file: Option<PathBuf>,

    /// HashiCorp: the mount of the KV version 2 engine; without it `secret`.
    pub mount: Option<String>,
    /// HashiCorp: the namespace, where the vault has any.
    pub namespace: Option<String>,
    /// HashiCorp: the token, by reference. One in a file is read anew when the file changes.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// HashiCorp: how a token is got, instead of `token`.
    #[serde(default)]
    #[schemars(with = "LoginConfig", skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginConfig>,
    /// HashiCorp: a client certificate for TLS, PEM.
    pub client_cert_file: Option<PathBuf>,
    /// HashiCorp: its key, PEM.
    pub client_key_file: Option<PathBuf>,

    /// Azure: who the rotator is in Entra ID.
    #[serde(default)]
    #[schemars(with = "AzureIdentityConfig", skip_serializing_if = "Option::is_none")]
    pub identity: Option<AzureIdentityConfig>,
    /// Azure: which cloud; without it the public one.
    #[serde(default)]
    pub cloud: AzureCloud,
    /// Azure: the token authority, where it is not the cloud's own (an air-gapped cloud, an emulator).
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none", regex(pattern = "^https://"))]
    pub authority: Option<String>,
    /// Azure: the address behind the vault's name, where DNS does not know the private endpoint.
    pub address: Option<IpAddr>,
    /// Azure: the expiry date that a new password carries, in days from its setting; without it none. Key Vault tells of a
    /// near one by an event.
    #[schemars(range(min = 1, max = 3650))]
    pub expires_after_days: Option<u32>,

    /// Sealed file: the file.
    pub file: Option<PathBuf>,
    /// Sealed file: whom it is sealed for, `age1…`: the rotator's own key, and one that is kept elsewhere.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(min = 2), inner(regex(pattern = "^age1[ac-hj-np-z02-9]{58}$")))]
    pub recipients: Vec<String>,
    /// Sealed file: the key that opens it, by reference.
    #[serde(default)]
    #[schemars(with = "KeyRef", skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyRef>,
}

/// The ways to log on to HashiCorp Vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoginMethod {
    /// A role id and a secret id.
    Approle,
    /// The service account of a Kubernetes pod.
    Kubernetes,
    /// The client certificate of the TLS connection.
    Cert,
}

/// How a token is got from HashiCorp Vault.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("allOf" = [
    {
        "if": { "required": ["method"], "properties": { "method": { "const": "approle" } } },
        "then": { "required": ["role_id", "secret_id"], "properties": { "role": false, "jwt_file": false } },
    },
    {
        "if": { "required": ["method"], "properties": { "method": { "const": "kubernetes" } } },
        "then": { "required": ["role"], "properties": { "role_id": false, "secret_id": false, "wrapped": false } },
    },
    {
        "if": { "required": ["method"], "properties": { "method": { "const": "cert" } } },
        "then": {
            "properties": { "role_id": false, "secret_id": false, "wrapped": false, "jwt_file": false },
        },
    },
]))]
pub struct LoginConfig {
    /// By which method.
    pub method: LoginMethod,
    /// Where the method is mounted; without it the method's own name.
    pub mount: Option<String>,
    /// The namespace of the method; without it that of the vault, empty = the topmost one.
    pub namespace: Option<String>,
    /// AppRole: the role id.
    pub role_id: Option<String>,
    /// AppRole: the secret id, by reference.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub secret_id: Option<SecretRef>,
    /// AppRole: whether what the reference holds is a wrapping token, which gives the secret id once.
    #[serde(default)]
    pub wrapped: bool,
    /// Kubernetes and certificate: the role.
    pub role: Option<String>,
    /// Kubernetes: the file with the service account's token; without it where Kubernetes puts it.
    pub jwt_file: Option<PathBuf>,
}

/// The kinds of identity in Entra ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AzureIdentityKind {
    /// The managed identity of an Azure machine: the system's, or with `client_id` a user-assigned one.
    Managed,
    /// The managed identity of a machine that Azure Arc connects.
    Arc,
    /// Workload identity: a federated token that Kubernetes provides.
    Workload,
    /// An application with a certificate.
    Certificate,
    /// An application with a secret.
    Secret,
    /// Whoever logged on with the Azure CLI: for a person at a terminal.
    Cli,
}

/// Who the rotator is in Entra ID.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("allOf" = [
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "certificate" } } },
        "then": {
            "required": ["tenant_id", "client_id", "certificate_file"],
            "properties": { "client_secret": false, "token_file": false },
        },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "secret" } } },
        "then": {
            "required": ["tenant_id", "client_id", "client_secret"],
            "properties": { "certificate_file": false, "key_file": false, "token_file": false },
        },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "workload" } } },
        "then": {
            "required": ["tenant_id", "client_id", "token_file"],
            "properties": { "certificate_file": false, "key_file": false, "client_secret": false },
        },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "enum": ["managed", "arc", "cli"] } } },
        "then": { "properties": {
            "certificate_file": false, "key_file": false, "client_secret": false, "token_file": false,
        } },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "enum": ["managed", "arc"] } } },
        "then": { "properties": { "tenant_id": false } },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "enum": ["arc", "cli"] } } },
        "then": { "properties": { "client_id": false } },
    },
]))]
pub struct AzureIdentityConfig {
    /// Which kind.
    pub kind: AzureIdentityKind,
    /// The tenant's id.
    pub tenant_id: Option<String>,
    /// The application's, or the user-assigned identity's, client id.
    pub client_id: Option<String>,
    /// The certificate, PEM; read anew for each token.
    pub certificate_file: Option<PathBuf>,
    /// Its key, PEM; without it the key lies in `certificate_file` too.
    pub key_file: Option<PathBuf>,
    /// Workload: the file with the federated token, as `AZURE_FEDERATED_TOKEN_FILE` names it in a pod.
    pub token_file: Option<PathBuf>,
    /// The client secret, by reference.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretRef>,
}

/// Azure's clouds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AzureCloud {
    /// `vault.azure.net`.
    #[default]
    Public,
    /// `vault.usgovcloudapi.net`.
    UsGovernment,
    /// `vault.azure.cn`.
    China,
}

/// Longest name of an account in Azure Key Vault: 127 characters, of which `-pending` needs eight.
const AZURE_NAME_MAX: usize = 119;

/// What the schema can't say of the vault, with the place of each.
pub(super) fn faults(value: &Value) -> Vec<(String, String)> {
    let text = |at: &str| value.pointer(at).and_then(Value::as_str);
    let mut faults = Vec::new();
    let mut fault = |at: &str, what: String| faults.push((at.to_owned(), what));
    if text("/vault/address").is_some_and(|address| address.parse::<IpAddr>().is_err()) {
        fault("/vault/address", "`address` must be an IP address".to_owned());
    }
    if text("/vault/kind") == Some("sealed-file") {
        if text("/vault/file").is_some_and(|file| !Path::new(file).is_absolute()) {
            fault("/vault/file", "`file` must be the whole path, from the root down".to_owned());
        }
        let recipients = value.pointer("/vault/recipients").and_then(Value::as_array);
        let distinct = |all: &Vec<Value>| all.iter().filter_map(Value::as_str).collect::<BTreeSet<_>>().len();
        if recipients.is_some_and(|all| all.len() > 1 && distinct(all) < 2) {
            fault("/vault/recipients", "`recipients` names one key twice: it takes two different ones".to_owned());
        }
    }
    if text("/vault/kind") == Some("azure") {
        let count = value.get("account").and_then(Value::as_array).map_or(0, Vec::len);
        let places = (0..count).flat_map(|index| {
            [format!("/account/{index}/vault_name"), format!("/account/{index}/administrator/vault_name")]
        });
        for at in places.chain(["/directory/bind_password/vault".to_owned()]) {
            if let Some(name) = text(&at)
                && let Some(what) = azure_name_fault(name)
            {
                let key = at.rsplit('/').next().unwrap_or_default();
                fault(&at, format!("`{key}` {what}"));
            }
        }
    }
    faults
}

/// What Key Vault has against the name of an account's secret.
fn azure_name_fault(name: &str) -> Option<String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if !name.chars().all(plain) || name.len() > AZURE_NAME_MAX {
        return Some(format!(
            "is letters, digits and `-` in Azure Key Vault, at most {AZURE_NAME_MAX} of them: `entra-msol`, say"
        ));
    }
    // Key Vault does not tell large letters from small ones.
    let pending = name.to_ascii_lowercase().ends_with("-pending");
    pending.then(|| "must not end in -pending: so the places of candidates are named".to_owned())
}
