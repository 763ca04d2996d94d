use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use entra_rotator::journal::{Journal, Note, Query, SqliteJournal, State};
use serde_json::Value;

use crate::lab::Lab;

/// No state that a test waits for takes longer to come.
const WAIT_LIMIT: Duration = Duration::from_secs(120);

/// How long an answer over HTTP may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Waits until it holds; panics with what the service said when it does not.
pub(super) fn wait_until(what: &str, service: &Service, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < WAIT_LIMIT, "not {what} in time:\n{}", service.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The running service; a test that fails ends it too.
pub(super) struct Service {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// Starts it on the lab, on any free port, and waits until it serves.
    pub(super) fn start(lab: &Lab) -> Self {
        let words =
            ["serve", "--lab", "--listen", "127.0.0.1:0", "--log", "info,entra_rotator=debug", "--log-format", "json"];
        let service = Self::spawn(lab.command(&words));
        service.serves();
        service
    }

    /// Starts the command and listens to its talk.
    pub(super) fn spawn(mut command: Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let said = Arc::new(Mutex::new(Vec::new()));
        let (stderr, lines) = (child.stderr.take().expect("a pipe"), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().expect("the lines").push(line);
            }
        });
        Self { child, said }
    }

    pub(super) fn serves(&self) {
        wait_until("serving", self, || self.lines().iter().any(|line| line.starts_with("serving;")));
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.said.lock().expect("the lines").clone()
    }

    pub(super) fn said(&self) -> String {
        self.lines().join("\n")
    }

    /// The log's documents, without the talk of its start.
    pub(super) fn log(&self) -> Vec<Value> {
        self.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Whether a step has begun, by the log.
    pub(super) fn is_at(&self, step: &str) -> bool {
        self.log().iter().any(|line| {
            line["message"] == "begun" && line["span"]["step"].as_str().is_some_and(|is| is.starts_with(step))
        })
    }

    pub(super) fn reaches(&self, step: &str) {
        wait_until(step, self, || self.is_at(step));
    }

    /// The address that it printed.
    pub(super) fn address(&self) -> SocketAddr {
        let lines = self.lines();
        let told = lines.iter().find_map(|line| line.strip_prefix("serving; health and metrics on "));
        told.expect("it serves").parse().expect("an address")
    }

    /// Status and body of an answer.
    pub(super) fn get(&self, path: &str) -> (u16, String) {
        self.get_with(path, "")
    }

    /// The same with further headers, each ended by CRLF.
    pub(super) fn get_with(&self, path: &str, headers: &str) -> (u16, String) {
        parts(&self.answer("GET", path, headers, ""))
    }

    /// The whole answer.
    pub(super) fn answer(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect_timeout(&self.address(), ANSWER_LIMIT).expect("it listens");
        stream.set_read_timeout(Some(ANSWER_LIMIT)).expect("a limit");
        let length = body.len();
        let head = format!("host: localhost\r\n{headers}content-length: {length}\r\nconnection: close");
        write!(stream, "{method} {path} HTTP/1.1\r\n{head}\r\n\r\n{body}").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// The value of a line of the metrics, by what stands before it.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        self.metric_with(name, "")
    }

    /// The same with further headers, each ended by CRLF.
    pub(super) fn metric_with(&self, name: &str, headers: &str) -> Option<f64> {
        let (status, text) = self.get_with("/metrics", headers);
        assert_eq!(status, 200, "{text}");
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end; the exit code, `None` = by a signal.
    pub(super) fn ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < WAIT_LIMIT {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end:\n{}", self.said());
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// SIGTERM; the exit code.
    pub(super) fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended()
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        assert_eq!(self.ended(), None);
    }
}

pub(super) fn parts(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {head}")), body.to_owned())
}

/// The lab's journal, as it is.
pub(super) async fn journal(lab: &Lab) -> SqliteJournal {
    std::fs::create_dir_all(lab.dir()).expect("a folder");
    SqliteJournal::open(&lab.dir().join("journal.db")).await.expect("a journal")
}

/// Every note in the lab's journal.
pub(super) async fn notes(lab: &Lab) -> Vec<Note> {
    let journal = journal(lab).await;
    let mut notes = Vec::new();
    loop {
        let page = journal.notes(notes.last().map_or(0, |(position, _)| *position)).await.expect("notes");
        if page.is_empty() {
            return notes.into_iter().map(|(_, note)| note).collect();
        }
        notes.extend(page.into_iter().map(|noted| (noted.position, noted.note)));
    }
}

/// The states of all rotations, oldest first.
pub(super) async fn states(lab: &Lab) -> Vec<(String, State)> {
    let listed = journal(lab).await.list(&Query::default()).await.expect("a list");
    listed.into_iter().map(|listed| (listed.account, listed.state)).collect()
}
