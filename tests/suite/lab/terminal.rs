//! The program at a terminal, and somebody who reads and types there.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{Ended, Lab};

/// How long anything may take to come, and the pause between two looks.
const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// A run of the program whose standard input and standard error are a terminal.
pub(super) struct Terminal {
    child: Child,
    ours: File,
    screen: Arc<Mutex<String>>,
    read_to: usize,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, or a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Terminal {
    pub(super) fn start(lab: &Lab, arguments: &str) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).expect("granted");
        unlockpt(&ours).expect("unlocked");
        let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("UTF-8");
        let theirs = File::options().read(true).write(true).open(Path::new(&name)).expect("its other end");
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = lab.command(&words);
        command.stdin(theirs.try_clone().expect("a copy")).stderr(theirs).stdout(Stdio::piped()).env("TERM", "dumb");
        let child = command.spawn().expect("the program starts");
        // It keeps the other end open, and its end would never show.
        drop(command);
        let ours = File::from(ours);
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut reads, shown) = (ours.try_clone().expect("a copy"), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error when the program has closed its end.
            while let Ok(read @ 1..) = reads.read(&mut bytes) {
                shown.lock().expect("the screen").push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        Self { child, ours, screen, read_to: 0 }
    }

    /// Waits until this stands on the screen, behind what was waited for before; gives what came with it.
    pub(super) fn shows(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen.lock().expect("the screen").clone();
            if let Some(at) = screen[self.read_to..].find(text) {
                let end = self.read_to + at + text.len();
                let came = screen[self.read_to..end].to_owned();
                self.read_to = end;
                return came;
            }
            let ended = self.child.try_wait().expect("it is our child");
            assert!(ended.is_none() && begun.elapsed() < LIMIT, "no `{text}`, {ended:?}:\n{screen}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Types a line.
    pub(super) fn types(&mut self, line: &str) {
        self.ours.write_all(format!("{line}\n").as_bytes()).expect("it is read");
    }

    /// Waits for its end.
    pub(super) fn ends(mut self) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            let screen = self.screen.lock().expect("the screen").clone();
            assert!(begun.elapsed() < LIMIT, "it does not end:\n{screen}");
            std::thread::sleep(PAUSE);
        };
        let mut stdout = String::new();
        self.child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("UTF-8");
        // The last of it may still be on its way.
        std::thread::sleep(PAUSE);
        let stderr = self.screen.lock().expect("the screen").clone();
        Ended { code: status.code(), stdout, stderr }
    }
}
