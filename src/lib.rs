//! entra-rotator.
