//! The checks, by what they are about, and the words of the port that each rests on.

mod connector;
mod describe;
mod entra;
mod events;
mod local;
mod proof;
mod scheduler;
mod service;
mod tenure;
mod way;

use std::future::Future;
use std::pin::Pin;

use super::scene::Scene;
use crate::conformance::verdict::{Able, Stop, Verdict, done, ensure, fault};

type Run = for<'a> fn(&'a Scene) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// A check, its name, and the port's words.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) clause: &'static str,
    pub(super) run: Run,
}

/// The check that judges all the words that were heard, so it is the last.
pub(super) const NO_SECRET: &str = "no_secret_is_shown";

fn failed(why: String) -> Stop {
    Stop::Failed(why)
}

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
    "The server's name, as configured." => [describe::describe_has_the_configured_name],
    "What the server is and does now." => [describe::describe_tells_build_and_service],
    "Process id; 0 when stopped." => [describe::describe_of_a_stopped_service_has_no_process],
    "The connectors, AD and Entra." => [describe::describe_shows_the_connectors],
    "The sync scheduler." => [describe::describe_shows_the_scheduler],
    "`None` = the build can't tell." => [describe::describe_tells_the_identity_that_the_build_knows],
    "Gives the sync engine the password that `connector` binds with." => [connector::connector_password_is_stored],
    "The running engine goes on with the old one until the service restarts." => [
        connector::connector_password_waits_for_the_restart,
    ],
    "a call may be repeated with the same arguments: the second has the same effect as the first" => [
        connector::connector_password_again_is_the_same,
        way::looks_change_nothing,
    ],
    "Version: moves with every change of the connector." => [connector::connector_password_moves_the_version],
    "The other side said no. Surely unchanged" => [
        connector::connector_unknown_or_to_entra_is_refused,
        connector::connector_password_refused_changes_nothing,
        service::service_logon_refused_changes_nothing,
        entra::entra_reset_refused_changes_nothing,
    ],
    "Surely unchanged, and worth trying again: not connected, busy, throttled." => [
        connector::connector_busy_is_for_later,
        way::a_server_that_is_silent_is_for_later,
        way::a_closed_way_is_for_later,
        way::a_lost_reply_of_a_look_is_for_later,
    ],
    "Gives the Service Control Manager the password of the service's account." => [service::service_logon_is_kept],
    "The running service goes on; only the next start logs on with it." => [service::service_logon_waits_for_the_start],
    "another one = `Refused`." => [service::service_logon_of_another_account_is_refused],
    "A user of the server's own account database, by StartName (`.\\user`, `HOST\\user`)." => [
        local::local_user_is_found_by_either_form,
    ],
    "the old one is shown, so that its keys (DPAPI) live on" => [local::local_password_is_changed],
    "A wrong old one, and what the server's policy forbids, = `Refused`." => [local::local_change_is_refused],
    "Whether the server accepts the password of a local user." => [local::local_logon_tells_right_from_wrong],
    "There is no grace for the one before." => [local::local_logon_has_no_grace],
    "Stops the service and waits, with a limit, until it has stopped. Stopped already = `Ok`." => [
        service::stop_ends_with_a_stopped_service,
        service::stop_that_fails_is_refused,
    ],
    "Starts the service and waits, with a limit, until it runs." => [service::start_ends_with_a_running_service],
    "Runs already = `Ok`." => [service::start_of_a_running_service_is_done],
    "with Windows' error number in the cause (1069: the logon was refused)" => [
        service::start_with_a_wrong_logon_says_1069,
        service::start_without_the_right_says_so,
        service::start_that_takes_too_long_is_refused,
    ],
    "With `started_at` it tells one run of the service from another." => [service::restart_is_another_process],
    "Stops the service and starts it anew; fails as those two do." => [
        service::restart_of_a_stopped_service_starts_it,
        service::restart_fails_as_stop_and_start_do,
    ],
    "Turns SyncCycleEnabled off." => [scheduler::pause_switches_off_and_plants_the_task],
    "Planted already = the new task keeps its value, not its time." => [scheduler::pause_again_keeps_the_first_value],
    "whatever becomes of us" => [scheduler::pause_ends_by_itself],
    "Gives SyncCycleEnabled the value `enabled`, and then removes the task" => [
        scheduler::release_gives_the_value_and_removes_the_task,
    ],
    "`None` = the build has no such search." => [proof::stored_logon_is_told_where_the_build_can],
    "of every step of the run profile, in order" => [proof::proof_has_steps_and_connections],
    "A run that ended is `Ok`, whatever its result" => [
        proof::proof_with_a_wrong_password_is_a_result,
        proof::proof_without_a_connection_is_a_result,
    ],
    "`Err` means that no run came about" => [proof::proof_that_did_not_come_about_is_a_fault],
    "The results of the last runs of `connector`, newest first" => [proof::runs_are_the_last_newest_first],
    "Resets the Entra connector account on both sides" => [entra::entra_reset_is_on_both_sides],
    "raw event XML, oldest first" => [events::events_since_then_oldest_first, events::events_of_a_mebibyte_arrive],
    "Most events that one call of [`ConnectServer::events`] gives: the newest ones." => [
        events::events_beyond_the_bound_are_the_newest,
    ],
    "The step on whose behalf the caller runs" => [way::each_call_is_asked_once_for_its_step],
    "It may have happened: a reply was lost, a connection was cut after the request was sent." => [
        way::a_lost_reply_of_what_acts_is_unclear,
        way::an_end_before_the_act_is_unclear,
    ],
    "an error says what it *means* for the world" => [way::a_fault_arrives_unchanged],
    "A password in memory." => [way::passwords_of_every_character_arrive],
    "The connector's name; for AD usually the forest's name." => [way::names_beyond_ascii_arrive],
    "right before a request leaves that may change something, an adapter asks [`tenure::held`], each time" => [
        tenure::without_tenure_nothing_is_sent,
        tenure::without_tenure_looks_go_on,
        tenure::a_tenure_lost_on_the_way_is_told_truly,
    ],
    "after everything it waits for" => [tenure::the_tenure_is_asked_last],
    "no secret ever reaches an error, a log or a `Debug` output" => [way::no_secret_is_shown],
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
        let port = [
            include_str!("../../../port/connect_server.rs"),
            include_str!("../../../port/fault.rs"),
            include_str!("../../../port/mod.rs"),
            include_str!("../../../port/secret.rs"),
            include_str!("../../../port/step_scope.rs"),
        ];
        let port: String = port.map(words).join(" ");
        for check in ALL {
            assert!(port.contains(check.clause), "{}: the port does not say {:?}", check.name, check.clause);
        }
    }

    #[test]
    fn names_are_unique_and_the_judge_of_all_words_is_the_last() {
        let mut names: Vec<_> = ALL.iter().map(|check| check.name).collect();
        assert_eq!(names.last(), Some(&NO_SECRET));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
