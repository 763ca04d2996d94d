//! The course of one exchange: a shell, the command in it, its input, its outputs, its end.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::connection::{Connection, Reply};
use super::endpoint::Endpoint;
use super::message::{self, PIECE_BYTES, Place};
use super::reply::{Complaint, Envelope};
use super::{Logon, Settings, logon, trust};
use crate::entra_connect::transport::{Answer, Broken, Reached, held, keep_output, keep_talk};

/// Between two looks at a command that a server answers at once although there is nothing.
const PAUSE: Duration = Duration::from_millis(100);
/// A shell is asked for only once, so a message that did not leave is tried on no more than one further connection.
const TRIES: usize = 2;

const CREATE: &str = "make a shell";
const START: &str = "start the command";
const SEND: &str = "take the request";

/// Where an exchange stands. It outlives its own deadline: what was begun is ended.
pub(super) struct Course<'a> {
    at: &'a Endpoint,
    settings: &'a Settings,
    connection: Option<Connection>,
    place: Place,
    /// How far it has come.
    pub(super) reached: Reached,
}

/// What a message led to.
enum Said {
    Done(Reply),
    Fault(Complaint),
}

impl<'a> Course<'a> {
    pub(super) fn new(at: &'a Endpoint, settings: &'a Settings) -> Self {
        Self { at, settings, connection: None, place: Place::default(), reached: Reached::Nothing }
    }

    /// The whole exchange but for its tidying up.
    pub(super) async fn run(&mut self, request: &[u8], limit: Duration) -> Result<Answer, Broken> {
        let url = &self.at.url;
        let reply = self.done(Zeroizing::new(message::create(url, limit)), CREATE).await?;
        let shell = Envelope::read(&reply.body).and_then(|read| read.shell());
        self.place.shell = shell.ok_or_else(|| self.odd("its reply names no shell"))?;
        let line = message::command(url, &self.place.shell, &self.settings.command);
        let reply = self.done(Zeroizing::new(line), START).await?;
        let command = Envelope::read(&reply.body).and_then(|read| read.command());
        self.place.command = command.ok_or_else(|| self.odd("its reply names no command"))?;
        self.send(request).await?;
        self.receive().await
    }

    /// The request, in pieces.
    async fn send(&mut self, request: &[u8]) -> Result<(), Broken> {
        let pieces = request.chunks(PIECE_BYTES);
        let count = pieces.len();
        for (number, piece) in pieces.enumerate() {
            let piece = message::send(&self.at.url, &self.place, piece, number + 1 == count);
            self.done(piece, SEND).await?;
        }
        Ok(())
    }

    /// Outputs until the command's end.
    ///
    /// A reply that is lost is not asked for again: what was in it is gone, and an output with a hole may look whole.
    async fn receive(&mut self) -> Result<Answer, Broken> {
        let mut answer = Answer::default();
        loop {
            let message = Zeroizing::new(message::receive(&self.at.url, &self.place));
            let reply = match self.say(message, false).await? {
                Said::Done(reply) => reply,
                // Nothing has come in this time: not the end, a pause.
                Said::Fault(fault) if fault.timed_out() => continue,
                Said::Fault(fault) => return Err(self.complained(&fault, "give the output")),
            };
            let read = Envelope::read(&reply.body).ok_or("it is no SOAP").and_then(|read| read.received());
            let received = read.map_err(|cause| self.odd(cause))?;
            let nothing = received.output.is_empty() && received.talk.is_empty();
            for part in &received.output {
                if !keep_output(&mut answer.output, part) {
                    return Err(Broken::new(Reached::Request, "the agent says more than it may"));
                }
            }
            received.talk.iter().for_each(|part| keep_talk(&mut answer.talk, part));
            if received.done {
                answer.status = received.status;
                return Ok(answer);
            }
            if nothing {
                sleep(PAUSE).await;
            }
        }
    }

    /// Lets the server forget command and shell. Best effort: a shell that is left over ends by itself.
    pub(super) async fn tidy(&mut self) {
        if self.place.shell.is_empty() {
            return;
        }
        if !self.place.command.is_empty() {
            let message = Zeroizing::new(message::terminate(&self.at.url, &self.place));
            let _ = self.say(message, false).await;
        }
        let message = Zeroizing::new(message::delete(&self.at.url, &self.place.shell));
        if !matches!(self.say(message, false).await, Ok(Said::Done(_))) {
            tracing::debug!(server = %self.at, "a WinRM shell was left to end by itself");
        }
    }

    /// One message that must be done.
    async fn done(&mut self, message: Zeroizing<String>, what: &str) -> Result<Reply, Broken> {
        let counts = what == SEND;
        match self.say(message, counts).await? {
            Said::Done(reply) => Ok(reply),
            Said::Fault(fault) => Err(self.complained(&fault, what)),
        }
    }

    /// One message and its reply, on a logged on connection. `request`: it carries a part of the request.
    async fn say(&mut self, message: Zeroizing<String>, request: bool) -> Result<Said, Broken> {
        let message = Bytes::from_owner(Wiped(message));
        let before = self.reached;
        for last in (1..=TRIES).map(|count| count == TRIES) {
            let mut connection = self.logged_on().await?;
            if request {
                // Each piece: the last one ends the request, and only then is it done.
                held().await?;
                self.reached = Reached::Request;
            }
            // Taken out while a reply is under way: one that was given up is not used again.
            let answered = connection.post(self.at, logon::each_time(&self.settings.logon), message.clone()).await;
            match answered {
                Ok(reply) => {
                    self.connection = Some(connection);
                    return self.read(reply);
                }
                Err(lost) if lost.unsent => {
                    self.reached = before;
                    if last {
                        return Err(lost.broken);
                    }
                }
                Err(lost) => return Err(lost.broken),
            }
        }
        Err(Broken::new(self.reached, format!("{} keeps no connection", self.at)))
    }

    /// The connection there is, or a new one.
    async fn logged_on(&mut self) -> Result<Connection, Broken> {
        if let Some(connection) = self.connection.take().filter(|connection| !connection.closed()) {
            return Ok(connection);
        }
        let mut connection = Connection::open(self.at, trust::config(self.settings)?).await?;
        logon::log_on(&mut connection, self.at, &self.settings.logon).await?;
        tracing::debug!(server = %self.at, "logged on by WinRM");
        Ok(connection)
    }

    fn read(&self, reply: Reply) -> Result<Said, Broken> {
        let envelope = Envelope::read(&reply.body);
        if let Some(fault) = envelope.as_ref().and_then(Envelope::fault) {
            return Ok(Said::Fault(fault));
        }
        let at = self.at;
        let status = reply.status.as_u16();
        match reply.status {
            StatusCode::OK if envelope.is_some() => Ok(Said::Done(reply)),
            StatusCode::OK => Err(self.odd("it is no SOAP")),
            StatusCode::UNAUTHORIZED => Err(logon::refused(
                at,
                match &self.settings.logon {
                    Logon::Ntlm { user, .. } => Some(user),
                    _ => None,
                },
            )),
            StatusCode::FORBIDDEN => Err(Broken::new(Reached::Refused, format!("{at} forbids it (HTTP 403)"))
                .hint("let the account use WinRM: member of Remote Management Users on that server")),
            StatusCode::NOT_FOUND => {
                Err(Broken::new(Reached::Settings, format!("{at} knows no {} (HTTP 404)", at.path))
                    .hint("name the path of the listener in the url: /wsman unless somebody changed it"))
            }
            _ if reply.status.is_redirection() => {
                Err(Broken::new(Reached::Settings, format!("{at} wants to send us elsewhere (HTTP {status})"))
                    .hint("name the server itself in the url: no redirect is followed"))
            }
            _ => Err(Broken::new(Reached::Nothing, format!("{at} answers with HTTP {status} and no fault of WinRM's"))
                .hint("is it WinRM that listens there, and is it healthy?")),
        }
    }

    fn odd(&self, cause: &str) -> Broken {
        Broken::new(Reached::Nothing, format!("the reply of {} can't be read: {cause}", self.at))
            .hint("is it WinRM that listens there?")
    }

    fn complained(&self, fault: &Complaint, what: &str) -> Broken {
        let (reached, hint) = if fault.denied() {
            (
                Reached::Refused,
                "let the account use WinRM: member of Remote Management Users on that server, and Invoke on the shell \
                 (winrm configSDDL default)",
            )
        } else if fault.quota() {
            (
                Reached::Nothing,
                "shells of this account are left open or in use there: see winrm enumerate shell, and the quotas in \
                 winrm get winrm/config/winrs",
            )
        } else {
            (Reached::Nothing, "look into the event log Microsoft-Windows-WinRM/Operational on that server")
        };
        Broken::new(reached, format!("WinRM on {} did not {what}: {}", self.at, fault.told())).hint(hint)
    }
}

/// A message whose bytes are wiped with the last reader.
struct Wiped(Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
