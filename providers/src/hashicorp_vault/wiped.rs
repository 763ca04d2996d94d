//! Secrets on their way into a request body and out of a reply or a file, without a copy that nobody wipes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::https;
use crate::port::{Fault, Secret};

/// A token, a secret id or a service account's JWT is a few kilobytes at most.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// A local file is read in no time; one on a network share that hangs must not hang us.
const FILE_LIMIT: Duration = Duration::from_secs(5);

/// `value` as JSON in a buffer that is wiped when the last reader lets go.
pub(super) fn body<T: Serialize>(value: &T) -> Result<Bytes, serde_json::Error> {
    https::json(value).map(Bytes::from_owner)
}

/// A text on its way in: straight into the type that is wiped.
pub(super) struct Incoming(pub(super) Secret);

impl<'de> Deserialize<'de> for Incoming {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::from(text)))
    }
}

/// The file's text without the white space around it. A file that is not there or empty means `Later`: somebody
/// else writes it, and may be about to.
pub(super) async fn file(path: &Path, what: &str) -> Result<Secret, Fault> {
    let doing = format!("reading {what} from {}", path.display());
    let hint = "put it there anew; where another program writes this file: does that run, and may this one read what it wrote?";
    let owned: PathBuf = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&owned));
    match tokio::time::timeout(FILE_LIMIT, read).await {
        Ok(Ok(Ok(secret))) => Ok(secret),
        Ok(Ok(Err(error))) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Fault::broken(doing, error.to_string()).hint("is it the right file?"))
        }
        Ok(Ok(Err(error))) => Err(Fault::later(doing, error.to_string()).hint(hint)),
        Ok(Err(_)) => Err(Fault::broken(doing, "the reading ended in a panic")),
        Err(_) => Err(Fault::later(doing, format!("no answer within {} s", FILE_LIMIT.as_secs())).hint(hint)),
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let bad = |text: &str| Err(io::Error::new(io::ErrorKind::InvalidData, text));
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > FILE_BYTES_MAX {
        return bad("it is too long");
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize + 1));
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    match str::from_utf8(&bytes).map(str::trim) {
        Ok("") => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty")),
        Ok(text) => Ok(Secret::new(text)),
        Err(_) => bad("it holds no text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Meaning;

    #[tokio::test]
    async fn a_file_that_may_still_come_is_told_from_one_that_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let meaning = async |path: &Path| file(path, "the token").await.unwrap_err().meaning;
        assert_eq!(meaning(&path).await, Meaning::Later);
        std::fs::write(&path, " \n").unwrap();
        assert_eq!(meaning(&path).await, Meaning::Later);
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(meaning(&path).await, Meaning::Broken);
        std::fs::write(&path, vec![b'x'; FILE_BYTES_MAX as usize + 1]).unwrap();
        assert_eq!(meaning(&path).await, Meaning::Broken);
        std::fs::write(&path, "\ts.token\n").unwrap();
        assert_eq!(file(&path, "the token").await.unwrap(), Secret::new("s.token"));
    }
}
