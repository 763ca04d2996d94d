use super::Range;

/// What is to be removed from a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// The rotations, each closed; all their entries go.
    pub rotations: Vec<String>,
    /// The gaps that there are afterwards. Where one grows that was there before, it stands here as a whole.
    pub ranges: Vec<Range>,
    /// How many entries go.
    pub entries: u64,
}
