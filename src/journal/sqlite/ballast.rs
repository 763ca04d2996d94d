use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Room for several hundred entries: enough for any ending.
const BALLAST_BYTES: usize = 1 << 20;

/// A file that only takes up room, so that there is some left to write an ending when the disk is full.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
}

impl Ballast {
    /// Lays the ballast, beside the journal, in full. Fails when the disk has no room for it: then no
    /// rotation should begin.
    pub(super) fn lay(journal: &Path) -> std::io::Result<Self> {
        let mut path = journal.as_os_str().to_owned();
        path.push(".ballast");
        let ballast = Self { path: path.into() };
        ballast.lay_again().map(|()| ballast)
    }

    /// The same for one that may have been released since.
    pub(super) fn lay_again(&self) -> std::io::Result<()> {
        if fs::metadata(&self.path).is_ok_and(|file| file.len() == BALLAST_BYTES as u64) {
            return Ok(());
        }
        let written = self.write();
        if written.is_err() {
            // Half a ballast would only take room away; that it can't be removed changes nothing.
            let _ = fs::remove_file(&self.path);
        }
        written
    }

    /// Gives the room back. `false` when there was none to give.
    pub(super) fn release(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }

    fn write(&self) -> std::io::Result<()> {
        let mut file = File::create(&self.path)?;
        // Not zeros: a file system that compresses would store nothing.
        let mut block = [0_u8; 4096];
        let mut state: u32 = 1;
        for _ in 0..BALLAST_BYTES / block.len() {
            for byte in &mut block {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (state >> 24) as u8;
            }
            file.write_all(&block)?;
        }
        file.sync_all()
    }
}
