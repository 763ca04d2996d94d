use jiff::Timestamp;
use serde::Deserialize;

use super::{CLOCK, REACHABLE};
use crate::hashicorp_vault::entries::Entries;
use crate::hashicorp_vault::reply;
use crate::hashicorp_vault::wire::Reply;
use crate::port::{Standing, VaultCheck};

/// Clocks that differ by more make the times in reports hard to compare.
const SKEW_DOUBTFUL_S: u64 = 60;
/// Kerberos, JWTs and certificates stop working about there.
const SKEW_BAD_S: u64 = 300;

#[derive(Deserialize)]
struct Health {
    version: String,
}

/// Whether the vault serves, and how its clock stands against ours. `false` = nothing else needs to be asked.
pub(super) async fn checks(entries: &Entries, checks: &mut Vec<VaultCheck>) -> bool {
    match entries.session().bare("sys/health", "asking the vault for its health").await {
        Ok(reply) => {
            let health = health(&reply);
            // A proxy may hide the health from strangers and let the rest pass.
            let serves = health.standing != Standing::Bad;
            checks.push(health);
            checks.push(clock(reply.date, Timestamp::now()));
            serves
        }
        Err(fault) => {
            checks.push(VaultCheck::unreached(&fault));
            checks.push(VaultCheck::new(CLOCK, Standing::Unseen, "the vault can't be reached"));
            false
        }
    }
}

fn health(reply: &Reply) -> VaultCheck {
    let version = match serde_json::from_slice::<Health>(&reply.body) {
        Ok(Health { version }) => {
            let version: String = version.chars().filter(|c| !c.is_control()).take(60).collect();
            format!("version {version}")
        }
        Err(_) => "of unknown version".to_owned(),
    };
    let of = |standing, seen: &str| VaultCheck::new(REACHABLE, standing, format!("{version}, {seen}"));
    match reply.status.as_u16() {
        200 => of(Standing::Good, "unsealed and active"),
        // Here, and only here, 429 and 473 say nothing about rates and failures.
        429 => of(Standing::Good, "unsealed, a standby node that hands requests on"),
        473 => of(Standing::Good, "unsealed, a performance standby"),
        472 => {
            of(Standing::Bad, "a replica for disasters: it serves nobody").todo("name the cluster that serves in url")
        }
        501 => of(Standing::Bad, "not initialised").todo("initialise the vault, or correct the url"),
        503 => of(Standing::Bad, "sealed").todo("unseal the vault"),
        300..=399 => {
            let to = reply.redirect_host.as_deref().unwrap_or("an address it does not name");
            VaultCheck::new(REACHABLE, Standing::Bad, format!("it redirects to {to}; redirects are not followed"))
                .todo("set the url to the node that answers itself: the token goes to no other host")
        }
        _ => VaultCheck::new(REACHABLE, Standing::Unseen, format!("its health can't be seen: {}", reply::said(reply)))
            .todo("is url the vault's own address, without /ui or /v1? If so, let sys/health pass whatever stands in front of it"),
    }
}

fn clock(theirs: Option<Timestamp>, ours: Timestamp) -> VaultCheck {
    let Some(theirs) = theirs else {
        return VaultCheck::new(CLOCK, Standing::Unseen, "the vault's answer carries no time");
    };
    // Theirs is in whole seconds.
    let behind = theirs.as_second() - ours.as_second();
    let apart_s = behind.unsigned_abs();
    let seen = match behind {
        0 => "the vault's clock and ours agree".to_owned(),
        1.. => format!("the vault's clock is {apart_s} s ahead of ours"),
        _ => format!("the vault's clock is {apart_s} s behind ours"),
    };
    let standing = match apart_s {
        0..=SKEW_DOUBTFUL_S => return VaultCheck::new(CLOCK, Standing::Good, seen),
        s if s <= SKEW_BAD_S => Standing::Doubtful,
        _ => Standing::Bad,
    };
    VaultCheck::new(CLOCK, standing, seen).todo("have both machines take their time from one source")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn each_status_of_the_health_is_told_apart() {
        let of = |status: u16| {
            let body = br#"{"sealed":false,"version":"2.7.2"}"#.to_vec();
            let status = StatusCode::from_u16(status).unwrap();
            health(&Reply { status, body: body.into(), ..Reply::default() })
        };
        for (status, standing, word) in [
            (200, Standing::Good, "active"),
            (429, Standing::Good, "standby"),
            (473, Standing::Good, "performance standby"),
            (472, Standing::Bad, "disasters"),
            (501, Standing::Bad, "not initialised"),
            (503, Standing::Bad, "sealed"),
            (307, Standing::Bad, "redirects"),
            (404, Standing::Unseen, "can't be seen"),
        ] {
            let check = of(status);
            assert_eq!(check.standing, standing, "{status}");
            assert!(check.seen.contains(word), "{check:?}");
            assert_eq!(check.todo.is_empty(), standing == Standing::Good, "{check:?}");
        }
        assert!(of(200).seen.contains("2.7.2"));
    }

    #[test]
    fn clocks_that_are_apart_are_told() {
        let now = Timestamp::UNIX_EPOCH;
        for (apart_s, standing) in [
            (0, Standing::Good),
            (60, Standing::Good),
            (61, Standing::Doubtful),
            (-300, Standing::Doubtful),
            (301, Standing::Bad),
            (-301, Standing::Bad),
        ] {
            let check = clock(Some(now + SignedDuration::from_secs(apart_s)), now);
            assert_eq!(check.standing, standing, "{check:?}");
        }
        assert!(clock(Some(now + SignedDuration::from_secs(61)), now).seen.contains("ahead"));
        assert_eq!(clock(None, now).standing, Standing::Unseen);
    }
}
