use jiff::{SignedDuration, Timestamp};

use super::{CREDENTIAL, IDENTITY, of_fault};
use crate::hashicorp_vault::entries::Entries;
use crate::hashicorp_vault::login::Login;
use crate::hashicorp_vault::own_secret_id;
use crate::hashicorp_vault::own_token::{self, Looked, TokenFacts};
use crate::hashicorp_vault::reply;
use crate::hashicorp_vault::wire::Reply;
use crate::port::{Standing, VaultCheck};

/// A credential that a person has to replace should not surprise one over a week-end.
const REST_DOUBTFUL: SignedDuration = SignedDuration::from_hours(7 * 24);
const REST_BAD: SignedDuration = SignedDuration::from_hours(24);

const NOT_LOGGED_IN: &str = "a login would use up the wrapping token";

/// Who we are, and how long we may be. `Err` = why no question that needs a token can be asked.
pub(super) async fn checks(entries: &Entries, checks: &mut Vec<VaultCheck>) -> Result<(), &'static str> {
    let session = entries.session();
    // The process that is to work with it needs the wrapping token, and this one ends soon.
    if let Some(looked) = session.look_up_wrapped("looking at the wrapping token").await {
        checks.push(match looked {
            Ok(end) => wrapped(end, Timestamp::now()),
            Err(fault) => of_fault(CREDENTIAL, Standing::Bad, &fault).about("wrapping token"),
        });
        checks.push(VaultCheck::new(IDENTITY, Standing::Unseen, NOT_LOGGED_IN));
        return Err(NOT_LOGGED_IN);
    }
    let doing = "asking the vault about our own token";
    let now = Timestamp::now();
    match session.look_up_self(doing).await {
        Ok(reply) => match own_token::looked(&reply) {
            Looked::Known(facts) => {
                let method = session.login().method();
                let seen = format!("{} (by {method}), policies: {}", facts.name(), facts.policies());
                checks.push(VaultCheck::new(IDENTITY, Standing::Good, seen));
                checks.push(token(&facts, session.login(), now));
            }
            Looked::Refused => {
                let path = own_token::PATH;
                let todo = format!(
                    "give the policy path \"{path}\" {{ capabilities = [\"read\"] }}; a token that has expired or was \
                     revoked gets the same answer"
                );
                let seen = "the vault does not tell who we are: permission denied";
                checks.push(VaultCheck::new(IDENTITY, Standing::Bad, seen).about(path).todo(todo));
                checks.push(VaultCheck::new(CREDENTIAL, Standing::Unseen, "the token may not be looked up"));
            }
            Looked::Unreadable | Looked::Other => {
                let fault = reply::unexpected(&reply, doing);
                checks.push(of_fault(IDENTITY, Standing::Unseen, &fault));
            }
        },
        Err(fault) => {
            checks.push(of_fault(IDENTITY, Standing::Bad, &fault));
            checks.push(VaultCheck::new(CREDENTIAL, Standing::Unseen, "there is no token"));
            return Err("the vault does not accept us");
        }
    }
    if let Some(asked) = session.look_up_secret_id("asking the vault about our own secret id").await {
        checks.push(match asked {
            Ok((path, reply)) => secret_id(&path, &reply, now),
            Err(fault) => of_fault(CREDENTIAL, Standing::Unseen, &fault),
        });
    }
    Ok(())
}

/// One that was not used yet.
fn wrapped(end: Option<Timestamp>, now: Timestamp) -> VaultCheck {
    let of = |standing, seen: String| VaultCheck::new(CREDENTIAL, standing, seen).about("wrapping token");
    match end {
        None => of(Standing::Good, "not used yet".to_owned()),
        Some(end) if end > now => of(Standing::Good, format!("not used yet; it ends at {end:.0}")),
        // The vault still knows it, so our clock is the one that is off.
        Some(end) => of(Standing::Doubtful, format!("not used yet; it ended at {end:.0} by our clock")),
    }
}

fn token(facts: &TokenFacts, login: &Login, now: Timestamp) -> VaultCheck {
    let of = |standing, seen: String| VaultCheck::new(CREDENTIAL, standing, seen).about("token");
    let Some(end) = facts.expire_time else {
        return of(Standing::Doubtful, "a token that never ends".to_owned())
            .todo("use a token that ends (a stolen one does too), or a login");
    };
    let left = end.duration_since(now);
    let seen = format!("it ends at {end:.0}");
    match login {
        login if login.makes_tokens() => of(Standing::Good, format!("{seen}; the next is made before")),
        Login::TokenFile(_) => of(Standing::Good, format!("{seen}; its file is kept fresh by somebody else")),
        // A renewable one was renewed on the way here if it had to be; so near its end, it can't be any more.
        _ if left < REST_BAD => of(Standing::Bad, seen).todo("replace the token now"),
        _ if left < REST_DOUBTFUL => of(Standing::Doubtful, seen).todo("replace the token before its end"),
        _ => of(Standing::Good, seen),
    }
}

fn secret_id(path: &str, reply: &Reply, now: Timestamp) -> VaultCheck {
    let of = |standing, seen: String| VaultCheck::new(CREDENTIAL, standing, seen).about("secret id");
    if reply.status.as_u16() == 403 {
        return of(Standing::Unseen, "its age and end may not be read".to_owned())
            .todo(format!("give the policy path \"{path}\" {{ capabilities = [\"update\"] }} to have them looked at"));
    }
    let Some(facts) = own_secret_id::facts(reply) else {
        return of(Standing::Unseen, format!("its age and end can't be read: {}", reply::said(reply)));
    };
    let made = format!("made at {:.0}", facts.made);
    let uses = match facts.uses {
        0 => String::new(),
        uses => format!(", good for {uses} more logins"),
    };
    let Some(end) = facts.ends else { return of(Standing::Good, format!("{made}, it never ends{uses}")) };
    let seen = format!("{made}, it ends at {end:.0}{uses}");
    match end.duration_since(now) {
        left if left < REST_BAD => of(Standing::Bad, seen).todo("deliver a new secret id now"),
        left if left < REST_DOUBTFUL => of(Standing::Doubtful, seen).todo("deliver a new secret id before its end"),
        _ => of(Standing::Good, seen),
    }
}
