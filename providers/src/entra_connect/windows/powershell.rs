//! One run of Windows PowerShell: a static script, its arguments on standard input, its reply behind a mark.
//!
//! Nothing here needs Windows: the tests play powershell.exe with a program of their own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::script::{Script, base64};
use crate::entra_connect::said::cleaned;
use crate::port::{Fault, Secret, tenure};

/// What every line of ours begins with.
const MARK: &str = "entra-rotator-script ";

/// Most bytes that a script may write.
const OUTPUT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Most bytes of its standard error that are kept: the end.
const TALK_BYTES_MAX: usize = 4 * 1024;

/// How much is read at once, in bytes.
const PART_BYTES: usize = 64 * 1024;

/// How long a killed process may take to be gone, and its last words to arrive.
const END_LIMIT: Duration = Duration::from_secs(3);

/// [Process creation flags](https://learn.microsoft.com/en-us/windows/win32/procthread/process-creation-flags).
#[cfg(windows)]
const CREATE_NO_WINDOW: u32 = 0x0800_0000;

/// Where the interpreter lies, below the system's folder.
const PROGRAM: &str = r"System32\WindowsPowerShell\v1.0\powershell.exe";

/// Windows PowerShell on this machine.
#[derive(Clone, Debug)]
pub struct PowerShell {
    program: PathBuf,
    modules: Option<OsString>,
}

/// How far a script had come when its reply was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The interpreter was not started.
    Nothing,
    /// It was started and handed nothing: we may not act any more.
    NotHeld(Fault),
    /// It was heard, it had not begun to change anything, and it is gone.
    Ready,
    /// Beyond that point, or not known.
    Unknown,
}

/// A run that gave no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How far it had come.
    pub reached: Reached,
    /// Why there is none, a lower-case fragment.
    pub cause: String,
}

impl Default for PowerShell {
    fn default() -> Self {
        // By its full path: what else is named so, somewhere in PATH, must not be handed a password.
        let root = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
        Self::at(Path::new(&root).join(PROGRAM))
    }
}

impl PowerShell {
    /// Another interpreter: for tests.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), modules: None }
    }

    /// The same with folders of its own to find modules in: for tests.
    #[must_use]
    pub fn modules(mut self, folders: impl Into<OsString>) -> Self {
        self.modules = Some(folders.into());
        self
    }

    /// Its path, as a planted task needs it.
    pub fn program(&self) -> String {
        self.program.display().to_string()
    }

    /// Runs a script and gives its reply. Whatever the script does, this ends soon after `limit`.
    pub async fn run(
        &self,
        script: Script,
        arguments: &impl Serialize,
        secret: Option<&Secret>,
        limit: Duration,
    ) -> Result<Value, Lost> {
        let nothing = |cause: String| Lost { reached: Reached::Nothing, cause };
        let input = input(arguments, secret).map_err(|cause| nothing(cause.to_string()))?;
        let mut command = Command::new(&self.program);
        command.args(script.arguments()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        match &self.modules {
            // A PowerShell 7 above us would hand its own modules down; without this, 5.1 takes the machine's.
            None => command.env_remove("PSModulePath"),
            Some(folders) => command.env("PSModulePath", folders),
        };
        // A console of its own: Ctrl-C at ours asks us to stop in order, and would end a script in the middle.
        #[cfg(windows)]
        command.creation_flags(CREATE_NO_WINDOW);
        // Whoever is next must not meet a script of one who was ended by force.
        #[cfg(windows)]
        if let Err(error) = win32::job::tie_children() {
            tracing::warn!(%error, "a script would outlive this process, should that be ended by force");
        }
        let started = command.spawn().map_err(|cause| format!("{} can't be started: {cause}", self.program.display()));
        let mut run = started.and_then(Run::of).map_err(nothing)?;
        if script.acts() {
            // The interpreter waits for its input, and is ended with `run`.
            tenure::held("")
                .await
                .map_err(|fault| Lost { cause: fault.cause.clone(), reached: Reached::NotHeld(fault) })?;
        }
        let talked = timeout(limit, run.talk(&input)).await;
        let ended = matches!(talked, Ok(Ok(()))) || run.end().await;
        let why = match talked {
            Err(_) => format!("no answer within {} s", limit.as_secs()),
            Ok(Err(cause)) => cause,
            Ok(Ok(())) => "it ended without a reply".to_owned(),
        };
        match run.reply() {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => {
                let reached = if ended && run.is_heard() { Reached::Ready } else { Reached::Unknown };
                Err(Lost { reached, cause: without(&format!("{why}{}", run.said()), secret) })
            }
            Err(cause) => Err(Lost { reached: Reached::Unknown, cause: without(&cause, secret) }),
        }
    }
}

/// A text from the other side, in which a secret must not stand.
pub(super) fn without(text: &str, secret: Option<&Secret>) -> String {
    const HIDDEN: &str = "[redacted]";
    match secret.map(Secret::expose) {
        Some(plain) if !plain.is_empty() => text.replace(plain, HIDDEN).replace(&**base64(plain.as_bytes()), HIDDEN),
        _ => text.to_owned(),
    }
}

/// The lines on standard input: the arguments as JSON, then the secret. Both are ASCII.
fn input(arguments: &impl Serialize, secret: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let line = ascii(&serde_json::to_string(arguments)?);
    let coded = secret.map(|secret| base64(secret.expose().as_bytes()));
    // All the room it takes at once: bytes that move leave copies behind.
    let mut input = Zeroizing::new(Vec::with_capacity(line.len() + coded.as_ref().map_or(0, |coded| coded.len()) + 2));
    input.extend_from_slice(line.as_bytes());
    input.push(b'\n');
    if let Some(coded) = coded {
        input.extend_from_slice(coded.as_bytes());
        input.push(b'\n');
    }
    Ok(input)
}

/// JSON in which everything beyond ASCII is escaped; in JSON that stands within texts only.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            text.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

/// A process, and what was heard of it.
struct Run {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: ChildStderr,
    output: Vec<u8>,
    talk: Vec<u8>,
}

impl Run {
    fn of(mut child: Child) -> Result<Self, String> {
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (stdin, Some(stdout), Some(stderr)) = pipes else { return Err("the process has no pipes".to_owned()) };
        Ok(Self { child, stdin, stdout, stderr, output: Vec::new(), talk: Vec::new() })
    }

    /// Hands the request over and listens until the process has ended.
    async fn talk(&mut self, input: &Zeroizing<Vec<u8>>) -> Result<(), String> {
        let stdin = self.stdin.take();
        let write = async {
            if let Some(stdin) = stdin {
                // A process that ends without reading has its own reason, which its reply tells.
                let _ = hand_over(stdin, input).await;
            }
            Ok(())
        };
        let read = read(&mut self.stdout, &mut self.output, OUTPUT_BYTES_MAX);
        tokio::try_join!(write, read, read_end(&mut self.stderr, &mut self.talk))?;
        self.child.wait().await.map(drop).map_err(|cause| format!("its end was not seen: {cause}"))
    }

    /// Ends the process and takes its last words; whether both surely came about.
    async fn end(&mut self) -> bool {
        let end = async {
            self.child.start_kill().is_ok() & self.child.wait().await.is_ok()
                && read(&mut self.stdout, &mut self.output, 2 * OUTPUT_BYTES_MAX).await.is_ok()
        };
        timeout(END_LIMIT, end).await.unwrap_or(false)
    }

    /// Its own lines, without the mark. A line that is cut off is none.
    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let whole = self.output.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end);
        self.output[..whole].split(|byte| *byte == b'\n').filter_map(|line| {
            // The mark may stand behind what somebody else wrote without an end of line.
            let at = line.windows(MARK.len()).position(|part| part == MARK.as_bytes())?;
            let said = &line[at + MARK.len()..];
            Some(said.strip_suffix(b"\r").unwrap_or(said))
        })
    }

    fn reply(&self) -> Result<Option<Value>, String> {
        let mut replies = self.lines().filter_map(|line| line.strip_prefix(b"reply "));
        let Some(reply) = replies.next() else { return Ok(None) };
        if replies.next().is_some() {
            return Err("it gave two replies".to_owned());
        }
        // A reader's message would name the value that it did not expect: only the place is told.
        let place = |cause: serde_json::Error| format!("its reply can't be read, at byte {}", cause.column());
        serde_json::from_slice(reply).map(Some).map_err(place)
    }

    /// Whether its words came through, and none of them said that it begins to act.
    fn is_heard(&self) -> bool {
        self.lines().any(|line| line == b"ready") && !self.lines().any(|line| line == b"acting")
    }

    /// The end of what else it said, as the end of a sentence.
    fn said(&self) -> String {
        let text = cleaned(&String::from_utf8_lossy(&self.talk));
        if text.is_empty() { String::new() } else { format!(": {text}") }
    }
}

#[cfg(not(windows))]
async fn hand_over(mut stdin: ChildStdin, input: &[u8]) -> std::io::Result<()> {
    tokio::io::AsyncWriteExt::write_all(&mut stdin, input).await
}

/// There tokio writes from a copy, which nobody would wipe.
#[cfg(windows)]
async fn hand_over(stdin: ChildStdin, input: &Zeroizing<Vec<u8>>) -> std::io::Result<()> {
    let (mut pipe, input) = (std::fs::File::from(stdin.into_owned_handle()?), input.clone());
    tokio::task::spawn_blocking(move || std::io::Write::write_all(&mut pipe, &input)).await?
}

/// Reads up to the end, unless it is more than `most` bytes.
async fn read(from: &mut (impl AsyncRead + Unpin), output: &mut Vec<u8>, most: usize) -> Result<(), String> {
    let mut part = vec![0; PART_BYTES];
    loop {
        let count = from.read(&mut part).await.map_err(|cause| format!("its output can't be read: {cause}"))?;
        if count == 0 {
            return Ok(());
        }
        if output.len() + count > most {
            return Err("it says more than it may".to_owned());
        }
        output.extend_from_slice(&part[..count]);
    }
}

/// Reads up to the end, and keeps the end.
async fn read_end(from: &mut (impl AsyncRead + Unpin), talk: &mut Vec<u8>) -> Result<(), String> {
    let mut part = vec![0; PART_BYTES];
    loop {
        let count = from.read(&mut part).await.unwrap_or(0);
        if count == 0 {
            return Ok(());
        }
        talk.extend_from_slice(&part[..count]);
        let surplus = talk.len().saturating_sub(TALK_BYTES_MAX);
        talk.drain(..surplus);
    }
}
