use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that is there whole or not at all, and its owner's alone. Dropped before it is finished, nothing stays of it.
pub(super) struct WholeFile {
    file: PathBuf,
    draft: PathBuf,
    /// `None` = finished.
    writer: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Begins it beside its place.
    pub(super) fn begin(file: &Path) -> io::Result<Self> {
        let name = file.file_name().ok_or_else(|| io::Error::other("it names no file"))?.to_string_lossy();
        let draft = folder(file).join(format!(".{name}.{}.part", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let writer = Some(BufWriter::with_capacity(1 << 20, options.open(&draft)?));
        Ok(Self { file: file.to_owned(), draft, writer })
    }

    /// Puts it in its place, durably.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let writer = self.writer.take().ok_or_else(|| io::Error::other("it is finished"))?;
        let placed = writer.into_inner().map_err(io::IntoInnerError::into_error).and_then(|opened| {
            opened.sync_all()?;
            std::fs::rename(&self.draft, &self.file)
        });
        if placed.is_err() {
            // It may not even be there.
            let _ = std::fs::remove_file(&self.draft);
        }
        placed?;
        // The name too must survive a power cut. Windows has no such call, and needs none.
        #[cfg(unix)]
        File::open(folder(&self.file))?.sync_all()?;
        Ok(())
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().map_or_else(|| Err(io::Error::other("it is finished")), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // What can't be removed is a draft by its name.
            let _ = std::fs::remove_file(&self.draft);
        }
    }
}
