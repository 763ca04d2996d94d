use std::borrow::Cow;
use std::ops::Range;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

use super::NoPdf;

/// The print's fonts, in the program: made as templates/fonts/README.md says.
const REGULAR: &[u8] = include_bytes!("../../../templates/fonts/DejaVuSansCondensed.ttf");
const BOLD: &[u8] = include_bytes!("../../../templates/fonts/DejaVuSansCondensed-Bold.ttf");

/// How many characters Unicode's first plane has. The fonts have none beyond.
const PLANE: usize = 0x1_0000;

/// What a font draws for a character, and how wide: in parts of the font's size.
#[derive(Clone, Copy, Debug, Default)]
struct Drawn {
    glyph: u16,
    width: f32,
}

/// A font, with what a line is measured by.
pub(super) struct Face {
    pub(super) font: Font,
    drawn: Vec<Drawn>,
}

/// Both fonts of the print.
pub(super) struct Faces {
    pub(super) regular: Face,
    pub(super) bold: Face,
}

impl Faces {
    pub(super) fn load() -> Result<Self, NoPdf> {
        Ok(Self { regular: Face::load(REGULAR)?, bold: Face::load(BOLD)? })
    }

    /// The text with each character that a font lacks as its code point: nothing is dropped. For the regular font, which
    /// draws what other people named, and the bold one alike.
    pub(super) fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let has = |letter: char| self.regular.has(letter) && self.bold.has(letter);
        if text.chars().all(has) {
            return Cow::Borrowed(text);
        }
        let mut shown = String::with_capacity(text.len());
        for letter in text.chars() {
            if has(letter) {
                shown.push(letter);
            } else {
                shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(letter)));
            }
        }
        Cow::Owned(shown)
    }
}

impl Face {
    fn load(file: &'static [u8]) -> Result<Self, NoPdf> {
        let read = FontRef::new(file).map_err(|cause| NoPdf(format!("the font can't be read: {cause}")))?;
        let font = Font::new(file.into(), 0).ok_or_else(|| NoPdf("the font can't be used".into()))?;
        let widths = read.glyph_metrics(Size::new(1.0), LocationRef::default());
        let mut drawn = vec![Drawn::default(); PLANE];
        for (letter, glyph) in read.charmap().mappings() {
            let (Some(place), Ok(number)) = (drawn.get_mut(letter as usize), u16::try_from(glyph.to_u32())) else {
                continue;
            };
            *place = Drawn { glyph: number, width: widths.advance_width(glyph).unwrap_or_default() };
        }
        Ok(Self { font, drawn })
    }

    fn drawn(&self, letter: char) -> Drawn {
        self.drawn.get(letter as usize).copied().unwrap_or_default()
    }

    fn has(&self, letter: char) -> bool {
        self.drawn(letter).glyph > 0
    }

    /// How wide a character is at a size.
    pub(super) fn width(&self, letter: char, size: f32) -> f32 {
        self.drawn(letter).width * size
    }

    /// How wide a text is at a size.
    pub(super) fn width_of(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|letter| self.width(letter, size)).sum()
    }

    /// The glyphs of a text, one for each character.
    pub(super) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let glyph = |(at, letter): (usize, char)| {
            let Drawn { glyph, width } = self.drawn(letter);
            let range: Range<usize> = at..at + letter.len_utf8();
            KrillaGlyph::new(GlyphId::new(u32::from(glyph)), width, 0.0, 0.0, 0.0, range, None)
        };
        text.char_indices().map(glyph).collect()
    }
}
