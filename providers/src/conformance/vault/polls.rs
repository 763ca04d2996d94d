//! Calls that are cut: dropped where they wait for something, as by the end of the process.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

/// More moments than these are not tried, but evenly spread ones.
const CUTS_MAX: usize = 12;

/// Polls `call` at most `polls` times: its answer, if it came by then.
pub(super) async fn some_polls<T>(mut call: Pin<&mut impl Future<Output = T>>, polls: usize) -> Option<T> {
    let mut left = polls;
    poll_fn(move |context| {
        if left > 0 {
            left -= 1;
            if let Poll::Ready(answer) = call.as_mut().poll(context) {
                return Poll::Ready(Some(answer));
            }
        }
        if left == 0 { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// Drops `call` after so many polls: its answer, if it came by then.
pub(super) async fn cut<T>(call: impl Future<Output = T>, polls: usize) -> Option<T> {
    some_polls(pin!(call), polls).await
}

/// The answer of a call, and how often it was polled.
pub(super) async fn counted<T>(call: impl Future<Output = T>) -> (T, usize) {
    let (mut call, mut polls) = (pin!(call), 0);
    let answer = poll_fn(|context| {
        polls += 1;
        call.as_mut().poll(context)
    })
    .await;
    (answer, polls)
}

/// At how many polls to cut a call that needs `polls`: before the first, after the first, … , before the last.
pub(super) fn moments(polls: usize) -> Vec<usize> {
    let wanted = polls.min(CUTS_MAX);
    (0..wanted).map(|at| at * polls / wanted.max(1)).collect()
}
