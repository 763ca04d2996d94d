//! The checks, by what they are about, and the words of the port that each rests on.

mod adopt;
mod announce;
mod cut;
mod discard;
mod limits;
mod promote;
mod race;
mod restart;
mod stage;
mod takeover;
mod tenure;
mod value;

use std::future::Future;
use std::pin::Pin;

use super::scene::Scene;
use crate::conformance::verdict::{Verdict, done, ensure, fault};

type Run = for<'a> fn(&'a Scene) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// A check, its name, and the port's words.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) clause: &'static str,
    pub(super) run: Run,
}

/// The check that judges all the words that were heard, so it is the last.
pub(super) const NO_SECRET: &str = "no_secret_is_shown";

/// Checks beside which no other may run: they end the vault, or judge what all the others heard.
pub(super) const ALONE: [&str; 3] =
    ["what_is_done_survives_a_restart", "promote_cut_by_a_restart_is_carried_on", NO_SECRET];

macro_rules! checks {
    ($($clause:literal => [$($room:ident :: $name:ident),* $(,)?],)*) => {
        &[$($(Check {
            name: stringify!($name),
            clause: $clause,
            run: |scene| Box::pin($room::$name(scene)),
        },)*)*]
    };
}

pub(super) const ALL: &[Check] = checks![
    "Makes `secret` current where the account has no current value yet" => [
        adopt::adopt_makes_current,
        adopt::adopt_leaves_the_candidate,
    ],
    "A current value that is there already = `Refused`." => [adopt::adopt_over_a_current_value_is_refused],
    "What lies in the slot now; `None` when it is empty." => [adopt::find_of_an_empty_place_is_none],
    "The vault's own version word, for people and for audit." => [adopt::versions_tell_values_apart],
    "`Refused` when the slot no longer carries the same rotation." => [adopt::read_by_a_past_reference_is_refused],
    "Makes `secret` durable as the pending candidate of `attempt`, beside current." => [
        stage::stage_done_is_there,
        stage::stage_lies_beside_current,
    ],
    "its value stays and is returned: the first write wins" => [
        stage::stage_again_returns_the_first_value,
        race::several_calls_of_one_attempt_agree,
    ],
    "A pending candidate of another rotation is `Refused`" => [
        stage::stage_beside_another_rotations_is_refused,
        race::one_of_several_rotations_gets_in,
    ],
    "unless `attempt.takes_over` names that rotation" => [
        stage::stage_takes_over_what_it_names_alone,
        race::one_of_several_takes_over,
    ],
    "a write that arrives late can't replace the value in use" => [
        stage::stage_after_its_promotion_brings_no_candidate,
        stage::stage_after_its_promotion_leaves_the_next_candidate,
    ],
    "brings back the one that it took over, if any" => [
        takeover::takeover_keeps_the_candidates_before,
        takeover::takeover_again_is_the_same,
    ],
    "candidates are kept beside the new one until it is promoted" => [takeover::takeover_ends_with_the_promotion],
    "Makes the pending candidate of `attempt` current, and what was current previous; empties pending." => [
        promote::promote_makes_the_candidate_current,
        promote::promote_keeps_what_was_current,
    ],
    "Done already = `Ok`." => [
        promote::promote_again_is_done_already,
        promote::promote_again_leaves_the_next_candidate,
        race::promotions_at_once_are_one,
    ],
    "Pending and current both of other rotations = `Refused`." => [
        promote::promote_of_nothing_is_refused,
        promote::promote_of_anothers_is_refused,
        promote::promote_of_a_past_rotation_is_refused,
    ],
    "The candidate is readable in pending or in current at every moment." => [
        cut::candidate_is_readable_while_it_is_promoted,
        cut::promote_cut_anywhere_is_carried_on,
    ],
    "a call may be repeated with the same arguments: the second has the same effect as the first" => [
        cut::stage_cut_anywhere_leaves_one_value,
        cut::takeover_cut_anywhere_loses_nothing,
        cut::discard_cut_anywhere_brings_back_once,
        cut::announce_cut_anywhere_is_made_again,
    ],
    "The mark goes over to what comes back" => [
        announce::announce_goes_over_to_what_comes_back,
        cut::discard_cut_anywhere_blinds_no_reader,
    ],
    "Removes the pending candidate of `attempt`" => [discard::discard_removes_its_own],
    "Nothing of this attempt there = `Ok`." => [discard::discard_of_nothing_is_done],
    "Never touches another rotation's candidate." => [discard::discard_leaves_anothers_alone],
    "What consumers read." => [
        discard::discard_never_touches_current,
        announce::readers_see_current_and_nothing_else,
    ],
    "Makes current's own metadata name the pending candidate at `at`" => [
        announce::announce_names_the_candidate,
        announce::announce_again_is_the_same,
        announce::announce_stays_when_another_does_nothing,
    ],
    "Current's value stays as it is, and so does its version." => [announce::announce_leaves_all_values_as_they_are],
    "Where there is no current value there is nothing to mark, which is no fault." => [
        announce::announce_without_current_is_done,
    ],
    "`Refused` when pending no longer carries the same rotation." => [
        announce::announce_of_what_is_not_pending_is_refused,
    ],
    "[`Vault::promote`] and [`Vault::discard`] take the mark away" => [
        announce::announce_ends_with_the_promotion,
        announce::announce_ends_with_the_discard,
    ],
    "The value that `at` points to." => [
        value::every_value_comes_back_as_it_was,
    ],
    "The account's name in the vault, as configured." => [
        value::every_form_of_name_is_taken,
        value::names_alike_do_not_meet,
    ],
    "The credential that this vault is worked on with." => [limits::own_credential_is_named],
    "What an administrator should know of the vault and of our rights in it" => [
        limits::examine_tells_how_things_stand,
    ],
    "Changes nothing that anybody reads." => [limits::reading_changes_nothing],
    "right before a request leaves that may change something, an adapter asks [`tenure::held`], each time" => [
        tenure::without_tenure_nothing_is_written,
        tenure::without_tenure_reading_goes_on,
        tenure::a_tenure_lost_on_the_way_is_told_truly,
        tenure::a_tenure_lost_on_the_way_loses_no_value,
    ],
    "after everything it waits for" => [tenure::the_tenure_is_asked_last],
    "Makes `secret` durable" => [
        restart::what_is_done_survives_a_restart,
        restart::promote_cut_by_a_restart_is_carried_on,
    ],
    "no secret ever reaches an error, a log or a `Debug` output" => [limits::no_secret_is_shown],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The port's words as one line, without the signs of comments.
    fn words(source: &str) -> String {
        let lines = source.lines().map(|line| line.trim().trim_start_matches("///").trim_start_matches("//!").trim());
        lines.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_check_rests_on_words_that_stand_in_the_port() {
        let port = words(include_str!("../../../port/vault.rs")) + &words(include_str!("../../../port/mod.rs"));
        for check in ALL {
            assert!(port.contains(check.clause), "{}: the port does not say {:?}", check.name, check.clause);
        }
    }

    #[test]
    fn names_are_unique_and_those_that_run_alone_are_the_last() {
        let mut names: Vec<_> = ALL.iter().map(|check| check.name).collect();
        // The last of all, and behind them no other.
        assert!(names.ends_with(&ALONE), "{names:?}");
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
