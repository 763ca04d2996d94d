//! Maintenance windows hold for people too; a compromise does not wait for one.

use std::io::{BufRead, IsTerminal};

use super::output::say;
use crate::engine::{Purpose, Wish};
use crate::order::{Came, Exit, Wanted};
use crate::schedule::local;
use crate::wiring::World;

/// The reason that does not wait for a window.
const COMPROMISE: &str = "compromise";

/// Whether that is the reason.
pub(super) fn is_one(reason: &str) -> bool {
    reason.trim().eq_ignore_ascii_case(COMPROMISE)
}

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
    if !is_one(&answer) {
        say("nothing was changed");
        return false;
    }
    true
}

/// What is said instead of rotating an account outside its windows. What mends, adopts or rehearses needs none.
pub(super) fn closed(world: &World, wish: &Wish, wanted: &Wanted) -> Option<Came> {
    if wanted.purpose != Purpose::Rotate {
        return None;
    }
    let post = world.roster.posts.get(&wish.account)?;
    let now = world.ports().clock.now();
    if post.policy.windows.is_open(now) {
        return None;
    }
    if is_one(&wanted.reason) {
        say(&format!("{}: outside its maintenance windows, and rotated all the same", wish.account));
        return None;
    }
    let opens = post.policy.windows.next_open(now);
    let opens = opens.map_or_else(
        || "none opens within 400 days".to_owned(),
        |at| format!("the next one opens {}", local(at, &post.zone)),
    );
    let message = format!(
        "nothing was changed: outside its maintenance windows, {opens}\n  next step: wait for it; after a compromise `rotate --reason compromise` does not"
    );
    Some(Came::without_rotation(&wish.account, Exit::Window, message))
}
