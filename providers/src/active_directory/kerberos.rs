//! Logon by Kerberos: SASL GSSAPI inside TLS, with libkrb5 on Unix and SSPI on Windows.
//!
//! There is no name and no password here. On Unix the ticket is the one of the process: libkrb5 gets it by
//! itself from the client keytab that `KRB5_CLIENT_KTNAME` or krb5.conf's `default_client_keytab_name` names, and
//! keeps it in `KRB5CCNAME`. On Windows it is the account that the process runs as, a gMSA at best.
//!
//! The logon is bound to the TLS connection (`channel_binding.rs`), so it can't be relayed to another one, and the
//! domain controller has to prove who it is as well. No second layer of encryption is wanted inside TLS (RFC 4752);
//! Active Directory allows that, and so it must be allowed where it is a choice (Samba: `ldap server require strong
//! auth = allow_sasl_over_tls`).

use std::thread;
use std::time::Duration;

use cross_krb5::{ClientCtx, InitiateFlags, K5Ctx, PendingClientCtx, Step};
use ldap3::LdapResult;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::answer::{self, BindAnswer};
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::identity::Denied;
use super::{channel_binding, deadline};
use crate::port::{Fault, Meaning};

const MECHANISM: &str = "GSSAPI";
/// saslBindInProgress (RFC 4511).
const GO_ON: u32 = 14;
/// "No security layer" (RFC 4752): in the server's offer one bit of the first byte, in the answer that byte. Without
/// a layer, the three bytes behind it, the longest message in it, are zero.
const NO_LAYER: u8 = 1;

/// For the ticket, the service's ticket and the bind together. libkrb5 asks each KDC several times.
const LOGON_LIMIT: Duration = Duration::from_secs(20);
/// A logon that was given up still sits in libkrb5 until that gives up too. No more than these at once.
const LOGONS_MAX: usize = 4;
/// The longest piece of libkrb5's own words that goes into a fault.
const CAUSE_CHARS_MAX: usize = 300;

const NO_KDC_HINT: &str =
    "see that port 88 of a domain controller is reachable from here, and that krb5.conf or DNS names it";
const NO_TICKET_HINT: &str = "name a keytab that this process may read in KRB5_CLIENT_KTNAME, or as \
                              default_client_keytab_name in krb5.conf; on Windows run as a gMSA";

static LOGONS: Semaphore = Semaphore::const_new(LOGONS_MAX);

/// Whether this program can do it at all.
pub(super) fn available() -> Result<(), Fault> {
    Ok(())
}

/// One logon, never repeated.
pub(super) async fn log_on(connection: &Connection, at: &Endpoint) -> Result<(), Denied> {
    let doing = format!("logging on to {at} by Kerberos");
    let limit = deadline::within(LOGON_LIMIT);
    timeout(limit, exchange(connection, at, &doing)).await.unwrap_or_else(|_| {
        let late = Fault::later(&doing, format!("Kerberos has no answer within {} s", limit.as_secs()));
        Err(late.hint(NO_KDC_HINT).into())
    })
}

/// RFC 4752: the ticket, the server's proof, then the layer.
async fn exchange(connection: &Connection, at: &Endpoint, doing: &str) -> Result<(), Denied> {
    let (context, token) = begin(connection, at, doing).await?;
    let (result, proof) = connection.sasl(MECHANISM, Some(&token), doing).await?;
    go_on(&result, doing)?;
    let (mut context, token) = match context.step(&proof) {
        Ok(Step::Finished((context, token))) => (context, token.map(|token| token.to_vec())),
        Ok(Step::Continue(_)) => return Err(odd(doing, "it wants more messages than Kerberos has").into()),
        Err(error) => return Err(explain(&format!("{error:#}"), doing)),
    };
    let (result, offer) = connection.sasl(MECHANISM, token.as_deref(), doing).await?;
    go_on(&result, doing)?;
    let offer = context.unwrap(&offer).map_err(|error| explain(&format!("{error:#}"), doing))?;
    if offer.first().is_none_or(|layers| layers & NO_LAYER == 0) {
        return Err(unsigned("it offers no logon without signing", doing).into());
    }
    let choice = context.wrap(false, &[NO_LAYER, 0, 0, 0]).map_err(|error| explain(&format!("{error:#}"), doing))?;
    let (result, _) = connection.sasl(MECHANISM, Some(&choice), doing).await?;
    Ok(read(&result, doing)?)
}

/// The context, and its first token for the server. libkrb5 blocks its thread while it asks the KDC, so it gets
/// one of its own. That thread can't be stopped: when nobody waits any more, it ends with libkrb5's own limits.
async fn begin(connection: &Connection, at: &Endpoint, doing: &str) -> Result<(PendingClientCtx, Vec<u8>), Denied> {
    let binding = connection.certificate().await.as_deref().and_then(channel_binding::of);
    if binding.is_none() {
        tracing::debug!(%at, "there is no channel binding for the kind of the server's certificate");
    }
    let service = format!("ldap/{}", at.host);
    let broken = |cause: &str| Fault::broken(doing, cause).hint("report it");
    let permit = LOGONS.acquire().await.map_err(|_| broken("no logon is allowed any more"))?;
    let (tell, told) = oneshot::channel();
    let ask = move || {
        // Inside TLS nothing is encrypted once more.
        let flags = InitiateFlags::DISABLE_CONFIDENTIALITY;
        let begun = ClientCtx::new(flags, None, &service, binding.as_deref());
        // Nobody listens any more when the logon was given up.
        let _ =
            tell.send(begun.map(|(context, token)| (context, token.to_vec())).map_err(|error| format!("{error:#}")));
        drop(permit);
    };
    thread::Builder::new()
        .name("kerberos".to_owned())
        .spawn(ask)
        .map_err(|error| Fault::later(doing, format!("there is no thread for it: {error}")))?;
    match told.await {
        Ok(begun) => begun.map_err(|said| explain(&said, doing)),
        Err(_) => Err(broken("libkrb5 ended without an answer").into()),
    }
}

/// Everything but "go on" is an end here, success too: the server has not yet proved who it is, or has not yet
/// heard which layer.
fn go_on(result: &LdapResult, doing: &str) -> Result<(), Fault> {
    if result.rc == GO_ON {
        return Ok(());
    }
    read(result, doing)?;
    Err(odd(doing, "it accepts the logon before its end"))
}

fn odd(doing: &str, cause: &str) -> Fault {
    Fault::broken(doing, format!("the domain controller does not keep to the protocol: {cause}"))
        .hint("find out what answers at this address")
}

fn unsigned(said: &str, doing: &str) -> Fault {
    Fault::broken(doing, format!("the domain controller wants signing inside TLS too ({said})"))
        .hint("let it accept SASL inside TLS; on Samba: ldap server require strong auth = allow_sasl_over_tls")
}

/// What the domain controller says to the ticket.
fn read(result: &LdapResult, doing: &str) -> Result<(), Fault> {
    /// strongerAuthRequired (RFC 4511).
    const STRONGER_AUTH_REQUIRED: u32 = 8;
    /// SEC_E_BAD_BINDINGS, as Windows writes it behind `data`.
    const BAD_BINDINGS: &str = "80090346";
    let (cause, hint) = match answer::bind(result) {
        BindAnswer::Accepted => return Ok(()),
        BindAnswer::Busy(said) => return Err(Fault::later(doing, said)),
        _ if result.rc == STRONGER_AUTH_REQUIRED => return Err(unsigned(&answer::words(result), doing)),
        _ if result.text.contains(BAD_BINDINGS) => (
            format!("the channel binding does not fit ({})", answer::words(result)),
            "connect to the domain controller directly: something in between ends the TLS connection",
        ),
        BindAnswer::Locked => {
            ("the account is locked out (775)".to_owned(), "find out who tries wrong passwords, then unlock it")
        }
        BindAnswer::WrongCredentials => (
            format!("the domain controller refuses the ticket ({})", answer::words(result)),
            "compare the clocks of this machine and of the domain controller, and get a new ticket",
        ),
        BindAnswer::Barred(bar) => (bar.cause, bar.next_step),
    };
    Err(Fault::broken(doing, cause).hint(hint))
}

/// What went wrong before the domain controller saw a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    WrongKey,
    NoTicket,
    NoKdc,
    ClockSkew,
    Barred,
    UnknownAccount,
    UnknownService,
    Cipher,
}

/// libkrb5's words (MIT, not translated as long as nobody sets a locale), Heimdal's where they differ, and those of
/// Windows in English. Sorted: what comes first is asked first.
const CLASSES: [(Class, &[&str]); 8] = [
    (Class::ClockSkew, &["clock skew", "clocks on the client and server", "ticket not yet valid"]),
    (
        Class::WrongKey,
        &[
            "preauthentication failed",
            "decrypt integrity check failed",
            "password incorrect",
            "the logon attempt failed",
        ],
    ),
    (
        Class::Barred,
        &["have been revoked", "password has expired", "entry in database has expired", "kdc policy rejects"],
    ),
    (
        Class::UnknownService,
        &[
            "server not found in kerberos database",
            "target is unknown or unreachable",
            "target principal name is incorrect",
        ],
    ),
    (Class::UnknownAccount, &["client not found in kerberos database", "client name not found"]),
    (Class::Cipher, &["no support for encryption type", "encryption type not supported", "no supported encryption"]),
    (
        Class::NoKdc,
        &[
            "cannot contact any kdc",
            "cannot find kdc",
            "cannot resolve network address for kdc",
            "unable to reach any kdc",
            "no authority could be contacted",
            "cannot determine realm",
            "does not specify default realm",
        ],
    ),
    (
        Class::NoTicket,
        &[
            "no kerberos credentials available",
            "no credentials",
            "credentials were supplied",
            "credential cache",
            "keytab",
            "key table",
            "credentials cache",
            "has expired",
            "ticket expired",
            "can't find client principal",
        ],
    ),
];

/// `Server ldap/dc1@REALM not found` says more than `Server not found`, and is the same.
fn class(said: &str) -> Option<Class> {
    let said = said.to_lowercase();
    if said.contains("not found in kerberos database") {
        let after = said.rsplit_once("(").map_or(said.as_str(), |(_, minor)| minor);
        return Some(if after.starts_with("server") { Class::UnknownService } else { Class::UnknownAccount });
    }
    CLASSES.iter().find(|(_, words)| words.iter().any(|word| said.contains(word))).map(|(class, _)| *class)
}

/// A fault with the next step, out of libkrb5's or Windows' own words.
fn explain(said: &str, doing: &str) -> Denied {
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CAUSE_CHARS_MAX).collect();
    let class = class(&said);
    let (cause, hint) = match class {
        Some(Class::WrongKey) => (
            "the key in the keytab is not the account's",
            "make a new keytab: it was made before the account's password was last set",
        ),
        Some(Class::NoTicket) => ("there is no ticket, and no keytab to get one with", NO_TICKET_HINT),
        Some(Class::NoKdc) => ("no KDC of the domain can be reached", NO_KDC_HINT),
        Some(Class::ClockSkew) => (
            "the clocks of this machine and of the domain differ by more than the five minutes allowed",
            "set this machine's clock by the domain's time source",
        ),
        Some(Class::Barred) => (
            "the account may not log on: it is disabled, locked out or expired, or its password is",
            "repair the rotator's account",
        ),
        Some(Class::UnknownAccount) => {
            ("the domain knows no account of the keytab's name", "make a keytab for the account as it is called now")
        }
        Some(Class::UnknownService) => (
            "the domain knows no LDAP service of this host name",
            "name the domain controller in the urls by its full host name, as its servicePrincipalName has it",
        ),
        Some(Class::Cipher) => (
            "the account, the keytab and the domain have no encryption type in common",
            "let the account use AES (msDS-SupportedEncryptionTypes) and make a new keytab",
        ),
        None => ("Kerberos says no", "see what `kinit` and `kvno` say to the same keytab and service"),
    };
    let meaning = if class == Some(Class::NoKdc) { Meaning::Later } else { Meaning::Broken };
    let fault = Fault::new(meaning, doing, format!("{cause} ({said})")).hint(hint);
    Denied { fault, counts: class == Some(Class::WrongKey) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_told_by_its_words() {
        let gss = "Unspecified GSS failure.  Minor code may provide more information";
        for (minor, wanted) in [
            ("Preauthentication failed", Class::WrongKey),
            ("No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0)", Class::NoTicket),
            ("Keytab FILE:/nowhere is nonexistent or empty", Class::NoTicket),
            ("Ticket expired", Class::NoTicket),
            ("Cannot contact any KDC for realm 'CONTOSO.TEST'", Class::NoKdc),
            ("Cannot find KDC for realm \"CONTOSO.TEST\"", Class::NoKdc),
            ("Clock skew too great", Class::ClockSkew),
            ("Client's credentials have been revoked", Class::Barred),
            ("Password has expired", Class::Barred),
            ("Client 'rotator@CONTOSO.TEST' not found in Kerberos database", Class::UnknownAccount),
            ("Server ldap/dc9.contoso.test@CONTOSO.TEST not found in Kerberos database", Class::UnknownService),
            ("Server not found in Kerberos database", Class::UnknownService),
            ("KDC has no support for encryption type", Class::Cipher),
        ] {
            assert_eq!(class(&format!("{gss} ({minor})")), Some(wanted), "{minor}");
        }
        let windows = "ClientCtx::step failed The clocks on the client and server machines are skewed.";
        assert_eq!(class(windows), Some(Class::ClockSkew));
        assert_eq!(class("something else"), None);
    }

    #[test]
    fn only_a_wrong_key_counts_and_only_the_network_passes_by_itself() {
        let fault = |said: &str| {
            let denied = explain(said, "logging on");
            (denied.counts, denied.fault)
        };
        let (counts, wrong) = fault("(Preauthentication failed)");
        assert!(counts && wrong.hint.contains("new keytab"), "{wrong}");
        let (counts, later) = fault("(Cannot contact any KDC for realm 'X')");
        assert!(!counts && later.meaning == Meaning::Later, "{later}");
        let (_, unknown) = fault("line one\nline two");
        assert!(!unknown.cause.contains('\n') && unknown.cause.contains("line two"), "{unknown}");
    }
}
