//! Whom the file is sealed for, and the key that opens it for us.

use std::io::{self, Read, Write};
use std::iter;

use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use zeroize::Zeroizing;

use super::content::PADDED_MAX;
use crate::port::Secret;

/// Fewer would make the loss of one key the loss of every password.
const RECIPIENTS_MIN: usize = 2;
/// As many as a header of a few KiB names.
const RECIPIENTS_MAX: usize = 32;

/// The settings' keys. Has no `Debug`: one of them is secret.
pub(super) struct Keys {
    recipients: Vec<Recipient>,
    identity: Identity,
    ours: String,
}

/// Why a file does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It does not begin as an age file does, or its header makes no sense.
    Header,
    /// It is an age file, and our key is none of those in its header.
    NotForUs,
    /// Our key is in the header; what comes after was changed or cut off.
    Damaged,
}

/// What was found wrong with the settings, and what to do.
type Wrong = (String, &'static str);

impl Keys {
    /// Judges the settings' keys. No message quotes one of them: the wrong one may have been pasted there.
    pub(super) fn new(recipients: &[String], identity: &Secret) -> Result<Self, Wrong> {
        let mut distinct: Vec<Recipient> = Vec::new();
        for (at, text) in recipients.iter().enumerate() {
            let recipient = text.trim().parse::<Recipient>().map_err(|why| {
                (
                    format!("recipient {} of {} is no X25519 recipient: {why}", at + 1, recipients.len()),
                    "name the public key that `age-keygen` prints without further options: age1 and 58 characters; \
                     post-quantum (age1pq1…), plugin and SSH keys don't serve here",
                )
            })?;
            if !distinct.contains(&recipient) {
                distinct.push(recipient);
            }
        }
        if !(RECIPIENTS_MIN..=RECIPIENTS_MAX).contains(&distinct.len()) {
            return Err((
                format!("{} distinct recipients, and it takes {RECIPIENTS_MIN} to {RECIPIENTS_MAX}", distinct.len()),
                "with a single key its loss would be the loss of every password in the file: add the recipient of a \
                 second key, which is kept offline",
            ));
        }
        let identity = identity_in(identity)?;
        let ours = identity.to_public();
        if !distinct.contains(&ours) {
            return Err((
                format!("our own key, whose recipient is {ours}, is not among the recipients"),
                "the wrong key may be named: name the one whose recipient is there; if the key is a new one, add its recipient \
                 beside the old ones first (docs/sealed-file.md, Other recipients)",
            ));
        }
        Ok(Self { recipients: distinct, identity, ours: ours.to_string() })
    }

    /// The recipient that belongs to our own key.
    pub(super) fn ours(&self) -> &str {
        &self.ours
    }

    /// All recipients, in the order of the settings.
    pub(super) fn recipients(&self) -> Vec<String> {
        self.recipients.iter().map(Recipient::to_string).collect()
    }

    /// Encrypts for all recipients.
    pub(super) fn seal(&self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let recipients = self.recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        let mut writer = encryptor.wrap_output(Vec::new())?;
        writer.write_all(plain)?;
        writer.finish()
    }

    /// Decrypts with our own key.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Closed> {
        let decryptor = Decryptor::new_buffered(sealed).map_err(|_| Closed::Header)?;
        let identity: &dyn age::Identity = &self.identity;
        let mut reader = decryptor.decrypt(iter::once(identity)).map_err(|error| match error {
            DecryptError::NoMatchingKeys => Closed::NotForUs,
            DecryptError::InvalidHeader | DecryptError::UnknownFormat => Closed::Header,
            _ => Closed::Damaged,
        })?;
        // The plain text is shorter than the sealed one, so this buffer never grows and leaves no copy behind.
        let mut plain = Zeroizing::new(vec![0; sealed.len().min(PADDED_MAX + 1)]);
        let mut filled = 0;
        while filled < plain.len() {
            match reader.read(&mut plain[filled..]).map_err(|_| Closed::Damaged)? {
                0 => break,
                more => filled += more,
            }
        }
        plain.truncate(filled);
        Ok(plain)
    }
}

/// The one key in the text of an identity file.
fn identity_in(text: &Secret) -> Result<Identity, Wrong> {
    let mut lines = text.expose().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let hint = "give the line AGE-SECRET-KEY-1… or the file that age-keygen made, unencrypted";
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.parse().map_err(|why| (format!("our own key is no X25519 key: {why}"), hint)),
        (None, _) => Err(("our own key is empty".to_owned(), hint)),
        (Some(_), Some(_)) => Err(("our own key has more than one line that is no comment".to_owned(), hint)),
    }
}

/// For how many X25519 keys a file is sealed, by its header alone; `None` when that is no header.
pub(super) fn stanzas(sealed: &[u8]) -> Option<usize> {
    let mut lines = sealed.split(|byte| *byte == b'\n');
    if lines.next()? != b"age-encryption.org/v1" {
        return None;
    }
    let mut count = 0;
    for line in lines {
        if line.starts_with(b"---") {
            return Some(count);
        }
        count += usize::from(line.starts_with(b"-> X25519 "));
    }
    None
}
