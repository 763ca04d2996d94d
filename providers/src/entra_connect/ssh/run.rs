use std::convert::Infallible;
use std::future::pending;

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use zeroize::Zeroizing;

use crate::entra_connect::transport::{Answer, Broken, Reached, held, keep_output, keep_talk};

use super::link::{Link, told};

/// The kind of extended data that is standard error (RFC 4254, section 5.2).
const STANDARD_ERROR: u32 = 1;

/// What a shell adds to a signal's number.
const BY_SIGNAL: i64 = 128;

impl Link {
    /// Runs the command, writes the request, and reads until the command ends.
    pub(super) async fn run(
        &mut self,
        command: &str,
        request: &Zeroizing<Vec<u8>>,
        reached: &mut Reached,
    ) -> Result<Answer, Broken> {
        let (mut reader, writer) = self.start(command).await?;
        held().await?;
        *reached = Reached::Request;
        tokio::select! {
            answer = self.read(&mut reader) => answer,
            never = write(&writer, request) => match never {},
        }
    }

    /// Starts the command, and waits until the server says that it did: before that no byte of the request leaves.
    async fn start(&self, command: &str) -> Result<(ChannelReadHalf, ChannelWriteHalf<Msg>), Broken> {
        let channel = self.handle.channel_open_session().await.map_err(|cause| match cause {
            russh::Error::ChannelOpenFailure(why) => {
                Broken::new(Reached::Refused, format!("the server opens no session: {why:?}"))
            }
            russh::Error::Disconnect | russh::Error::SendError => self.gone(Reached::Nothing),
            other => Broken::new(Reached::Nothing, format!("no session: {}", told(&other))),
        })?;
        let (mut reader, writer) = channel.split();
        writer.exec(true, command).await.map_err(|_| self.gone(Reached::Nothing))?;
        loop {
            match reader.wait().await {
                Some(ChannelMsg::Success) => return Ok((reader, writer)),
                Some(ChannelMsg::Failure | ChannelMsg::Close) => {
                    return Err(Broken::new(Reached::Refused, "the server does not run the command")
                        .hint("look at what its SSH server logs: it may allow no commands, or not this one"));
                }
                Some(_) => {}
                None => return Err(self.gone(Reached::Nothing)),
            }
        }
    }

    async fn read(&self, reader: &mut ChannelReadHalf) -> Result<Answer, Broken> {
        let mut answer = Answer::default();
        let mut whole = false;
        loop {
            match reader.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    if !keep_output(&mut answer.output, &data) {
                        return Err(Broken::new(Reached::Request, "the agent says more than it may"));
                    }
                }
                Some(ChannelMsg::ExtendedData { data, ext: STANDARD_ERROR }) => keep_talk(&mut answer.talk, &data),
                Some(ChannelMsg::ExitStatus { exit_status }) => answer.status = Some(i64::from(exit_status)),
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                    let (number, name) = signal(&signal_name);
                    answer.status = Some(BY_SIGNAL + number);
                    keep_talk(&mut answer.talk, format!("\nended by the signal {name}\n").as_bytes());
                }
                Some(ChannelMsg::Eof) => whole = true,
                Some(ChannelMsg::Close) => return Ok(answer),
                Some(_) => {}
                // Only the farewell is missing.
                None if whole && answer.status.is_some() => return Ok(answer),
                None => return Err(self.gone(Reached::Request)),
            }
        }
    }

    fn gone(&self, reached: Reached) -> Broken {
        Broken::new(reached, self.seen.end())
    }
}

/// Writes the request and its end, then leaves the rest to the reader. A command that ends without reading has its own
/// reason, which its answer tells; so has a connection that is gone.
async fn write(writer: &ChannelWriteHalf<Msg>, request: &Zeroizing<Vec<u8>>) -> Infallible {
    if writer.data_bytes(Bytes::from_owner(request.clone())).await.is_ok() {
        let _ = writer.eof().await;
    }
    pending().await
}

/// A signal's number on the systems that have it, and its name; 0 for one that we don't know.
fn signal(signal: &Sig) -> (i64, String) {
    let number = match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 0,
    };
    let name = match signal {
        Sig::Custom(name) => crate::entra_connect::said::cleaned(name),
        known => format!("{known:?}"),
    };
    (number, name)
}
