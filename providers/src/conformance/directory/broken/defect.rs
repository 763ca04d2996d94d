//! The defects, by name, and the checks that must find each.

use crate::conformance::defects::defects;

defects! {
    /// A reset is reported as done without anything being written.
    ReportsASetWithoutWriting: [
        "set_done_is_live",
        "set_is_one_set",
        "set_takes_every_character",
        "set_again_is_a_set_of_its_own",
        "set_back_to_the_previous_password_is_a_set",
        "set_against_policy_is_refused_with_its_code",
        "set_without_right_is_refused",
        "set_of_nobody_is_refused",
        "set_with_its_reply_lost_is_unclear",
        "set_happens_at_the_controller_named",
        "change_obeys_minimum_age",
        "controller_unknown_is_later",
        "controller_silent_is_later_and_soon",
        "no_secret_is_shown",
    ] or [
        "without_tenure_nothing_is_sent",
        "the_tenure_is_asked_last",
    ],
    /// A reset goes to another account.
    WritesAnotherAccount: [
        "set_done_is_live",
        "set_is_one_set",
        "set_touches_nobody_else",
        "set_takes_every_character",
        "set_again_is_a_set_of_its_own",
        "set_back_to_the_previous_password_is_a_set",
        "set_of_nobody_is_refused",
        "set_with_its_reply_lost_is_unclear",
        "set_happens_at_the_controller_named",
        "change_obeys_minimum_age",
        "no_secret_is_shown",
    ] or ["set_without_right_is_refused"],
    /// A reset goes to the account, and to another one.
    WritesOneAccountMore: ["set_touches_nobody_else"],
    /// The domain controller that the journal knows is not asked: all work is done at the PDC emulator.
    IgnoresTheController: [
        "fingerprint_is_of_the_controller_asked",
        "set_happens_at_the_controller_named",
        "change_happens_at_the_controller_named",
        "lockout_is_of_the_controller_asked",
        "accepts_asks_the_controller_named",
        "replicate_done_is_there",
        "controller_unknown_is_later",
        "controller_silent_is_later_and_soon",
    ] or [
        "without_tenure_nothing_is_sent",
    ],
    /// Metadata is read at the PDC emulator and labelled with the domain controller that was asked.
    ReadsAnotherController: [
        "fingerprint_is_of_the_controller_asked",
        "controller_unknown_is_later",
        "controller_silent_is_later_and_soon",
    ],
    /// A reset is left out when a bind with the new password succeeds already.
    CallsABindAProof: [
        "set_is_one_set",
        "set_again_is_a_set_of_its_own",
        "set_back_to_the_previous_password_is_a_set",
        "set_against_policy_is_refused_with_its_code",
        "set_without_right_is_refused",
    ] or [
        "set_happens_at_the_controller_named",
        "without_tenure_nothing_is_sent",
        "the_tenure_is_asked_last",
    ],
    /// A replication is called done when a bind at the target succeeds, which the target asks the PDC emulator about.
    CallsReplicationDone: [
        "replicate_done_is_there",
        "controller_unknown_is_later",
        "controller_silent_is_later_and_soon",
    ] or [
        "without_tenure_nothing_is_sent",
    ],
    /// A refusal for the policy, 0000052D, is taken for success.
    SwallowsThePolicy: ["set_against_policy_is_refused_with_its_code", "no_secret_is_shown"],
    /// A refusal for the policy loses its code, so that nobody may choose another candidate.
    LosesTheCodeOfThePolicy: ["set_against_policy_is_refused_with_its_code"],
    /// A reset that was done is done again.
    SetsTwice: [
        "set_is_one_set",
        "set_again_is_a_set_of_its_own",
        "set_back_to_the_previous_password_is_a_set",
        "set_happens_at_the_controller_named",
        "change_obeys_minimum_age",
    ],
    /// A reset whose reply was lost is done again at once.
    SetsAgainWhenTheReplyIsLost: ["set_with_its_reply_lost_is_unclear"],
    /// A lost reply is taken for success.
    TakesALostReplyForSuccess: ["set_with_its_reply_lost_is_unclear"],
    /// A lost reply is said to have changed nothing.
    CallsALostReplyLater: ["set_with_its_reply_lost_is_unclear"],
    /// A missing right is said to be worth another try.
    CallsAMissingRightLater: ["set_without_right_is_refused"],
    /// What does not exist is said to be worth another try.
    CallsNobodyLater: [
        "account_unknown_is_refused",
        "account_ambiguous_is_refused",
        "fingerprint_of_nobody_is_refused",
        "set_of_nobody_is_refused",
        "no_secret_is_shown",
    ],
    /// The characters that a filter or a document would escape are escaped in the password.
    EscapesThePassword: ["set_takes_every_character"],
    /// An account is found by its sAMAccountName only.
    KnowsOneFormOfName: ["account_is_found_by_each_of_its_names"],
    /// The first of several accounts is taken.
    TakesTheFirstOfSeveral: ["account_ambiguous_is_refused"],
    /// The policy of the installation is given out as the account's.
    InventsThePolicy: ["account_facts_are_the_directorys"],
    /// Every account may be rotated.
    SeesNoReasonToRefuse: ["account_barred_says_why"],
    /// Metadata is read once and remembered.
    RemembersMetadata: [
        "fingerprint_is_the_truth",
        "fingerprint_moves_by_one_with_each_set",
        "fingerprint_is_of_the_controller_asked",
        "fingerprint_of_nobody_is_refused",
        "controller_unknown_is_later",
        "controller_silent_is_later_and_soon",
    ] or ["fingerprint_has_the_controllers_clock"],
    /// A clock is given out that is not the domain controller's.
    TellsAnotherTime: ["fingerprint_has_the_controllers_clock"],
    /// A change is made as a reset: the old password, history and minimum age do not matter.
    ChangesByReset: [
        "change_needs_no_right",
        "change_with_a_wrong_old_password_is_refused",
        "change_obeys_history",
        "change_obeys_minimum_age",
        "no_secret_is_shown",
    ],
    /// A change is reported as done without anything being written.
    ReportsAChangeWithoutWriting: [
        "change_done_is_live",
        "change_needs_no_right",
        "change_with_a_wrong_old_password_is_refused",
        "change_against_policy_is_refused",
        "change_obeys_history",
        "change_obeys_minimum_age",
        "change_happens_at_the_controller_named",
        "controller_unknown_is_later",
        "controller_silent_is_later_and_soon",
        "no_secret_is_shown",
    ] or [
        "without_tenure_nothing_is_sent",
    ],
    /// A change whose old password is wrong shows it once more.
    RetriesAWrongOldPassword: ["change_with_a_wrong_old_password_is_refused"],
    /// The right is asked for by a reset.
    AsksForTheRightByASet: [
        "reset_right_held_is_said_and_nothing_changes",
        "controller_unknown_is_later",
        "controller_silent_is_later_and_soon",
    ],
    /// The right is always said to be held.
    AssumesTheRight: [
        "reset_right_missing_is_said_and_nothing_changes",
        "controller_unknown_is_later",
        "controller_silent_is_later_and_soon",
    ],
    /// No wrong password is ever said to count, and no account to be locked.
    CountsNoWrongPassword: [
        "lockout_counts_as_the_controller_does",
        "lockout_is_of_the_controller_asked",
        "lockout_says_locked",
    ],
    /// A refused logon is tried once more.
    RetriesARefusedLogon: [
        "accepts_not_a_wrong_password_and_tries_once",
        "accepts_asks_the_controller_named",
    ],
    /// Every logon is said to be accepted.
    AcceptsEverything: [
        "accepts_not_a_wrong_password_and_tries_once",
        "accepts_of_a_locked_account_is_refused",
        "controller_unknown_is_later",
        "controller_silent_is_later_and_soon",
    ],
    /// No logon is accepted.
    AcceptsNothing: ["accepts_the_current_password"],
    /// A wrong password is a fault and no answer.
    CallsAWrongPasswordAFault: [
        "accepts_not_a_wrong_password_and_tries_once",
        "accepts_asks_the_controller_named",
        "no_secret_is_shown",
    ],
    /// A locked account is said to have another password.
    CallsALockedAccountWrong: ["accepts_of_a_locked_account_is_refused"],
    /// A replication to the same domain controller is refused.
    RefusesToReplicateToItself: ["replicate_to_itself_is_done"],
    /// The working domain controller is asked for once and remembered.
    RemembersTheRole: ["working_dc_follows_the_role"],
    /// The working domain controller is not the one that the account's facts name.
    WorksElsewhere: ["working_dc_is_the_accounts", "working_dc_follows_the_role"],
    /// Nobody knows whose credential it works with.
    HidesItsCredential: ["own_credential_is_named"],
    /// Reading the lockout tries a password.
    ReadsByTrying: [
        "lockout_counts_as_the_controller_does",
        "lockout_is_of_the_controller_asked",
        "lockout_says_locked",
        "reading_changes_nothing",
    ],
    /// A domain controller that does not answer is waited for without end.
    WaitsForEver: ["controller_unknown_is_later", "controller_silent_is_later_and_soon"],
    /// It panics.
    Panics: ["own_credential_is_named", "reading_changes_nothing"],
    /// A set is sent whoever may act by now.
    ForgetsTheTenure: ["without_tenure_nothing_is_sent", "the_tenure_is_asked_last"],
    /// The tenure is asked for at first, and then is waited for the domain controller.
    AsksForTheTenureTooEarly: ["the_tenure_is_asked_last"],
    /// The tenure is asked for by a look as well.
    AsksForTheTenureToRead: ["without_tenure_reading_goes_on"],
    /// The password stands in the error.
    ShowsThePassword: ["no_secret_is_shown"],
}

impl Defect {
    /// The defects that cost a password: what is written, where, and what is said of it. For worlds that are too slow
    /// for all.
    pub const WRITING: &'static [Self] = &[
        Self::ReportsASetWithoutWriting,
        Self::WritesAnotherAccount,
        Self::WritesOneAccountMore,
        Self::IgnoresTheController,
        Self::CallsABindAProof,
        Self::SwallowsThePolicy,
        Self::SetsTwice,
        Self::SetsAgainWhenTheReplyIsLost,
        Self::TakesALostReplyForSuccess,
        Self::CallsALostReplyLater,
        Self::ChangesByReset,
        Self::AsksForTheRightByASet,
        Self::RetriesARefusedLogon,
        Self::ForgetsTheTenure,
        Self::AsksForTheTenureTooEarly,
        Self::ShowsThePassword,
    ];
}
