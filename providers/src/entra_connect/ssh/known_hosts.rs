use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::HashAlg;
use russh::keys::ssh_key::known_hosts::HostPatterns;
use russh::keys::ssh_key::{Algorithm, PublicKey};
use sha1::Sha1;

use crate::entra_connect::transport::{Broken, Reached};

use super::DEFAULT_PORT;
use super::key_file::read_text;

/// Longest file of known hosts, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What the file of known hosts says of one server.
#[derive(Debug)]
pub(super) struct KnownHosts {
    file: String,
    /// The server as the file names it: `connect1`, or `[connect1]:2222`.
    name: String,
    known: Vec<PublicKey>,
    revoked: Vec<PublicKey>,
    /// It names a certificate authority for the server, which is of no use to us.
    authority: bool,
}

impl KnownHosts {
    /// Reads the file, as far as it is about this server.
    pub(super) fn read(file: &Path, host: &str, port: u16) -> Result<Self, Broken> {
        let text = read_text(file, FILE_BYTES_MAX).map_err(|cause| {
            Broken::new(Reached::Settings, format!("the known hosts file {} can't be read: {cause}", file.display()))
                .hint("make it with ssh-keyscan, and compare the fingerprint with what the server's console shows")
        })?;
        Ok(Self::parse(&text, &file.display().to_string(), host, port))
    }

    /// As `read`, from the text. A line that can't be read is passed over, as OpenSSH does: it makes nobody known.
    pub(super) fn parse(text: &str, file: &str, host: &str, port: u16) -> Self {
        let host = host.to_lowercase();
        let name = if port == DEFAULT_PORT { host } else { format!("[{host}]:{port}") };
        let mut found = Self { file: file.to_owned(), name, known: Vec::new(), revoked: Vec::new(), authority: false };
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace().peekable();
            let marker = words.next_if(|word| word.starts_with('@'));
            let (Some(hosts), Some(kind), Some(key)) = (words.next(), words.next(), words.next()) else { continue };
            if hosts.starts_with('#') || !names(hosts, &found.name) {
                continue;
            }
            let Ok(key) = PublicKey::from_openssh(&format!("{kind} {key}")) else { continue };
            match marker {
                None => found.known.push(key),
                Some("@revoked") => found.revoked.push(key),
                Some("@cert-authority") => found.authority = true,
                Some(_) => {}
            }
        }
        found
    }

    /// The kinds of keys that the server is known by: those are to be asked for first.
    pub(super) fn kinds(&self) -> Vec<Algorithm> {
        self.known.iter().map(PublicKey::algorithm).collect()
    }

    /// Whether a server that shows this key is the one that is known.
    pub(super) fn judge(&self, shown: &PublicKey) -> Result<(), Broken> {
        let Self { file, name, .. } = self;
        let print = shown.fingerprint(HashAlg::Sha256);
        let same = |key: &PublicKey| key.key_data() == shown.key_data();
        if self.revoked.iter().any(same) {
            return Err(Broken::new(
                Reached::Settings,
                format!("the server {name} shows the key {print}, which {file} says is revoked"),
            )
            .hint(
                "whoever holds that key may not be the server: give the server a new host key, or find out who answers",
            ));
        }
        if self.known.iter().any(same) {
            return Ok(());
        }
        if !self.known.is_empty() {
            return Err(Broken::new(
                Reached::Settings,
                format!("the server {name} shows the key {print}, another one than {file} knows"),
            )
            .hint(format!(
                "somebody may stand in between: compare {print} with what the server's console shows before {file} is changed"
            )));
        }
        let cause = if self.authority {
            format!(
                "{file} knows {name} by a certificate authority alone, which is not supported; it shows the key {print}"
            )
        } else {
            format!("no key of the server {name} is known in {file}; it shows the key {print}")
        };
        Err(Broken::new(Reached::Settings, cause).hint(format!(
            "compare {print} with what the server's console shows (ssh-keygen -lf on its host key), then enter the key in {file}"
        )))
    }
}

/// Whether the first field of a line is about this server.
fn names(hosts: &str, name: &str) -> bool {
    match hosts.parse() {
        Ok(HostPatterns::HashedName { salt, hash }) => Hmac::<Sha1>::new_from_slice(&salt)
            .is_ok_and(|mac| mac.chain_update(name.as_bytes()).verify_slice(&hash).is_ok()),
        Ok(HostPatterns::Patterns(patterns)) => {
            let fits = |pattern: &str| matches(pattern.to_lowercase().as_bytes(), name.as_bytes());
            // A pattern behind an exclamation mark takes the server out, wherever it stands.
            !patterns.iter().any(|pattern| pattern.strip_prefix('!').is_some_and(fits))
                && patterns.iter().any(|pattern| fits(pattern))
        }
        Err(_) => false,
    }
}

/// A star stands for any text, a question mark for any one character. Going back to the last star alone keeps the work
/// below pattern times name, whatever the pattern.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}
