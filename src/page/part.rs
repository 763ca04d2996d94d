use super::link::link;

/// Which part of a list stands on a page.
#[derive(Clone, Debug)]
pub struct Part {
    /// How many there are in all.
    pub of: usize,
    size: usize,
    /// From 1.
    page: usize,
    what: &'static str,
    path: &'static str,
    fields: Vec<(&'static str, String)>,
}

impl Part {
    /// The page that is asked for, or the last one. `what` there is on it, as a title says it; `fields` = what the way to the
    /// others keeps.
    pub fn new(
        (what, path): (&'static str, &'static str),
        fields: Vec<(&'static str, String)>,
        (of, size): (usize, usize),
        asked: &str,
    ) -> Self {
        let last = of.div_ceil(size).max(1);
        let page = asked.parse().unwrap_or(1).clamp(1, last);
        Self { of, size, page, what, path, fields }
    }

    /// The places of the list that stand on it.
    pub fn places(&self) -> std::ops::Range<usize> {
        let first = (self.page - 1) * self.size;
        first..(first + self.size).min(self.of)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.of <= self.size
    }

    /// "51 to 100".
    pub(super) fn figures(&self) -> String {
        format!("{} to {}", self.places().start + 1, self.places().end)
    }

    pub(super) fn what(&self) -> &'static str {
        self.what
    }

    pub(super) fn before(&self) -> Option<String> {
        (self.page > 1).then(|| self.link(self.page - 1))
    }

    pub(super) fn after(&self) -> Option<String> {
        (self.places().end < self.of).then(|| self.link(self.page + 1))
    }

    /// The way to this page, with other fields.
    pub(super) fn here(&self, fields: &[(&'static str, String)]) -> String {
        Self { fields: fields.to_vec(), ..self.clone() }.link(self.page)
    }

    fn link(&self, page: usize) -> String {
        let page = if page > 1 { page.to_string() } else { String::new() };
        let mut fields: Vec<(&str, &str)> = self.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.push(("page", &page));
        link(self.path, &fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_stands_on_one_page_and_no_page_is_empty() {
        let part = |of: usize, asked: &str| {
            Part::new(("Accounts", "/"), vec![("name", "a&b".to_owned()), ("only", String::new())], (of, 50), asked)
        };
        for (of, asked, places, before, after) in [
            (0, "1", 0..0, None, None),
            (50, "1", 0..50, None, None),
            (51, "", 0..50, None, Some("/?name=a%26b&page=2")),
            (51, "2", 50..51, Some("/?name=a%26b"), None),
            (120, "2", 50..100, Some("/?name=a%26b"), Some("/?name=a%26b&page=3")),
            (120, "9", 100..120, Some("/?name=a%26b&page=2"), None),
            (120, "0", 0..50, None, Some("/?name=a%26b&page=2")),
            (120, "99999999999999999999999", 0..50, None, Some("/?name=a%26b&page=2")),
        ] {
            let part = part(of, asked);
            assert_eq!(part.places(), places, "{of} {asked}");
            assert_eq!((part.before().as_deref(), part.after().as_deref()), (before, after), "{of} {asked}");
        }
        assert_eq!(part(120, "3").figures(), "101 to 120");
        assert!(part(50, "").is_whole() && !part(51, "").is_whole());
        assert_eq!(part(120, "3").here(&[]), "/?page=3");
    }
}
