//! Everything that is done to the disk, one method for each act, so that tests can end the work before any of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// What is about to be done. A write is two acts, so that a file can be found half written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    OpenLock,
    Remove,
    Create,
    WriteHalf,
    WriteRest,
    Flush,
    Read,
    Rename,
    FlushFolder,
}

type Before = Box<dyn Fn(Act) -> io::Result<()> + Send + Sync>;

/// The disk, and who is asked before each act: in tests, whether it fails or the process ends there.
pub(super) struct Disk {
    before: Before,
}

impl Disk {
    /// Every act is done.
    pub(super) fn real() -> Self {
        Self { before: Box::new(|_| Ok(())) }
    }

    /// Every act that `before` agrees to is done.
    #[cfg(test)]
    pub(super) fn asking(before: impl Fn(Act) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { before: Box::new(before) }
    }

    /// The lock's file, made if need be.
    pub(super) fn open_lock(&self, path: &Path) -> io::Result<File> {
        (self.before)(Act::OpenLock)?;
        let mut options = OpenOptions::new();
        private(options.read(true).write(true).create(true).truncate(false)).open(path)
    }

    /// A new file that only we can read. One that is there already is an error.
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        (self.before)(Act::Create)?;
        let mut options = OpenOptions::new();
        private(options.write(true).create_new(true)).open(path)
    }

    pub(super) fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        (self.before)(Act::WriteHalf)?;
        file.write_all(first)?;
        (self.before)(Act::WriteRest)?;
        file.write_all(rest)
    }

    pub(super) fn flush(&self, file: &File) -> io::Result<()> {
        (self.before)(Act::Flush)?;
        file.sync_all()
    }

    /// Opens for reading; a symbolic link is an error.
    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        (self.before)(Act::Read)?;
        let mut options = OpenOptions::new();
        private(options.read(true)).open(path)
    }

    /// The whole of an opened file, and an error when it is longer than `bytes_max`.
    pub(super) fn read(&self, file: File, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {bytes_max} bytes")));
        }
        Ok(bytes)
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.before)(Act::Rename)?;
        fs::rename(from, to)
    }

    /// One that is not there is removed already.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        (self.before)(Act::Remove)?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes renames in the folder outlive a power cut. Windows does that with the rename, and opens no folder for it.
    pub(super) fn flush_folder(&self, folder: &Path) -> io::Result<()> {
        (self.before)(Act::FlushFolder)?;
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
    }
}

/// Mode 0600 for what is made, no symbolic link followed, and no waiting for whoever writes into a pipe.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(flags.bits().cast_signed())
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
