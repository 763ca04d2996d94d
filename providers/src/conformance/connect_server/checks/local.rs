//! Users of the server's own account database.

use super::{Verdict, done, ensure, fault};
use crate::conformance::connect_server::scene::{At, Scene};
use crate::conformance::connect_server::subject::{Held, Situation};
use crate::port::{Meaning, Secret};

/// Both forms of the name: `.\user`, `HOST\user`.
fn forms(at: &At) -> [String; 2] {
    let user = at.known.start_name.rsplit('\\').next().unwrap_or_default();
    [format!(r".\{user}"), format!(r"{}\{user}", at.known.host)]
}

/// Facts, by either form of the name; nobody else is found.
pub(super) async fn local_user_is_found_by_either_form(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::LocalService).await?;
    for name in forms(&at) {
        let facts = done(at.server.local_user(&name).await, &format!("reading {name}"))?;
        ensure!(name.ends_with(&format!("\\{}", facts.name)), "{name} is said to be {:?}", facts.name);
        ensure!(facts.password_set_at <= facts.at, "its password is of the future: {facts:?}");
        ensure!(facts.refusals.is_empty(), "a user that is well has refusals: {facts:?}");
        ensure!(facts.length_min > 0, "the policy has no length: {facts:?}");
    }
    for name in [r".\nobody", r"CONTOSO\nobody"] {
        fault(at.server.local_user(name).await, Meaning::Refused, &format!("reading {name}"))?;
    }
    Ok(())
}

/// The new one counts from then on, the time moves, and what the old one protected still opens.
pub(super) async fn local_password_is_changed(scene: &Scene) -> Verdict {
    let (at, secret) = (scene.at(Situation::LocalService).await?, scene.secret());
    let (name, first) = (at.known.start_name.clone(), at.service_secret()?);
    let before = done(at.server.local_user(&name).await, "reading the user")?;
    done(at.server.change_local_password(&name, &first, &secret).await, "the change")?;
    at.must_hold(Held::ByLocalUser, &secret, "changed").await?;
    at.must_hold(Held::ByServiceManager, &first, "changed, and nobody told the service manager").await?;
    let after = done(at.server.local_user(&name).await, "reading the user")?;
    ensure!(after.password_set_at > before.password_set_at, "set {before:?}, then {after:?}");
    done(at.server.set_service_logon(&name, &secret).await, "the new logon")?;
    done(at.server.restart().await, "the restart, which opens the key set")?;
    let proof = done(at.server.prove(&at.known.connector).await, "a run")?;
    ensure!(proof.result == "success", "after the change a run gives {proof:?}");
    Ok(())
}

/// A wrong old one, and one that the policy forbids.
pub(super) async fn local_change_is_refused(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::LocalService).await?;
    let (name, first) = (at.known.start_name.clone(), at.service_secret()?);
    let before = at.site.snapshot().await?;
    for (old, new, what) in [
        (scene.secret(), scene.secret(), "a change with a wrong old password"),
        (first.clone(), Secret::new("aB1!"), "a change to a password that is too short"),
    ] {
        fault(at.server.change_local_password(&name, &old, &new).await, Meaning::Refused, what)?;
        at.must_hold(Held::ByLocalUser, &first, what).await?;
        at.unchanged(&before, what).await?;
    }
    Ok(())
}

/// Right or wrong, as an answer.
pub(super) async fn local_logon_tells_right_from_wrong(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::LocalService).await?;
    for name in forms(&at) {
        let right = done(at.server.local_logon(&name, &at.service_secret()?).await, "a logon")?;
        ensure!(right, "the right password of {name} is not accepted");
        let wrong = done(at.server.local_logon(&name, &scene.secret()).await, "a wrong logon")?;
        ensure!(!wrong, "a wrong password of {name} is accepted");
    }
    Ok(())
}

/// After a change the one before is wrong at once.
pub(super) async fn local_logon_has_no_grace(scene: &Scene) -> Verdict {
    let (at, secret) = (scene.at(Situation::LocalService).await?, scene.secret());
    let (name, first) = (at.known.start_name.clone(), at.service_secret()?);
    done(at.server.change_local_password(&name, &first, &secret).await, "the change")?;
    ensure!(done(at.server.local_logon(&name, &secret).await, "a logon")?, "the new password is not accepted");
    ensure!(!done(at.server.local_logon(&name, &first).await, "a logon")?, "the one before is still accepted");
    Ok(())
}
