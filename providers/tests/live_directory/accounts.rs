//! Naming an account, and what is read of it: hostile names, other domains, groups, lockout.

use std::sync::Arc;

use providers::active_directory::{ActiveDirectory, Identity, Settings};
use providers::port::{Directory, Lockout, Meaning, Secret};

use crate::checks::{Check, checks, fault};
use crate::world::{CONNECTOR, HOST, World, fresh};

/// Every check here. They change single accounts that no other check looks at.
pub(crate) fn all() -> Vec<(&'static str, Check)> {
    checks! {
        account_is_found_with_its_domain_before_it
        account_is_found_by_its_unwritten_principal_name
        account_with_a_hostile_name_is_worked_on_as_any_other
        account_of_another_domain_is_told_by_that_domain
        account_has_its_identifier
        account_policy_that_may_be_read_holds
        account_in_protected_users_is_refused
        account_of_an_administrator_is_warned_of
        account_that_requires_a_smart_card_is_refused
        lockout_counts_while_the_window_lasts
        lockout_under_a_fine_grained_policy
    }
}

async fn account_is_found_with_its_domain_before_it(world: Arc<World>) {
    let directory = world.directory();
    for locator in [r"CONTOSO\MSOL_1a2b3c4d5e6f", r"contoso\msol_1A2B3C4D5E6F", r"contoso.test\MSOL_1a2b3c4d5e6f"] {
        let facts = directory.account(locator).await.unwrap_or_else(|fault| panic!("{locator}: {fault}"));
        assert_eq!((facts.dn.as_str(), facts.dc.as_str()), (world.dn(CONNECTOR), HOST));
    }
    // With a domain before it, it is a sAMAccountName and nothing else.
    for locator in [r"CONTOSO\msol@contoso.test", r"CONTOSO\MSOL_*", r"CONTOSO\*)(objectClass=*"] {
        fault(&world, directory.account(locator).await, Meaning::Refused);
    }
    for locator in ["", " ", r"CONTOSO\", r"\MSOL_1a2b3c4d5e6f"] {
        assert_eq!(fault(&world, directory.account(locator).await, Meaning::Refused).cause, "it is no name");
    }
}

async fn account_is_found_by_its_unwritten_principal_name(world: Arc<World>) {
    let facts = world.directory().account("MSOL_1a2b3c4d5e6f@Contoso.TEST").await.expect("AD knows it by that too");
    assert_eq!(facts.dn, world.dn(CONNECTOR));
    // The written one goes first: this sAMAccountName has a domain's name behind it by chance.
    let other = fault(&world, world.directory().account("MSOL_1a2b3c4d5e6f@elsewhere").await, Meaning::Refused);
    assert!(other.doing.contains("contoso.test") && other.hint.contains(r"DOMAIN\name"), "{other}");
}

async fn account_with_a_hostile_name_is_worked_on_as_any_other(world: Arc<World>) {
    let directory = world.directory();
    for sam in ["hostile-spaces", "hostile-hash", "hostile-signs", "hostile-umlaut", "sync (1) & co!", "jürgen"] {
        let dn = world.dn(sam);
        for locator in [sam, dn] {
            let facts = directory.account(locator).await.unwrap_or_else(|fault| panic!("{locator}: {fault}"));
            assert_eq!((facts.dn.as_str(), facts.sam_account_name.as_str()), (dn, sam));
        }
        let (before, new) = (world.fingerprint(sam).await, fresh());
        directory.set_password(dn, HOST, &new).await.unwrap_or_else(|fault| panic!("{sam}: {fault}"));
        assert_eq!(world.fingerprint(sam).await.key_version, before.key_version + 1, "{sam}");
        assert!(directory.accepts(dn, HOST, &new).await.expect("an answer"), "{sam}");
        assert_eq!(directory.working_dc(dn).await.expect("it lies in this domain"), HOST, "{sam}");
    }
}

async fn account_of_another_domain_is_told_by_that_domain(world: Arc<World>) {
    let directory = world.directory();
    let strangers = [
        (r"FABRIKAM\svc", "FABRIKAM"),
        (r"fabrikam.test\svc", "fabrikam.test"),
        ("CN=svc,DC=fabrikam,DC=test", "fabrikam.test"),
        // A partition of the forest, and no domain.
        ("CN=svc,DC=DomainDnsZones,DC=contoso,DC=test", "domaindnszones.contoso.test"),
    ];
    for (locator, domain) in strangers {
        let fault = fault(&world, directory.account(locator).await, Meaning::Refused);
        assert!(fault.doing.contains(domain) && fault.cause.contains("no such domain"), "{fault}");
    }
    assert_eq!(directory.working_dc("CN=svc,DC=fabrikam,DC=test").await.expect_err("no").meaning, Meaning::Refused);
    // A distinguished name is known in its own domain only, so here the rotator goes by its principal name.
    let identity = Identity::password("rotator@contoso.test", world.password("rotator"));
    let settings = Settings { identity, ..world.settings("rotator", &[&format!("ldaps://{HOST}")]) };
    let directory = ActiveDirectory::new(settings).expect("the settings are good");
    // Of the forest, but nobody here knows a domain controller of it: no referral is followed.
    world.add_domain_to_forest("CHILD", "child.contoso.test");
    for locator in [r"CHILD\svc", "svc@child.contoso.test"] {
        let fault = fault(&world, directory.account(locator).await, Meaning::Later);
        assert!(fault.cause.contains("the domain child.contoso.test"), "{fault}");
        assert!(fault.hint.contains("urls") && fault.hint.contains("child.contoso.test"), "{fault}");
    }
    // A principal name that ends so may be of this domain all the same, and is looked for here first.
    world.change(world.dn("bystander"), "userPrincipalName", "by@child.contoso.test");
    assert_eq!(directory.account("by@child.contoso.test").await.expect("it is here").dn, world.dn("bystander"));
}

async fn account_has_its_identifier(world: Arc<World>) {
    let facts = world.directory().account(CONNECTOR).await.expect("it is there");
    assert_eq!(facts.sid, world.attribute(CONNECTOR, "objectSid"));
    assert!(facts.sid.starts_with("S-1-5-21-"), "{facts:?}");
    // What a connector's forest-login-domain is held against.
    assert_eq!((facts.domain.as_str(), facts.netbios.as_str()), ("contoso.test", "CONTOSO"));
}

async fn account_policy_that_may_be_read_holds(world: Arc<World>) {
    let facts = world.directory().account("fine-grained-open").await.expect("it is there");
    assert_eq!((facts.policy.length_min, facts.policy.complexity), (24, true), "{facts:?}");
    assert!(facts.policy.source.starts_with("CN=open-passwords") && facts.warnings.is_empty(), "{facts:?}");
}

async fn account_in_protected_users_is_refused(world: Arc<World>) {
    let facts = world.directory().account("protected").await.expect("it is there");
    assert!(facts.refusals.len() == 1 && facts.refusals[0].contains("Protected Users"), "{facts:?}");
}

async fn account_of_an_administrator_is_warned_of(world: Arc<World>) {
    let facts = world.directory().account("enterprise-admin").await.expect("it is there");
    assert_eq!(facts.refusals, Vec::<String>::new());
    assert!(facts.warnings.len() == 1 && facts.warnings[0].contains("Enterprise Admins"), "{facts:?}");
}

async fn account_that_requires_a_smart_card_is_refused(world: Arc<World>) {
    world.change(world.dn("twin-2"), "userAccountControl", "262656");
    let facts = world.directory().account("twin-2").await.expect("it is there");
    world.change(world.dn("twin-2"), "userAccountControl", "512");
    assert!(facts.refusals.len() == 1 && facts.refusals[0].contains("smart card"), "{facts:?}");
    assert_eq!(world.directory().account("twin-2").await.expect("it is there").refusals, Vec::<String>::new());
}

async fn lockout_counts_while_the_window_lasts(world: Arc<World>) {
    let (directory, sam) = (world.directory(), "display-tokens");
    let dn = world.dn(sam);
    let now = async || directory.lockout(dn, HOST).await.expect("it is readable");
    assert_eq!(now().await, Lockout { threshold: Some(5), wrong: Some(0), locked: false });
    for wrong in 1..=2 {
        assert!(!directory.accepts(dn, HOST, &Secret::new("Wrong-1234")).await.expect("an answer"));
        assert_eq!(now().await.wrong, Some(wrong));
    }
    // 30 minutes is the window: with the last wrong one 29 minutes ago they count, with 31 they don't, and
    // badPwdCount stays as it was.
    let last: i64 = world.attribute(sam, "badPasswordTime").parse().expect("a number");
    for (minutes, wrong) in [(29, 2), (31, 0)] {
        world.change(dn, "badPasswordTime", &(last - minutes * 60 * 10_000_000).to_string());
        assert_eq!(now().await.wrong, Some(wrong), "{minutes} minutes ago");
        assert_eq!(world.attribute(sam, "badPwdCount"), "2");
    }
    // The right one sets it back.
    assert!(directory.accepts(dn, HOST, &world.password(sam)).await.expect("an answer"));
    assert_eq!(now().await.wrong, Some(0));
    world.lock("locked");
    assert!(directory.lockout(world.dn("locked"), HOST).await.expect("it is readable").locked);
    fault(&world, directory.lockout("CN=nobody,CN=Users,DC=contoso,DC=test", HOST).await, Meaning::Refused);
}

async fn lockout_under_a_fine_grained_policy(world: Arc<World>) {
    let directory: ActiveDirectory = world.directory();
    let of = async |sam: &str| directory.lockout(world.dn(sam), HOST).await.expect("it is readable");
    assert_eq!(of("fine-grained-open").await.threshold, Some(3));
    // Unreadable is not absent: the domain's 5 does not hold here.
    assert_eq!(of("fine-grained").await.threshold, None);
}
