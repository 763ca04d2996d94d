use serde::Deserialize;

use super::{RETENTION, of_fault};
use crate::hashicorp_vault::entries::Entries;
use crate::hashicorp_vault::paths;
use crate::hashicorp_vault::reply::{self, Asked};
use crate::hashicorp_vault::wire::Payload;
use crate::https::Effect;
use crate::port::{Fault, Slot, Standing, VaultCheck};

/// Fewer, and a slip by hand on top of a rotation pushes the last good value out of the history.
const VERSIONS_MIN: u64 = 3;
/// What a vault keeps where neither the mount nor the entry says anything.
const VERSIONS_DEFAULT: u64 = 10;

#[derive(Deserialize)]
struct Envelope {
    data: Option<Limits>,
}

#[derive(Deserialize)]
struct Limits {
    max_versions: u64,
    /// `0s` = never. On the mount and on the entry.
    #[serde(default)]
    delete_version_after: String,
}

/// How many versions of each account's current entry the vault keeps.
pub(super) async fn checks(entries: &Entries, names: &[String], checks: &mut Vec<VaultCheck>) {
    let path = entries.mount_path("config");
    let mount = match limits(entries, &path).await {
        Ok(limits) => limits,
        Err(fault) => {
            checks.push(of_fault(RETENTION, Standing::Unseen, &fault).about(path.join("/")));
            return;
        }
    };
    let mount = mount.unwrap_or(Limits { max_versions: 0, delete_version_after: String::new() });
    checks.extend(deleting(&mount, &path.join("/")));
    let (mut good, mut kept_least) = (0, u64::MAX);
    for name in names {
        let Ok(entry) = paths::entry(name, Slot::Current) else { continue };
        let path = entries.path("metadata", &entry);
        let about = path.join("/");
        match limits(entries, &path).await {
            Ok(own) => {
                let kept = kept(mount.max_versions, own.as_ref().map_or(0, |own| own.max_versions));
                checks.extend(own.as_ref().and_then(|own| deleting(own, &about)));
                if kept < VERSIONS_MIN {
                    checks.push(too_few(kept, &about));
                } else {
                    good += 1;
                    kept_least = kept_least.min(kept);
                }
            }
            // Every other account would get the same answer, or each wait for its own.
            Err(fault) => {
                checks.push(of_fault(RETENTION, Standing::Unseen, &fault).about(about));
                if fault.meaning != crate::port::Meaning::Refused {
                    return;
                }
            }
        }
    }
    if good > 0 {
        let seen = format!("the vault keeps {kept_least} versions or more of the current entry of {good} accounts");
        checks.push(VaultCheck::new(RETENTION, Standing::Good, seen));
    }
}

/// The larger of the two counts; where both say nothing, the vault's own number does.
fn kept(mount: u64, entry: u64) -> u64 {
    match mount.max(entry) {
        0 => VERSIONS_DEFAULT,
        kept => kept,
    }
}

fn too_few(kept: u64, about: &str) -> VaultCheck {
    VaultCheck::new(RETENTION, Standing::Bad, format!("the vault keeps only {kept} of its versions"))
        .about(about)
        .todo(format!("set max_versions to {VERSIONS_MIN} at least, of the mount or of this entry"))
}

/// Versions that end by themselves: an account that is not rotated for so long would lose its password.
fn deleting(limits: &Limits, about: &str) -> Option<VaultCheck> {
    let after: String = limits.delete_version_after.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    (!matches!(after.as_str(), "" | "0s" | "0")).then(|| {
        VaultCheck::new(RETENTION, Standing::Bad, format!("versions are deleted {after} after they were written"))
            .about(about)
            .todo("set delete_version_after to 0s: it deletes the password in use, too")
    })
}

/// `None` when there is no such entry yet.
async fn limits(entries: &Entries, path: &[String]) -> Result<Option<Limits>, Fault> {
    let doing = format!("reading how many versions are kept at {}", path.join("/"));
    let reply = entries.session().call(Effect::Read, path, Payload::None, &doing).await?;
    let path = path.join("/");
    match reply.status.as_u16() {
        // The parser's own words would quote what it read.
        200 => match serde_json::from_slice::<Envelope>(&reply.body).ok().and_then(|envelope| envelope.data) {
            Some(limits) => Ok(Some(limits)),
            None => Err(reply::unexpected(&reply, &doing)),
        },
        404 if reply::is_the_vaults(&reply) => Ok(None),
        _ => Err(reply::refusal(&reply, Effect::Read, &Asked { doing: &doing, path: &path, capabilities: "\"read\"" })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_count_is_kept_and_nothing_said_means_ten() {
        assert_eq!([(0, 0), (0, 1), (1, 0), (5, 2), (2, 5)].map(|(mount, entry)| kept(mount, entry)), [10, 1, 1, 5, 5]);
        assert!(too_few(1, "secret/metadata/svc").seen.contains("only 1"));
    }

    #[test]
    fn versions_that_end_by_themselves_are_told() {
        let of = |after: &str| deleting(&Limits { max_versions: 0, delete_version_after: after.into() }, "x");
        assert!(of("0s").is_none() && of("").is_none());
        assert_eq!(of("2160h0m0s").unwrap().standing, Standing::Bad);
    }
}
