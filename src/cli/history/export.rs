use std::io::Write;
use std::path::Path;

use super::super::arguments::{ExportOptions, Global};
use super::super::output::say;
use super::super::session;
use super::super::whole::WholeFile;
use super::{Stop, refuse};
use crate::history::{Given, HEADER, Verified, Verifier};
use crate::journal::Journal;
use crate::order::{Exit, Lines};

pub(super) async fn run(global: &Global, options: &ExportOptions) -> Result<Exit, Stop> {
    let journal = session::records(global)?.journal().await?;
    let verified = match &options.out {
        Some(file) => to_file(&*journal, file, options.unverified).await?,
        None => {
            let mut out = std::io::stdout();
            match write(&*journal, &mut out).await? {
                Ok(verified) => verified,
                // A reader that went away is no fault of ours.
                Err(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
                Err(cause) => {
                    return Err(refuse(
                        &format!("standard output can't be written: {cause}"),
                        "look at where it goes",
                        Exit::Failed,
                    ));
                }
            }
        }
    };
    if let Some(finding) = &verified.finding {
        say(&format!("the journal was changed: {finding}\n  next step: `history verify` says more"));
        return Ok(Exit::Failed);
    }
    say(&format!(
        "{} entries, up to entry {} with the hash {}",
        verified.verdict.entries, verified.verdict.last, verified.verdict.hash
    ));
    Ok(Exit::Done)
}

/// Writes a file of it, whole or not at all; one that was changed only when that is wanted.
pub(super) async fn to_file(journal: &dyn Journal, file: &Path, unverified: bool) -> Result<Verified, Stop> {
    let failed = |cause: std::io::Error| {
        refuse(
            &format!("{} can't be written: {cause}", file.display()),
            "name a file in a folder of yours",
            Exit::Usage,
        )
    };
    let mut draft = WholeFile::begin(file).map_err(failed)?;
    let mut verified = write(journal, &mut draft).await?.map_err(failed)?;
    if verified.finding.is_some() && !unverified {
        // Something may have been pruned while it was read.
        drop(draft);
        draft = WholeFile::begin(file).map_err(failed)?;
        verified = write(journal, &mut draft).await?.map_err(failed)?;
    }
    if let Some(finding) = verified.finding.as_ref().filter(|_| !unverified) {
        return Err(refuse(
            &format!("nothing was exported: the journal was changed: {finding}"),
            "export it all the same with --unverified, for whoever looks into it",
            Exit::Failed,
        ));
    }
    draft.finish().map_err(failed)?;
    Ok(verified)
}

/// Writes all of it, and checks what it writes.
async fn write(journal: &dyn Journal, out: &mut (dyn Write + Send)) -> Result<std::io::Result<Verified>, Stop> {
    let (mut lines, mut verifier) = (Lines::new(), Verifier::new(Given::default(), Vec::new()));
    if let Err(cause) = writeln!(out, "{HEADER}") {
        return Ok(Err(cause));
    }
    while let Some(page) = lines.page(journal).await? {
        if let Some(position) = page.unfit {
            let what = format!(
                "entry {position} can't stand in an export: it was changed so that it could be taken for several"
            );
            return Err(refuse(&what, "`history verify` says more", Exit::Failed));
        }
        let mut text = Vec::new();
        for line in page.lines() {
            verifier.line(line);
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        if let Err(cause) = out.write_all(&text) {
            return Ok(Err(cause));
        }
    }
    Ok(out.flush().map(|()| verifier.end()))
}
