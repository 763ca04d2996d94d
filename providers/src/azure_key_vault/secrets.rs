use std::sync::Arc;

use azure_core::http::Url;
use azure_security_keyvault_secrets::models::{
    SecretAttributes, SecretClientGetSecretOptions, SecretClientListSecretPropertiesVersionsOptions,
    SecretClientUpdateSecretPropertiesOptions, UpdateSecretPropertiesParameters,
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use bytes::Bytes;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use super::answer::{Asked, Failed, No};
use super::credential::{self, Watched};
use super::names;
use super::settings::Settings;
use super::transport::{VaultTransport, Wire};
use super::version::{Tags, Version};
use crate::https::{self, Effect};
use crate::port::{Fault, Secret};

/// Every cloud has it, and so do the emulators; newer ones add nothing that is used here.
const API_VERSION: &str = "7.4";
/// The most that the vault gives at once.
const PAGE_VERSIONS: i32 = 25;
/// A password changed each day for 13 years. An answer that never ends is ended here.
const VERSIONS_MAX: usize = 5000;
/// Pages may be smaller than asked for, and empty ones are allowed too.
const PAGES_MAX: usize = 1000;
const DAY_S: i64 = 24 * 60 * 60;
/// Key Vault's limit for the tags of one secret.
const TAGS_MAX: usize = 15;

/// A value to be set, with all that belongs to it in one request.
pub(super) struct Value<'a> {
    pub(super) password: &'a Secret,
    pub(super) tags: Tags,
    /// `None` = the one of the settings.
    pub(super) content_type: Option<String>,
    /// Whether it is to have an end.
    pub(super) ends: bool,
}

/// The body of a set, written into one buffer that is wiped.
#[derive(Serialize)]
struct Set<'a> {
    value: &'a str,
    tags: &'a Tags,
    #[serde(rename = "contentType")]
    content_type: &'a str,
    attributes: Attributes,
}

#[derive(Serialize)]
struct Attributes {
    enabled: bool,
    nbf: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

/// The calls to one vault. None is tried twice, and each has one meaning when it fails.
pub(super) struct Secrets {
    pub(super) client: SecretClient,
    pub(super) transport: Arc<VaultTransport>,
    pub(super) credential: Arc<Watched>,
    pub(super) settings: Settings,
    pub(super) vault: Url,
}

impl Secrets {
    pub(super) fn new(settings: Settings) -> Result<Self, Fault> {
        let vault = names::vault(&settings.url, &settings.cloud)?;
        let credential = Arc::new(Watched::new(&settings, &vault)?);
        let transport =
            Arc::new(VaultTransport::new(Wire::secure(&settings, &vault)?, vault.clone(), credential.clone()));
        let options = SecretClientOptions {
            api_version: API_VERSION.to_owned(),
            client_options: credential::options(transport.clone()),
            // The token is for the domain that the vault's name ends in, and for no other.
            verify_challenge_resource: Some(true),
        };
        let client = SecretClient::new(vault.as_str(), credential.clone(), Some(options))
            .map_err(|e| Fault::broken("preparing the connection to the vault", e.to_string()))?;
        Ok(Self { client, transport, credential, settings, vault })
    }

    /// The latest version, or the one named, with its value. `Ok(Err(…))` is the vault's own no.
    pub(super) async fn ask(
        &self,
        secret: &str,
        version: Option<&str>,
        doing: &str,
    ) -> Result<Result<(Version, Secret), No>, Fault> {
        let asked = Asked { doing, secret, right: "get", effect: Effect::Read };
        let options = SecretClientGetSecretOptions {
            secret_version: version.map(str::to_owned),
            ..SecretClientGetSecretOptions::default()
        };
        let answer = match self.client.get_secret(secret, Some(options)).await {
            Ok(response) => response.into_model(),
            Err(error) => Err(error),
        };
        match answer {
            Ok(found) => {
                let value = found.value.map(Secret::from);
                let version =
                    Version::new(found.id.as_deref(), found.attributes.as_ref(), found.tags, found.content_type);
                match (version, value) {
                    (Some(version), Some(value)) => Ok(Ok((version, value))),
                    _ => Err(Fault::later(doing, format!("the vault's answer about {secret} lacks its value"))),
                }
            }
            Err(error) => match Failed::read(&error, &asked) {
                Failed::No(no) => Ok(Err(no)),
                Failed::Fault(fault) => Err(fault),
            },
        }
    }

    /// The latest version, or the one named, with its value; `None` = there is none.
    pub(super) async fn get(
        &self,
        secret: &str,
        version: Option<&str>,
        doing: &str,
    ) -> Result<Option<(Version, Secret)>, Fault> {
        match self.ask(secret, version, doing).await? {
            Ok(found) => Ok(Some(found)),
            Err(no) if no.is_missing() => Ok(None),
            Err(no) => Err(no.fault(&Asked { doing, secret, right: "get", effect: Effect::Read })),
        }
    }

    /// All versions, without values. A secret that is not there has none.
    pub(super) async fn versions(&self, secret: &str, doing: &str) -> Result<Vec<Version>, Fault> {
        match self.ask_versions(secret, doing).await? {
            Ok(found) => Ok(found),
            Err(no) if no.is_missing() => Ok(Vec::new()),
            Err(no) => Err(no.fault(&Asked { doing, secret, right: "list", effect: Effect::Read })),
        }
    }

    /// All versions, without values. `Ok(Err(…))` is the vault's own no.
    pub(super) async fn ask_versions(&self, secret: &str, doing: &str) -> Result<Result<Vec<Version>, No>, Fault> {
        let asked = Asked { doing, secret, right: "list", effect: Effect::Read };
        let options = SecretClientListSecretPropertiesVersionsOptions {
            maxresults: Some(PAGE_VERSIONS),
            ..SecretClientListSecretPropertiesVersionsOptions::default()
        };
        let unreadable = || Fault::later(doing, format!("the vault's list of the versions of {secret} can't be read"));
        let mut pages = self
            .client
            .list_secret_properties_versions(secret, Some(options))
            .map_err(|error| Failed::read(&error, &asked).fault(&asked))?
            .into_pages();
        let (mut found, mut pages_seen) = (Vec::new(), 0);
        loop {
            let page = match pages.try_next().await {
                Ok(Some(page)) => page.into_model().map_err(|_| unreadable())?,
                Ok(None) => return Ok(Ok(found)),
                Err(error) => match Failed::read(&error, &asked) {
                    Failed::No(no) => return Ok(Err(no)),
                    Failed::Fault(fault) => return Err(fault),
                },
            };
            for version in page.value {
                found.push(Version::of_list(version).ok_or_else(unreadable)?);
            }
            pages_seen += 1;
            if found.len() > VERSIONS_MAX || pages_seen > PAGES_MAX {
                return Err(Fault::broken(doing, format!("{secret} has more than {VERSIONS_MAX} versions"))
                    .hint("give the account a new vault_name, and its readers too"));
            }
        }
    }

    /// Sets a new version. `Ok(Err(…))` is the vault's own no: surely unchanged.
    pub(super) async fn set(&self, secret: &str, value: &Value<'_>, doing: &str) -> Result<Result<Version, No>, Fault> {
        if value.tags.len() > TAGS_MAX {
            return Err(too_many_tags(secret, doing));
        }
        let asked = Asked { doing, secret, right: "set", effect: Effect::Write };
        let now = Timestamp::now().as_second();
        let days = self.settings.expires_after_days.filter(|_| value.ends);
        let body = https::json(&Set {
            value: value.password.expose(),
            tags: &value.tags,
            content_type: value.content_type.as_deref().unwrap_or(&self.settings.content_type),
            attributes: Attributes { enabled: true, nbf: now, exp: days.map(|days| now + i64::from(days) * DAY_S) },
        })
        .map_err(|_| Fault::broken(doing, "the value can't be written as JSON"))?;
        let content = Bytes::from_owner(body).into();
        let error = match self.client.set_secret(secret, content, None).await {
            Ok(response) => match response.into_model() {
                Ok(found) => {
                    wipe(found.value);
                    let set =
                        Version::new(found.id.as_deref(), found.attributes.as_ref(), found.tags, found.content_type);
                    return set.map(Ok).ok_or_else(|| {
                        Fault::unclear(doing, format!("the vault's answer about {secret} names no version"))
                    });
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        match Failed::read(&error, &asked) {
            // What may have happened all the same is no "no".
            Failed::No(no) if no.status >= 500 => Err(no.fault(&asked)),
            Failed::No(no) => Ok(Err(no)),
            Failed::Fault(fault) => Err(fault),
        }
    }

    /// Disables a version: nobody reads it any more. Again = the same.
    pub(super) async fn disable(&self, secret: &str, version: &str, doing: &str) -> Result<(), Fault> {
        let attributes = SecretAttributes { enabled: Some(false), ..SecretAttributes::default() };
        let change = UpdateSecretPropertiesParameters { secret_attributes: Some(attributes), ..Default::default() };
        self.update(secret, version, change, doing).await?.map_err(|no| no.fault(&update(secret, doing)))
    }

    /// Gives a version these tags, and no others.
    pub(super) async fn tag(&self, secret: &str, version: &str, tags: Tags, doing: &str) -> Result<(), Fault> {
        if tags.len() > TAGS_MAX {
            return Err(too_many_tags(secret, doing));
        }
        let change = UpdateSecretPropertiesParameters { tags: Some(tags), ..Default::default() };
        self.update(secret, version, change, doing).await?.map_err(|no| no.fault(&update(secret, doing)))
    }

    /// Changes a version's properties. `Ok(Err(…))` is the vault's own no: surely unchanged.
    pub(super) async fn update(
        &self,
        secret: &str,
        version: &str,
        change: UpdateSecretPropertiesParameters,
        doing: &str,
    ) -> Result<Result<(), No>, Fault> {
        let asked = update(secret, doing);
        let options = SecretClientUpdateSecretPropertiesOptions {
            secret_version: Some(version.to_owned()),
            ..SecretClientUpdateSecretPropertiesOptions::default()
        };
        let content = change.try_into().map_err(|_| Fault::broken(doing, "the change can't be written as JSON"))?;
        match self.client.update_secret_properties(secret, content, Some(options)).await {
            Ok(_) => Ok(Ok(())),
            Err(error) => match Failed::read(&error, &asked) {
                Failed::No(no) if no.status >= 500 => Err(no.fault(&asked)),
                Failed::No(no) => Ok(Err(no)),
                Failed::Fault(fault) => Err(fault),
            },
        }
    }
}

fn update<'a>(secret: &'a str, doing: &'a str) -> Asked<'a> {
    // Access policies have one permission for setting and changing; roles have two.
    Asked { doing, secret, right: "set (update)", effect: Effect::Write }
}

fn too_many_tags(secret: &str, doing: &str) -> Fault {
    Fault::refused(doing, format!("{secret} would have more than {TAGS_MAX} tags, and Key Vault takes no more"))
        .hint("take tags of your own off: five are needed for the rotation")
}

pub(super) fn wipe(value: Option<String>) {
    drop(value.map(Zeroizing::new));
}
