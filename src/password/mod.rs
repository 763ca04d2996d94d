//! What a password must be, and making one. Pure: the generator is an argument.

mod generate;
mod rules;

pub use generate::generate;
pub use rules::{LENGTH_DEFAULT, LENGTH_MAX, Rules, Unfit};
