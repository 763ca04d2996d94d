//! Finds a domain's domain controllers by DNS, as Windows does: SRV records below `_msdcs`.
//!
//! Whoever can forge DNS could name any host here, and a host with a valid certificate for its own name
//! would get the rotator's logon. So only hosts inside the domain's own name are believed; their
//! certificates are verified like everybody's. The port in the record is that of plain LDAP and not used.

use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;
use rand::RngExt;
use tokio::time::timeout;

use super::domain_name::DomainName;
use super::endpoint::Endpoint;
use crate::port::Fault;

/// For both lookups and all their tries together.
const DISCOVERY_LIMIT: Duration = Duration::from_secs(10);
/// For one try at one DNS server.
const QUERY_LIMIT: Duration = Duration::from_secs(3);
/// A domain of any size has some near ones first in its answer, and more would not be tried in time.
const HOSTS_MAX: usize = 16;

/// One SRV record, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    priority: u16,
    weight: u16,
    host: String,
}

/// The domain controllers of `domain` in the order to try, the PDC emulator first where DNS tells it.
pub(super) async fn domain_controllers(domain: &DomainName, port: u16) -> Result<Vec<Endpoint>, Fault> {
    let doing = || format!("finding the domain controllers of {domain} by DNS");
    let resolver = TokioResolver::builder_tokio().and_then(|mut builder| {
        let options = builder.options_mut();
        options.timeout = QUERY_LIMIT;
        // Each call asks anew: a domain controller that was taken out must not be found in a cache.
        options.cache_size = 0;
        options.try_tcp_on_error = true;
        builder.build()
    });
    let resolver = resolver.map_err(|e| {
        Fault::broken(doing(), format!("this machine's DNS settings can't be used: {e}"))
            .hint("repair the machine's DNS settings, or name the domain controllers as `urls`")
    })?;
    ask(&resolver, domain, port).await
}

async fn ask(resolver: &TokioResolver, domain: &DomainName, port: u16) -> Result<Vec<Endpoint>, Fault> {
    let doing = || format!("finding the domain controllers of {domain} by DNS");
    let (all, pdc) = timeout(DISCOVERY_LIMIT, async {
        tokio::join!(
            records(resolver, format!("_ldap._tcp.dc._msdcs.{domain}.")),
            records(resolver, format!("_ldap._tcp.pdc._msdcs.{domain}."))
        )
    })
    .await
    .map_err(|_| {
        Fault::later(doing(), format!("no answer within {} s", DISCOVERY_LIMIT.as_secs()))
            .hint("see that this machine's DNS servers answer")
    })?;
    let all = all.map_err(|error| match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
        {
            Fault::broken(doing(), format!("there is no SRV record _ldap._tcp.dc._msdcs.{domain}"))
                .hint("look at the spelling of the domain, and that this machine asks a DNS server that knows it")
        }
        error => Fault::later(doing(), format!("DNS gives no answer: {}", one_line(&error)))
            .hint("see that this machine's DNS servers answer"),
    })?;
    // It only saves a step: who holds the role is asked of the directory.
    let pdc = pdc.unwrap_or_default();
    let found = all.len();
    let hosts = believed(domain, pdc, all, |below| rand::rng().random_range(0..below));
    if hosts.is_empty() {
        return Err(Fault::broken(doing(), format!("none of {found} hosts that DNS names is inside {domain}"))
            .hint("name the domain controllers as `urls` if they really have other names"));
    }
    Ok(hosts.into_iter().map(|host| Endpoint { host, port }).collect())
}

async fn records(resolver: &TokioResolver, name: String) -> Result<Vec<Record>, NetError> {
    let found = resolver.srv_lookup(name).await?;
    let records = found.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(srv) => {
            Some(Record { priority: srv.priority, weight: srv.weight, host: srv.target.to_string().to_lowercase() })
        }
        _ => None,
    });
    Ok(records.collect())
}

/// The hosts that are believed, in the order to try, each once and no more than [`HOSTS_MAX`].
fn believed(
    domain: &DomainName,
    pdc: Vec<Record>,
    all: Vec<Record>,
    mut chance: impl FnMut(u32) -> u32,
) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for record in ordered(pdc, &mut chance).into_iter().chain(ordered(all, &mut chance)) {
        let host = record.host.strip_suffix('.').unwrap_or(&record.host).to_owned();
        if !domain.contains(&host) {
            tracing::warn!(%domain, host, "a host that DNS names as a domain controller is not inside the domain: ignored");
        } else if !hosts.contains(&host) && hosts.len() < HOSTS_MAX {
            hosts.push(host);
        }
    }
    hosts
}

/// RFC 2782: the lowest priority first; within one, by chance in proportion to the weights. `chance` gives a
/// number below its argument.
fn ordered(mut records: Vec<Record>, chance: &mut impl FnMut(u32) -> u32) -> Vec<Record> {
    // Those of weight 0 first, as the RFC has it, so that they keep a very small chance.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut order = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let peers = records.iter().take_while(|record| record.priority == priority);
        let total: u32 = peers.map(|record| u32::from(record.weight)).sum();
        let drawn = chance(total + 1);
        let mut sum = 0;
        let at = records.iter().position(|record| {
            sum += u32::from(record.weight);
            sum >= drawn
        });
        order.push(records.remove(at.unwrap_or(0)));
    }
    order
}

/// An error's words on one line; they come from outside.
fn one_line(error: &NetError) -> String {
    const TEXT_CHARS_MAX: usize = 200;
    error.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
