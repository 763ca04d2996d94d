//! Who else may read or replace the file: judged at each use, because a mode is changed by one careless command.

use std::fs::Metadata;
use std::path::Path;

use crate::port::Fault;

/// The folder: no link, and nobody else may put another file in the place of ours.
pub(super) fn folder(path: &Path, doing: &str) -> Result<(), Fault> {
    let shown = path.display();
    let seen = std::fs::symlink_metadata(path).map_err(|error| {
        Fault::broken(doing, format!("the folder {shown}: {error}"))
            .hint(format!("make it, for the rotator's user alone: install -d -m 700 '{shown}'"))
    })?;
    if !seen.is_dir() {
        return Err(Fault::broken(doing, format!("{shown} is {}, no folder", kind(&seen)))
            .hint("name the folder itself, by its real path"));
    }
    owned(&seen, path, true, doing)?;
    let mode = mode(&seen);
    if mode & 0o022 != 0 {
        return Err(Fault::broken(doing, format!("others may write in the folder {shown} (mode {mode:04o})"))
            .hint(format!("chmod go-w '{shown}'")));
    }
    Ok(())
}

/// A file of ours, by what was seen of it: no link, ours, and for nobody else to read.
pub(super) fn file(seen: &Metadata, path: &Path, doing: &str) -> Result<(), Fault> {
    let shown = path.display();
    if !seen.is_file() {
        return Err(Fault::broken(doing, format!("{shown} is {}, no file", kind(seen)))
            .hint("name the file itself, by its real path"));
    }
    owned(seen, path, false, doing)?;
    let mode = mode(seen);
    if mode & 0o077 != 0 {
        return Err(Fault::broken(doing, format!("others may open {shown} (mode {mode:04o})")).hint(format!(
            "chmod 600 '{shown}'; whoever read it meanwhile has what is in there, as far as he has a key"
        )));
    }
    Ok(())
}

fn kind(seen: &Metadata) -> &'static str {
    if seen.is_symlink() {
        "a symbolic link"
    } else if seen.is_dir() {
        "a folder"
    } else if seen.is_file() {
        "a file"
    } else {
        "a device or a pipe"
    }
}

#[cfg(unix)]
fn owned(seen: &Metadata, path: &Path, or_root: bool, doing: &str) -> Result<(), Fault> {
    use std::os::unix::fs::MetadataExt;
    let (us, owner) = (rustix::process::geteuid().as_raw(), seen.uid());
    if owner == us || (or_root && owner == 0) {
        return Ok(());
    }
    let shown = path.display();
    Err(Fault::broken(doing, format!("{shown} belongs to user {owner}, and we are user {us}"))
        .hint(format!("run as user {owner}, or, if it is to be ours: chown {us} '{shown}'")))
}

#[cfg(unix)]
fn mode(seen: &Metadata) -> u32 {
    use std::os::unix::fs::MetadataExt;
    seen.mode() & 0o7777
}

// Windows judges by the folder's access list, which nothing in the standard library reads.
#[cfg(not(unix))]
fn owned(_: &Metadata, _: &Path, _: bool, _: &str) -> Result<(), Fault> {
    Ok(())
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0o600
}

/// Whether the path still names the opened file: a lock on a file that was removed keeps nobody out.
#[cfg(unix)]
pub(super) fn is_still(opened: &Metadata, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == (opened.dev(), opened.ino()))
}

// An open file can't be removed there.
#[cfg(not(unix))]
pub(super) fn is_still(_: &Metadata, _: &Path) -> bool {
    true
}
