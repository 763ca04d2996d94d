use super::block::{Block, Column, Table, Words};
use super::font::{Face, Faces};
use crate::report::words::Tone;

/// A4, lying, in points.
pub(super) const WIDTH: f32 = 841.89;
pub(super) const HEIGHT: f32 = 595.28;
pub(super) const MARGIN: f32 = 40.0;
const TOP: f32 = 52.0;
const BOTTOM: f32 = HEIGHT - 40.0;
const USABLE: f32 = WIDTH - 2.0 * MARGIN;

const SIZE: f32 = 8.0;
/// From one line to the next, in sizes.
const LEADING: f32 = 1.3;
/// From a line's top to its base, in sizes.
const ASCENT: f32 = 0.95;
/// Beside a cell's text.
const PAD: f32 = 3.5;
/// Above and under it.
const AIR: f32 = 1.6;
/// Under a paragraph and a table.
const GAP: f32 = 7.0;
/// What must have room under a heading, so that it does not stand alone.
const COMPANY: f32 = 64.0;
const HEADINGS: [(f32, f32); 3] = [(17.0, 0.0), (12.5, 12.0), (9.5, 9.0)];

/// What a reader that goes by the structure is told.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Text: the pieces of it that stand on the pages have this number.
    Leaf(usize),
    /// A group.
    Group(Group, Vec<Part>),
}

/// The kinds of groups.
#[derive(Clone, Debug)]
pub(super) enum Group {
    Heading(u16, String),
    Paragraph,
    Table,
    Caption,
    Head,
    Body,
    Row,
    ColumnHeader,
    RowHeader,
    Cell,
}

/// Something drawn on a page.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// Lines of text under each other; `None` = what was said before and is repeated.
    Text { leaf: Option<usize>, lines: Vec<Line>, size: f32, tone: Tone, bold: bool },
    /// A line across, at this height and so long.
    Rule { y: f32, width: f32, heavy: bool },
}

/// A line of text: where its base begins.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) text: String,
}

/// Where a heading stands.
#[derive(Clone, Debug)]
pub(super) struct Bookmark {
    pub(super) level: u16,
    pub(super) text: String,
    pub(super) page: usize,
    pub(super) y: f32,
}

/// Everything, at its place.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) pages: Vec<Vec<Mark>>,
    pub(super) parts: Vec<Part>,
    pub(super) bookmarks: Vec<Bookmark>,
    pub(super) leaves: usize,
}

/// Puts the blocks on pages.
pub(super) fn pages(blocks: Vec<Block>, faces: &Faces) -> Pages {
    let mut setter = Setter { faces, set: Pages { pages: vec![Vec::new()], ..Pages::default() }, y: TOP };
    for block in blocks {
        match block {
            Block::Heading { level, text } => setter.heading(level, &text),
            Block::Paragraph(words) => setter.paragraph(&words),
            Block::Table(table) => setter.table(&table),
        }
    }
    setter.set
}

/// A cell's text in lines, as long as some of them have no place yet.
struct Pending {
    leaf: usize,
    x: f32,
    width: f32,
    right: bool,
    tone: Tone,
    bold: bool,
    lines: std::vec::IntoIter<String>,
}

struct Setter<'f> {
    faces: &'f Faces,
    set: Pages,
    /// The top of what comes next.
    y: f32,
}

impl Setter<'_> {
    fn face(&self, bold: bool) -> &Face {
        if bold { &self.faces.bold } else { &self.faces.regular }
    }

    fn turn(&mut self) {
        self.set.pages.push(Vec::new());
        self.y = TOP;
    }

    fn is_fresh(&self) -> bool {
        self.set.pages.last().is_none_or(Vec::is_empty)
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.set.pages.last_mut() {
            page.push(mark);
        }
    }

    fn leaf(&mut self) -> usize {
        self.set.leaves += 1;
        self.set.leaves - 1
    }

    fn heading(&mut self, level: u16, text: &str) {
        let (size, before) = HEADINGS[usize::from(level.clamp(1, 3)) - 1];
        let lines = wrapped(&self.faces.shown(text), self.face(true), size, USABLE);
        let height = lines.len() as f32 * size * LEADING;
        if !self.is_fresh() {
            self.y += before;
            if self.y + height + COMPANY > BOTTOM {
                self.turn();
            }
        }
        let page = self.set.pages.len() - 1;
        let whole: String = lines.concat();
        self.set.bookmarks.push(Bookmark { level, text: whole.clone(), page, y: self.y });
        let leaf = self.leaf();
        self.lines(leaf, lines, size, Tone::Plain, true);
        self.y += size * 0.35;
        self.set.parts.push(Part::Group(Group::Heading(level, whole), vec![Part::Leaf(leaf)]));
    }

    fn paragraph(&mut self, words: &Words) {
        let lines = wrapped(&self.faces.shown(&words.text), self.face(words.bold), SIZE, USABLE);
        let leaf = self.leaf();
        self.lines(leaf, lines, SIZE, words.tone, words.bold);
        self.y += GAP;
        self.set.parts.push(Part::Group(Group::Paragraph, vec![Part::Leaf(leaf)]));
    }

    /// Lines over the whole width, on as many pages as they need.
    fn lines(&mut self, leaf: usize, lines: Vec<String>, size: f32, tone: Tone, bold: bool) {
        let mut lines = lines.into_iter().peekable();
        while lines.peek().is_some() {
            if self.y + size * LEADING > BOTTOM && !self.is_fresh() {
                self.turn();
            }
            let mut placed = Vec::new();
            // At least one, so that this ends.
            while let Some(text) = lines.next_if(|_| placed.is_empty() || self.y + size * LEADING <= BOTTOM) {
                placed.push(Line { x: MARGIN, y: self.y + size * ASCENT, text });
                self.y += size * LEADING;
            }
            self.mark(Mark::Text { leaf: Some(leaf), lines: placed, size, tone, bold });
        }
    }

    fn table(&mut self, table: &Table) {
        let places = places(&table.columns);
        let header = table.has_header();
        let mut parts = Vec::new();
        let head: Vec<Words> = table.columns.iter().map(|column| Words::of(column.head).bold()).collect();
        let caption = wrapped(&self.faces.shown(&table.caption), self.face(true), SIZE, USABLE);
        let line = SIZE * LEADING;
        // The caption, the head and a row stay together.
        let company = caption.len() as f32 * line + 3.0 * (line + 2.0 * AIR);
        if self.y + company > BOTTOM && !self.is_fresh() {
            self.turn();
        }
        if !table.caption.is_empty() {
            let leaf = self.leaf();
            self.lines(leaf, caption, SIZE, Tone::Plain, true);
            self.y += 2.0;
            parts.push(Part::Group(Group::Caption, vec![Part::Leaf(leaf)]));
        }
        self.rule(&places, true);
        if header {
            let row = self.row(&head, &places, &table.columns, None);
            let cells = row.into_iter().map(|leaf| Part::Group(Group::ColumnHeader, vec![Part::Leaf(leaf)]));
            parts.push(Part::Group(Group::Head, vec![Part::Group(Group::Row, cells.collect())]));
            self.rule(&places, true);
        }
        let mut body = Vec::new();
        for row in &table.rows {
            let leaves = self.row(row, &places, &table.columns, header.then_some(&head));
            let cells = leaves.into_iter().enumerate().map(|(number, leaf)| {
                let group = if number == 0 && !header { Group::RowHeader } else { Group::Cell };
                Part::Group(group, vec![Part::Leaf(leaf)])
            });
            body.push(Part::Group(Group::Row, cells.collect()));
            self.rule(&places, false);
        }
        parts.push(Part::Group(Group::Body, body));
        self.set.parts.push(Part::Group(Group::Table, parts));
        self.y += GAP;
    }

    fn rule(&mut self, places: &[(f32, f32)], heavy: bool) {
        let y = self.y;
        let width = places.last().map_or(USABLE, |(x, width)| x + width + PAD - MARGIN);
        self.mark(Mark::Rule { y, width, heavy });
    }

    /// A row, on as many pages as it needs; `head` is repeated on each new one. Returns its cells' numbers.
    fn row(
        &mut self,
        row: &[Words],
        places: &[(f32, f32)],
        columns: &[Column],
        head: Option<&Vec<Words>>,
    ) -> Vec<usize> {
        let mut pending: Vec<Pending> = Vec::with_capacity(row.len());
        for ((words, (x, width)), column) in row.iter().zip(places).zip(columns) {
            let lines = wrapped(&self.faces.shown(&words.text), self.face(words.bold), SIZE, *width);
            let leaf = self.leaf();
            let Words { tone, bold, .. } = *words;
            pending.push(Pending {
                leaf,
                x: *x,
                width: *width,
                right: column.right,
                tone,
                bold,
                lines: lines.into_iter(),
            });
        }
        let line = SIZE * LEADING;
        let mut first = true;
        loop {
            let rest = pending.iter().map(|cell| cell.lines.len()).max().unwrap_or_default();
            if rest == 0 {
                return pending.iter().map(|cell| cell.leaf).collect();
            }
            let fits = self.room();
            let whole_page = ((BOTTOM - TOP - 4.0 * line) / line) as usize;
            // What fits on one page is not divided.
            let turns = fits == 0 || (first && fits < rest && rest <= whole_page);
            if turns && !self.is_fresh() {
                self.turn();
                if let Some(head) = head {
                    self.again(head, places, columns);
                }
            }
            let count = self.room().clamp(1, rest);
            self.slice(&mut pending, count);
            first = false;
        }
    }

    /// How many lines of a row have room on this page.
    fn room(&self) -> usize {
        ((BOTTOM - self.y - 2.0 * AIR) / (SIZE * LEADING)).max(0.0) as usize
    }

    /// The next lines of each cell, beside each other.
    fn slice(&mut self, pending: &mut [Pending], count: usize) {
        let line = SIZE * LEADING;
        let top = self.y + AIR;
        let mut marks = Vec::with_capacity(pending.len());
        for cell in pending {
            let face = if cell.bold { &self.faces.bold } else { &self.faces.regular };
            let lines: Vec<Line> = cell
                .lines
                .by_ref()
                .take(count)
                .enumerate()
                .map(|(number, text)| {
                    let free = cell.width - face.width_of(text.trim_end(), SIZE);
                    let x = if cell.right { cell.x + free.max(0.0) } else { cell.x };
                    Line { x, y: top + number as f32 * line + SIZE * ASCENT, text }
                })
                .collect();
            if !lines.is_empty() {
                marks.push(Mark::Text { leaf: Some(cell.leaf), lines, size: SIZE, tone: cell.tone, bold: cell.bold });
            }
        }
        for mark in marks {
            self.mark(mark);
        }
        self.y += count as f32 * line + 2.0 * AIR;
    }

    /// The head once more, on a new page: it was said already.
    fn again(&mut self, head: &[Words], places: &[(f32, f32)], columns: &[Column]) {
        let before = self.set.pages.last().map_or(0, Vec::len);
        self.rule(places, true);
        let leaves = self.set.leaves;
        self.row(head, places, columns, None);
        self.set.leaves = leaves;
        self.rule(places, true);
        if let Some(page) = self.set.pages.last_mut() {
            for mark in page.iter_mut().skip(before) {
                if let Mark::Text { leaf, .. } = mark {
                    *leaf = None;
                }
            }
        }
    }
}

/// Where each column's text begins, and how wide it may be.
fn places(columns: &[Column]) -> Vec<(f32, f32)> {
    let mut x = MARGIN;
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        let width = USABLE * column.share / 100.0;
        places.push((x + PAD, width - 2.0 * PAD));
        x += width;
    }
    places
}

/// A text in lines of a width at most: broken after a space, and inside a word that is too long for a line. Put together
/// again they are the text.
fn wrapped(text: &str, face: &Face, size: f32, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    // Of the line: how wide, and the place and width behind its last space.
    let (mut long, mut space) = (0.0, None::<(usize, f32)>);
    for letter in text.chars() {
        let wide = face.width(letter, size);
        if letter != ' ' && long + wide > width && !line.is_empty() {
            let rest = match space.take() {
                Some((at, before)) => {
                    long -= before;
                    line.split_off(at)
                }
                None => {
                    long = 0.0;
                    String::new()
                }
            };
            lines.push(std::mem::replace(&mut line, rest));
        }
        line.push(letter);
        long += wide;
        if letter == ' ' {
            space = Some((line.len(), long));
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_fit_and_lose_nothing() {
        let faces = Faces::load().expect("fonts");
        for text in ["", " ", "a", "two words", &"w".repeat(300), &format!("a {} b", "x/".repeat(90)), "   three   "] {
            let lines = wrapped(text, &faces.regular, SIZE, 90.0);
            assert_eq!(lines.concat(), text);
            for line in &lines {
                assert!(faces.regular.width_of(line.trim_end(), SIZE) <= 90.0, "{line:?}");
            }
        }
    }
}
