//! powershell.exe, as far as the product's own scripts go: see [`stand_ins::powershell`].

use std::process::ExitCode;

fn main() -> ExitCode {
    stand_ins::powershell::run(std::env::args().collect())
}
