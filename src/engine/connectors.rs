//! Which connectors bind as an account, and which domain controllers can be asked about it.

use providers::port::{AccountFacts, ConnectorFacts};

use crate::procedure::StartName;

/// Whether a connector's forest-login-user and forest-login-domain name the account. Two domains may have users of one
/// name.
pub(super) fn binds_as(connector: &ConnectorFacts, account: &AccountFacts) -> bool {
    let (domain, user) = match StartName::parse(&connector.user, "") {
        StartName::DomainUser { domain, user } => (domain, user),
        _ => (connector.domain.clone(), connector.user.clone()),
    };
    user.eq_ignore_ascii_case(&account.sam_account_name) && is_domain(&domain, account)
}

fn is_domain(name: &str, account: &AccountFacts) -> bool {
    let first_label = account.domain.split('.').next().unwrap_or_default();
    let netbios = if account.netbios.is_empty() { first_label } else { &account.netbios };
    name.is_empty() || [account.domain.as_str(), netbios].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The domain controller that a connector names, if it is one of the account's own domain. One of another forest lets the
/// account in through a trust, and knows none of its metadata. A name without a domain is taken for the connector's own.
pub(super) fn dc_of_domain(connector: &ConnectorFacts, account: &AccountFacts) -> Option<String> {
    let dc = connector.dc.as_ref()?;
    let bare = dc.trim_end_matches('.');
    let own = match bare.split_once('.') {
        Some((_, rest)) if bare.parse::<std::net::IpAddr>().is_err() => rest.eq_ignore_ascii_case(&account.domain),
        _ => is_domain(&connector.name, account) || is_domain(&connector.domain, account),
    };
    own.then(|| dc.clone())
}
