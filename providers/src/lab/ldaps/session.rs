//! One connection: requests are read, answered in their order, and sometimes hit by what was ordered.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::super::account::Rights;
use super::super::clock::filetime;
use super::super::lab_handle::Lab;
use super::super::mishap::{Effect, Kind};
use super::super::store::Books;
use super::answers::{self, Answer};
use super::codec::{self, MESSAGE_BYTES_MAX, Malformed, Message, Operation};
use super::tree::{self, View};
use super::{bind, modify, search};
use crate::port::Fault;

/// "Who am I?" (RFC 4532).
pub(super) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
/// Windows' MaxConnIdleTime.
const IDLE_LIMIT: Duration = Duration::from_secs(900);
/// How long a connection is held open that never gets its answer.
const STALL_LIMIT: Duration = Duration::from_secs(600);
/// How long entries without end come, and how they are paced.
const ENDLESS_BATCHES_MAX: u32 = 12_000;
const ENDLESS_BATCH: usize = 50;
const ENDLESS_PAUSE: Duration = Duration::from_millis(10);
const READ_BYTES: usize = 16 * 1024;
/// The head of an entry of two gigabytes, in a message that is a little longer.
const HUGE: &[u8] = &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01, 0x02, 0x64, 0x84, 0x7f, 0xff, 0xff, 0xf6];
const GARBAGE: &[u8] = &[0xff; 64];

/// Which controller of which lab is spoken to.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) lab: Lab,
    pub(super) at: usize,
    pub(super) host: Arc<str>,
}

/// How a connection goes on.
enum Next {
    GoOn,
    /// It is cut, or closed, without another word.
    End,
}

/// A connection in work.
struct Session<S> {
    wire: S,
    place: Place,
    /// What came and was not read as a message yet.
    buffer: Zeroizing<Vec<u8>>,
    /// The account that logged on.
    account: Option<String>,
}

/// Works off a connection until it ends.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(wire: S, place: Place) {
    let buffer = Zeroizing::new(Vec::with_capacity(READ_BYTES));
    let mut session = Session { wire, place, buffer, account: None };
    // The other side's requests are without number, each within its limit.
    while let Ok(Next::GoOn) = session.turn().await {}
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn turn(&mut self) -> std::io::Result<Next> {
        let Some(effects) = self.read_request().await? else { return Ok(Next::End) };
        let length = match codec::message_length(&self.buffer) {
            Ok(Some(length)) if length <= self.buffer.len() => length,
            _ => return self.disconnect(&answers::protocol_error()).await,
        };
        let message = codec::read(&self.buffer[..length]);
        // The rest moves to the front; what lies behind it is wiped with the buffer.
        self.buffer.drain(..length);
        match message {
            Ok(message) => self.answer(message, &effects).await,
            Err(Malformed) => self.disconnect(&answers::protocol_error()).await,
        }
    }

    /// Waits until a whole message is there; gives what was ordered for it. `None` = the connection is over.
    async fn read_request(&mut self) -> std::io::Result<Option<Vec<Effect>>> {
        let mut effects: Option<Vec<Effect>> = None;
        let mut chunk = Zeroizing::new(vec![0; READ_BYTES]);
        loop {
            if effects.is_none()
                && let Some(number) = codec::operation_number(&self.buffer)
            {
                effects = Some(self.ordered(kind(number)));
            }
            if let Some(limit) = effects.iter().flatten().find_map(|effect| match effect {
                Effect::CutRequest(bytes) => Some(*bytes),
                _ => None,
            }) && self.buffer.len() >= limit
            {
                return Ok(None);
            }
            match codec::message_length(&self.buffer) {
                Err(Malformed) => return Ok(Some(Vec::new())),
                Ok(Some(length)) if self.buffer.len() >= length => return Ok(Some(effects.unwrap_or_default())),
                _ if self.buffer.len() > MESSAGE_BYTES_MAX => return Ok(None),
                _ => {}
            }
            let count = timeout(IDLE_LIMIT, self.wire.read(&mut chunk)).await??;
            if count == 0 {
                return Ok(None);
            }
            self.buffer.extend_from_slice(&chunk[..count]);
        }
    }

    fn ordered(&self, kind: Kind) -> Vec<Effect> {
        let ordered = self.place.lab.books(|books| Ok(books.faults.mishaps(kind, &self.place.host)));
        ordered.unwrap_or_else(|fault| {
            tracing::warn!(%fault, "the lab can't tell whether something was ordered");
            Vec::new()
        })
    }

    async fn answer(&mut self, message: Message, effects: &[Effect]) -> std::io::Result<Next> {
        let Message { id, operation, critical_control } = message;
        match operation {
            Operation::Unbind => return Ok(Next::End),
            Operation::Abandon => return Ok(Next::GoOn),
            _ => {}
        }
        let effect = effects.iter().find(|effect| !matches!(effect, Effect::Hide(_)));
        match effect {
            Some(Effect::Late(ms)) => sleep(Duration::from_millis(*ms)).await,
            Some(Effect::Stall) => return self.stall().await,
            Some(Effect::CutBefore) => return Ok(Next::End),
            Some(Effect::Disconnect) => return self.disconnect(&answers::unavailable()).await,
            Some(Effect::Huge) => {
                self.send(HUGE).await?;
                return self.stall().await;
            }
            _ => {}
        }
        let ordered = match effect {
            Some(Effect::Busy) => Some(answers::busy()),
            Some(Effect::Unavailable) => Some(answers::unavailable()),
            Some(Effect::Data(data)) => Some(answers::logon(data)),
            Some(Effect::Refuse) => Some(answers::reset_restricted()),
            _ if critical_control => Some(answers::control_unavailable()),
            _ => None,
        };
        let bytes = match ordered {
            Some(answer) => codec::result(id, &operation, &answer),
            None => self.perform(id, &operation, effects),
        };
        match effect {
            Some(Effect::StallAfter) => self.stall().await,
            Some(Effect::CutAfter) => Ok(Next::End),
            Some(Effect::CutAnswer(count)) => {
                self.send(&bytes[..bytes.len().min(*count)]).await?;
                Ok(Next::End)
            }
            Some(Effect::Dribble(ms)) => {
                for byte in bytes {
                    self.send(&[byte]).await?;
                    sleep(Duration::from_millis(*ms)).await;
                }
                Ok(Next::GoOn)
            }
            Some(Effect::Garbage) => self.send(GARBAGE).await,
            Some(Effect::Other) => self.send(&codec::result(id, &operation, &answers::other())).await,
            Some(Effect::Endless) => self.send_without_end(id).await,
            _ => self.send(&bytes).await,
        }
    }

    /// Does what is asked, under the lab's lock, and gives the answer in bytes.
    fn perform(&mut self, id: i32, operation: &Operation, effects: &[Effect]) -> Vec<u8> {
        let hidden = effects.iter().filter_map(|effect| match effect {
            Effect::Hide(attribute) => Some(attribute.clone()),
            _ => None,
        });
        let hidden: Vec<String> = hidden.collect();
        let (place, mut account) = (self.place.clone(), self.account.clone());
        let done = place.lab.books(|books| {
            let (bytes, answer) = act(books, &place, &mut account, id, operation, &hidden)?;
            let (name, word) = (account.as_deref().unwrap_or("nobody"), said(&answer));
            let line = format!("{} by {name}", told(operation));
            place.lab.log(books, (&format!("ldaps {}", place.host), &line, ""), &word)?;
            Ok(bytes)
        });
        self.account = account;
        done.unwrap_or_else(|fault| {
            tracing::warn!(%fault, "the lab could not answer a request over LDAPS");
            codec::result(id, operation, &answers::other())
        })
    }

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<Next> {
        timeout(STALL_LIMIT, async {
            self.wire.write_all(bytes).await?;
            self.wire.flush().await
        })
        .await??;
        Ok(Next::GoOn)
    }

    /// Says nothing more until the other side gives up.
    async fn stall(&mut self) -> std::io::Result<Next> {
        let mut chunk = [0; 256];
        let _ = timeout(STALL_LIMIT, async { while self.wire.read(&mut chunk).await.is_ok_and(|count| count > 0) {} })
            .await;
        Ok(Next::End)
    }

    async fn send_without_end(&mut self, id: i32) -> std::io::Result<Next> {
        let entry = codec::entry(id, "CN=again,DC=and,DC=again", &[("cn".to_owned(), vec![b"again".to_vec()])]);
        let batch = entry.repeat(ENDLESS_BATCH);
        for _ in 0..ENDLESS_BATCHES_MAX {
            self.send(&batch).await?;
            sleep(ENDLESS_PAUSE).await;
        }
        Ok(Next::End)
    }

    async fn disconnect(&mut self, answer: &Answer) -> std::io::Result<Next> {
        self.send(&codec::notice_of_disconnection(answer)).await?;
        self.wire.shutdown().await?;
        Ok(Next::End)
    }
}

fn act(
    books: &mut Books,
    place: &Place,
    account: &mut Option<String>,
    id: i32,
    operation: &Operation,
    hidden: &[String],
) -> Result<(Vec<u8>, Answer), Fault> {
    let at = place.at;
    let answer = match operation {
        Operation::Bind { version, name, password } => {
            // A bind ends the logon before it, whatever comes of it.
            *account = None;
            let (answer, logged_on) = bind::run(books, at, (*version, name, password.as_ref()))?;
            *account = logged_on;
            answer
        }
        Operation::Search(search) => {
            let rights = rights(books, account.as_deref())?;
            let now = filetime(books.now);
            books.world.domain("a search over LDAPS")?.catch_up(now);
            let Some(domain) = &books.world.domain else { return Ok(plain(id, operation, answers::unavailable())) };
            let view = View { domain, at, now, rights: &rights };
            let outcome = search::run(id, search, &view, books, account.is_some(), hidden);
            let mut bytes = outcome.messages;
            bytes.extend(codec::result(id, operation, &outcome.answer));
            return Ok((bytes, outcome.answer));
        }
        Operation::Modify { dn, changes } => match account {
            None => answers::not_logged_on(),
            Some(_) => {
                let rights = rights(books, account.as_deref())?;
                modify::run(books, at, &rights, dn, changes)?
            }
        },
        Operation::Extended { oid } if oid == WHO_AM_I => {
            let forest = books.world.domain("who am I")?.forest.clone();
            let name = account.as_ref().map(|name| format!("u:{}\\{name}", tree::netbios(&forest)));
            return Ok((codec::who_am_i(id, &name.unwrap_or_default()), Answer::success()));
        }
        Operation::Extended { .. } => answers::unknown_extension(),
        Operation::Other(_) | Operation::Unbind | Operation::Abandon => answers::not_offered("this operation"),
    };
    Ok(plain(id, operation, answer))
}

fn plain(id: i32, operation: &Operation, answer: Answer) -> (Vec<u8>, Answer) {
    (codec::result(id, operation, &answer), answer)
}

fn rights(books: &mut Books, account: Option<&str>) -> Result<Rights, Fault> {
    let domain = books.world.domain("looking up rights")?;
    Ok(account.and_then(|name| domain.account(name)).map(|account| account.rights.clone()).unwrap_or_default())
}

fn kind(number: u8) -> Kind {
    match number {
        0 => Kind::Bind,
        3 => Kind::Search,
        6 => Kind::Modify,
        _ => Kind::Else,
    }
}

/// A request for the log: names, never values.
fn told(operation: &Operation) -> String {
    match operation {
        Operation::Bind { name, .. } => format!("bind as {name}"),
        Operation::Search(search) => format!("search in {:?}", search.base),
        Operation::Modify { dn, changes } => {
            let attributes: Vec<&str> = changes.iter().map(|change| change.attribute.as_str()).collect();
            format!("modify {} of {dn:?}", attributes.join(" and "))
        }
        Operation::Extended { oid } => format!("extended {oid}"),
        Operation::Unbind | Operation::Abandon | Operation::Other(_) => "another request".to_owned(),
    }
}

fn said(answer: &Answer) -> String {
    let text: String = answer.text.chars().filter(|c| !c.is_control()).collect();
    format!("{} {text}", answer.code).trim_end().to_owned()
}
