//! Maintenance windows hold for people too; a compromise does not wait for one.

use jiff::Timestamp;

use super::{Came, Exit, Post, Wanted};
use crate::engine::Purpose;
use crate::schedule::local;

/// The reason that does not wait for a window.
pub const COMPROMISE: &str = "compromise";

/// Whether that is the reason.
pub fn is_compromise(reason: &str) -> bool {
    reason.trim().eq_ignore_ascii_case(COMPROMISE)
}

/// Whether a person's rotation begins outside the account's windows. What mends, adopts or rehearses needs none.
pub fn is_outside(post: &Post, wanted: &Wanted, now: Timestamp) -> bool {
    wanted.purpose == Purpose::Rotate && !post.policy.windows.is_open(now)
}

/// What is said instead of rotating an account outside its windows.
pub fn closed(post: &Post, wanted: &Wanted, now: Timestamp) -> Option<Came> {
    if !is_outside(post, wanted, now) || is_compromise(&wanted.reason) {
        return None;
    }
    let opens = next_window(post, now);
    let message = format!(
        "nothing was changed: outside its maintenance windows, {opens}\n  next step: wait for it; after a compromise `rotate --reason compromise` does not"
    );
    Some(Came::without_rotation(&post.wish.account, Exit::Window, message))
}

/// When the next window opens, in words.
pub fn next_window(post: &Post, now: Timestamp) -> String {
    post.policy.windows.next_open(now).map_or_else(
        || "none opens within 400 days".to_owned(),
        |at| format!("the next one opens {}", local(at, &post.zone)),
    )
}
