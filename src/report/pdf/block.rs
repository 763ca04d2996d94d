use crate::report::words::Tone;

/// What stands on the pages, in reading order, before anybody knows where.
#[derive(Clone, Debug)]
pub(super) enum Block {
    /// A heading of a level from 1; it has a bookmark.
    Heading { level: u16, text: String },
    /// A paragraph.
    Paragraph(Words),
    /// A table.
    Table(Table),
}

/// A text of one look.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) tone: Tone,
    pub(super) bold: bool,
}

impl Words {
    pub(super) fn of(text: impl ToString) -> Self {
        // An empty cell would be none at all for a reader that goes by the structure.
        let text = Some(text.to_string()).filter(|text| !text.is_empty()).unwrap_or_else(|| "–".to_owned());
        Self { text, ..Self::default() }
    }

    pub(super) fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    pub(super) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }
}

/// A table: rows under a header that is repeated on each page. Of a table without a header the first cell of a row names it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Words>>,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its head; of a table without a header nowhere shown.
    pub(super) head: &'static str,
    /// Its share of the page's width, in hundredths.
    pub(super) share: f32,
    /// Whether its cells stand on the right.
    pub(super) right: bool,
}

/// Text of a share of the width.
pub(super) const fn text(head: &'static str, share: f32) -> Column {
    Column { head, share, right: false }
}

/// Numbers of a share of the width.
pub(super) const fn number(head: &'static str, share: f32) -> Column {
    Column { head, share, right: true }
}

impl Table {
    /// Names and what they are.
    pub(super) fn facts(caption: impl Into<String>, rows: Vec<(&str, Words)>) -> Self {
        Self {
            caption: caption.into(),
            columns: vec![text("", 16.0), text("", 84.0)],
            rows: rows.into_iter().map(|(name, words)| vec![Words::of(name), words]).collect(),
        }
    }

    pub(super) fn has_header(&self) -> bool {
        self.columns.iter().any(|column| !column.head.is_empty())
    }
}
