//! Whatever a password or a name is made of.

use super::{Verdict, done, ensure};
use crate::conformance::vault::scene::{Adopted, MARK, Scene, attempt};
use crate::conformance::vault::together::together;
use crate::port::{Meaning, Secret, Slot};

/// The longest password that a local user or a connector account may have, in characters.
const CHARS_MAX: usize = 126;

/// Values that one account goes through where several do so at once.
const VALUES_OF_AN_ACCOUNT: usize = 6;

/// Passwords that some encoding on their way could change.
fn odd_values() -> Vec<Secret> {
    let short = ["x", " ", "\"", "\\", "ü", "0", "null", "{}", "%41", "\u{1f511}"].map(str::to_owned);
    let long = [
        " leading and trailing ",
        "'\"`\"'\\\\\\\"",
        "\u{e4}\u{f6}\u{fc}\u{df}\u{20ac} \u{6f22}\u{5b57} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        // The same letter in two ways of writing it: no normalisation.
        "\u{e9}e\u{301}",
        "%41%00+&amp;&#65;=?#/:@",
        "${HOME} $(id) {{a}} <b> \u{2028}",
        "{\"password\":\"other\"}",
        "0x1F -1.5e3 true",
    ];
    let long = long.map(|text| format!("{text}{MARK}{text}"));
    let full = ["a", "\\", "\u{fc}", "\u{1f511}"].map(|character| {
        let rest = CHARS_MAX - MARK.chars().count();
        format!("{MARK}{}", character.repeat(rest))
    });
    short.into_iter().chain(long).chain(full).map(Secret::new).collect()
}

/// A password comes back as it was, through every place.
pub(super) async fn every_value_comes_back_as_it_was(scene: &Scene) -> Verdict {
    let values: Vec<(usize, Secret)> = odd_values().into_iter().enumerate().collect();
    // In one account after the other; in several at once where a call waits on purpose.
    let in_one = if scene.subject.checks_at_once() > 1 { VALUES_OF_AN_ACCOUNT } else { values.len() };
    let accounts: Vec<Vec<(usize, Secret)>> = values.chunks(in_one).map(<[_]>::to_vec).collect();
    together(scene, accounts, |scene, values| async move { values_come_back(&scene, values).await }).await
}

async fn values_come_back(scene: &Scene, values: Vec<(usize, Secret)>) -> Verdict {
    let Adopted { name, secret: mut before, .. } = scene.adopted().await?;
    let mut rotation_before = None;
    for (number, secret) in values {
        let (rotation, what) = (format!("r{number}"), format!("value {number} of the list"));
        let at = scene.vault.stage(&name, &attempt(&rotation, &[]), &secret).await;
        let at = done(at, &format!("staging {what}"))?;
        let held = done(scene.other.read(&at).await, &format!("reading {what}"))?;
        ensure!(held == secret, "{what} is staged and comes back as another");
        let at = done(scene.vault.promote(&name, &attempt(&rotation, &[])).await, &format!("promoting {what}"))?;
        let held = done(scene.other.read(&at).await, &format!("reading {what}"))?;
        ensure!(held == secret, "{what} is promoted and comes back as another");
        (before, rotation_before) = (secret, Some(rotation));
    }
    scene.staged(&name, "last", &[]).await?;
    let last = scene.places(&name).await?;
    scene.promoted(&name, "last").await?;
    scene.holds(&name, Slot::Previous, rotation_before.as_deref(), &before, "promoted").await?;
    ensure!(last != scene.places(&name).await?, "a promotion changed nothing");
    Ok(())
}

/// A name of every form that the vault takes has a rotation of its own.
pub(super) async fn every_form_of_name_is_taken(scene: &Scene) -> Verdict {
    let mut all = Vec::new();
    for name in scene.subject.fresh_names().await? {
        let first = scene.secret();
        done(scene.vault.adopt(&name, &first).await, &format!("adopting {name:?}"))?;
        let (_, secret) = scene.staged(&name, "r1", &[]).await?;
        scene.promoted(&name, "r1").await?;
        all.push((name, first, secret));
    }
    for (name, first, secret) in &all {
        let when = format!("{name:?} is promoted");
        scene.holds(name, Slot::Current, Some("r1"), secret, &when).await?;
        scene.holds(name, Slot::Previous, None, first, &when).await?;
    }
    Ok(())
}

/// An account whose name looks like a place of another one is not taken, or has nothing to do with it.
pub(super) async fn names_alike_do_not_meet(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    scene.promoted(&adopted.name, "r1").await?;
    let before = scene.places(&adopted.name).await?;
    for suffix in ["-pending", "-previous", "-current", "/pending", ".pending", "_pending"] {
        let name = format!("{}{suffix}", adopted.name);
        let answers = [
            scene.vault.adopt(&name, &scene.secret()).await,
            scene.vault.stage(&name, &attempt("r2", &[]), &scene.secret()).await,
        ];
        for fault in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            let definite = matches!(fault.meaning, Meaning::Refused | Meaning::Broken);
            ensure!(definite, "the name {name:?} is {}: {fault}", fault.meaning);
        }
        scene.unchanged(&adopted.name, &before, &format!("{name:?} is worked on")).await?;
    }
    Ok(())
}
