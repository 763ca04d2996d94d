//! The way to the domain controller that the work is done at: the PDC emulator of the account's domain.
//!
//! Reads fail over, writes do not. Whatever is unreachable or busy on the way is passed by for the next
//! domain controller of the list. Two things end the way at once, because the next one would not mend them: a
//! refused logon of the rotator's own (each further try counts towards its lockout, on the PDC emulator too),
//! and a certificate that can't be trusted (going on would hide somebody in the middle behind a detour that
//! works). Where passwords are set there is no choice: every domain controller asks the PDC emulator before
//! it refuses a logon, so a password set elsewhere may be refused, and two may be set at a time.

use std::time::Duration;

use tokio::time::Instant;

use super::ActiveDirectory;
use super::connection::Connection;
use super::discovery;
use super::domain_name::DomainName;
use super::endpoint::{Endpoint, LDAPS_PORT};
use super::forest::{self, Domain};
use super::locator::Locator;
use super::topology::{self, RoleOwner, RootEntry};
use crate::port::{Fault, Meaning};

/// After this time no further domain controller is tried.
const REACH_LIMIT: Duration = Duration::from_secs(45);
/// The role may have moved just now, and again; more moves than these are a disagreement.
const ROLE_MOVES_MAX: u32 = 3;

/// How a domain's controllers are found.
#[derive(Clone, Debug)]
pub enum DomainControllers {
    /// As `ldaps://host[:port]`, in the order to try. The first one tells the domain.
    Listed(Vec<String>),
    /// By the DNS records of this domain; LDAPS on this port, `None` = 636.
    Discovered {
        /// The domain's DNS name.
        domain: String,
        /// Where all of them listen for LDAPS.
        port: Option<u16>,
    },
}

/// The same, checked.
#[derive(Debug)]
pub(super) enum Source {
    Listed(Vec<Endpoint>),
    Discovered { domain: DomainName, port: u16 },
}

impl Source {
    /// No url, a url that is not `ldaps://`, a name that DNS can't know, or port 0 is `Broken`.
    pub(super) fn check(controllers: &DomainControllers) -> Result<Self, Fault> {
        let broken =
            |cause: String, hint: &str| Err(Fault::broken("reading the directory's settings", cause).hint(hint));
        match controllers {
            DomainControllers::Listed(urls) if urls.is_empty() => {
                broken("there is no url".to_owned(), "name a domain controller: ldaps://dc1.contoso.test")
            }
            DomainControllers::Listed(urls) => {
                let mut endpoints: Vec<Endpoint> = Vec::new();
                for url in urls {
                    let at = Endpoint::parse(url)?;
                    if !endpoints.iter().any(|known| known.is(&at.host) && known.port == at.port) {
                        endpoints.push(at);
                    }
                }
                Ok(Self::Listed(endpoints))
            }
            DomainControllers::Discovered { domain, port } => match (DomainName::parse(domain), port) {
                (_, Some(0)) => broken("the port is 0".to_owned(), "leave it out, or name the port of LDAPS"),
                (Some(name), _) => Ok(Self::Discovered { domain: name, port: port.unwrap_or(LDAPS_PORT) }),
                (None, _) => {
                    broken(format!("{domain:?} is no domain's name"), "write the DNS name of the domain: contoso.test")
                }
            },
        }
    }

    /// The listed domain controller of that name.
    fn listed(&self, host: &str) -> Option<&Endpoint> {
        match self {
            Self::Listed(endpoints) => endpoints.iter().find(|at| at.is(host)),
            Self::Discovered { .. } => None,
        }
    }

    /// Where a domain controller that is not listed is taken to listen: where the first of the list does.
    fn port(&self) -> u16 {
        match self {
            Self::Listed(endpoints) => endpoints.first().map_or(LDAPS_PORT, |at| at.port),
            Self::Discovered { port, .. } => *port,
        }
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Listed(endpoints) => endpoints.iter().map(Endpoint::url).collect::<Vec<_>>().join(", "),
            Self::Discovered { domain, port } => format!("the domain controllers of {domain} by DNS, port {port}"),
        }
    }
}

/// A domain controller that the rotator is logged on to.
pub(super) struct Controller {
    /// The name it is known by from here on: its own, wherever that can be resolved.
    pub(super) at: Endpoint,
    pub(super) connection: Connection,
    pub(super) root: RootEntry,
}

/// What was asked on arrival.
struct Survey {
    pdc: RoleOwner,
    /// The domain that the locator names, when it is another one.
    elsewhere: Option<Domain>,
}

impl ActiveDirectory {
    /// The PDC emulator of the domain that the locator names.
    pub(super) async fn work(&self, locator: &Locator<'_>) -> Result<Controller, Fault> {
        let (here, survey) = self.reach(None, Some(locator)).await?;
        match survey.elsewhere {
            None => self.move_to_pdc(here, survey.pdc).await,
            Some(domain) => {
                here.connection.close().await;
                self.work_in(&domain).await
            }
        }
    }

    /// The PDC emulator of another domain of the forest.
    pub(super) async fn work_in(&self, domain: &Domain) -> Result<Controller, Fault> {
        let name = self.rotator.name();
        if name.contains('=') && DomainName::of_dn(name).as_ref() != Some(&domain.name) {
            return Err(Fault::broken(
                format!("going to the domain {}", domain.name),
                format!("its domain controllers don't know the rotator's account by the distinguished name {name}"),
            )
            .hint(r"name the rotator's account as DOMAIN\user or by its user principal name"));
        }
        let (here, survey) = self.reach(Some(domain), None).await?;
        self.move_to_pdc(here, survey.pdc).await
    }

    /// Any writable domain controller of the configured domain: for reads that are the same on all.
    pub(super) async fn read_anywhere(&self) -> Result<Controller, Fault> {
        Ok(self.reach(None, None).await?.0)
    }

    /// Where the domain controller called `host` listens, for work on the object `dn`.
    ///
    /// The name may come from afar (a Connect server tells which one its connector uses), and whoever is at
    /// it gets the rotator's logon. So it is believed when it is listed, when it is inside the object's
    /// domain, or when the directory itself has a domain controller of that name; else it is `Refused`.
    pub(super) async fn endpoint(&self, dn: &str, host: &str) -> Result<Endpoint, Fault> {
        if let Some(at) = self.source.listed(host) {
            return Ok(at.clone());
        }
        let refused = |cause: &str| {
            Err(Fault::refused(format!("looking for the domain controller {host:?}"), cause)
                .hint("if it really is a domain controller of this forest, name it among the `urls`"))
        };
        let Some(at) = Endpoint::new(host, self.source.port()) else {
            return refused("it is no host name");
        };
        if DomainName::of_dn(dn).is_some_and(|domain| domain.contains(host)) {
            return Ok(at);
        }
        let here = self.read_anywhere().await?;
        let known = forest::of_domain_controller(&here.connection, &here.root, host).await?;
        here.connection.close().await;
        match known {
            Some(_) => Ok(at),
            None => refused("it is outside the account's domain, and the forest has no domain controller of that name"),
        }
    }

    /// The first domain controller of the domain (`None` = the configured one) that answers.
    async fn reach(
        &self,
        domain: Option<&Domain>,
        locator: Option<&Locator<'_>>,
    ) -> Result<(Controller, Survey), Fault> {
        let candidates = self.candidates(domain).await?;
        let begun = Instant::now();
        let (mut tried, mut later) = (Vec::new(), None);
        for at in &candidates {
            if begun.elapsed() >= REACH_LIMIT {
                tried.push(format!("{at}: not tried any more after {} s", REACH_LIMIT.as_secs()));
                continue;
            }
            match self.try_at(at, domain, locator).await {
                Ok(Ok(reached)) => return Ok(reached),
                Ok(Err(unfit)) => tried.push(format!("{at}: {unfit}")),
                Err(fault) if fault.meaning == Meaning::Later => {
                    tracing::debug!(%fault, "passing by a domain controller");
                    tried.push(format!("{at}: {}", fault.cause));
                    later = Some(fault);
                }
                Err(fault) => return Err(fault),
            }
        }
        let doing = match (domain, &self.source) {
            (Some(domain), _) => format!("looking for a domain controller of {} that answers", domain.name),
            (None, Source::Discovered { domain, .. }) => {
                format!("looking for a domain controller of {domain} that answers")
            }
            (None, Source::Listed(_)) => "looking for a domain controller among the urls that answers".to_owned(),
        };
        Err(match later {
            // What there is to say of the only one is better said by its own fault.
            Some(fault) if candidates.len() == 1 => fault,
            Some(_) => Fault::later(doing, format!("none of {} does: {}", tried.len(), tried.join("; ")))
                .hint("see that one of them runs, is reachable from here, and listens for LDAPS"),
            None => Fault::broken(doing, format!("none of {} will do: {}", tried.len(), tried.join("; ")))
                .hint("name a writable domain controller of the domain"),
        })
    }

    /// The domain controllers to try, in order.
    async fn candidates(&self, domain: Option<&Domain>) -> Result<Vec<Endpoint>, Fault> {
        match (domain, &self.source) {
            (None, Source::Listed(endpoints)) => Ok(endpoints.clone()),
            (None, Source::Discovered { domain, port }) => discovery::domain_controllers(domain, *port).await,
            (Some(other), source) => {
                if let Source::Listed(endpoints) = source {
                    let of_other = |at: &&Endpoint| DomainName::of_host(&at.host).as_ref() == Some(&other.name);
                    let listed: Vec<Endpoint> = endpoints.iter().filter(of_other).cloned().collect();
                    if !listed.is_empty() {
                        return Ok(listed);
                    }
                }
                discovery::domain_controllers(&other.name, self.source.port()).await.map_err(|fault| {
                    let cause = format!("the account is in the domain {}: {}", other.name, fault.cause);
                    Fault { cause, ..fault }.hint(format!(
                        "name a domain controller of {} among the `urls`, or let this machine's DNS servers know that \
                         domain",
                        other.name
                    ))
                })
            }
        }
    }

    /// One domain controller of the list. The inner error says why it is passed by although it answers.
    async fn try_at(
        &self,
        at: &Endpoint,
        domain: Option<&Domain>,
        locator: Option<&Locator<'_>>,
    ) -> Result<Result<(Controller, Survey), String>, Fault> {
        let here = self.stand_at(at).await?;
        let wanted = match (domain, &self.source) {
            (Some(domain), _) => Some(domain.name.clone()),
            (None, Source::Discovered { domain, .. }) => Some(domain.clone()),
            (None, Source::Listed(endpoints)) => match domain_of_first(&here, endpoints).await? {
                Ok(wanted) => Some(wanted),
                Err(unknown) => return Ok(Err(unknown)),
            },
        };
        if let Some(unfit) = unfit(&here.root, wanted.as_ref()) {
            here.connection.close().await;
            return Ok(Err(unfit));
        }
        let pdc = topology::pdc_emulator(&here.connection, &here.root.domain).await?;
        let elsewhere = match locator {
            Some(locator) => forest::elsewhere(&here.connection, &here.root, locator).await?,
            None => None,
        };
        Ok(Ok((here, Survey { pdc, elsewhere })))
    }

    async fn stand_at(&self, at: &Endpoint) -> Result<Controller, Fault> {
        let connection = self.log_on(at).await?;
        let root = topology::root_entry(&connection, at).await?;
        Ok(Controller { at: at.clone(), connection, root })
    }

    /// Goes to the holder of the role, and believes it when that one itself says so.
    async fn move_to_pdc(&self, mut here: Controller, mut pdc: RoleOwner) -> Result<Controller, Fault> {
        for _ in 0..ROLE_MOVES_MAX {
            if is_at(&here.root, &pdc) {
                return self.under_its_own_name(here).await;
            }
            let domain = here.root.domain_name.clone();
            here.connection.close().await;
            here = self.stand_at(&self.named(&pdc.host)?).await.map_err(|fault| pdc_fault(fault, &pdc, &domain))?;
            if !is_at(&here.root, &pdc) {
                return Err(Fault::broken(
                    format!("going to the PDC emulator {}", pdc.host),
                    format!("that name leads to {}", here.root.host),
                )
                .hint("repair the name resolution: each domain controller needs a name of its own"));
            }
            pdc = topology::pdc_emulator(&here.connection, &here.root.domain).await?;
        }
        if is_at(&here.root, &pdc) {
            return self.under_its_own_name(here).await;
        }
        Err(Fault::later(
            format!("finding the PDC emulator of {}", here.root.domain_name),
            format!("the domain controllers don't agree: {} says that it is {}", here.root.host, pdc.host),
        )
        .hint("wait until they have replicated, then compare them with `netdom query fsmo`"))
    }

    /// Reached by another name or by its address, it is gone back to under its own name, where that can be
    /// resolved: one domain controller must not look like two.
    async fn under_its_own_name(&self, here: Controller) -> Result<Controller, Fault> {
        if here.at.is(&here.root.host) {
            return Ok(here);
        }
        let there = self.named(&here.root.host)?;
        if self.source.listed(&there.host).is_none() && !topology::resolves(&there.host, there.port).await {
            return Ok(here);
        }
        let pdc = RoleOwner { host: here.root.host.clone(), dsa: here.root.dsa.clone() };
        here.connection.close().await;
        let here = self.stand_at(&there).await.map_err(|fault| pdc_fault(fault, &pdc, &here.root.domain_name))?;
        if is_at(&here.root, &pdc) {
            return Ok(here);
        }
        Err(Fault::broken(
            format!("going to the PDC emulator {}", pdc.host),
            format!("that name leads to {}", here.root.host),
        )
        .hint("repair the name resolution: each domain controller needs a name of its own"))
    }

    /// Where a host listens that the directory itself named, or that is asked without a logon.
    pub(super) fn named(&self, host: &str) -> Result<Endpoint, Fault> {
        if let Some(at) = self.source.listed(host) {
            return Ok(at.clone());
        }
        Endpoint::new(host, self.source.port()).ok_or_else(|| {
            Fault::broken(
                "going to the PDC emulator",
                format!("the directory gives it the name {host:?}, which is none"),
            )
            .hint("look at the dNSHostName of its server object")
        })
    }
}

/// The domain of the first url: the names in the configuration are names in it, and on the way to another
/// domain a sAMAccountName would become somebody else's. Where the names of the hosts leave open whether this
/// one is of the same domain, the directory is asked; the inner error says that it can't tell.
async fn domain_of_first(here: &Controller, endpoints: &[Endpoint]) -> Result<Result<DomainName, String>, Fault> {
    let first = match endpoints.first() {
        Some(first) if DomainName::of_host(&first.host) != DomainName::of_host(&here.at.host) => first,
        _ => return Ok(Ok(here.root.domain_name.clone())),
    };
    let told = forest::of_domain_controller(&here.connection, &here.root, &first.host).await?;
    Ok(told.ok_or_else(|| {
        format!(
            "it belongs to {}, and nobody knows whether the first url, {}, does too",
            here.root.domain_name, first.host
        )
    }))
}

/// Why nothing is done at this domain controller although it answers.
fn unfit(root: &RootEntry, wanted: Option<&DomainName>) -> Option<String> {
    match wanted {
        Some(wanted) if *wanted != root.domain_name => {
            Some(format!("it belongs to the domain {}, not to {wanted}", root.domain_name))
        }
        _ if root.read_only => Some("it is a read-only domain controller".to_owned()),
        _ => None,
    }
}

fn is_at(root: &RootEntry, pdc: &RoleOwner) -> bool {
    root.dsa.eq_ignore_ascii_case(&pdc.dsa) || root.host.eq_ignore_ascii_case(&pdc.host)
}

fn pdc_fault(fault: Fault, pdc: &RoleOwner, domain: &DomainName) -> Fault {
    if fault.meaning != Meaning::Later {
        return fault;
    }
    Fault::later(format!("going to {}, the PDC emulator of {domain}, where passwords are set", pdc.host), fault.cause)
        .hint(
            "reads fail over to another domain controller, writes do not: bring it back, or move the PDC emulator's role \
             to one that runs",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(urls: &[&str]) -> DomainControllers {
        DomainControllers::Listed(urls.iter().map(|&url| url.to_owned()).collect())
    }

    #[test]
    fn a_url_that_stands_twice_is_tried_once() {
        let source = Source::check(&listed(&["ldaps://dc1", "ldaps://DC1:636/", "ldaps://dc1:6360"])).expect("good");
        assert_eq!(source.describe(), "ldaps://dc1:636, ldaps://dc1:6360");
        assert_eq!((source.port(), source.listed("Dc1").map(|at| at.port)), (636, Some(636)));
    }

    #[test]
    fn what_can_not_be_a_domain_is_ours() {
        let discovered =
            |domain: &str, port| Source::check(&DomainControllers::Discovered { domain: domain.to_owned(), port });
        let source = discovered("Contoso.test.", None).expect("good");
        assert_eq!((source.port(), source.listed("dc1.contoso.test").is_none()), (636, true));
        for (domain, port) in [("", None), ("a b", None), ("ldaps://dc1", None), ("contoso.test", Some(0))] {
            assert_eq!(discovered(domain, port).expect_err("bad").meaning, Meaning::Broken, "{domain} {port:?}");
        }
        assert_eq!(Source::check(&listed(&[])).expect_err("bad").meaning, Meaning::Broken);
    }

    #[test]
    fn a_read_only_domain_controller_and_one_of_another_domain_are_passed_by() {
        let name = |text| DomainName::parse(text).expect("a name");
        let root = |read_only| RootEntry {
            domain: "DC=contoso,DC=test".into(),
            domain_name: name("contoso.test"),
            configuration: "CN=Configuration,DC=contoso,DC=test".into(),
            host: "dc1.contoso.test".into(),
            dsa: "CN=NTDS Settings,CN=DC1".into(),
            read_only,
            time: 0,
        };
        assert_eq!(unfit(&root(false), None), None);
        assert_eq!(unfit(&root(false), Some(&name("contoso.test"))), None);
        assert!(unfit(&root(true), None).is_some_and(|cause| cause.contains("read-only")));
        assert!(
            unfit(&root(false), Some(&name("child.contoso.test"))).is_some_and(|cause| cause.contains("contoso.test"))
        );
    }

    #[test]
    fn only_a_pdc_emulator_that_does_not_answer_is_spoken_of_as_such() {
        let pdc = RoleOwner { host: "dc2.contoso.test".into(), dsa: "CN=NTDS Settings,CN=DC2".into() };
        let domain = DomainName::parse("contoso.test").expect("a name");
        let later = pdc_fault(Fault::later("connecting", "no connection within 5 s"), &pdc, &domain);
        assert_eq!((later.meaning, later.cause.as_str()), (Meaning::Later, "no connection within 5 s"));
        assert!(later.doing.contains("dc2.contoso.test") && later.hint.contains("writes do not"), "{later}");
        let broken = Fault::broken("logging on", "wrong name or password (52e)");
        assert_eq!(pdc_fault(broken.clone(), &pdc, &domain), broken);
    }
}
