use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use russh::keys::ssh_key;
use russh::keys::{Algorithm, PrivateKey};
use zeroize::Zeroizing;

use crate::entra_connect::transport::{Broken, Reached};
use crate::port::Secret;

/// Longest key file, in bytes: an RSA key of 16384 bits takes a quarter of it.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Reads a private key.
pub(super) fn read_key(file: &Path, passphrase: Option<&Secret>) -> Result<Arc<PrivateKey>, Broken> {
    let shown = file.display();
    let bad = |cause: String| Broken::new(Reached::Settings, format!("the key file {shown} {cause}"));
    let text = read_private(file)
        .map_err(|cause| bad(format!("can't be read: {cause}")).hint("the account of entra-rotator must own it"))?;
    if let Some(others) = text.others {
        return Err(bad(format!("may be read by others (mode {others:04o})")).hint(format!("chmod 600 {shown}")));
    }
    let key = PrivateKey::from_openssh(text.pem.as_bytes()).map_err(|cause| {
        bad(format!("holds no private key in OpenSSH's format: {cause}"))
            .hint(format!("`ssh-keygen -p -f {shown}` writes an older format anew; a key of PuTTY's is exported by it"))
    })?;
    let key = match (key.is_encrypted(), passphrase) {
        (false, _) => key,
        (true, None) => return Err(bad("is encrypted, and no passphrase is configured".to_owned())),
        (true, Some(passphrase)) => key.decrypt(passphrase.expose()).map_err(|cause| match cause {
            ssh_key::Error::Crypto => bad("is not opened by the passphrase that is configured".to_owned()),
            other => bad(format!("can't be decrypted: {other}")),
        })?,
    };
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. } => Ok(Arc::new(key)),
        other => Err(bad(format!("holds a key of the kind {other}, which is not supported"))
            .hint("use a key of the kind ed25519, ecdsa or rsa")),
    }
}

/// A file's text, no longer than it may be.
pub(super) fn read_text(file: &Path, bytes_max: u64) -> Result<String, Error> {
    let mut text = String::new();
    File::open(file)?.take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is longer than {bytes_max} bytes")));
    }
    Ok(text)
}

struct Private {
    pem: Zeroizing<String>,
    /// The file's mode, when it lets others in. Unix alone: on Windows the file's access list is not looked at.
    others: Option<u32>,
}

fn read_private(file: &Path) -> Result<Private, Error> {
    let file = File::open(file)?;
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no plain file"));
    }
    if facts.len() > FILE_BYTES_MAX {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    // As long as it can get: a string that grows leaves copies behind.
    let room = usize::try_from(FILE_BYTES_MAX).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it is no text"))?;
    Ok(Private { pem: Zeroizing::new(text.to_owned()), others: mode_for_others(&facts) })
}

#[cfg(unix)]
fn mode_for_others(facts: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = facts.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn mode_for_others(_: &std::fs::Metadata) -> Option<u32> {
    None
}
