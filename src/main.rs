//! entra-rotator.
fn main() {}
