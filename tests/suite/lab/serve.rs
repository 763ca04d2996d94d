//! `lab serve`, as an operator starts it.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use providers::active_directory::{ActiveDirectory, DomainControllers, Identity, Settings};
use providers::port::{Directory, Secret};
use serde_json::Value;

use super::program::Lab;

const END_LIMIT: Duration = Duration::from_secs(10);

/// The running server; a test that fails ends it too.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts it, and waits for what it prints when it listens.
    fn start(lab: &Lab) -> (Self, Value) {
        let words = ["lab", "serve", "--port", "0", "--until-stdin-ends", "--format", "json"];
        let mut command = lab.command(&words);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut server = Self(child.expect("the program starts"));
        let mut told = String::new();
        for line in BufReader::new(server.0.stdout.as_mut().expect("a pipe")).lines() {
            told.push_str(&line.expect("UTF-8"));
            if let Ok(whole) = serde_json::from_str(&told) {
                return (server, whole);
            }
        }
        let mut err = String::new();
        let _ = server.0.stderr.as_mut().expect("a pipe").read_to_string(&mut err);
        panic!("it ended: {told} {err}");
    }

    /// Closes its standard input, and gives its exit code.
    fn end(mut self) -> Option<i32> {
        drop(self.0.stdin.take());
        let begun = Instant::now();
        while begun.elapsed() < END_LIMIT {
            if let Some(status) = self.0.try_wait().expect("it is our child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it goes on although its standard input ended");
    }
}

#[tokio::test]
async fn the_adapter_works_on_a_served_lab() {
    let lab = Lab::new();
    let file = lab.dir().with_extension("rotator");
    let path = file.to_str().expect("UTF-8").to_owned();
    let init = ["lab", "init", "--addresses", "127.0.0.2,127.0.0.3", "--rotator-password-file", &path];
    let made = lab.run_words(&init);
    assert_eq!(made.code, Some(0), "{made:?}");
    let again = lab.run_words(&init);
    assert_eq!(again.code, Some(2), "{again:?}");
    let (server, told) = Server::start(&lab);
    let password = std::fs::read_to_string(&file).expect("it was written");
    let urls = told["urls"].as_array().expect("urls");
    assert!(urls.len() == 2 && urls[1].as_str().expect("text").starts_with("ldaps://127.0.0.3:"), "{told}");
    let urls = urls.iter().map(|url| url.as_str().expect("text").to_owned());
    let directory = ActiveDirectory::new(Settings {
        controllers: DomainControllers::Listed(urls.collect()),
        ca_file: Some(PathBuf::from(told["ca_file"].as_str().expect("text"))),
        identity: Identity::password("rotator@contoso.test", Secret::new(password)),
    })
    .expect("settings");
    let account = directory.account("MSOL_1a2b3c4d5e6f").await.expect("it is found");
    directory.set_password(&account.dn, &account.dc, &Secret::new("Set-by-an-operator-9")).await.expect("it is set");
    let shown = lab.run("lab show --format json").json();
    let holders = shown["accounts"][0]["holders"].as_array().expect("holders");
    let held = holders.iter().find(|holder| holder["holder"] == "directory").expect("the directory holds one");
    assert_eq!(held["label"], "p2", "{shown}");
    assert_eq!(server.end(), Some(0));
}
