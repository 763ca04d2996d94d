//! Converge: the domain controller that a connector binds to has our last reset.
//!
//! Before: the reset happened at the working domain controller. After: the same key version and pwdLastSet
//! stand on the other one; on the way back the metadata from before the rotation will do as well, for it shows the
//! old password, which is the target there. If we die here: nothing is changed by waiting; it is repeated. It never binds: a
//! lagging domain controller forwards a refused logon, and the answer would not be its own.

use providers::port::{Fault, Fingerprint};

use crate::engine::scene::{Acted, Scene};
use crate::rotation::{Direction, Seen};

pub(super) async fn apply(scene: &Scene<'_>, dc: &str) -> Result<Acted, Fault> {
    let directory = &scene.ports.directory;
    if let Some(seen) = scene.overtaken().await? {
        return Ok(Acted::Foreign(Seen::Directory(seen)));
    }
    let doing = || format!("waiting for the reset to reach {dc}");
    let Some(expected) = scene.last_known() else {
        return Err(Fault::broken(doing(), "no reset of this rotation is known to have happened"));
    };
    let arrived = |there: &Fingerprint| {
        let never_left =
            scene.progress.direction == Direction::Back && there.same_set(&scene.plan.inventory.fingerprint);
        there.same_set(expected) || never_left
    };
    let mut there = directory.fingerprint(scene.dn(), dc).await?;
    if !arrived(&there) && dc != scene.dc() {
        // Not permitted or not possible: replication comes by itself, and the metadata tells.
        if let Err(fault) = directory.replicate(scene.dn(), scene.dc(), dc).await {
            tracing::debug!(%fault, dc, "replication can't be hurried");
        }
        there = directory.fingerprint(scene.dn(), dc).await?;
    }
    if arrived(&there) {
        return Ok(Acted::Done(Seen::Directory(there)));
    }
    // Two resets on separated domain controllers give the same key version: it is the time that tells them apart.
    let cause = if there.key_version == expected.key_version {
        format!(
            "another password was set there than at {}, under the same key version {}",
            expected.dc, there.key_version
        )
    } else {
        format!("key version {} there, {} at {}", there.key_version, expected.key_version, expected.dc)
    };
    Err(Fault::later(doing(), cause)
        .hint("look at replication between the two domain controllers (`repadmin /showrepl`)"))
}
