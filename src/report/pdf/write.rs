use std::num::NonZeroU16;

use jiff::tz::TimeZone;
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TableHeaderScope, Tag, TagGroup, TagTree,
};
use krilla::{Document, SerializeSettings};

use super::NoPdf;
use super::font::{Face, Faces};
use super::layout::{Bookmark, Group, HEIGHT, Line, MARGIN, Mark, Pages, Part, WIDTH};
use crate::report::words::Tone;
use crate::report::{At, Report};

const LANGUAGE: &str = "en";
/// Of the head and foot of a page.
const SMALL: f32 = 6.5;
const HEAD_Y: f32 = 32.0;
const FOOT_Y: f32 = HEIGHT - 24.0;

/// The file.
pub(super) fn document(report: &Report, pages: Pages, faces: &Faces) -> Result<Vec<u8>, NoPdf> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|cause| NoPdf(format!("{cause:?}")))?;
    let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| NoPdf("A4 is no size".into()))?;
    let mut leaves: Vec<Vec<Identifier>> = vec![Vec::new(); pages.leaves];
    let count = pages.pages.len();
    // Each page and each part goes as soon as it is written: a long report is in memory once.
    for (number, marks) in pages.pages.into_iter().enumerate() {
        let mut page = document.start_page_with(size.clone());
        let mut surface = page.surface();
        marks.iter().for_each(|mark| draw(&mut surface, mark, faces, &mut leaves));
        frame(&mut surface, report, faces, number + 1, count);
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some(LANGUAGE.to_owned()));
    pages.parts.into_iter().filter_map(|part| group(part, &leaves)).for_each(|group| tree.push(group));
    document.set_tag_tree(tree);
    document.set_outline(outline(&pages.bookmarks));
    document.set_metadata(metadata(report));
    document.finish().map_err(|cause| NoPdf(format!("the PDF can't be made: {cause:?}")))
}

fn metadata(report: &Report) -> Metadata {
    let hash = report.evidence.last_hash.as_deref().unwrap_or("none");
    let (from, to) = (report.period.from.stamp(), report.period.to.stamp());
    Metadata::new()
        .title(format!("Password rotation report, {from} to {to}"))
        .description(format!("Made from a journal whose last entry before {to} has the hash {hash}."))
        .language(LANGUAGE.to_owned())
        .creator("entra-rotator".to_owned())
        .producer("entra-rotator".to_owned())
        .document_id(format!("{hash} {from} {to}"))
        .creation_date(date(report.period.to))
}

fn date(at: At) -> DateTime {
    let at = at.0.to_zoned(TimeZone::UTC);
    let part = |value: i8| value.unsigned_abs();
    DateTime::new(at.year().unsigned_abs())
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

fn colour(tone: Tone) -> Fill {
    let paint = match tone {
        Tone::Plain => rgb::Color::new(0x1a, 0x1a, 0x1a),
        Tone::Soft => rgb::Color::new(0x55, 0x55, 0x55),
        Tone::Good => rgb::Color::new(0x0b, 0x5d, 0x2a),
        Tone::Warn => rgb::Color::new(0x7a, 0x4b, 0x00),
        Tone::Bad => rgb::Color::new(0xa3, 0x12, 0x12),
    };
    Fill { paint: paint.into(), ..Fill::default() }
}

fn draw(surface: &mut Surface<'_>, mark: &Mark, faces: &Faces, leaves: &mut [Vec<Identifier>]) {
    match mark {
        Mark::Text { leaf, lines, size, tone, bold } => {
            let tag = match leaf {
                Some(_) => ContentTag::Span(SpanTag::empty()),
                None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)),
            };
            let identifier = surface.start_tagged(tag);
            surface.set_fill(Some(colour(*tone)));
            let face = if *bold { &faces.bold } else { &faces.regular };
            lines.iter().for_each(|line| put(surface, line, face, *size));
            surface.end_tagged();
            if let Some(place) = leaf.and_then(|leaf| leaves.get_mut(leaf)) {
                place.push(identifier);
            }
        }
        Mark::Rule { y, width, heavy } => {
            let thick = if *heavy { 0.8 } else { 0.3 };
            let mut path = PathBuilder::new();
            if let Some(rect) = Rect::from_xywh(MARGIN, y - thick / 2.0, *width, thick) {
                path.push_rect(rect);
            }
            surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
            if let Some(path) = path.finish() {
                let grey = if *heavy { rgb::Color::new(0x44, 0x44, 0x44) } else { rgb::Color::new(0xb5, 0xb5, 0xb5) };
                surface.set_fill(Some(Fill { paint: grey.into(), ..Fill::default() }));
                surface.draw_path(&path);
            }
            surface.end_tagged();
        }
    }
}

fn put(surface: &mut Surface<'_>, line: &Line, face: &Face, size: f32) {
    let glyphs = face.glyphs(&line.text);
    surface.draw_glyphs(Point::from_xy(line.x, line.y), &glyphs, face.font.clone(), &line.text, size, false);
}

/// The head and the foot of a page.
fn frame(surface: &mut Surface<'_>, report: &Report, faces: &Faces, number: usize, of: usize) {
    let evidence = &report.evidence;
    let hash = evidence.last_hash.as_deref().unwrap_or("none");
    let unverified = if evidence.intact { "" } else { "NOT VERIFIED · " };
    let left = format!("{unverified}Password rotation report · {} to {}", report.period.from, report.period.to);
    let right = format!("journal: {} entries, the last with hash {hash}", evidence.entries);
    let tone = if evidence.intact { Tone::Soft } else { Tone::Bad };
    edge(surface, faces, ArtifactType::Header, HEAD_Y, tone, [&left, &right]);
    let left = "Made from the journal of entra-rotator alone. It holds no password.";
    edge(surface, faces, ArtifactType::Footer, FOOT_Y, Tone::Soft, [left, &format!("page {number} of {of}")]);
}

fn edge(surface: &mut Surface<'_>, faces: &Faces, kind: ArtifactType, y: f32, tone: Tone, texts: [&str; 2]) {
    let face = &faces.regular;
    let [left, right] = texts.map(|text| faces.shown(text).into_owned());
    let x = WIDTH - MARGIN - face.width_of(&right, SMALL);
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(kind)));
    surface.set_fill(Some(colour(tone)));
    put(surface, &Line { x: MARGIN, y, text: left }, face, SMALL);
    put(surface, &Line { x, y, text: right }, face, SMALL);
    surface.end_tagged();
}

/// What a reader that goes by the structure finds; `None` = nothing stands on a page of it.
fn group(part: Part, leaves: &[Vec<Identifier>]) -> Option<TagGroup> {
    let Part::Group(kind, parts) = part else { return None };
    let mut group = match kind {
        Group::Heading(level, title) => {
            TagGroup::new(Tag::Hn(NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN), Some(title)))
        }
        Group::Paragraph => TagGroup::new(Tag::P),
        Group::Table => TagGroup::new(Tag::Table),
        Group::Caption => TagGroup::new(Tag::Caption),
        Group::Head => TagGroup::new(Tag::THead),
        Group::Body => TagGroup::new(Tag::TBody),
        Group::Row => TagGroup::new(Tag::TR),
        Group::ColumnHeader => TagGroup::new(Tag::TH(TableHeaderScope::Column)),
        Group::RowHeader => TagGroup::new(Tag::TH(TableHeaderScope::Row)),
        Group::Cell => TagGroup::new(Tag::TD),
    };
    for part in parts {
        match part {
            Part::Leaf(leaf) => leaves.get(leaf).into_iter().flatten().for_each(|piece| group.push(*piece)),
            Part::Group(..) => self::group(part, leaves).into_iter().for_each(|inner| group.push(inner)),
        }
    }
    Some(group)
}

/// The bookmarks: the chapters, and in them their parts.
fn outline(bookmarks: &[Bookmark]) -> Outline {
    let node = |mark: &Bookmark| {
        let place = XyzDestination::new(mark.page, Point::from_xy(MARGIN, mark.y));
        OutlineNode::new(mark.text.clone(), place)
    };
    let mut outline = Outline::new();
    let mut chapter: Option<OutlineNode> = None;
    for mark in bookmarks {
        match (&mut chapter, mark.level) {
            (Some(chapter), 3..) => chapter.push_child(node(mark)),
            _ => {
                if let Some(done) = chapter.replace(node(mark)) {
                    outline.push_child(done);
                }
            }
        }
    }
    if let Some(done) = chapter {
        outline.push_child(done);
    }
    outline
}
