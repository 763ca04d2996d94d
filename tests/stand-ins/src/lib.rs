//! Programs that stand in, for tests, for what only a Connect server has. Behind them is the lab.
//!
//! They build for Linux and for Windows, so that the product's own Windows program can meet them under Wine.

pub mod powershell;
