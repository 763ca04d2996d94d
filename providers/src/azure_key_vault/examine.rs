//! What an administrator should know. Everything is read; the two requests that could change something are made so that
//! they can't: a change of a version that does not exist, and the recovery of a name that is not deleted.

use std::time::Duration;

use azure_security_keyvault_secrets::models::UpdateSecretPropertiesParameters;
use jiff::Timestamp;

use super::answer::{Asked, No};
use super::assertion::validity_of;
use super::names;
use super::secrets::Secrets;
use super::settings::{Identity, Settings};
use crate::https::Effect;
use crate::port::{Fault, OwnCredential, Standing, VaultCheck, tenure};

/// A clock this wrong makes Entra ID refuse signed assertions, and the end of a token a guess.
const CLOCK_BAD_S: i64 = 300;
const CLOCK_DOUBTFUL_S: i64 = 10;
/// How long before its end a certificate is spoken of.
const CERTIFICATE_DAYS: i64 = 30;
/// Well-formed, and no version has it.
const NO_VERSION: &str = "00000000000000000000000000000000";
/// For all questions together, and less than whoever asks for them waits.
const EXAMINE_LIMIT: Duration = Duration::from_secs(45);
const REACHABLE: &str = "reachable";
const RIGHT: &str = "right";
const RECOVERY: &str = "recovery";
const DOING: &str = "examining the vault";

pub(super) fn own_credential(settings: &Settings) -> Result<OwnCredential, Fault> {
    let (name, note) = match &settings.identity {
        Identity::Managed { client_id: Some(id), .. } => (id.clone(), "Azure keeps and renews it"),
        Identity::Managed { .. } => ("this machine's own".to_owned(), "Azure keeps and renews it"),
        Identity::AzureArc { .. } => ("this machine's own".to_owned(), "the Azure Arc agent keeps and renews it"),
        Identity::Workload { client_id, .. } => (client_id.clone(), "the federated token's issuer renews it"),
        Identity::ClientCertificate { client_id, .. } => (client_id.clone(), ""),
        Identity::ClientSecret { client_id, .. } => {
            (client_id.clone(), "its age and end stand at the app registration only, which this identity may not read")
        }
        Identity::AzureCli { .. } => {
            ("whoever signed in with az".to_owned(), "a person's sign-in: not for the service")
        }
    };
    let mut own = OwnCredential {
        holder: "vault".to_owned(),
        name,
        kind: settings.identity.kind().to_owned(),
        set_at: None,
        expires_at: None,
        note: note.to_owned(),
    };
    if let Identity::ClientCertificate { certificate_file, .. } = &settings.identity {
        match validity_of(certificate_file) {
            Ok((from, to)) => (own.set_at, own.expires_at) = (Some(from), Some(to)),
            Err(fault) => own.note = format!("its age is not known: {}", fault.cause),
        }
    }
    Ok(own)
}

pub(super) async fn examine(secrets: &Secrets, names: &[String]) -> Vec<VaultCheck> {
    within(EXAMINE_LIMIT, async |checks| all(secrets, names, checks).await).await
}

/// What was seen stays when the time is over.
async fn within(limit: Duration, asking: impl AsyncFnOnce(&mut Vec<VaultCheck>)) -> Vec<VaultCheck> {
    let mut checks = Vec::new();
    if tokio::time::timeout(limit, asking(&mut checks)).await.is_err() {
        let seen = format!("not everything was asked within {} s", limit.as_secs());
        checks.push(VaultCheck::new(REACHABLE, Standing::Unseen, seen).todo("look at the network and ask again"));
    }
    checks
}

async fn all(secrets: &Secrets, names: &[String], checks: &mut Vec<VaultCheck>) {
    // What asks nobody comes first.
    checks.push(credential(&secrets.settings));
    // A name of an account if there is one: with rights on single secrets, no other says anything.
    let first = names.iter().find_map(|name| names::of_account(name).ok()).map(|names| names.current);
    let probe = first.unwrap_or_else(|| "entra-rotator-probe".to_owned());
    let reached = reached(secrets.ask(&probe, None, DOING).await.map(Result::err), &probe);
    let goes_on = matches!(reached.standing, Standing::Good | Standing::Doubtful);
    checks.push(reached);
    if !goes_on {
        return;
    }
    checks.push(identity(secrets));
    checks.push(clock(secrets));
    let mut level = None;
    for name in names {
        match names::of_account(name) {
            Ok(names) => {
                for secret in [&names.current, &names.pending] {
                    rights(secrets, secret, checks, &mut level).await;
                }
            }
            Err(fault) => checks.push(VaultCheck::new(RIGHT, Standing::Bad, fault.cause).about(name).todo(fault.hint)),
        }
    }
    checks.push(
        VaultCheck::new(RIGHT, Standing::Unseen, "whether we may set: it can't be tried without setting").about("set"),
    );
    checks.push(recovery(level.as_deref()));
}

/// Whether it is the vault that answers: a proxy has pages of its own for every status.
fn reached(answer: Result<Option<No>, Fault>, probe: &str) -> VaultCheck {
    match answer {
        Ok(Some(no)) if !(no.is_missing() || no.is_disabled() || no.is_forbidden() && no.code == "Forbidden") => {
            let standing = if no.is_passing() && !no.code.is_empty() { Standing::Doubtful } else { Standing::Bad };
            let fault = no.fault(&Asked { doing: DOING, secret: probe, right: "get", effect: Effect::Read });
            VaultCheck::new(REACHABLE, standing, fault.cause).todo(fault.hint)
        }
        Ok(_) => VaultCheck::new(REACHABLE, Standing::Good, "the vault answers"),
        Err(fault) => VaultCheck::unreached(&fault),
    }
}

fn identity(secrets: &Secrets) -> VaultCheck {
    let kind = secrets.settings.identity.kind();
    match secrets.credential.claims() {
        Some(claims) => {
            let standing = match &secrets.settings.identity {
                Identity::AzureCli { .. } => Standing::Doubtful,
                _ => Standing::Good,
            };
            let check = VaultCheck::new("identity", standing, format!("{kind}: {}", claims.text()));
            if standing == Standing::Good { check } else { check.todo("give the service an identity of its own") }
        }
        None => VaultCheck::new("identity", Standing::Unseen, format!("{kind}; the vault asked for no token")),
    }
}

fn clock(secrets: &Secrets) -> VaultCheck {
    let Some((theirs, ours)) = secrets.transport.clocks() else {
        return VaultCheck::new("clock", Standing::Unseen, "the vault's answers carry no date");
    };
    let ahead = ours.as_second() - theirs.as_second();
    let standing = match ahead.abs() {
        CLOCK_BAD_S.. => Standing::Bad,
        CLOCK_DOUBTFUL_S.. => Standing::Doubtful,
        _ => Standing::Good,
    };
    let check = VaultCheck::new("clock", standing, format!("this machine's clock is {ahead} s ahead of the vault's"));
    if standing == Standing::Good { check } else { check.todo("see to this machine's time synchronisation") }
}

fn credential(settings: &Settings) -> VaultCheck {
    let own = match own_credential(settings) {
        Ok(own) => own,
        Err(fault) => return VaultCheck::new("credential", Standing::Unseen, fault.cause).todo(fault.hint),
    };
    let about = format!("{} of {}", own.kind, own.name);
    let Some(end) = own.expires_at else {
        let standing = match settings.identity {
            Identity::ClientCertificate { .. } => Standing::Bad,
            Identity::ClientSecret { .. } => Standing::Unseen,
            Identity::AzureCli { .. } => Standing::Doubtful,
            _ => Standing::Good,
        };
        return VaultCheck::new("credential", standing, own.note).about(about);
    };
    let days = (end.as_second() - Timestamp::now().as_second()).div_euclid(24 * 60 * 60);
    let standing = match days {
        ..0 => Standing::Bad,
        0..CERTIFICATE_DAYS => Standing::Doubtful,
        _ => Standing::Good,
    };
    let check = VaultCheck::new("credential", standing, format!("ends on {end}, in {days} days")).about(about);
    if standing == Standing::Good {
        check
    } else {
        check.todo("make a new certificate, upload it to the app registration, then put it in the file's place")
    }
}

/// How the recovery level of a secret stands for the vault's soft delete and purge protection.
fn recovery(level: Option<&str>) -> VaultCheck {
    let Some(level) = level else {
        return VaultCheck::new(RECOVERY, Standing::Unseen, "there is no secret yet that would show it");
    };
    if level == "Purgeable" {
        return VaultCheck::new(RECOVERY, Standing::Bad, "the vault has no soft delete: what is deleted is gone")
            .todo("turn soft delete and purge protection on");
    }
    if level.contains("Purgeable") {
        return VaultCheck::new(
            RECOVERY,
            Standing::Doubtful,
            format!("soft delete, but no purge protection ({level})"),
        )
        .todo("turn purge protection on: az keyvault update --enable-purge-protection true");
    }
    VaultCheck::new(RECOVERY, Standing::Good, format!("soft delete and purge protection ({level})"))
}

/// The rights on one secret that can be tried without changing anything.
async fn rights(secrets: &Secrets, secret: &str, checks: &mut Vec<VaultCheck>, level: &mut Option<String>) {
    let mut say = |right: &str, effect: Effect, seen: Result<Result<(), No>, Fault>| {
        let about = format!("{right} {secret}");
        let check = match seen {
            Ok(Ok(())) => VaultCheck::new(RIGHT, Standing::Good, "allowed"),
            Ok(Err(no)) if no.is_missing() => VaultCheck::new(RIGHT, Standing::Good, "allowed (there is nothing yet)"),
            Ok(Err(no)) => {
                let fault = no.fault(&Asked { doing: DOING, secret, right, effect });
                let standing = match () {
                    () if no.is_disabled() => Standing::Doubtful,
                    () if no.is_forbidden() || no.status == 401 => Standing::Bad,
                    () => Standing::Unseen,
                };
                VaultCheck::new(RIGHT, standing, fault.cause).todo(fault.hint)
            }
            Err(fault) => VaultCheck::new(RIGHT, Standing::Unseen, fault.cause).todo(fault.hint),
        };
        checks.push(check.about(about));
    };
    // A candidate that was disabled is pending's latest version as a rule: that answer says we may read.
    let got = secrets.ask(secret, None, DOING).await;
    let got = got.map(|answer| match answer {
        Ok((version, _)) => {
            *level = version.recovery_level.or(level.take());
            Ok(())
        }
        Err(no) if no.is_disabled() && secret.ends_with("-pending") => Ok(()),
        Err(no) => Err(no),
    });
    say("get", Effect::Read, got);
    match secrets.ask_versions(secret, DOING).await {
        Ok(Ok(found)) => {
            *level = found.into_iter().find_map(|version| version.recovery_level).or(level.take());
            say("list", Effect::Read, Ok(Ok(())));
        }
        Ok(Err(no)) => say("list", Effect::Read, Ok(Err(no))),
        Err(fault) => say("list", Effect::Read, Err(fault)),
    }
    let nothing = UpdateSecretPropertiesParameters::default();
    // Neither this one nor the next changes anything, so they need no tenure.
    let updated = tenure::within(None, secrets.update(secret, NO_VERSION, nothing, DOING)).await;
    say("update", Effect::Write, updated);
    match secrets.deleted(secret, DOING).await {
        Ok(Ok(Some(deleted))) => {
            let check = VaultCheck::new(RECOVERY, Standing::Bad, deleted.text(secret));
            checks.push(check.about(secret).todo(secrets.way_back(secret)));
        }
        // Only now: asking a deleted one back would change something.
        Ok(Ok(None)) => {
            let back = tenure::within(None, secrets.ask_back(secret, DOING)).await;
            // A name that is in use can't be recovered, which says that we might.
            let back = back.map(|answer| answer.or_else(|no| if no.status == 409 { Ok(()) } else { Err(no) }));
            say("recover", Effect::Write, back);
        }
        Ok(Err(no)) => say("recover", Effect::Read, Ok(Err(no))),
        Err(fault) => say("recover", Effect::Read, Err(fault)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_seen_stays_when_the_vault_hangs() {
        let checks = within(Duration::from_millis(50), async |checks| {
            checks.push(VaultCheck::new(RIGHT, Standing::Good, "allowed"));
            std::future::pending::<()>().await;
        });
        let checks = checks.await;
        let seen: Vec<_> = checks.iter().map(|check| (check.name.as_str(), check.standing)).collect();
        assert_eq!(seen, [(RIGHT, Standing::Good), (REACHABLE, Standing::Unseen)]);
        assert!(EXAMINE_LIMIT < Duration::from_secs(60), "whoever asks gives up after a minute");
    }

    #[test]
    fn only_a_vaults_own_answer_says_that_it_is_reached() {
        for (status, code, inner, standing) in [
            (404, "SecretNotFound", "", Standing::Good),
            (403, "Forbidden", "SecretDisabled", Standing::Good),
            (403, "Forbidden", "ForbiddenByRbac", Standing::Good),
            (403, "Forbidden", "ForbiddenByPolicy", Standing::Good),
            // The vault's firewall answers, and nothing else will.
            (403, "Forbidden", "ForbiddenByFirewall", Standing::Bad),
            (429, "Throttled", "", Standing::Doubtful),
            (503, "ServiceUnavailable", "", Standing::Doubtful),
            (401, "Unauthorized", "", Standing::Bad),
            // Somebody else's pages.
            (302, "", "", Standing::Bad),
            (403, "", "", Standing::Bad),
            (404, "", "", Standing::Bad),
            (429, "", "", Standing::Bad),
            (502, "", "", Standing::Bad),
        ] {
            let check = reached(Ok(Some(No::of(status, code, inner))), "svc");
            assert_eq!(check.standing, standing, "{status} {code} {inner}");
        }
        assert_eq!(reached(Ok(None), "svc").standing, Standing::Good);
        assert_eq!(reached(Err(Fault::later("", "cut")), "svc").standing, Standing::Unseen);
        assert_eq!(reached(Err(Fault::broken("", "no certificate")), "svc").standing, Standing::Bad);
    }

    #[test]
    fn purge_protection_is_told_from_soft_delete_alone() {
        for (level, standing) in [
            (Some("Purgeable"), Standing::Bad),
            (Some("Recoverable+Purgeable"), Standing::Doubtful),
            (Some("CustomizedRecoverable+Purgeable"), Standing::Doubtful),
            (Some("Recoverable"), Standing::Good),
            (Some("CustomizedRecoverable+ProtectedSubscription"), Standing::Good),
            (None, Standing::Unseen),
        ] {
            assert_eq!(recovery(level).standing, standing, "{level:?}");
        }
    }
}
