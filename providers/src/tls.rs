//! One rustls configuration for every adapter.
