use serde::Serialize;

use super::super::arguments::{Global, PruneOptions};
use super::super::output::{say, show};
use super::super::session;
use super::verify::keys;
use super::{Stop, export, refuse};
use crate::history::{Given, tombstone};
use crate::journal::Journal;
use crate::order::{Exit, cut, initiator, sentence, verify};
use crate::report::Period;

#[derive(Serialize)]
struct Pruned {
    entries: u64,
    rotations: usize,
    tombstone: Option<i64>,
}

pub(super) async fn run(global: &Global, options: &PruneOptions) -> Result<Exit, Stop> {
    let usage = |what: &str, todo: &str| refuse(what, todo, Exit::Usage);
    let Some(before) = Period::instant(&options.before) else {
        let what = format!("`{}` is no day and no time", options.before);
        return Err(usage(&what, "write 2026-07-01 (midnight UTC) or 2026-07-01T06:00:00Z"));
    };
    if options.reason.contains(char::is_control) {
        return Err(usage("the reason has a control character", "write it on one line"));
    }
    if options.export.exists() {
        let what = format!(
            "{} is there already, and it may be the only copy of what was pruned before",
            options.export.display()
        );
        return Err(usage(&what, "name another file"));
    }
    let world = session::open_unattended(global)?;
    let key = world.signer.key(&*world.ports().vault).await.map_err(|fault| {
        say(&sentence(&fault));
        Stop::Said(Exit::Usage)
    })?;
    let Some(key) = key else {
        return Err(usage("nothing is pruned without a signed tombstone", "name a signing_key in [history]"));
    };
    let journal = world.journal_as_it_is().await?;
    let journal: &dyn Journal = &*journal;
    // A head first: what is exported is signed then, and the key has its entry.
    world.signer.sign(world.ports(), journal).await.map_err(|why| {
        say(&format!("nothing was pruned: {why}"));
        Stop::Said(Exit::Refused)
    })?;
    let mut known = keys(&options.key)?;
    known.push(key.public());
    let given = Given::new(&known);
    if let Some(finding) = verify(journal, &given, &[]).await?.finding {
        let what = format!("nothing was pruned: the journal was changed: {finding}");
        return Err(refuse(
            &what,
            "`history verify` says more; --key names a key that signed before and was lost",
            Exit::Failed,
        ));
    }
    let cut = cut(journal, before).await?;
    let mut pruned = Pruned { entries: cut.entries, rotations: cut.rotations.len(), tombstone: None };
    if !cut.rotations.is_empty() {
        export::to_file(journal, &options.export, false).await?;
        let (at, by) = (world.ports().clock.now(), initiator());
        let by: String = by.chars().filter(|letter| !letter.is_control()).collect();
        let note = |position: i64, hash: &str| {
            tombstone(position, hash, at, &key, (before, &by, &options.reason), cut.ranges.clone())
        };
        pruned.tombstone = Some(journal.prune(at, &cut, &note).await?.position);
        if let Err(why) = world.signer.sign(world.ports(), journal).await {
            say(&format!("the history was not signed: {why}"));
        }
    }
    show(global.format, &pruned, |pruned| match pruned.tombstone {
        None => "nothing to prune: what ended before that is still needed, or there is none".to_owned(),
        Some(position) => format!(
            "{} entries of {} rotations were pruned; the tombstone is entry {position}; the history as it was is in {}",
            pruned.entries,
            pruned.rotations,
            options.export.display()
        ),
    });
    world.signer.settle().await.iter().for_each(|line| say(line));
    Ok(Exit::Done)
}
