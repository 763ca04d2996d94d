use entra_rotator::engine::Watch;
use entra_rotator::journal::Entry;
use entra_rotator::order::Teller;
use entra_rotator::rotation::Progress;
use jiff::Timestamp;

/// Tells nobody.
pub(crate) struct Silent;

impl Teller for Silent {
    fn say(&self, _: &str) {}

    fn watch(&self, _: &str) -> Box<dyn Watch + '_> {
        Box::new(Self)
    }
}

impl Watch for Silent {
    fn entry(&self, _: &Entry, _: &Progress) {}

    fn waiting(&self, _: Timestamp) {}
}
