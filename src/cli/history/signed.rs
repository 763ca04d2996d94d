use std::io::Write;

use serde::Serialize;

use super::super::arguments::{Global, KeyOptions};
use super::super::output::{say, show};
use super::super::session;
use super::super::whole::WholeFile;
use super::{Stop, refuse};
use crate::history::SentHead;
use crate::order::{Exit, sentence};

#[derive(Serialize)]
struct Head {
    head: SentHead,
}

#[derive(Serialize)]
struct Key {
    key: String,
    pem: String,
}

/// The newest head, as it was sent out.
pub(super) async fn head(global: &Global) -> Result<Exit, Stop> {
    let journal = session::records(global)?.journal().await?;
    let (mut newest, mut after) = (None, 0);
    loop {
        let page = journal.notes(after).await?;
        let Some(last) = page.last() else { break };
        after = last.position;
        newest = page.iter().rev().find_map(SentHead::of).or(newest);
    }
    let Some(head) = newest else {
        let todo = "name a signing_key in [history]; a head is signed at the next rotation's end";
        return Err(refuse("nothing is signed yet", todo, Exit::Failed));
    };
    show(global.format, &Head { head }, |shown| shown.head.line());
    Ok(Exit::Done)
}

/// The public key.
pub(super) async fn key(global: &Global, options: &KeyOptions) -> Result<Exit, Stop> {
    let world = session::open_unattended(global)?;
    let read = world.signer.key(&*world.ports().vault).await.map_err(|fault| {
        say(&sentence(&fault));
        Stop::Said(Exit::Usage)
    })?;
    let Some(key) = read else {
        let todo =
            "make one with `openssl genpkey -algorithm ed25519` and name it: signing_key = { file = … } in [history]";
        return Err(refuse("the configuration has no key that signs the history", todo, Exit::Usage));
    };
    let broken =
        |cause: String| refuse(&format!("the public key can't be written: {cause}"), "name another file", Exit::Usage);
    let public = key.public();
    let pem = public.pem().map_err(|cause| broken(cause.to_string()))?;
    if let Some(file) = &options.out {
        let written = WholeFile::begin(file).and_then(|mut draft| {
            draft.write_all(pem.as_bytes())?;
            draft.finish()
        });
        written.map_err(|cause| broken(cause.to_string()))?;
        return Ok(Exit::Done);
    }
    show(global.format, &Key { key: public.to_string(), pem }, |shown| shown.pem.trim_end().to_owned());
    Ok(Exit::Done)
}
