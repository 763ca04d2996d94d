//! Transports with a defect each, around a good one, and the checks that must catch them by name; and good ones that
//! look strange, which must not be caught.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use providers::entra_connect::envelope::{Outcome, PROTOCOL, Reply};
use providers::entra_connect::{Answer, Broken, Reached, Transport, held};
use providers::port::tenure;
use serde_json::Value;
use zeroize::Zeroizing;

const LOST: &str = "a_lost_reply_of_what_acts_is_unclear";
const ENDS: &str = "an_end_before_the_act_is_unclear";
const LOOK_LOST: &str = "a_lost_reply_of_a_look_is_for_later";
const ONCE: &str = "each_call_is_asked_once_for_its_step";
const PASSWORDS: &str = "passwords_of_every_character_arrive";
const NAMES: &str = "names_beyond_ascii_arrive";
const MEBIBYTE: &str = "events_of_a_mebibyte_arrive";
const LAST: &str = "the_tenure_is_asked_last";
const SHOWN: &str = "no_secret_is_shown";

/// How a pipe of somebody else's may be bounded.
const CUT_BYTES: usize = 64 * 1024;

/// What is strange about a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strange {
    AnswersDoneWhenLost,
    RetriesAfterSend,
    SendsTwice,
    SaysNothingWasSent,
    SaysSentThoughClosed,
    KeepsAnOldReply,
    CutsLongOutput,
    LosesNonAscii,
    LosesNonAsciiOnTheWayBack,
    ExpandsVariables,
    DropsTheStep,
    LogsTheRequest,
    ForgetsTheTenure,
    AsksForTheTenureTooEarly,
    /// Sound: a banner, a profile's words without an end of line, Windows' line ends, more words behind.
    HasNoise,
    /// Sound: the agent's status is not told, and it talks.
    TellsNoStatus,
    /// Sound: where no agent answers, a shell quotes the request that it was handed.
    QuotesTheRequest,
    /// Sound: its own fault quotes the request, which goes no further.
    TellsTheRequest,
}

/// A strange transport by its name, the checks that must fail on it, and those that may (`*` = whatever else).
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) strange: Strange,
    pub(crate) caught_by: &'static [&'static str],
    pub(crate) may: &'static [&'static str],
}

const fn row(
    name: &'static str,
    strange: Strange,
    caught_by: &'static [&'static str],
    may: &'static [&'static str],
) -> Row {
    Row { name, strange, caught_by, may }
}

pub(crate) const BROKEN: &[Row] = &[
    row("answers-done-when-lost", Strange::AnswersDoneWhenLost, &[LOST, ENDS], &[LOOK_LOST]),
    row("retries-after-send", Strange::RetriesAfterSend, &[LOST, ENDS, LOOK_LOST], &[]),
    row("sends-twice", Strange::SendsTwice, &[ONCE, LOST], &["*"]),
    row("says-nothing-was-sent", Strange::SaysNothingWasSent, &[LOST, ENDS], &[]),
    row(
        "says-sent-though-closed",
        Strange::SaysSentThoughClosed,
        &["a_closed_way_is_for_later"],
        &["without_tenure_nothing_is_sent", LAST],
    ),
    row("keeps-an-old-reply", Strange::KeepsAnOldReply, &["restart_is_another_process", LOOK_LOST], &["*"]),
    row("cuts-long-output", Strange::CutsLongOutput, &[MEBIBYTE], &["events_beyond_the_bound_are_the_newest"]),
    row("loses-non-ascii", Strange::LosesNonAscii, &[NAMES, PASSWORDS, ONCE, MEBIBYTE], &["*"]),
    row(
        "loses-non-ascii-on-the-way-back",
        Strange::LosesNonAsciiOnTheWayBack,
        &[NAMES, MEBIBYTE, "describe_shows_the_connectors"],
        &["a_fault_arrives_unchanged"],
    ),
    row("expands-variables", Strange::ExpandsVariables, &[PASSWORDS], &[]),
    // Bad luck that is ordered for a step does not strike either.
    row("drops-the-step", Strange::DropsTheStep, &[ONCE, LOST], &[ENDS, LOOK_LOST]),
    row("logs-the-request", Strange::LogsTheRequest, &[SHOWN], &[]),
    row("forgets-the-tenure", Strange::ForgetsTheTenure, &["without_tenure_nothing_is_sent", LAST], &[]),
    row("asks-for-the-tenure-too-early", Strange::AsksForTheTenureTooEarly, &[LAST], &[]),
];

pub(crate) const SOUND: &[Row] = &[
    row("has-noise", Strange::HasNoise, &[], &[]),
    row("tells-no-status", Strange::TellsNoStatus, &[], &[]),
    row("quotes-the-request", Strange::QuotesTheRequest, &[], &[]),
    row("tells-the-request", Strange::TellsTheRequest, &[], &[]),
];

/// A strange transport.
pub(crate) struct Odd<T> {
    inner: T,
    strange: Strange,
    /// The first answer to each operation.
    first: Mutex<BTreeMap<String, Answer>>,
}

impl<T> Odd<T> {
    pub(crate) fn new(inner: T, strange: Strange) -> Self {
        Self { inner, strange, first: Mutex::default() }
    }
}

/// The name of the operation that a request asks for.
fn operation(request: &[u8]) -> String {
    let request: Value = serde_json::from_slice(request).expect("a request");
    request["operation"]["name"].as_str().expect("an operation").to_owned()
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if byte.is_ascii() { *byte } else { b'?' }).collect()
}

fn has_reply(answer: &Answer) -> bool {
    Reply::found_in(&answer.output).is_some()
}

#[async_trait]
impl<T: Transport> Transport for Odd<T> {
    fn address(&self) -> &str {
        self.inner.address()
    }

    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, limit: Duration) -> Result<Answer, Broken> {
        let text = String::from_utf8_lossy(request);
        let sent = match self.strange {
            Strange::LosesNonAscii => plain(request),
            Strange::ExpandsVariables => text.replace("%PATH%", "").into_bytes(),
            Strange::DropsTheStep => {
                let mut request: Value = serde_json::from_slice(request).expect("a request");
                request["step"] = "".into();
                serde_json::to_vec(&request).expect("a request")
            }
            _ => request.to_vec(),
        };
        let sent = Zeroizing::new(sent);
        if self.strange == Strange::LogsTheRequest {
            tracing::trace!(%text, "sending");
        }
        if self.strange == Strange::AsksForTheTenureTooEarly {
            held().await?;
        }
        let needed = match self.strange {
            Strange::ForgetsTheTenure | Strange::AsksForTheTenureTooEarly => None,
            _ => tenure::current(),
        };
        let mut answer = match (self.strange, tenure::within(needed, self.inner.exchange(&sent, limit)).await) {
            (Strange::SaysSentThoughClosed, Err(broken)) => Err(Broken { reached: Reached::Request, ..broken }),
            (_, answer) => answer,
        }?;
        match self.strange {
            Strange::AnswersDoneWhenLost if !has_reply(&answer) => {
                let done = Outcome::Done(Value::Null);
                let reply = Reply { protocol: PROTOCOL, operation: operation(request), outcome: done };
                answer.output = reply.encoded().expect("a reply").into_bytes();
            }
            Strange::RetriesAfterSend if !has_reply(&answer) => answer = self.inner.exchange(&sent, limit).await?,
            Strange::SendsTwice => answer = self.inner.exchange(&sent, limit).await?,
            Strange::SaysNothingWasSent if !has_reply(&answer) => {
                return Err(Broken::new(Reached::Nothing, "the connection was cut"));
            }
            Strange::TellsTheRequest if !has_reply(&answer) => {
                return Err(Broken::new(Reached::Request, format!("no answer to {text}")));
            }
            Strange::KeepsAnOldReply => {
                let mut first = self.first.lock().expect("nobody panicked");
                answer = first.entry(operation(request)).or_insert(answer).clone();
            }
            Strange::CutsLongOutput => answer.output.truncate(CUT_BYTES),
            Strange::LosesNonAscii | Strange::LosesNonAsciiOnTheWayBack => answer.output = plain(&answer.output),
            Strange::HasNoise => {
                let reply = String::from_utf8(answer.output).expect("text").replace('\n', "\r\n");
                answer.output = format!("Welcome!\r\n\u{1b}[2Jprofile> {reply}logout \u{fffd}\r\nbye").into_bytes();
                answer.talk = b"WARNING: a profile talks\n".to_vec();
            }
            Strange::TellsNoStatus => {
                answer.status = None;
                answer.talk = b"starting\n".to_vec();
            }
            Strange::QuotesTheRequest if !has_reply(&answer) => answer.talk = request.to_vec(),
            _ => {}
        }
        Ok(answer)
    }
}
