//! Search requests.

use super::super::store::Books;
use super::answers::{self, Answer};
use super::codec::{self, Scope, Search};
use super::tree::{Entry, View};
use super::{names, root};

/// More matches than this are never sent.
const ENTRIES_MAX: usize = 1000;

/// What a search gives: whole messages, and the answer that ends them.
pub(super) struct Outcome {
    pub(super) messages: Vec<u8>,
    pub(super) answer: Answer,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self { messages: Vec::new(), answer }
    }
}

/// Answers a search of the somebody that `view` is made for; `logged_on` tells whether it is anybody.
pub(super) fn run(
    id: i32,
    search: &Search,
    view: &View<'_>,
    books: &Books,
    logged_on: bool,
    hidden: &[String],
) -> Outcome {
    if !search.filter.is_offered() {
        return answers::not_offered("a part of this filter").into();
    }
    if search.base.is_empty() {
        return match search.scope {
            Scope::Base => found(id, search, [root::entry(view, books.now)].iter(), hidden),
            _ if logged_on => answers::no_object("").into(),
            _ => answers::not_logged_on().into(),
        };
    }
    if !logged_on {
        return answers::not_logged_on().into();
    }
    let entries = view.entries();
    if let Err(answer) = place(&search.base, view, &entries) {
        return answer.into();
    }
    let within = entries.iter().filter(|entry| match search.scope {
        Scope::Base => names::same(&entry.dn, &search.base),
        Scope::One => names::same(&names::parent(&entry.dn), &search.base),
        Scope::Subtree => names::is_within(&entry.dn, &search.base) && same_context(&entry.dn, &search.base, view),
    });
    let mut outcome = found(id, search, within, hidden);
    if search.scope == Scope::Subtree && outcome.answer.is_success() {
        for url in references(&search.base, view) {
            outcome.messages.extend(codec::reference(id, &url));
        }
    }
    outcome
}

/// Whether there is an object called `dn` here; else the answer that says where or why not.
pub(super) fn place(dn: &str, view: &View<'_>, entries: &[Entry]) -> Result<(), Answer> {
    if !names::is_name(dn) {
        return Err(answers::bad_name(dn));
    }
    if entries.iter().any(|entry| names::same(&entry.dn, dn)) {
        return Ok(());
    }
    let domain = names::domain_of(dn);
    if !domain.is_empty() && !domain.eq_ignore_ascii_case(&view.domain.forest) {
        return Err(answers::referral(&domain, dn));
    }
    let above = entries.iter().filter(|entry| names::is_within(dn, &entry.dn));
    let nearest = above.max_by_key(|entry| entry.dn.len()).map_or("", |entry| entry.dn.as_str());
    Err(answers::no_object(nearest))
}

fn found<'a>(id: i32, search: &Search, entries: impl Iterator<Item = &'a Entry>, hidden: &[String]) -> Outcome {
    let limit = if search.size_limit == 0 { ENTRIES_MAX } else { search.size_limit.min(ENTRIES_MAX) };
    let mut matches = entries.filter(|entry| search.filter.matches(entry));
    let mut messages = Vec::new();
    for entry in matches.by_ref().take(limit) {
        let mut shown = entry.shown(&search.attributes, search.scope == Scope::Base, hidden);
        if search.types_only {
            shown.iter_mut().for_each(|(_, values)| values.clear());
        }
        messages.extend(codec::entry(id, &entry.dn, &shown));
    }
    let answer = if matches.next().is_some() { answers::size_limit() } else { Answer::success() };
    Outcome { messages, answer }
}

/// A subtree ends where another partition begins: the configuration is not searched from the domain's head.
fn same_context(dn: &str, base: &str, view: &View<'_>) -> bool {
    let context = |dn: &str| {
        let contexts = [view.schema(), view.configuration(), view.head()];
        contexts.iter().position(|context| names::is_within(dn, context))
    };
    context(dn) == context(base)
}

/// Partitions right below what was searched, as urls.
fn references(base: &str, view: &View<'_>) -> Vec<String> {
    let forest = &view.domain.forest;
    let mut partitions = vec![(forest.as_str(), view.configuration(), view.head())];
    if let Some(child) = &view.domain.child {
        partitions.push((child, names::of_domain(child), view.head()));
    }
    partitions.push((forest, view.schema(), view.configuration()));
    let below = partitions.iter().filter(|(_, _, above)| names::same(above, base));
    below.map(|(host, context, _)| format!("ldap://{host}/{}", answers::url_part(context))).collect()
}
