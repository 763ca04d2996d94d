use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use providers::active_directory::{ActiveDirectory, Identity, LogonAnswer, Settings, logon};
use providers::port::{Directory, Fault, Meaning, Secret};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::proxy::{BIND, MODIFY, Mischief, Proxy};
use crate::world::{ADDRESS, CONNECTOR, HOST, OTHER_NAME, World, fresh};

pub(crate) type Check = fn(Arc<World>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! checks {
    ($($name:ident)*) => { vec![$((stringify!($name), (|world| Box::pin($name(world))) as Check)),*] };
}
pub(crate) use checks;

/// Every check, in the order to run. The last ones bend the world for good.
pub(crate) fn all() -> Vec<(&'static str, Check)> {
    checks! {
        account_is_found_by_each_name
        account_that_is_unknown_or_ambiguous_is_refused
        account_that_must_not_be_rotated_says_why
        account_policy_is_fine_grained_where_one_applies
        reset_is_one_more_key_version_and_the_old_password_lives_on_for_a_while
        reset_against_the_policy_is_refused
        reset_without_the_right_is_refused
        reset_of_nobody_is_refused
        accepts_names_what_bars_an_account
        logon_tells_wrong_from_barred_from_locked
        certificate_of_an_unknown_ca_is_named
        certificate_for_another_name_is_named
        rotator_with_a_wrong_password_is_ours
        nobody_listening_is_later_and_soon
        not_ldaps_is_told_apart
        cut_before_the_set_was_sent_is_later
        cut_after_the_set_was_sent_is_unclear_done_or_not
        silence_after_the_set_is_unclear_in_bounded_time
        replication_to_itself_is_done
        pdc_emulator_is_where_the_work_is_done
        pdc_emulator_without_an_address
    }
}

pub(crate) fn fault<T>(world: &World, result: Result<T, Fault>, meaning: Meaning) -> Fault {
    let Err(fault) = result else { panic!("expected a fault that is {meaning}") };
    assert_eq!(fault.meaning, meaning, "{fault}");
    assert!(!fault.cause.is_empty());
    world.shows_no_secret(&fault);
    println!("      {meaning}: {fault}");
    fault
}

async fn account_is_found_by_each_name(world: Arc<World>) {
    let directory = world.directory();
    let dn = world.dn(CONNECTOR);
    let other_spelling = dn.replace(r"\#1", "#1").replace("OU=", "ou=").replace(r"\,", r"\2C");
    assert_ne!(dn, other_spelling);
    for locator in [CONNECTOR, "msol_1A2B3C4D5E6F", "msol@contoso.test", dn, &other_spelling] {
        let facts = directory.account(locator).await.expect("it is there");
        assert_eq!(facts.dn, dn);
        assert_eq!(facts.sam_account_name, CONNECTOR);
        assert_eq!(facts.display_name, "On-Premises Sync");
        assert_eq!(facts.dc, HOST);
        assert_eq!(facts.refusals, Vec::<String>::new());
        assert_eq!(facts.warnings, Vec::<String>::new());
        assert_eq!((facts.policy.length_min, facts.policy.complexity), (8, true));
        assert_eq!(facts.policy.source, "domain");
    }
}

async fn account_that_is_unknown_or_ambiguous_is_refused(world: Arc<World>) {
    let directory = world.directory();
    for locator in [
        "nobody",
        "*",
        "MSOL_*",
        "nobody)(objectClass=*",
        "CN=nobody,DC=contoso,DC=test",
        "no=dn=at,all",
        "CN=Users,DC=contoso,DC=test",
    ] {
        fault(&world, directory.account(locator).await, Meaning::Refused);
    }
    let ambiguous = fault(&world, directory.account("twin@elsewhere").await, Meaning::Refused);
    assert!(ambiguous.cause.contains("CN=twin-1") && ambiguous.cause.contains("CN=twin-2"), "{ambiguous}");
}

async fn account_that_must_not_be_rotated_says_why(world: Arc<World>) {
    let directory = world.directory();
    for (sam, word) in
        [("disabled", "disabled"), ("must-change", "next logon"), ("expired", "expired"), ("DC1$", "Windows itself")]
    {
        let facts = directory.account(sam).await.expect("it is there");
        assert_eq!(facts.refusals.len(), 1, "{facts:?}");
        assert!(facts.refusals[0].contains(word), "{facts:?}");
    }
    let facts = directory.account("privileged").await.expect("it is there");
    assert!(facts.refusals.is_empty() && facts.warnings[0].contains("Domain Admins"), "{facts:?}");
}

async fn account_policy_is_fine_grained_where_one_applies(world: Arc<World>) {
    let facts = world.directory().account("fine-grained").await.expect("it is there");
    assert_eq!(facts.policy.length_min, 64, "{facts:?}");
    assert!(facts.policy.source.contains("CN=long-passwords") && facts.policy.source.contains("can't be read"));
    assert!(facts.warnings[0].contains("can't be read"), "{facts:?}");

    let as_administrator = Settings {
        identity: Identity::password(r"CONTOSO\Administrator", world.password("administrator")),
        ..world.settings("rotator", &[&format!("ldaps://{HOST}")])
    };
    let facts = ActiveDirectory::new(as_administrator).expect("good").account("fine-grained").await.expect("there");
    assert_eq!((facts.policy.length_min, facts.policy.complexity), (20, false));
    assert!(facts.policy.source.starts_with("CN=long-passwords"), "{facts:?}");
}

async fn reset_is_one_more_key_version_and_the_old_password_lives_on_for_a_while(world: Arc<World>) {
    let directory = world.directory();
    let (dn, old, new) = (world.dn(CONNECTOR), world.password(CONNECTOR), fresh());
    let before = world.fingerprint(CONNECTOR).await;
    assert_eq!(before.dc, HOST);
    assert!(directory.accepts(dn, HOST, &old).await.expect("an answer"));

    directory.set_password(dn, HOST, &new).await.expect("the rotator has the right");
    let after = world.fingerprint(CONNECTOR).await;
    assert_eq!(after.key_version, before.key_version + 1);
    assert_eq!(after.key_version, world.key_version_on_disk(CONNECTOR));
    assert!(after.password_last_set >= before.dc_time, "{before:?} {after:?}");
    assert!(!after.same_set(&before));
    assert!(directory.accepts(dn, HOST, &new).await.expect("an answer"));
    // The grace: a bind takes the previous password for an hour, Kerberos does not.
    assert!(directory.accepts(dn, HOST, &old).await.expect("an answer"));
    assert!(world.kinit(CONNECTOR, &new) && !world.kinit(CONNECTOR, &old));

    // The same password once more: the old one is no longer the previous one.
    directory.set_password(dn, HOST, &new).await.expect("a set may be repeated");
    assert_eq!(world.fingerprint(CONNECTOR).await.key_version, before.key_version + 2);
    assert!(!directory.accepts(dn, HOST, &old).await.expect("an answer"));
    assert!(directory.accepts(dn, HOST, &new).await.expect("an answer"));
}

async fn reset_against_the_policy_is_refused(world: Arc<World>) {
    let before = world.fingerprint(CONNECTOR).await;
    let result = world.directory().set_password(world.dn(CONNECTOR), HOST, &Secret::new("Short-1")).await;
    let fault = fault(&world, result, Meaning::Refused);
    assert!(fault.cause.contains("password policy") && fault.cause.contains("0000052D"), "{fault}");
    assert!(!fault.to_string().contains("Short-1"));
    assert!(world.fingerprint(CONNECTOR).await.same_set(&before));
}

async fn reset_without_the_right_is_refused(world: Arc<World>) {
    let before = world.key_version_on_disk("bystander");
    let result = world.directory().set_password(world.dn("bystander"), HOST, &fresh()).await;
    let fault = fault(&world, result, Meaning::Refused);
    assert!(fault.cause.contains("LDAP 50") && fault.hint.contains("Reset password"), "{fault}");
    assert_eq!(world.key_version_on_disk("bystander"), before);
}

async fn reset_of_nobody_is_refused(world: Arc<World>) {
    let dn = "CN=nobody,CN=Users,DC=contoso,DC=test";
    fault(&world, world.directory().set_password(dn, HOST, &fresh()).await, Meaning::Refused);
    fault(&world, world.directory().fingerprint(dn, HOST).await, Meaning::Refused);
    fault(&world, world.directory().set_password(world.dn(CONNECTOR), HOST, &Secret::new("")).await, Meaning::Broken);
    fault(&world, world.directory().accepts(world.dn(CONNECTOR), HOST, &Secret::new("")).await, Meaning::Broken);
}

async fn accepts_names_what_bars_an_account(world: Arc<World>) {
    for (sam, number) in [("disabled", "533"), ("must-change", "773"), ("expired", "701")] {
        let result = world.directory().accepts(world.dn(sam), HOST, &world.password(sam)).await;
        assert!(fault(&world, result, Meaning::Refused).cause.contains(number));
    }
}

async fn logon_tells_wrong_from_barred_from_locked(world: Arc<World>) {
    let (url, ca) = (format!("ldaps://{HOST}"), world.path("tls/ca.pem"));
    let log_on = async |sam: &str, secret: &Secret| logon(&url, Some(&ca), world.dn(sam), secret).await;
    assert_eq!(log_on("lockable", &world.password("lockable")).await, Ok(LogonAnswer::Accepted));
    let by_principal_name = logon(&url, Some(&ca), "rotator@contoso.test", &world.password("rotator")).await;
    assert_eq!(by_principal_name, Ok(LogonAnswer::Accepted));
    let barred = log_on("disabled", &world.password("disabled")).await.expect("an answer");
    assert!(matches!(&barred, LogonAnswer::Other(cause) if cause.contains("disabled")), "{barred:?}");
    // This account is there to be locked: five wrong passwords do it.
    for _ in 0..5 {
        assert_eq!(log_on("lockable", &Secret::new("Wrong-1234")).await, Ok(LogonAnswer::WrongCredentials));
    }
    assert_eq!(log_on("lockable", &world.password("lockable")).await, Ok(LogonAnswer::Locked));
    let result = world.directory().accepts(world.dn("lockable"), HOST, &world.password("lockable")).await;
    assert!(fault(&world, result, Meaning::Refused).cause.contains("775"));
    let facts = world.directory().account("lockable").await.expect("it is there");
    assert!(facts.refusals.len() == 1 && facts.refusals[0].contains("locked"), "{facts:?}");
    fault(&world, logon("ldap://dc1.contoso.test", Some(&ca), "x", &fresh()).await, Meaning::Broken);
}

async fn certificate_of_an_unknown_ca_is_named(world: Arc<World>) {
    let (key, ca) = (world.path("other.key"), world.path("other.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=some other CA", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout"])
        .arg(key)
        .arg("-out")
        .arg(&ca)
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{made:?}");
    let settings = Settings { ca_file: Some(ca), ..world.settings("rotator", &[&format!("ldaps://{HOST}")]) };
    let directory = ActiveDirectory::new(settings).expect("the file is a CA's");
    let before = world.key_version_on_disk(CONNECTOR);
    let result = directory.set_password(world.dn(CONNECTOR), HOST, &fresh()).await;
    let fault = fault(&world, result, Meaning::Broken);
    assert!(fault.cause.contains("unknown issuer") && fault.hint.contains("ca_file"), "{fault}");
    assert_eq!(world.key_version_on_disk(CONNECTOR), before);
}

async fn certificate_for_another_name_is_named(world: Arc<World>) {
    let result = world.at(&[&format!("ldaps://{OTHER_NAME}")]).account(CONNECTOR).await;
    let fault = fault(&world, result, Meaning::Broken);
    assert!(fault.cause.contains(OTHER_NAME) && fault.cause.contains(HOST), "{fault}");
}

async fn rotator_with_a_wrong_password_is_ours(world: Arc<World>) {
    let url = format!("ldaps://{HOST}");
    // Twice the same server: a wrong password must not be tried there a second time.
    let settings = Settings {
        identity: Identity::password(world.dn("twin-2"), fresh()),
        ..world.settings("twin-2", &[&url, &url])
    };
    let directory = ActiveDirectory::new(settings).expect("the settings are good");
    let fault = fault(&world, directory.account(CONNECTOR).await, Meaning::Broken);
    assert!(fault.cause.contains("52e"), "{fault}");
    assert_eq!(world.attribute("twin-2", "badPwdCount"), "1");
}

async fn nobody_listening_is_later_and_soon(world: Arc<World>) {
    let begun = Instant::now();
    let directory = world.at(&[&format!("ldaps://{HOST}:1")]);
    fault(&world, directory.account(CONNECTOR).await, Meaning::Later);
    fault(&world, directory.set_password(world.dn(CONNECTOR), HOST, &fresh()).await, Meaning::Later);
    fault(&world, directory.accepts(world.dn(CONNECTOR), HOST, &fresh()).await, Meaning::Later);
    fault(&world, directory.fingerprint(world.dn(CONNECTOR), "nosuch.contoso.test").await, Meaning::Later);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // With a second one that answers, the first doesn't matter.
    let directory = world.at(&["ldaps://nosuch.contoso.test", &format!("ldaps://{HOST}")]);
    assert_eq!(directory.account(CONNECTOR).await.expect("the second answers").dc, HOST);
}

async fn not_ldaps_is_told_apart(world: Arc<World>) {
    // (what it answers, whether it then cuts, what that means)
    let cases: [(&[u8], bool, Meaning); 3] = [
        (b"220 mail.contoso.test ready\r\n", true, Meaning::Broken),
        (b"", true, Meaning::Later),
        (b"", false, Meaning::Later),
    ];
    for (greeting, cut, meaning) in cases {
        let listener = TcpListener::bind((ADDRESS, 0)).await.expect("an address of our own");
        let port = listener.local_addr().expect("it is bound").port();
        let listening = tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.expect("a connection");
            client.write_all(greeting).await.expect("the client is there");
            if !cut {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        });
        let begun = Instant::now();
        let result = world.at(&[&format!("ldaps://{HOST}:{port}")]).fingerprint(world.dn(CONNECTOR), HOST).await;
        fault(&world, result, meaning);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        listening.abort();
    }
}

async fn cut_before_the_set_was_sent_is_later(world: Arc<World>) {
    for mischief in [Mischief::CutBefore, Mischief::CutAfter] {
        let proxy = Proxy::start(mischief, BIND).await;
        let before = world.key_version_on_disk(CONNECTOR);
        let result = world.at(&[&proxy.url]).set_password(world.dn(CONNECTOR), HOST, &fresh()).await;
        fault(&world, result, Meaning::Later);
        assert_eq!(world.key_version_on_disk(CONNECTOR), before);
    }
}

async fn cut_after_the_set_was_sent_is_unclear_done_or_not(world: Arc<World>) {
    for (mischief, sets) in [(Mischief::CutBefore, 0), (Mischief::CutAfter, 1)] {
        let proxy = Proxy::start(mischief, MODIFY).await;
        let (before, new) = (world.key_version_on_disk(CONNECTOR), fresh());
        let result = world.at(&[&proxy.url]).set_password(world.dn(CONNECTOR), HOST, &new).await;
        fault(&world, result, Meaning::Unclear);
        assert_eq!(world.key_version_on_disk(CONNECTOR), before + sets);
        if sets == 1 {
            assert!(world.directory().accepts(world.dn(CONNECTOR), HOST, &new).await.expect("an answer"));
        }
    }
}

async fn silence_after_the_set_is_unclear_in_bounded_time(world: Arc<World>) {
    let proxy = Proxy::start(Mischief::Swallow, MODIFY).await;
    let (before, new, begun) = (world.key_version_on_disk(CONNECTOR), fresh(), Instant::now());
    let result = world.at(&[&proxy.url]).set_password(world.dn(CONNECTOR), HOST, &new).await;
    let fault = fault(&world, result, Meaning::Unclear);
    assert!(fault.cause.contains("no answer within 20 s"), "{fault}");
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    assert!(proxy.was_reset().await, "what was given up could still arrive");
    assert_eq!(world.key_version_on_disk(CONNECTOR), before + 1);
    assert!(world.directory().accepts(world.dn(CONNECTOR), HOST, &new).await.expect("an answer"));
}

async fn replication_to_itself_is_done(world: Arc<World>) {
    let directory = world.directory();
    let dn = world.dn(CONNECTOR);
    directory.replicate(dn, HOST, "DC1.contoso.test").await.expect("one name in two spellings");
    directory.replicate(dn, ADDRESS, HOST).await.expect("two names of one server");
    fault(&world, directory.replicate(dn, HOST, "nosuch.contoso.test").await, Meaning::Later);
}

async fn pdc_emulator_is_where_the_work_is_done(world: Arc<World>) {
    // Asked by its address, it is found to have a name, and that is used.
    let facts = world.at(&[&format!("ldaps://{ADDRESS}")]).account(CONNECTOR).await.expect("it is there");
    assert_eq!(facts.dc, HOST);
    assert!(facts.warnings.is_empty(), "{facts:?}");
}

async fn pdc_emulator_without_an_address(world: Arc<World>) {
    let url = format!("ldaps://{ADDRESS}");
    // These hosts belong to this test's own mounts.
    std::fs::write("/etc/hosts", "127.0.0.1 localhost\n").expect("it is ours");
    let facts = world.at(&[&url]).account(CONNECTOR).await.expect("it is there");
    assert_eq!(facts.dc, ADDRESS);
    assert!(facts.warnings.is_empty(), "the server at this address is the PDC emulator: {facts:?}");

    // Now the role is at a server that nobody can find: nothing is set anywhere else.
    world.move_pdc_role("dc9.contoso.test");
    for urls in [&[url.as_str()][..], &[url.as_str(), "ldaps://dc8.contoso.test"]] {
        let fault = fault(&world, world.at(urls).account(CONNECTOR).await, Meaning::Later);
        assert!(fault.doing.contains("dc9.contoso.test") && fault.cause.contains("resolved"), "{fault}");
        assert!(fault.hint.contains("writes do not"), "{fault}");
    }
}
