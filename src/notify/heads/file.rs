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

/// Appends a line, durably. One that stands there as the last one already is not written twice.
fn append(file: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(file)?;
    let tail = tail(&mut opened)?;
    if tail.ends_with('\n') && last_whole(&tail) == Some(line) {
        return opened.sync_all();
    }
    // Whoever died while writing left half a line.
    let begin = if tail.is_empty() || tail.ends_with('\n') { "" } else { "\n" };
    opened.write_all(format!("{begin}{line}\n").as_bytes())?;
    opened.sync_all()
}

fn tail(file: &mut File) -> io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last line that is whole and not empty.
fn last_whole(tail: &str) -> Option<&str> {
    let whole = &tail[..=tail.rfind('\n')?];
    whole.lines().rfind(|line| !line.trim().is_empty())
}

/// The last whole line of such a file; `None` = there is none yet.
pub fn last_line(file: &Path) -> io::Result<Option<String>> {
    match File::open(file) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => Ok(last_whole(&tail(&mut opened?)?).map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_once_and_half_a_line_is_no_line() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("heads");
        let read = || std::fs::read_to_string(&file).unwrap();
        assert_eq!(last_line(&file).unwrap(), None);
        append(&file, "one").unwrap();
        append(&file, "one").unwrap();
        append(&file, "two").unwrap();
        assert_eq!(read(), "one\ntwo\n");
        std::fs::write(&file, "one\ntwo\nthr").unwrap();
        assert_eq!(last_line(&file).unwrap().as_deref(), Some("two"));
        append(&file, "four").unwrap();
        assert_eq!(read(), "one\ntwo\nthr\nfour\n");
        assert_eq!(last_line(&file).unwrap().as_deref(), Some("four"));
        std::fs::write(&file, "thr").unwrap();
        assert_eq!(last_line(&file).unwrap(), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let fresh = folder.path().join("fresh");
            append(&fresh, "one").unwrap();
            assert_eq!(std::fs::metadata(&fresh).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
