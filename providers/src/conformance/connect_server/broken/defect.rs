//! The defects, by name, and the checks that must find each.

use crate::conformance::defects::defects;

defects! {
    /// The facts carry the computer's name for the configured one.
    NamesItselfByItsHost: ["describe_has_the_configured_name"],
    /// A stopped service keeps the process id that it had.
    RemembersTheProcess: ["describe_of_a_stopped_service_has_no_process", "restart_is_another_process"],
    /// The connector to Entra ID is left out.
    ShowsOneKindOfConnector: ["describe_shows_the_connectors"],
    /// The service's account is shown in capitals.
    ChangesTheLettersOfNames: ["names_beyond_ascii_arrive", "describe_tells_build_and_service"] or [
        "restart_is_another_process",
    ],
    /// The facts are those of the first description.
    DescribesWhatItSawFirst: ["restart_is_another_process", "describe_shows_the_scheduler"] or ["*"],
    /// The service is restarted with every password of a connector.
    RestartsWithThePassword: ["connector_password_waits_for_the_restart"] or ["*"],
    /// A connector that is not there, or the one to Entra ID, is said to be done.
    SwallowsWhatTheEngineRefuses: [
        "connector_unknown_or_to_entra_is_refused",
        "connector_password_refused_changes_nothing",
        "a_fault_arrives_unchanged",
        "no_secret_is_shown",
    ] or [
        "without_tenure_nothing_is_sent",
        "the_tenure_is_asked_last",
    ],
    /// The password is not set, and said to be.
    LosesThePassword: ["connector_password_is_stored", "connector_password_waits_for_the_restart"] or ["*"],
    /// Blanks at both ends of a password are cut off.
    TrimsThePassword: ["passwords_of_every_character_arrive"],
    /// Whoever is named, the service's own account is meant.
    TakesAnotherAccount: ["service_logon_of_another_account_is_refused", "no_secret_is_shown"] or [
        "each_call_is_asked_once_for_its_step",
    ],
    /// The service is restarted with its new logon.
    RestartsWithTheLogon: ["service_logon_waits_for_the_start"] or ["*"],
    /// A stop of a stopped service fails, as the service manager's own does (1062).
    FailsAtAStoppedService: ["stop_ends_with_a_stopped_service"] or ["each_call_is_asked_once_for_its_step"],
    /// A start of a running one fails, as the service manager's own does (1056).
    FailsAtARunningService: ["start_of_a_running_service_is_done"] or ["each_call_is_asked_once_for_its_step"],
    /// A start of a running one restarts it.
    RestartsARunningService: ["start_of_a_running_service_is_done"] or ["each_call_is_asked_once_for_its_step"],
    /// A start that was ordered is said to be done, whatever came of it.
    SaysStartedThoughItIsNot: [
        "start_with_a_wrong_logon_says_1069",
        "start_without_the_right_says_so",
        "start_that_takes_too_long_is_refused",
        "a_fault_arrives_unchanged",
    ] or [
        "without_tenure_nothing_is_sent",
    ],
    /// A stop that was ordered is said to be done.
    SaysStoppedThoughItIsNot: ["stop_that_fails_is_refused", "a_fault_arrives_unchanged"] or [
        "without_tenure_nothing_is_sent",
    ],
    /// A failed start has no number.
    LosesTheNumber: [
        "start_with_a_wrong_logon_says_1069",
        "start_without_the_right_says_so",
        "start_that_takes_too_long_is_refused",
        "restart_fails_as_stop_and_start_do",
        "a_fault_arrives_unchanged",
    ],
    /// A restart that does nothing while the service runs.
    KeepsTheProcess: ["restart_is_another_process", "connector_password_waits_for_the_restart"] or ["*"],
    /// A restart without the stop.
    OnlyStarts: ["restart_is_another_process", "restart_fails_as_stop_and_start_do"] or ["*"],
    /// The last pause's value counts.
    PlantsTheTaskAnew: ["pause_again_keeps_the_first_value"] or ["*"],
    /// Paused is paused: a second pause moves nothing.
    PausesOnce: ["pause_again_keeps_the_first_value"] or ["*"],
    /// A task that restores `true`, whatever is asked for.
    RestoresOneValue: ["pause_switches_off_and_plants_the_task"],
    /// The switch is turned on, whatever is asked for.
    ReleasesOneValue: ["release_gives_the_value_and_removes_the_task"],
    /// A run that failed is a fault.
    CallsAFailedRunAFault: [
        "proof_with_a_wrong_password_is_a_result",
        "proof_without_a_connection_is_a_result",
        "connector_password_waits_for_the_restart",
    ] or ["events_since_then_oldest_first", "events_beyond_the_bound_are_the_newest"],
    /// A run that never was is a result.
    CallsNoRunAResult: ["proof_that_did_not_come_about_is_a_fault"] or ["*"],
    /// A run's result alone is told.
    LeavesOutTheConnections: [
        "proof_has_steps_and_connections",
        "proof_with_a_wrong_password_is_a_result",
        "proof_without_a_connection_is_a_result",
    ] or ["runs_are_the_last_newest_first"],
    /// No search is a search that failed.
    TakesNoSearchForNo: ["stored_logon_is_told_where_the_build_can"],
    /// The oldest run is the first.
    GivesRunsOldestFirst: ["runs_are_the_last_newest_first"],
    /// Events are given newest first.
    GivesEventsNewestFirst: [
        "events_since_then_oldest_first",
        "events_of_a_mebibyte_arrive",
    ] or ["events_beyond_the_bound_are_the_newest"],
    /// All events are given.
    ForgetsSince: ["events_since_then_oldest_first"],
    /// Only the first of the bound are given.
    KeepsTheOldestEvents: ["events_beyond_the_bound_are_the_newest", "events_of_a_mebibyte_arrive"],
    /// A wrong local password is a fault.
    CallsAWrongPasswordAFault: ["local_logon_tells_right_from_wrong", "local_logon_has_no_grace"],
    /// A local user is accepted with any password.
    AcceptsEverything: ["local_logon_tells_right_from_wrong", "local_logon_has_no_grace"],
    /// A local user's name is known in one form.
    KnowsOneFormOfName: ["local_user_is_found_by_either_form"] or ["*"],
    /// A change that was refused is said to be done.
    SwallowsARefusedChange: ["local_change_is_refused", "no_secret_is_shown"] or [
        "without_tenure_nothing_is_sent",
    ],
    /// The administrator's refusal is said to be for later.
    CallsTheCloudsRefusalLater: ["entra_reset_refused_changes_nothing", "a_fault_arrives_unchanged"] or [
        "without_tenure_nothing_is_sent",
    ],
    /// The class of a fault is dropped.
    DropsTheClass: [
        "connector_busy_is_for_later",
        "start_with_a_wrong_logon_says_1069",
        "start_without_the_right_says_so",
        "entra_reset_refused_changes_nothing",
        "a_fault_arrives_unchanged",
    ],
    /// The hint of a fault is dropped.
    DropsTheHint: ["a_fault_arrives_unchanged"],
    /// A server that does not answer is broken.
    CallsASilentServerBroken: ["a_server_that_is_silent_is_for_later", "a_fault_arrives_unchanged"] or ["*"],
    /// A call is made twice.
    AsksTwice: ["each_call_is_asked_once_for_its_step"] or [
        "a_tenure_lost_on_the_way_is_told_truly",
    ],
    /// The step is forgotten on the way.
    ForgetsTheStep: ["each_call_is_asked_once_for_its_step"],
    /// A look at the local user logs on, and changes what it looks at.
    ChangesWhatItLooksAt: ["looks_change_nothing"] or ["*"],
    /// A password is sent whoever may act by now.
    ForgetsTheTenure: ["without_tenure_nothing_is_sent", "the_tenure_is_asked_last"],
    /// The tenure is asked for at first, and then is waited for the server.
    AsksForTheTenureTooEarly: ["the_tenure_is_asked_last"],
    /// The fault names the password.
    ShowsThePassword: ["no_secret_is_shown"] or ["a_fault_arrives_unchanged"],
    /// The log names it.
    LogsThePassword: ["no_secret_is_shown"],
}
