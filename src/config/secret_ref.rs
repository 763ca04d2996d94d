use std::path::{Path, PathBuf};

use providers::port::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

/// Longest secret that is read, in bytes: a mistaken path must not fill the memory.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The ways to name a place, for messages.
#[cfg(not(windows))]
pub(super) const FORMS: &str = "{ file = … }, { env = … } or { credential = … }";
/// The ways to name a place, for messages.
#[cfg(windows)]
pub(super) const FORMS: &str = "{ dpapi = … }, { file = … } or { env = … }";

/// Where a secret is found. Exactly one of the four.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct SecretRef {
    /// A file; one line feed at its end does not count.
    pub file: Option<PathBuf>,
    /// The name of an environment variable.
    pub env: Option<String>,
    /// The name of a systemd credential (in $CREDENTIALS_DIRECTORY).
    pub credential: Option<String>,
    /// Windows: a file that `entra-rotator protect` made, encrypted for this machine alone (DPAPI).
    pub dpapi: Option<PathBuf>,
}

impl SecretRef {
    /// Reads the secret.
    pub fn read(&self, what: &str) -> Result<Secret, Fault> {
        let doing = format!("reading {what}");
        let missing = |cause: String| {
            Fault::broken(doing.clone(), cause)
                .hint(format!("put the secret there, or name in the configuration where it is: {FORMS}"))
        };
        let at = |file: &Path, cause: std::io::Error| missing(format!("{}: {cause}", file.display()));
        let text = match (&self.file, &self.env, &self.credential, &self.dpapi) {
            (Some(file), ..) => read_file(file).map_err(|cause| at(file, cause))?,
            (_, _, _, Some(file)) => read_protected(file).map_err(|cause| at(file, cause))?,
            (_, Some(name), ..) => {
                std::env::var(name).map_err(|_| missing(format!("the environment has no readable {name}")))?
            }
            (_, _, Some(name), _) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| missing("CREDENTIALS_DIRECTORY is not set: not started by systemd".into()))?;
                let file = PathBuf::from(folder).join(name);
                read_file(&file).map_err(|cause| missing(format!("credential {name}: {cause}")))?
            }
            (None, None, None, None) => return Err(missing("the reference is empty".into())),
        };
        if text.is_empty() {
            let place = match (self.file.as_ref().or(self.dpapi.as_ref()), &self.env, &self.credential) {
                (Some(file), _, _) => file.display().to_string(),
                (_, Some(name), _) => format!("the environment's {name}"),
                (_, _, name) => format!("credential {}", name.as_deref().unwrap_or_default()),
            };
            return Err(missing(format!("{place} is empty")));
        }
        Ok(Secret::from(text))
    }
}

/// Where the rotator's own password for the directory is found. Exactly one of the five.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct OwnPasswordRef {
    /// A file; one line feed at its end does not count.
    pub file: Option<PathBuf>,
    /// The name of an environment variable.
    pub env: Option<String>,
    /// The name of a systemd credential (in $CREDENTIALS_DIRECTORY).
    pub credential: Option<String>,
    /// Windows: a file that `entra-rotator protect` made, encrypted for this machine alone (DPAPI).
    pub dpapi: Option<PathBuf>,
    /// Its path in the vault, below the mount. Read anew for each logon: current, or else pending.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none", regex(pattern = "^[^/\\s][^\\s]*[^/\\s]$"))]
    pub vault: Option<String>,
}

impl OwnPasswordRef {
    /// The reference as one that does not need the vault.
    pub fn outside_the_vault(&self) -> SecretRef {
        SecretRef {
            file: self.file.clone(),
            env: self.env.clone(),
            credential: self.credential.clone(),
            dpapi: self.dpapi.clone(),
        }
    }
}

/// Where the key of a sealed file is found. Exactly one of the five.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct KeyRef {
    /// A file with the key (`AGE-SECRET-KEY-1…`), as `age-keygen` writes it.
    pub file: Option<PathBuf>,
    /// The name of an environment variable.
    pub env: Option<String>,
    /// The name of a systemd credential (in $CREDENTIALS_DIRECTORY).
    pub credential: Option<String>,
    /// Windows: a file that `entra-rotator protect` made, encrypted for this machine alone (DPAPI).
    pub dpapi: Option<PathBuf>,
    /// It is typed at the terminal, each time: not for the unattended service.
    #[serde(default)]
    #[schemars(extend("const" = true))]
    pub prompt: bool,
}

impl KeyRef {
    /// The reference as one that needs no person; `None` = it is typed.
    pub fn unattended(&self) -> Option<SecretRef> {
        let reference = SecretRef {
            file: self.file.clone(),
            env: self.env.clone(),
            credential: self.credential.clone(),
            dpapi: self.dpapi.clone(),
        };
        (!self.prompt).then_some(reference)
    }
}

/// All of a small file, without the line feed at its end.
pub(super) fn read_file(path: &Path) -> std::io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let length = metadata.len();
    if length > SECRET_BYTES_MAX {
        return Err(std::io::Error::other(format!("{length} bytes are too many for a secret")));
    }
    let mut text = std::fs::read_to_string(path)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// What keeps our protected files apart from those of other programs.
#[cfg(windows)]
const PURPOSE: &[u8] = b"entra-rotator";

/// Encrypts a secret for this machine, as `{ dpapi = … }` reads it.
#[cfg(windows)]
pub fn protect(secret: &Secret) -> std::io::Result<Vec<u8>> {
    win32::dpapi::protect(secret.expose().as_bytes(), PURPOSE).map_err(std::io::Error::other)
}

/// Encrypts a secret for this machine, as `{ dpapi = … }` reads it.
#[cfg(not(windows))]
pub fn protect(_: &Secret) -> std::io::Result<Vec<u8>> {
    Err(not_here())
}

#[cfg(windows)]
fn read_protected(path: &Path) -> std::io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let length = metadata.len();
    if length > SECRET_BYTES_MAX {
        return Err(std::io::Error::other(format!("{length} bytes are too many for a secret")));
    }
    let clear = win32::dpapi::unprotect(&std::fs::read(path)?, PURPOSE).map_err(std::io::Error::other)?;
    String::from_utf8(clear.to_vec()).map_err(|_| std::io::Error::other("what it holds is no text"))
}

#[cfg(not(windows))]
fn read_protected(_: &Path) -> std::io::Result<String> {
    Err(not_here())
}

#[cfg(not(windows))]
fn not_here() -> std::io::Error {
    std::io::Error::other("only Windows protects files for a machine (DPAPI)")
}
