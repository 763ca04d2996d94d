//! The defects, by name, and the checks that must find each.

use crate::conformance::defects::defects;

defects! {
    /// Staging is reported as done without anything being written.
    LosesTheWrite: ["stage_done_is_there", "what_is_done_survives_a_restart"] or ["*"],
    /// What is written lies in the handle's own memory, and nobody else sees it.
    KeepsItsWritesToItself: ["adopt_makes_current", "stage_done_is_there"] or ["*"],
    /// What was done is not durable: a restart takes it back.
    LosesWhatItDidAtARestart: ["what_is_done_survives_a_restart", "promote_cut_by_a_restart_is_carried_on"],
    /// Current is read as it was before the last promotion.
    ReadsTheVersionBefore: [
        "promote_makes_the_candidate_current",
        "every_value_comes_back_as_it_was",
    ] or [
        "takeover_ends_with_the_promotion",
        "promotions_at_once_are_one",
        "candidate_is_readable_while_it_is_promoted",
        "promote_cut_anywhere_is_carried_on",
        "every_form_of_name_is_taken",
        "what_is_done_survives_a_restart",
        "promote_cut_by_a_restart_is_carried_on",
        "a_tenure_lost_on_the_way_is_told_truly",
        "a_tenure_lost_on_the_way_loses_no_value",
    ],
    /// All values have the same version.
    NamesOneVersionForAll: ["versions_tell_values_apart"],
    /// While a candidate is pending it is found and read as current.
    ShowsPendingAsCurrent: [
        "stage_lies_beside_current",
    ] or [
        "adopt_leaves_the_candidate",
        "promote_cut_anywhere_is_carried_on",
        "what_is_done_survives_a_restart",
    ],
    /// A candidate is written into current too.
    StagesOnTopOfCurrent: ["stage_lies_beside_current", "readers_see_current_and_nothing_else"] or ["*"],
    /// A write goes through whatever was written since the look.
    IgnoresCompareAndSet: ["one_of_several_rotations_gets_in", "one_of_several_takes_over"],
    /// A write that was not done for somebody else's is taken for done.
    TakesAConflictForSuccess: ["one_of_several_rotations_gets_in", "one_of_several_takes_over"],
    /// What was read once is not read again, until this handle writes.
    ReadsWhatItReadBefore: [
        "read_by_a_past_reference_is_refused",
        "takeover_keeps_the_candidates_before",
        "promote_keeps_what_was_current",
    ] or ["*"],
    /// Whatever lies in the slot is read, whosever it is.
    ReadsWhateverLiesThere: ["read_by_a_past_reference_is_refused"],
    /// Staging again replaces the value.
    LastWriteWins: [
        "stage_again_returns_the_first_value",
        "takeover_again_is_the_same",
    ] or [
        "several_calls_of_one_attempt_agree",
    ],
    /// A call that arrives after its promotion stages a candidate again.
    ForgetsThatItPromoted: ["stage_after_its_promotion_brings_no_candidate"],
    /// Another rotation's candidate is taken over without leave.
    TakesOverAnything: [
        "stage_beside_another_rotations_is_refused",
        "stage_takes_over_what_it_names_alone",
        "one_of_several_rotations_gets_in",
    ] or [
        "one_of_several_takes_over",
        "no_secret_is_shown",
    ],
    /// Leave for one rotation is taken for leave for all.
    AnyLeaveIsLeave: ["stage_takes_over_what_it_names_alone", "one_of_several_takes_over"],
    /// What was taken over is gone.
    ForgetsTheTakenOver: [
        "takeover_keeps_the_candidates_before",
        "takeover_again_is_the_same",
    ] or [
        "one_of_several_takes_over",
        "takeover_cut_anywhere_loses_nothing",
        "discard_cut_anywhere_brings_back_once",
        "announce_goes_over_to_what_comes_back",
        "discard_cut_anywhere_blinds_no_reader",
        "a_tenure_lost_on_the_way_is_told_truly",
    ],
    /// A promotion takes whatever is pending.
    PromotesWhateverIsThere: [
        "promote_of_anothers_is_refused",
        "promote_again_leaves_the_next_candidate",
    ] or [
        "announce_stays_when_another_does_nothing",
        "no_secret_is_shown",
    ],
    /// A promotion that is done already is refused.
    RefusesAPromotionThatIsDone: [
        "promote_again_is_done_already",
        "promote_again_leaves_the_next_candidate",
    ] or [
        "promotions_at_once_are_one",
        "promote_cut_anywhere_is_carried_on",
        "promote_cut_by_a_restart_is_carried_on",
    ],
    /// A promotion of nothing is reported as done.
    CallsNothingPromoted: [
        "promote_of_nothing_is_refused",
        "promote_of_anothers_is_refused",
        "promote_of_a_past_rotation_is_refused",
    ] or [
        "announce_stays_when_another_does_nothing",
        "no_secret_is_shown",
    ],
    /// A promotion does not keep what was current.
    ForgetsPrevious: [
        "promote_keeps_what_was_current",
        "promote_cut_anywhere_is_carried_on",
    ] or [
        "takeover_ends_with_the_promotion",
        "promotions_at_once_are_one",
        "candidate_is_readable_while_it_is_promoted",
        "every_value_comes_back_as_it_was",
        "every_form_of_name_is_taken",
        "what_is_done_survives_a_restart",
        "promote_cut_by_a_restart_is_carried_on",
        "a_tenure_lost_on_the_way_is_told_truly",
        "a_tenure_lost_on_the_way_loses_no_value",
    ],
    /// A promotion empties pending before it writes current.
    EmptiesPendingFirst: [
        "promote_cut_anywhere_is_carried_on",
        "candidate_is_readable_while_it_is_promoted",
    ] or [
        "promotions_at_once_are_one",
        "a_tenure_lost_on_the_way_is_told_truly",
        "a_tenure_lost_on_the_way_loses_no_value",
    ],
    /// Discarding takes whatever is pending.
    DiscardsAStrangers: [
        "discard_leaves_anothers_alone",
    ] or [
        "discard_cut_anywhere_brings_back_once",
        "announce_stays_when_another_does_nothing",
        "discard_cut_anywhere_blinds_no_reader",
    ],
    /// Discarding after the promotion puts back what was current before.
    DiscardsCurrentToo: ["discard_never_touches_current"] or ["takeover_ends_with_the_promotion"],
    /// Discarding nothing is refused.
    RefusesToDiscardNothing: [
        "discard_of_nothing_is_done",
    ] or [
        "takeover_ends_with_the_promotion",
        "discard_never_touches_current",
    ],
    /// An adoption replaces a current value.
    AdoptsOverCurrent: ["adopt_over_a_current_value_is_refused"] or ["no_secret_is_shown"],
    /// Readers are told of nothing.
    AnnouncesNothing: [
        "announce_names_the_candidate",
        "announce_again_is_the_same",
    ] or [
        "announce_stays_when_another_does_nothing",
        "announce_cut_anywhere_is_made_again",
        "announce_ends_with_the_discard",
        "announce_goes_over_to_what_comes_back",
        "discard_cut_anywhere_blinds_no_reader",
        "without_tenure_nothing_is_written",
        "a_tenure_lost_on_the_way_is_told_truly",
    ],
    /// Readers are told of a candidate that is not there.
    AnnouncesWhatIsNotPending: ["announce_of_what_is_not_pending_is_refused"],
    /// Without a current value the announcement is refused.
    CallsNobodyToTellAFault: ["announce_without_current_is_done"],
    /// The mark is a new version of current.
    MarksByANewVersion: ["announce_leaves_all_values_as_they_are"] or ["announce_cut_anywhere_is_made_again"],
    /// The mark stays after promotion and discarding.
    NeverTakesTheMarkAway: [
        "announce_ends_with_the_promotion",
        "announce_ends_with_the_discard",
    ] or [
        "candidate_is_readable_while_it_is_promoted",
        "promote_cut_anywhere_is_carried_on",
        "promote_cut_by_a_restart_is_carried_on",
        "announce_goes_over_to_what_comes_back",
        "discard_cut_anywhere_blinds_no_reader",
        "a_tenure_lost_on_the_way_is_told_truly",
        "a_tenure_lost_on_the_way_loses_no_value",
    ],
    /// Discarding takes the mark away, also from the candidate that comes back.
    DropsTheMarkOfWhatComesBack: ["announce_goes_over_to_what_comes_back"] or [
        "discard_cut_anywhere_blinds_no_reader",
        "a_tenure_lost_on_the_way_is_told_truly",
    ],
    /// Discarding takes the mark away, also where there was nothing to discard.
    TakesAStrangersMarkAway: ["announce_stays_when_another_does_nothing"] or [
        "announce_goes_over_to_what_comes_back",
        "discard_cut_anywhere_blinds_no_reader",
        "a_tenure_lost_on_the_way_is_told_truly",
    ],
    /// White space around a password is taken off.
    TrimsThePassword: ["every_value_comes_back_as_it_was"],
    /// Two names mean one account.
    TakesNamesAlikeForOne: ["names_alike_do_not_meet"],
    /// The age of its credential is not known, and it does not say why.
    SaysNothingOfItsAge: ["own_credential_is_named"],
    /// Nothing is examined.
    ExaminesNothing: ["examine_tells_how_things_stand"],
    /// Rights are probed by a write that stays.
    ExaminesByWriting: ["reading_changes_nothing"],
    /// A call has no deadline.
    WaitsForEver: ["own_credential_is_named"] or ["reading_changes_nothing"],
    /// A write is sent whoever may act by now.
    ForgetsTheTenure: ["without_tenure_nothing_is_written", "the_tenure_is_asked_last"],
    /// The tenure is asked for at first, and then is waited for the vault.
    AsksForTheTenureTooEarly: ["the_tenure_is_asked_last"],
    /// A promotion whose tenure was lost between two writes is said to have changed nothing.
    CallsAHalfDonePromotionRefused: ["a_tenure_lost_on_the_way_is_told_truly"],
    /// The password stands in the error.
    ShowsThePassword: ["no_secret_is_shown"],
    /// The password stands in the log, as a list of bytes at trace level.
    LogsThePassword: ["no_secret_is_shown"],
}
