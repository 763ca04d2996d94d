use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::transport::{Answer, Broken, Reached, Transport, held, keep_output, keep_talk};

/// How much is read at once, in bytes.
const PART_BYTES: usize = 64 * 1024;

/// An agent as a process of this machine.
pub struct ProcessTransport {
    program: String,
    arguments: Vec<String>,
    address: String,
}

impl ProcessTransport {
    /// The program and its arguments, which are never a secret.
    pub fn new(program: impl Into<String>, arguments: Vec<String>) -> Self {
        let program = program.into();
        Self { address: format!("process {program}"), program, arguments }
    }

    async fn run(&self, request: &Zeroizing<Vec<u8>>, reached: &mut Reached) -> Result<Answer, Broken> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|cause| Broken::new(Reached::Settings, format!("{} can't be started: {cause}", self.program)))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = pipes else {
            return Err(Broken::new(Reached::Nothing, "the process has no pipes"));
        };
        held().await?;
        *reached = Reached::Request;
        let write = async {
            // A process that ends without reading has its own reason, which its answer tells.
            let _ = stdin.write_all(request).await;
            drop(stdin);
        };
        let read_output = async {
            let (mut output, mut part) = (Vec::new(), vec![0; PART_BYTES]);
            loop {
                let count = stdout.read(&mut part).await.unwrap_or(0);
                if count == 0 {
                    return Ok(output);
                }
                if !keep_output(&mut output, &part[..count]) {
                    return Err(Broken::new(Reached::Request, "the agent says more than it may"));
                }
            }
        };
        let read_talk = async {
            let (mut talk, mut part) = (Vec::new(), vec![0; PART_BYTES]);
            loop {
                let count = stderr.read(&mut part).await.unwrap_or(0);
                if count == 0 {
                    return Ok(talk);
                }
                keep_talk(&mut talk, &part[..count]);
            }
        };
        let ((), output, talk) = tokio::try_join!(
            async {
                write.await;
                Ok(())
            },
            read_output,
            read_talk
        )?;
        let status = child
            .wait()
            .await
            .map_err(|cause| Broken::new(Reached::Request, format!("the agent's end was not seen: {cause}")))?;
        Ok(Answer { output, talk, status: status.code().map(i64::from) })
    }
}

#[async_trait]
impl Transport for ProcessTransport {
    fn address(&self) -> &str {
        &self.address
    }

    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, limit: Duration) -> Result<Answer, Broken> {
        let mut reached = Reached::Nothing;
        match timeout(limit, self.run(request, &mut reached)).await {
            Ok(done) => done,
            Err(_) => Err(Broken::new(reached, format!("no answer within {} s", limit.as_secs()))),
        }
    }
}
