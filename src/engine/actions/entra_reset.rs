//! EntraReset: the server resets the Entra connector account on both sides, as an administrator of Entra ID.
//!
//! Before: a person confirmed it. After: Entra ID and the engine have a fresh password that nobody learns; event 2519
//! says so. If we die here: that event tells; without it the reset is asked for again, which is harmless.

use providers::port::Fault;

use crate::diagnosis::read_events;
use crate::engine::Question;
use crate::engine::scene::{Acted, Scene};
use crate::rotation::{Seen, Side, Step};

/// Audit event: the Entra connector account was reset.
const ENTRA_ACCOUNT_RESET: u32 = 2519;

pub(super) async fn apply(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    let Some(administrator) = &scene.plan.inventory.entra_administrator else {
        return Err(Fault::broken(
            format!("resetting the Entra connector account of {server}"),
            "the plan names no administrator",
        ));
    };
    let question = Question {
        title: format!("the Entra connector account of {server} will be reset as {}", administrator.user),
        lines: vec![
            format!("Its password lies in the vault as {}.", administrator.vault_name),
            "It must be a Global Administrator or a Hybrid Identity Administrator, and sign in without a second factor: a stored password can't satisfy one.".to_owned(),
        ],
        word: "reset",
    };
    scene.ports.operator.ask(&question).await?;
    let vault = &scene.ports.vault;
    let name = &administrator.vault_name;
    let Some(current) = scene.aside(vault.find(name, providers::port::Slot::Current)).await? else {
        return Err(Fault::refused(
            format!("reading the password of {}", administrator.user),
            format!("the vault has none as {name}"),
        )
        .hint("store it, then start again"));
    };
    let secret = scene.aside(vault.read(&current)).await?;
    scene.ports.server(server)?.reset_entra_account(&administrator.user, &secret).await?;
    Ok(Acted::Done(Seen::Nothing))
}

pub(super) async fn look(scene: &Scene<'_>, step: &Step, server: &str) -> Result<(Side, Seen), Fault> {
    let Some(since) = scene.begun_at(step) else { return Ok((Side::Blind, Seen::Nothing)) };
    let events = scene.aside(scene.ports.server(server)?.events(since)).await?;
    let reset = read_events(&events).events.iter().any(|event| event.id == ENTRA_ACCOUNT_RESET && event.at >= since);
    Ok((if reset { Side::New } else { Side::Blind }, Seen::Nothing))
}
