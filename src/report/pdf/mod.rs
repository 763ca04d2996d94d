//! The report for a printer and an archive: PDF/A-2a and PDF/UA-1, with its fonts and its structure. No clock: its time is
//! the period's end.

mod block;
mod font;
mod layout;
mod said;
mod write;

use super::Report;

/// How many rotations a print tells in full: each takes a page and a half, and 160 KB of memory while it is written.
pub const PRINTED_MAX: usize = 2_000;

/// Why there is no PDF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoPdf(String);

/// The report as PDF.
pub(super) fn pdf(report: &Report) -> Result<Vec<u8>, NoPdf> {
    let rotations = report.rotations.len();
    if rotations > PRINTED_MAX {
        return Err(NoPdf(format!(
            "{rotations} rotations are more than a print of {PRINTED_MAX} holds: take a shorter period, or the form html"
        )));
    }
    let faces = font::Faces::load()?;
    let pages = layout::pages(said::blocks(report), &faces);
    write::document(report, pages, &faces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Gathering, Period, Verified};

    #[test]
    fn the_fonts_have_every_letter_of_ours() {
        let period = Period::quarter("2026Q3").expect("a quarter");
        let report = Gathering::new(period).end(Verified::Intact);
        let faces = font::Faces::load().expect("fonts");
        let mut words: Vec<String> = ["finished", "failed", "rolled-back-by-order", "held", "repaired", "open"]
            .map(|word| super::super::words::outcome(word).1.to_owned())
            .to_vec();
        for block in said::blocks(&report) {
            match block {
                block::Block::Heading { text, .. } => words.push(text),
                block::Block::Paragraph(said) => words.push(said.text),
                block::Block::Table(table) => words.extend(table.rows.into_iter().flatten().map(|said| said.text)),
            }
        }
        words.push("⟨⟩⏎⇥✓✕△‖↩…–".to_owned());
        for text in &words {
            assert_eq!(faces.shown(text), text.as_str());
        }
        assert_eq!(faces.shown("Їжак שלום 😀"), "Їжак ⟨U+05E9⟩⟨U+05DC⟩⟨U+05D5⟩⟨U+05DD⟩ ⟨U+1F600⟩");
    }
}
