use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::task::JoinHandle;

use super::channel::{Channel, Undelivered};
use super::escape::{shortened, visible};
use super::{Notice, Severity};
use crate::config::CommandConfig;

/// How long the program may take.
const RUN_LIMIT: Duration = Duration::from_secs(30);
/// What is left of the deadline to end it.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How long its output is waited for once it has ended: something it started may hold it open.
const OUTPUT_LIMIT: Duration = Duration::from_secs(1);
/// More of its output than this is not kept.
const OUTPUT_BYTES_MAX: usize = 4 * 1024;
/// As much of it stands in a cause.
const CAUSE_MAX: usize = 300;
/// What it gets of our environment; Windows can't start most programs without the last.
const ENVIRONMENT: [&str; 3] = ["PATH", "LANG", "SystemRoot"];

/// A program that gets each notice as one JSON document on its standard input.
pub(super) struct Command {
    program: PathBuf,
    args: Vec<String>,
    severity: Severity,
    limit: Duration,
}

impl Command {
    pub(super) fn new(config: &CommandConfig) -> Self {
        let CommandConfig { program, args, severity } = config.clone();
        Self { program, args, severity, limit: RUN_LIMIT }
    }

    fn start(&self) -> std::io::Result<Child> {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A group of its own, so that what it starts can be ended with it.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn()
    }
}

#[async_trait]
impl Channel for Command {
    fn name(&self) -> &str {
        "command"
    }

    fn wants(&self, notice: &Notice) -> bool {
        notice.severity >= self.severity
    }

    fn deadline(&self) -> Duration {
        self.limit + END_LIMIT
    }

    async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let program = self.program.display();
        let mut running = Running::new(
            self.start().map_err(|cause| Undelivered::for_now(format!("{program} can't be started: {cause}")))?,
        );
        let document = format!("{}\n", notice.document()).into_bytes();
        let ended = tokio::time::timeout(self.limit, running.feed_and_wait(&document)).await;
        let status = match ended {
            Ok(status) => status.map_err(|cause| Undelivered::for_now(format!("{program} got lost: {cause}")))?,
            Err(_) => {
                running.end().await;
                let seconds = self.limit.as_secs();
                return Err(Undelivered::for_now(format!("{program} was still at work after {seconds} s: ended")));
            }
        };
        let output = running.output().await;
        tracing::debug!(program = %program, %status, output, "the command for notices has ended");
        if status.success() {
            return Ok(());
        }
        let said = if output.is_empty() { String::new() } else { format!(": {}", shortened(&output, CAUSE_MAX)) };
        Err(Undelivered::for_now(format!("{program} ended with {status}{said}")))
    }
}

/// A child and what it says. Dropped at work, it is ended.
struct Running {
    child: Child,
    said: Vec<JoinHandle<Vec<u8>>>,
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let mut said = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            said.push(tokio::spawn(beginning(stdout)));
        }
        if let Some(stderr) = child.stderr.take() {
            said.push(tokio::spawn(beginning(stderr)));
        }
        Self {
            #[cfg(unix)]
            group: child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw),
            child,
            said,
        }
    }

    async fn feed_and_wait(&mut self, document: &[u8]) -> std::io::Result<std::process::ExitStatus> {
        if let Some(mut stdin) = self.child.stdin.take() {
            // One that does not read it is judged by how it ends.
            let _ = stdin.write_all(document).await;
            let _ = stdin.shutdown().await;
        }
        let status = self.child.wait().await?;
        // From here on the group may be somebody else's.
        #[cfg(unix)]
        {
            self.group = None;
        }
        Ok(status)
    }

    async fn end(&mut self) {
        self.end_group();
        let _ = tokio::time::timeout(OUTPUT_LIMIT, self.child.kill()).await;
    }

    /// The child is not waited for yet, so its id, which is its group's, is still its own.
    fn end_group(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.group.take() {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    /// One line for the log.
    async fn output(&mut self) -> String {
        let mut whole = Vec::new();
        for reader in &mut self.said {
            if let Ok(Ok(part)) = tokio::time::timeout(OUTPUT_LIMIT, reader).await {
                whole.extend(part);
            }
        }
        whole.truncate(OUTPUT_BYTES_MAX);
        let text = String::from_utf8_lossy(&whole);
        visible(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_group();
        self.said.iter().for_each(JoinHandle::abort);
    }
}

/// The beginning of what it says. Reads to the end, so that nothing blocks for want of a reader.
async fn beginning(mut pipe: impl AsyncRead + Unpin) -> Vec<u8> {
    let (mut kept, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = pipe.read(&mut part).await {
        let room = OUTPUT_BYTES_MAX - kept.len();
        kept.extend_from_slice(&part[..length.min(room)]);
    }
    kept
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;

    use super::super::Standing;
    use super::super::notice::tests::{hostile, notice};
    use super::*;

    fn shell(script: &str, folder: &Path) -> Command {
        Command {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into(), "hook".into(), folder.display().to_string()],
            severity: Severity::Info,
            limit: Duration::from_millis(1500),
        }
    }

    fn one() -> Notice {
        notice(Severity::Info, Standing::Event)
    }

    #[tokio::test]
    async fn it_gets_one_document_and_a_bare_environment() {
        let folder = tempfile::tempdir().expect("a folder");
        let command = shell("cat >\"$1/in\"; env >\"$1/env\"", folder.path());
        command.send(&hostile()).await.expect("delivered");
        let text = std::fs::read_to_string(folder.path().join("in")).expect("it was written");
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["account"].as_str(), hostile().account.as_deref());
        assert_eq!(text.matches('\n').count(), 1, "one line");
        let environment = std::fs::read_to_string(folder.path().join("env")).expect("it was written");
        for line in environment.lines() {
            let name = line.split('=').next().unwrap_or_default();
            assert!(["PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name), "{line}");
        }
    }

    #[tokio::test]
    async fn a_failure_is_told_with_what_it_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let loud =
            shell("head -c 300000 /dev/zero | tr '\\0' x; printf 'no route\\033[31m\\n' >&2; exit 3", folder.path());
        let undelivered = loud.send(&one()).await.expect_err("it failed");
        assert!(undelivered.again && undelivered.cause.contains("exit status: 3"), "{}", undelivered.cause);
        assert!(undelivered.cause.len() < 500, "{}", undelivered.cause.len());
        let short = shell("printf 'no route\\033[31m\\n' >&2; exit 3", folder.path());
        let undelivered = short.send(&one()).await.expect_err("it failed");
        assert!(undelivered.cause.ends_with("no route[U+001B][31m"), "{}", undelivered.cause);
        let missing = Command { program: "/nonexistent/hook".into(), ..shell("", folder.path()) };
        assert!(missing.send(&one()).await.expect_err("no such program").cause.contains("can't be started"));
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let stuck = shell("sleep 600 & echo $! >\"$1/child\"; echo $$ >\"$1/own\"; wait", folder.path());
        let undelivered = stuck.send(&one()).await.expect_err("it never ends");
        assert!(undelivered.again && undelivered.cause.contains("still at work"), "{}", undelivered.cause);
        for name in ["child", "own"] {
            let id = std::fs::read_to_string(folder.path().join(name)).expect("it was written");
            let mut left = true;
            for _ in 0..50 {
                // A zombie that nobody waits for any more is gone too.
                let status = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
                left = !(status.is_empty() || status.contains(") Z "));
                if !left {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert!(!left, "{name} is still there");
        }
    }

    #[tokio::test]
    async fn one_that_reads_nothing_and_leaves_its_output_open_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let careless = Command { limit: RUN_LIMIT, ..shell("sleep 20 & exit 0", folder.path()) };
        let came = tokio::time::timeout(Duration::from_secs(10), careless.send(&one())).await;
        assert_eq!(came, Ok(Ok(())));
    }
}
