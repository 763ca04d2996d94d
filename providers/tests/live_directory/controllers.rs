//! Two domain controllers: found by DNS, passed by when they don't answer, and one of them the PDC emulator.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use providers::active_directory::{ActiveDirectory, DomainControllers, Identity, Settings};
use providers::port::{Directory, Meaning};

use crate::checks::{Check, checks, fault};
use crate::world::{ADDRESS, CONNECTOR, HOST, OTHER_NAME, SECOND_HOST, World, fresh};

/// Leads to the second domain controller from outside the domain's own names.
pub(crate) const NAME_OUTSIDE: &str = "dc2.elsewhere.org";

/// Every check here, in the order to run.
pub(crate) fn all() -> Vec<(&'static str, Check)> {
    checks! {
        discovery_finds_the_domain_controllers
        discovery_of_no_domain_is_ours
        failover_goes_on_to_the_next_one
        failover_names_all_that_were_tried
        failover_ends_at_a_certificate_that_is_not_trusted
        failover_ends_at_a_refused_logon
        controller_outside_the_domain_gets_no_logon
        controller_of_the_forest_may_have_any_name
        controller_is_one_whatever_its_name
        replication_of_a_hostile_name
        pdc_emulator_is_gone_to_from_any_other
        pdc_emulator_that_moved_is_followed
        pdc_emulator_that_is_down_stops_writes_and_not_reads
    }
}

fn url(host: &str) -> String {
    format!("ldaps://{host}")
}

fn discovered(world: &World, domain: &str, port: Option<u16>) -> ActiveDirectory {
    let controllers = DomainControllers::Discovered { domain: domain.to_owned(), port };
    ActiveDirectory::new(Settings { controllers, ..world.settings("rotator", &[]) }).expect("the settings are good")
}

async fn discovery_finds_the_domain_controllers(world: Arc<World>) {
    let directory = discovered(&world, "contoso.test", None);
    let facts = directory.account(CONNECTOR).await.expect("it is found");
    assert_eq!((facts.dn.as_str(), facts.dc.as_str()), (world.dn(CONNECTOR), HOST));
    assert_eq!(directory.working_dc(&facts.dn).await.expect("an answer"), HOST);
    assert!(directory.fingerprint(&facts.dn, SECOND_HOST).await.expect("it is there too").key_version > 0);
    // The port of the records is that of plain LDAP; ours counts.
    let fault = fault(&world, discovered(&world, "contoso.test", Some(1)).account(CONNECTOR).await, Meaning::Later);
    assert!(fault.cause.contains("dc1.contoso.test:1:") && fault.cause.contains("dc2.contoso.test:1:"), "{fault}");
}

async fn discovery_of_no_domain_is_ours(world: Arc<World>) {
    let fault =
        fault(&world, discovered(&world, "nowhere.contoso.test", None).account(CONNECTOR).await, Meaning::Broken);
    assert!(fault.cause.contains("_ldap._tcp.dc._msdcs.nowhere.contoso.test"), "{fault}");
}

async fn failover_goes_on_to_the_next_one(world: Arc<World>) {
    let urls = ["ldaps://dc9.contoso.test".to_owned(), format!("ldaps://{HOST}:1"), url(SECOND_HOST)];
    let directory = world.at(&[&urls[0], &urls[2], &url(HOST)]);
    let facts = directory.account(CONNECTOR).await.expect("the second one answers");
    assert_eq!((facts.dn.as_str(), facts.dc.as_str()), (world.dn(CONNECTOR), HOST));
    assert_eq!(directory.own_credential().await.expect("an answer").name, world.dn("rotator"));
    // A port that is written behind a host is that host's.
    let fault = fault(&world, world.at(&[&urls[1], &urls[2]]).account(CONNECTOR).await, Meaning::Later);
    assert!(fault.doing.contains("dc1.contoso.test, the PDC emulator"), "{fault}");
}

async fn failover_names_all_that_were_tried(world: Arc<World>) {
    let begun = Instant::now();
    let urls = ["ldaps://dc9.contoso.test".to_owned(), format!("ldaps://{HOST}:1"), format!("ldaps://{SECOND_HOST}:1")];
    let fault = fault(&world, world.at(&[&urls[0], &urls[1], &urls[2]]).account(CONNECTOR).await, Meaning::Later);
    for part in [
        "none of 3",
        "dc9.contoso.test:636: the name",
        "dc1.contoso.test:1: no connection",
        "dc2.contoso.test:1: no connection",
    ] {
        assert!(fault.cause.contains(part), "{part}: {fault}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

async fn failover_ends_at_a_certificate_that_is_not_trusted(world: Arc<World>) {
    let fault = fault(&world, world.at(&[&url(OTHER_NAME), &url(HOST)]).account(CONNECTOR).await, Meaning::Broken);
    assert!(fault.cause.contains(OTHER_NAME) && fault.cause.contains("certificate"), "{fault}");
}

async fn failover_ends_at_a_refused_logon(world: Arc<World>) {
    let before: u32 = world.attribute("twin-2", "badPwdCount").parse().expect("a number");
    let identity = Identity::password(world.dn("twin-2"), fresh());
    let settings = Settings { identity, ..world.settings("twin-2", &[&url(HOST), &url(SECOND_HOST)]) };
    let directory = ActiveDirectory::new(settings).expect("the settings are good");
    let fault = fault(&world, directory.account(CONNECTOR).await, Meaning::Broken);
    assert!(fault.cause.contains("52e"), "{fault}");
    let after: u32 = world.attribute("twin-2", "badPwdCount").parse().expect("a number");
    assert_eq!(after, before + 1, "the second domain controller was tried as well");
}

async fn controller_outside_the_domain_gets_no_logon(world: Arc<World>) {
    let (directory, dn) = (world.directory(), world.dn(CONNECTOR));
    let key_version = world.key_version_on_disk(CONNECTOR);
    for host in
        [NAME_OUTSIDE, "contoso.test.elsewhere.org", "evilcontoso.test", "dc2", "127.0.0.3", "dc2.contoso.test/x", ""]
    {
        let refusals = [
            directory.fingerprint(dn, host).await.map(drop),
            directory.set_password(dn, host, &fresh()).await,
            directory.accepts(dn, host, &world.password(CONNECTOR)).await.map(drop),
            directory.replicate(dn, HOST, host).await,
        ];
        for refusal in refusals {
            let fault = fault(&world, refusal, Meaning::Refused);
            assert!(fault.doing.contains(&format!("{host:?}")) && fault.hint.contains("urls"), "{fault}");
        }
    }
    assert_eq!(world.key_version_on_disk(CONNECTOR), key_version);
}

async fn controller_of_the_forest_may_have_any_name(world: Arc<World>) {
    let (directory, dn) = (world.directory(), world.dn(CONNECTOR));
    fault(&world, directory.fingerprint(dn, NAME_OUTSIDE).await, Meaning::Refused);
    world.add_server(NAME_OUTSIDE);
    // Now the directory itself knows it, so it is gone to, and its certificate has the last word.
    let fault = fault(&world, directory.fingerprint(dn, NAME_OUTSIDE).await, Meaning::Broken);
    assert!(fault.cause.contains("certificate") && fault.cause.contains(NAME_OUTSIDE), "{fault}");
}

async fn controller_is_one_whatever_its_name(world: Arc<World>) {
    let (by_address, dn) = (world.at(&[&url(ADDRESS)]), world.dn(CONNECTOR));
    assert_eq!(by_address.account(CONNECTOR).await.expect("it is there").dc, HOST);
    assert_eq!(by_address.working_dc(dn).await.expect("an answer"), HOST);
    let spelled = world.at(&["ldaps://DC1.Contoso.TEST", &url(ADDRESS)]);
    assert!(spelled.working_dc(dn).await.expect("an answer").eq_ignore_ascii_case(HOST));
    by_address.replicate(dn, ADDRESS, HOST).await.expect("nothing to do between one and the same");
}

async fn replication_of_a_hostile_name(world: Arc<World>) {
    let directory = world.directory();
    for sam in [CONNECTOR, "hostile-signs", "hostile-spaces"] {
        let dn = world.dn(sam);
        // Samba does not offer it: the answer is about that, and not about the name.
        let fault = fault(&world, directory.replicate(dn, HOST, SECOND_HOST).await, Meaning::Later);
        assert!(fault.cause.contains("not offered here"), "{fault}");
    }
}

async fn pdc_emulator_is_gone_to_from_any_other(world: Arc<World>) {
    for urls in [vec![url(SECOND_HOST)], vec![url(HOST), url(SECOND_HOST)], vec![url(SECOND_HOST), url(HOST)]] {
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let facts = world.at(&urls).account(CONNECTOR).await.expect("it is there");
        assert_eq!((facts.dc.as_str(), facts.warnings), (HOST, Vec::new()), "{urls:?}");
    }
}

async fn pdc_emulator_that_moved_is_followed(world: Arc<World>) {
    let directory = world.at(&[&url(HOST), &url(SECOND_HOST)]);
    let dn = world.dn(CONNECTOR);
    assert_eq!(directory.working_dc(dn).await.expect("an answer"), HOST);
    world.run_on_pair("pdc-role", &["dc2"]);
    world.run_on_pair("sync", &["dc1"]);
    assert_eq!(directory.working_dc(dn).await.expect("an answer"), SECOND_HOST);
    assert_eq!(directory.account(CONNECTOR).await.expect("it is there").dc, SECOND_HOST);
    let new = fresh();
    directory.set_password(dn, SECOND_HOST, &new).await.expect("it is set there");
    assert!(directory.accepts(dn, SECOND_HOST, &new).await.expect("an answer"));
    world.run_on_pair("pdc-role", &["dc1"]);
    world.run_on_pair("sync", &["dc2"]);
    assert_eq!(directory.working_dc(dn).await.expect("an answer"), HOST);
}

async fn pdc_emulator_that_is_down_stops_writes_and_not_reads(world: Arc<World>) {
    let directory = world.at(&[&url(HOST), &url(SECOND_HOST)]);
    let dn = world.dn(CONNECTOR);
    world.run_on("stop", "dc1");
    for asked in [directory.account(CONNECTOR).await.map(drop), directory.working_dc(dn).await.map(drop)] {
        let fault = fault(&world, asked, Meaning::Later);
        assert!(fault.doing.contains("dc1.contoso.test, the PDC emulator of contoso.test"), "{fault}");
        assert!(fault.hint.contains("writes do not"), "{fault}");
    }
    assert_eq!(directory.own_credential().await.expect("a read").name, world.dn("rotator"));
    assert!(directory.fingerprint(dn, SECOND_HOST).await.is_ok());
    fault(&world, directory.set_password(dn, HOST, &fresh()).await, Meaning::Later);
    // Taken over, the work goes on there.
    fs::write("/etc/resolv.conf", "nameserver 127.0.0.3\noptions attempts:1 timeout:1\n").expect("it is ours");
    world.run_on_pair("pdc-role", &["dc2", "seize"]);
    assert_eq!(directory.account(CONNECTOR).await.expect("it is there").dc, SECOND_HOST);
}
