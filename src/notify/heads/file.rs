use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{HeadChannel, HeadLine};
use crate::notify::Undelivered;

/// More than the longest line of a head, many times.
const TAIL_BYTES: u64 = 16 * 1024;

/// Heads in a file, one line each, only ever appended to, its owner's alone.
pub(super) struct HeadFile(PathBuf);

impl HeadFile {
    pub(super) fn new(file: &Path) -> Self {
        Self(file.to_owned())
    }
}

#[async_trait]
impl HeadChannel for HeadFile {
    async fn send(&self, head: &HeadLine) -> Result<(), Undelivered> {
        let (file, line) = (self.0.clone(), head.line.clone());
        let written = tokio::task::spawn_blocking(move || append(&file, &line)).await;
        let at = |cause: String| Undelivered::for_now(format!("{}: {cause}", self.0.display()));
        written.map_err(|_| at("the writer broke down".to_owned()))?.map_err(|cause| at(cause.to_string()))
    }
}

/// How the line of a head begins.
const BEGINNING: &str = "{\"entra-rotator-head\":";

/// Appends a line, durably. One that stands there as the last one already is not written twice. What somebody left who died while
/// he wrote is taken away first, and nothing else ever is.
fn append(file: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(file)?;
    // Another process may be at it. It lets go when the file is closed. Where a file system knows no locks, nothing is cut.
    let is_locked = opened.lock().is_ok();
    let bytes = tail(&mut opened)?;
    let text = String::from_utf8_lossy(&bytes);
    if text.ends_with('\n') && last_whole(&text) == Some(line) {
        return opened.sync_all();
    }
    let half = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut begin = if half.is_empty() { "" } else { "\n" };
    if half == line.as_bytes() {
        opened.write_all(b"\n")?;
        return opened.sync_all();
    }
    if is_locked && is_half_a_head(half) {
        let whole = opened.metadata()?.len() - half.len() as u64;
        // A file that can only be appended to keeps it, on a line of its own, and whoever reads leaves it out.
        if opened.set_len(whole).is_ok() {
            begin = "";
        }
    }
    opened.write_all(format!("{begin}{line}\n").as_bytes())?;
    opened.sync_all()
}

/// Whether that can be the beginning of a head, and is not all of it. Anything else is somebody else's, and stays.
fn is_half_a_head(half: &[u8]) -> bool {
    let common = half.len().min(BEGINNING.len());
    !half.is_empty() && half[..common] == BEGINNING.as_bytes()[..common] && !half.ends_with(b"}")
}

fn tail(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last line that is whole: one pair of braces, and all between them.
fn last_whole(tail: &str) -> Option<&str> {
    let whole = &tail[..=tail.rfind('\n')?];
    let is_whole = |line: &&str| {
        let inner = line.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        inner.is_some_and(|inner| !inner.contains(['{', '}']))
    };
    whole.lines().rfind(is_whole)
}

/// The last whole line of such a file; `None` = there is none yet.
pub fn last_line(file: &Path) -> io::Result<Option<String>> {
    match File::open(file) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => {
            let bytes = tail(&mut opened?)?;
            Ok(last_whole(&String::from_utf8_lossy(&bytes)).map(str::to_owned))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"entra-rotator-head":1,"position":1}"#;
    const TWO: &str = r#"{"entra-rotator-head":1,"position":2}"#;
    const FOUR: &str = r#"{"entra-rotator-head":1,"position":4}"#;

    #[test]
    fn lines_are_appended_once_and_half_a_line_is_cut_off() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("heads");
        let read = || std::fs::read_to_string(&file).unwrap();
        assert_eq!(last_line(&file).unwrap(), None);
        append(&file, ONE).unwrap();
        append(&file, ONE).unwrap();
        append(&file, TWO).unwrap();
        assert_eq!(read(), format!("{ONE}\n{TWO}\n"));
        for length in 1..TWO.len() {
            std::fs::write(&file, format!("{ONE}\n{}", &TWO[..length])).unwrap();
            assert_eq!(last_line(&file).unwrap().as_deref(), Some(ONE));
            append(&file, FOUR).unwrap();
            assert_eq!(read(), format!("{ONE}\n{FOUR}\n"));
            std::fs::write(&file, &TWO[..length]).unwrap();
            assert_eq!(last_line(&file).unwrap(), None);
            append(&file, FOUR).unwrap();
            assert_eq!(read(), format!("{FOUR}\n"));
        }
        // All of it but the line feed.
        std::fs::write(&file, format!("{ONE}\n{TWO}")).unwrap();
        append(&file, TWO).unwrap();
        assert_eq!(read(), format!("{ONE}\n{TWO}\n"));
        std::fs::write(&file, format!("{ONE}\n{TWO}")).unwrap();
        append(&file, FOUR).unwrap();
        assert_eq!(read(), format!("{ONE}\n{TWO}\n{FOUR}\n"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let fresh = folder.path().join("fresh");
            append(&fresh, ONE).unwrap();
            assert_eq!(std::fs::metadata(&fresh).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_half_of_a_head_stays() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("heads");
        for foreign in ["somebody's", "{\"entra\"", "\0\0\0", "\u{fffd}"] {
            std::fs::write(&file, format!("{ONE}\n{foreign}")).unwrap();
            append(&file, TWO).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{ONE}\n{foreign}\n{TWO}\n"));
            // Somebody died once more.
            std::fs::write(&file, format!("{ONE}\n{foreign}\n")).unwrap();
            assert_eq!(last_line(&file).unwrap().as_deref(), Some(ONE), "it is no head");
        }
    }
}
