use async_trait::async_trait;

use super::super::arguments::{Global, ImportOptions};
use super::super::output::say;
use super::super::session;
use super::verify::{ExportLines, keys};
use super::{Stop, refuse};
use crate::history::{Given, Line, Verified, Verifier};
use crate::journal::{JournalError, Source, Stored};
use crate::order::Exit;

/// Entries taken in at a time.
const PAGE: usize = 1_000;

pub(super) async fn run(global: &Global, options: &ImportOptions) -> Result<Exit, Stop> {
    let lines = ExportLines::open(&options.file)?;
    let verifier = Verifier::new(Given::new(&keys(&options.key)?), Vec::new());
    let journal = session::records(global)?.journal().await?;
    let mut export = Export { lines, verifier: Some(verifier), verified: None };
    let entries = journal.import(&mut export).await?;
    let Some(Verified { verdict, .. }) = export.verified else {
        return Err(refuse("the import did not come to its end", "tell the makers of this program", Exit::Failed));
    };
    say(&format!("{entries} entries, up to entry {} with the hash {}", verdict.last, verdict.hash));
    Ok(Exit::Done)
}

/// An export, verified while it is read: nothing of it counts before its last line was.
struct Export {
    lines: ExportLines,
    verifier: Option<Verifier>,
    verified: Option<Verified>,
}

#[async_trait]
impl Source for Export {
    async fn next(&mut self) -> Result<Vec<Stored>, JournalError> {
        let mut page = Vec::new();
        let Some(verifier) = &mut self.verifier else { return Ok(page) };
        while page.len() < PAGE {
            let line = self.lines.next();
            match line.map_err(|_| JournalError::NotImported {
                cause: "the export could not be read to its end".to_owned(),
            })? {
                Some(Some(line)) => {
                    verifier.line(line);
                    if let Ok(Line::Entry(entry)) = Line::read(line) {
                        page.push(entry.stored());
                    }
                }
                Some(None) => verifier.half_a_line(),
                None => break,
            }
        }
        if page.len() < PAGE
            && let Some(verifier) = self.verifier.take()
        {
            let verified = verifier.end();
            if let Some(finding) = verified.finding {
                return Err(JournalError::NotImported { cause: format!("the export was changed: {finding}") });
            }
            self.verified = Some(verified);
        }
        Ok(page)
    }
}
