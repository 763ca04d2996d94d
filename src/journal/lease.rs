use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// The right to work on one account, on this machine. The operating system takes it back when the process
/// ends, however it ends: so a killed rotation can be taken up at once, and a live one never.
#[derive(Debug)]
pub struct Lease {
    _file: File,
}

/// Somebody else works on the account.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    /// A live process holds it.
    #[error("{account} is being worked on by {holder}")]
    Held {
        /// The account.
        account: String,
        /// Who, in their own words.
        holder: String,
    },
    /// The lock file can't be used.
    #[error("can't lock {path}: {cause}")]
    NoLock {
        /// The lock file.
        path: String,
        /// Why.
        cause: String,
    },
}

impl Lease {
    /// Takes the lease, or says who has it. Does not wait.
    pub fn take(journal: &Path, account: &str, holder: &str) -> Result<Self, Busy> {
        let mut folder = journal.as_os_str().to_owned();
        folder.push(".leases");
        let path = Path::new(&folder).join(hex::encode(&Sha256::digest(account.as_bytes())[..8]));
        let fault = |cause: std::io::Error| Busy::NoLock { path: path.display().to_string(), cause: cause.to_string() };
        fs::create_dir_all(&folder).map_err(fault)?;
        let mut file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who it is only helps the person who reads the message.
                let _ = file.read_to_string(&mut holder);
                return Err(Busy::Held { account: account.to_owned(), holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(cause)) => return Err(fault(cause)),
        }
        // A full disk must not keep an operator from resuming: the lock itself needs no room.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{holder}"));
        Ok(Self { _file: file })
    }
}
