use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use providers::port::tenure::Tenure;
use sha2::{Digest, Sha256};

use crate::journal::lease::Hold;
use crate::journal::{Busy, Lease};

/// Leases on this machine, as locks on files beside the journal. The operating system takes them back when the process
/// ends, however it ends: so a killed rotation can be taken up at once, and a live one never.
struct Locks {
    _files: Vec<File>,
}

#[async_trait]
impl Hold for Locks {
    fn tenure(&self) -> Option<Arc<dyn Tenure>> {
        None
    }

    async fn lost(&self) -> String {
        std::future::pending().await
    }

    async fn release(self: Box<Self>) {}
}

/// Takes all of the leases, or says who has one. Does not wait.
pub(super) fn lock(journal: &Path, names: &[String], holder: &str) -> Result<Lease, Busy> {
    let files = names.iter().map(|name| lock_one(journal, name, holder)).collect::<Result<_, _>>()?;
    Ok(Lease::new(Locks { _files: files }))
}

fn lock_one(journal: &Path, name: &str, holder: &str) -> Result<File, Busy> {
    let mut folder = journal.as_os_str().to_owned();
    folder.push(".leases");
    let path = Path::new(&folder).join(hex::encode(&Sha256::digest(name.as_bytes())[..8]));
    let fault = |cause: std::io::Error| Busy::NoLease { place: path.display().to_string(), cause: cause.to_string() };
    fs::create_dir_all(&folder).map_err(fault)?;
    let mut file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who it is only helps the person who reads the message.
            let _ = file.read_to_string(&mut holder);
            return Err(Busy::Held { name: name.to_owned(), holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(cause)) => return Err(fault(cause)),
    }
    // A full disk must not keep an operator from resuming: the lock itself needs no room.
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{holder}"));
    Ok(file)
}
