use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, MessageType};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, Record as DnsRecord};
use tokio::net::UdpSocket;

use super::*;
use crate::port::Meaning;

fn record(priority: u16, weight: u16, host: &str) -> Record {
    Record { priority, weight, host: host.to_owned() }
}

fn domain() -> DomainName {
    DomainName::parse("contoso.test").expect("it is a name")
}

fn hosts(order: &[Record]) -> Vec<&str> {
    order.iter().map(|record| record.host.as_str()).collect()
}

#[test]
fn a_lower_priority_goes_first_whatever_its_weight() {
    let records = vec![record(10, 100, "c"), record(0, 50, "a"), record(5, 0, "b")];
    for draw in [0, 1, u32::MAX] {
        assert_eq!(hosts(&ordered(records.clone(), &mut |below| draw.min(below - 1))), ["a", "b", "c"]);
    }
}

#[test]
fn weights_are_chances() {
    let records = vec![record(0, 0, "never nearly"), record(0, 1, "light"), record(0, 3, "heavy")];
    let first = |draw: u32| {
        let mut draws = [draw, 0, 0].into_iter();
        ordered(records.clone(), &mut |_| draws.next().expect("three draws"))[0].host.clone()
    };
    // The draw is from 0 to 4: one for the weight 0, one for 1, three for 3.
    let firsts: Vec<String> = (0..=4).map(first).collect();
    assert_eq!(firsts, ["never nearly", "light", "heavy", "heavy", "heavy"]);
}

#[test]
fn only_hosts_inside_the_domain_are_believed_and_only_so_many() {
    let outside =
        [record(0, 0, "dc1.evil.org."), record(0, 0, "evilcontoso.test."), record(0, 0, "."), record(0, 0, "")];
    assert!(believed(&domain(), outside.to_vec(), outside.to_vec(), |_| 0).is_empty());
    let mut all: Vec<Record> = (10..40).map(|n| record(n, 0, &format!("dc{n}.contoso.test."))).collect();
    all.extend(outside);
    all.push(record(11, 0, "dc10.contoso.test."));
    let found = believed(&domain(), vec![record(0, 0, "pdc.contoso.test.")], all, |_| 0);
    assert_eq!(found.len(), HOSTS_MAX);
    assert_eq!(found[..3], ["pdc.contoso.test", "dc10.contoso.test", "dc11.contoso.test"]);
}

/// What the server says to a question: records of priority and host, an error, or nothing at all.
type Answer = fn(&str) -> Option<Result<Vec<(u16, &'static str)>, ResponseCode>>;

/// A DNS server that answers each SRV question as `answer` says; `None` = it stays silent.
async fn dns(answer: Answer) -> TokioResolver {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("an address of our own");
    let port = socket.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let asked = Message::from_vec(&buffer[..length]).expect("a question");
            let query = asked.queries[0].clone();
            let Some(answer) = answer(&query.name().to_string()) else { continue };
            let mut reply = Message::response(asked.id, asked.op_code);
            reply.metadata.message_type = MessageType::Response;
            reply.add_query(query.clone());
            match answer {
                Ok(hosts) => {
                    for (priority, host) in hosts {
                        let target = Name::from_ascii(host).expect("a name");
                        let data = RData::SRV(SRV::new(priority, 100, 389, target));
                        reply.add_answer(DnsRecord::from_rdata(query.name().clone(), 600, data));
                    }
                }
                Err(code) => reply.metadata.response_code = code,
            }
            socket.send_to(&reply.to_vec().expect("it fits"), from).await.expect("loopback");
        }
    });
    let mut connection = ConnectionConfig::udp();
    connection.port = port;
    let server = NameServerConfig::new(IpAddr::V4(Ipv4Addr::LOCALHOST), true, vec![connection]);
    let config = ResolverConfig::from_name_servers(vec![server]);
    let mut options = ResolverOpts::default();
    options.timeout = Duration::from_millis(200);
    options.cache_size = 0;
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options);
    builder.build().expect("the settings are good")
}

async fn found(answer: Answer) -> Result<Vec<String>, Fault> {
    let found = ask(&dns(answer).await, &domain(), 6360).await?;
    Ok(found.iter().map(Endpoint::url).collect())
}

#[tokio::test]
async fn the_records_of_windows_are_asked_for_and_the_port_is_ours() {
    let urls = found(|name| {
        Some(match name {
            "_ldap._tcp.dc._msdcs.contoso.test." => {
                Ok(vec![(1, "DC2.contoso.test."), (0, "dc1.contoso.test."), (0, "dc1.evil.org.")])
            }
            "_ldap._tcp.pdc._msdcs.contoso.test." => Ok(vec![(0, "dc2.contoso.test.")]),
            _ => Err(ResponseCode::Refused),
        })
    });
    assert_eq!(urls.await.expect("found"), ["ldaps://dc2.contoso.test:6360", "ldaps://dc1.contoso.test:6360"]);
}

#[tokio::test]
async fn without_a_record_of_the_pdc_emulator_the_others_do() {
    let urls = found(|name| {
        Some(if name.contains(".dc.") { Ok(vec![(0, "dc1.contoso.test.")]) } else { Err(ResponseCode::NXDomain) })
    });
    assert_eq!(urls.await.expect("found"), ["ldaps://dc1.contoso.test:6360"]);
}

#[tokio::test]
async fn no_such_domain_is_ours_and_a_sick_dns_server_is_later() {
    let fault = found(|_| Some(Err(ResponseCode::NXDomain))).await.expect_err("there is none");
    assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
    assert!(fault.cause.contains("_ldap._tcp.dc._msdcs.contoso.test") && fault.hint.contains("spelling"), "{fault}");
    let fault = found(|_| Some(Err(ResponseCode::ServFail))).await.expect_err("it is sick");
    assert_eq!(fault.meaning, Meaning::Later, "{fault}");
    let begun = Instant::now();
    let fault = found(|_| None).await.expect_err("it is silent");
    assert_eq!(fault.meaning, Meaning::Later, "{fault}");
    assert!(begun.elapsed() < DISCOVERY_LIMIT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn foreign_hosts_alone_are_a_fault_that_says_so() {
    let fault = found(|_| Some(Ok(vec![(0, "dc1.evil.org.")]))).await.expect_err("nobody is believed");
    assert_eq!(fault.meaning, Meaning::Broken);
    assert!(fault.cause.contains("contoso.test") && fault.hint.contains("urls"), "{fault}");
}
