//! A compromise does not wait for a maintenance window.

use std::io::{BufRead, IsTerminal};

use super::output::say;
use crate::order::{COMPROMISE, is_compromise};

/// Says what a rotation because of a compromise is, and asks. Without a terminal only `--yes` agrees.
pub(super) fn agreed(yes: bool) -> bool {
    say("reason compromise: maintenance windows and blackouts are ignored; every other safety holds");
    if yes {
        return true;
    }
    if !std::io::stdin().is_terminal() {
        say("nothing was changed: there is no terminal to ask at\n  next step: say --yes too");
        return false;
    }
    say(&format!("Type `{COMPROMISE}` and Enter to rotate now; anything else stops here."));
    let mut answer = String::new();
    // Nothing read is no agreement.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    if !is_compromise(&answer) {
        say("nothing was changed");
        return false;
    }
    true
}
