//! The objects that the model domain shows, as one controller knows them.

use sha2::{Digest, Sha256};

use super::super::account::{Account, Rights};
use super::super::clock::MINUTE;
use super::super::domain::{Controller, DOMAIN_ID, Domain, FineGrained, Policy, Replica};
use super::names;

const SITE: &str = "CN=Default-First-Site-Name,CN=Sites";
/// The groups that the tree has, by their relative ids.
const GROUPS: [(u32, &str); 5] = [
    (512, "Domain Admins"),
    (DOMAIN_USERS, "Domain Users"),
    (518, "Schema Admins"),
    (519, "Enterprise Admins"),
    (525, "Protected Users"),
];
const DOMAIN_USERS: u32 = 513;
const FIRST_CONTROLLER_ID: u32 = 1000;
/// userAccountControl: NORMAL_ACCOUNT, ACCOUNTDISABLE, DONT_EXPIRE_PASSWORD; and the two that are computed.
const NORMAL: i64 = 0x200;
const DISABLED: i64 = 0x2;
const NEVER_EXPIRES: i64 = 0x1_0000;
const LOCKED: i64 = 0x10;
const PASSWORD_EXPIRED: i64 = 0x80_0000;
/// SERVER_TRUST_ACCOUNT, TRUSTED_FOR_DELEGATION.
const CONTROLLER: i64 = 0x8_2000;
/// accountExpires: never.
const NEVER: i64 = i64::MAX;

/// When an attribute is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Always,
    /// It is computed: only who names it gets it.
    Named,
    /// The same, and only from the object itself.
    NamedAtBase,
}

pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) values: Vec<Vec<u8>>,
    shown: Shown,
}

/// One object.
pub(super) struct Entry {
    pub(super) dn: String,
    pub(super) attributes: Vec<Attribute>,
}

impl Entry {
    pub(super) fn new(dn: impl Into<String>) -> Self {
        Self { dn: dn.into(), attributes: Vec::new() }
    }

    pub(super) fn values(&self, name: &str) -> Option<&[Vec<u8>]> {
        let found = self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name));
        found.map(|attribute| attribute.values.as_slice())
    }

    fn put(mut self, name: &'static str, values: Vec<Vec<u8>>, shown: Shown) -> Self {
        if !values.is_empty() {
            self.attributes.push(Attribute { name, values, shown });
        }
        self
    }

    pub(super) fn with(self, name: &'static str, value: impl ToString) -> Self {
        self.put(name, vec![value.to_string().into_bytes()], Shown::Always)
    }

    pub(super) fn with_all(self, name: &'static str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.put(name, values.into_iter().map(|value| value.into().into_bytes()).collect(), Shown::Always)
    }

    fn named(self, name: &'static str, value: impl ToString) -> Self {
        self.put(name, vec![value.to_string().into_bytes()], Shown::Named)
    }

    fn bytes(self, name: &'static str, value: Vec<u8>) -> Self {
        self.put(name, vec![value], Shown::Always)
    }

    /// What a search gives that asked for `wanted`.
    pub(super) fn shown(&self, wanted: &[String], at_base: bool, hidden: &[String]) -> Vec<(String, Vec<Vec<u8>>)> {
        let all = wanted.is_empty() || wanted.iter().any(|name| name == "*");
        let shown = self.attributes.iter().filter(|attribute| {
            let named = wanted.iter().any(|name| name.eq_ignore_ascii_case(attribute.name));
            let hidden = hidden.iter().any(|name| name.eq_ignore_ascii_case(attribute.name));
            !hidden
                && match attribute.shown {
                    Shown::Always => all || named,
                    Shown::Named => named,
                    Shown::NamedAtBase => named && at_base,
                }
        });
        shown.map(|attribute| (attribute.name.to_owned(), attribute.values.clone())).collect()
    }
}

/// The domain as one controller shows it to somebody.
pub(super) struct View<'a> {
    pub(super) domain: &'a Domain,
    pub(super) at: usize,
    pub(super) now: i64,
    pub(super) rights: &'a Rights,
}

impl View<'_> {
    /// The domain's head.
    pub(super) fn head(&self) -> String {
        names::of_domain(&self.domain.forest)
    }

    pub(super) fn configuration(&self) -> String {
        format!("CN=Configuration,{}", self.head())
    }

    pub(super) fn schema(&self) -> String {
        format!("CN=Schema,{}", self.configuration())
    }

    pub(super) fn netbios(&self) -> String {
        netbios(&self.domain.forest)
    }

    pub(super) fn controller(&self) -> &Controller {
        &self.domain.controllers[self.at]
    }

    /// The server object of the controller number `at`.
    pub(super) fn server(&self, at: usize) -> String {
        format!("CN=DC{},CN=Servers,{SITE},{}", at + 1, self.configuration())
    }

    /// The NTDS Settings object, by which replication knows a controller.
    pub(super) fn dsa(&self, at: usize) -> String {
        format!("CN=NTDS Settings,{}", self.server(at))
    }

    fn pdc(&self) -> usize {
        self.domain.pdc_index()
    }

    /// Every object that there is to see.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![self.head_entry()];
        entries.extend(self.containers());
        entries.extend(self.groups());
        for at in 0..self.domain.controllers.len() {
            entries.extend(self.controller_entries(at));
        }
        entries.extend(self.partitions());
        if self.rights.administrator || self.rights.reads_fine_grained {
            entries.extend(self.domain.fine_grained.iter().map(|fine| self.fine_grained_entry(fine)));
        }
        entries.extend(self.domain.accounts.iter().map(|account| self.account(account)));
        entries
    }

    fn object(&self, dn: String, classes: &[&str]) -> Entry {
        let first = dn.split(',').next().and_then(|part| part.split_once('=')).map(|(_, name)| name.to_owned());
        let guid = Sha256::digest(names::normal(&dn))[..16].to_vec();
        let category = classes.last().map(|class| match *class {
            "user" => "Person".to_owned(),
            "organizationalUnit" => "Organizational-Unit".to_owned(),
            other => other.to_owned(),
        });
        Entry::new(&dn)
            .with_all("objectClass", classes.iter().copied())
            .with("distinguishedName", &dn)
            .with("name", first.unwrap_or_default())
            .with("objectCategory", format!("CN={},{}", category.unwrap_or_default(), self.schema()))
            .bytes("objectGUID", guid)
    }

    fn head_entry(&self) -> Entry {
        let policy = &self.domain.policy;
        self.object(self.head(), &["top", "domain", "domainDNS"])
            .with("dc", self.domain.forest.split('.').next().unwrap_or_default())
            .with("minPwdLength", policy.length_min)
            .with("pwdProperties", i32::from(policy.complexity))
            .with("pwdHistoryLength", policy.history_length)
            .with("minPwdAge", duration(policy.minimum_age_minutes))
            .with(
                "maxPwdAge",
                if policy.maximum_age_minutes == 0 { i64::MIN } else { duration(policy.maximum_age_minutes) },
            )
            .with("lockoutThreshold", policy.lockout_threshold)
            .with("lockOutObservationWindow", duration(policy.lockout_minutes))
            .with("lockoutDuration", duration(policy.lockout_minutes))
            .with("fSMORoleOwner", self.dsa(self.pdc()))
            .with("msDS-Behavior-Version", 7)
            .bytes("objectSid", self.sid(None))
    }

    fn containers(&self) -> Vec<Entry> {
        let (head, configuration) = (self.head(), self.configuration());
        let below = |parts: &[&str], base: &str, class: &str| -> Vec<Entry> {
            parts.iter().map(|part| self.object(format!("{part},{base}"), &["top", class])).collect()
        };
        let mut entries = below(&["CN=Users", "CN=System"], &head, "container");
        entries.extend(below(&["OU=Entra Connect", "OU=Domain Controllers"], &head, "organizationalUnit"));
        entries.push(self.object(
            format!("CN=Password Settings Container,CN=System,{head}"),
            &["top", "msDS-PasswordSettingsContainer"],
        ));
        entries.push(self.object(configuration.clone(), &["top", "configuration"]));
        entries.push(self.object(self.schema(), &["top", "dMD"]));
        entries.push(self.object(format!("CN=Sites,{configuration}"), &["top", "sitesContainer"]));
        entries.push(self.object(format!("{SITE},{configuration}"), &["top", "site"]));
        entries.push(self.object(format!("CN=Servers,{SITE},{configuration}"), &["top", "serversContainer"]));
        entries.push(
            self.object(format!("CN=Partitions,{configuration}"), &["top", "crossRefContainer"])
                .with("fSMORoleOwner", self.dsa(self.pdc())),
        );
        entries
    }

    fn groups(&self) -> Vec<Entry> {
        let group = |(id, name): &(u32, &str)| {
            self.object(self.group(name), &["top", "group"])
                .with("sAMAccountName", name)
                .with("cn", name)
                .bytes("objectSid", self.sid(Some(*id)))
        };
        GROUPS.iter().map(group).collect()
    }

    fn group(&self, name: &str) -> String {
        format!("CN={name},CN=Users,{}", self.head())
    }

    fn controller_entries(&self, at: usize) -> [Entry; 3] {
        let host = &self.domain.controllers[at].host;
        let computer = format!("CN=DC{},OU=Domain Controllers,{}", at + 1, self.head());
        let id = FIRST_CONTROLLER_ID + u32::try_from(at).unwrap_or_default();
        [
            self.object(self.server(at), &["top", "server"])
                .with("dNSHostName", host)
                .with("serverReference", &computer),
            // 1: it is a global catalog.
            self.object(self.dsa(at), &["top", "applicationSettings", "nTDSDSA"])
                .with("options", 1)
                .with_all("msDS-HasMasterNCs", [self.head(), self.configuration(), self.schema()]),
            self.object(computer, &["top", "person", "organizationalPerson", "user", "computer"])
                .with("sAMAccountName", format!("DC{}$", at + 1))
                .with("dNSHostName", host)
                .with("userAccountControl", CONTROLLER)
                .with("primaryGroupID", 516)
                .bytes("objectSid", self.sid(Some(id))),
        ]
    }

    fn partitions(&self) -> Vec<Entry> {
        let (head, configuration) = (self.head(), self.configuration());
        let partition = |cn: &str, context: &str, dns: &str, flags: i32| {
            self.object(format!("CN={cn},CN=Partitions,{configuration}"), &["top", "crossRef"])
                .with("nCName", context)
                .with("dnsRoot", dns)
                .with("systemFlags", flags)
        };
        let forest = &self.domain.forest;
        let mut entries = vec![
            partition(&self.netbios(), &head, forest, 3).with("nETBIOSName", self.netbios()),
            partition("Enterprise Configuration", &configuration, forest, 1),
            partition("Enterprise Schema", &self.schema(), forest, 1),
        ];
        if let Some(child) = &self.domain.child {
            let name = netbios(child);
            entries.push(
                partition(&name, &names::of_domain(child), child, 3)
                    .with("nETBIOSName", &name)
                    .with("trustParent", format!("CN={},CN=Partitions,{configuration}", self.netbios())),
            );
        }
        entries
    }

    fn fine_grained_dn(&self, name: &str) -> String {
        format!("CN={name},CN=Password Settings Container,CN=System,{}", self.head())
    }

    fn fine_grained_entry(&self, fine: &FineGrained) -> Entry {
        let Policy { length_min, complexity, lockout_threshold, lockout_minutes, history_length, .. } = fine.policy;
        let holds_for = self.domain.accounts.iter();
        let holds_for = holds_for.filter(|account| account.fine_grained.as_deref() == Some(fine.name.as_str()));
        let flag = |yes: bool| if yes { "TRUE" } else { "FALSE" };
        self.object(self.fine_grained_dn(&fine.name), &["top", "msDS-PasswordSettings"])
            .with("msDS-PasswordSettingsPrecedence", 10)
            .with("msDS-MinimumPasswordLength", length_min)
            .with("msDS-PasswordComplexityEnabled", flag(complexity))
            .with("msDS-PasswordReversibleEncryptionEnabled", flag(false))
            .with("msDS-PasswordHistoryLength", history_length)
            .with("msDS-MinimumPasswordAge", duration(fine.policy.minimum_age_minutes))
            .with("msDS-MaximumPasswordAge", duration(fine.policy.maximum_age_minutes))
            .with("msDS-LockoutThreshold", lockout_threshold)
            .with("msDS-LockoutObservationWindow", duration(lockout_minutes))
            .with("msDS-LockoutDuration", duration(lockout_minutes))
            .with_all("msDS-PSOAppliesTo", holds_for.map(|account| account.dn.as_str()))
    }

    fn account(&self, account: &Account) -> Entry {
        let policy = self.domain.policy_of(account);
        let id = self.domain.relative_id(account);
        let flags = NORMAL
            | if account.disabled { DISABLED } else { 0 }
            | if account.password_expires { 0 } else { NEVER_EXPIRES };
        let replica = self.controller().replicas.get(&account.name);
        let mut entry = self
            .object(account.dn.clone(), &["top", "person", "organizationalPerson", "user"])
            .with("cn", &account.name)
            .with("sAMAccountName", &account.name)
            .with("userPrincipalName", format!("{}@{}", account.name, self.domain.forest))
            .with("userAccountControl", flags)
            .with("accountExpires", account.expires_at.unwrap_or(NEVER))
            .with("primaryGroupID", DOMAIN_USERS)
            .bytes("objectSid", self.sid(Some(id)));
        if !account.display_name.is_empty() {
            entry = entry.with("displayName", &account.display_name);
        }
        let groups = GROUPS.iter().filter(|(id, _)| account.groups.contains(id));
        entry = entry.with_all("memberOf", groups.map(|(_, name)| self.group(name)));
        let all_groups = account.groups.iter().chain([&DOMAIN_USERS]);
        entry = entry.put("tokenGroups", all_groups.map(|id| self.sid(Some(*id))).collect(), Shown::NamedAtBase);
        if let Some(name) = &account.fine_grained {
            entry = entry.named("msDS-ResultantPSO", self.fine_grained_dn(name));
        }
        match replica {
            Some(replica) => self.password(entry, account, replica, policy),
            None => entry,
        }
    }

    fn password(&self, entry: Entry, account: &Account, replica: &Replica, policy: &Policy) -> Entry {
        let age_max = i64::from(policy.maximum_age_minutes) * MINUTE;
        let too_old = account.password_expires && age_max > 0 && self.now - replica.password_last_set >= age_max;
        let computed = if account.is_locked(self.now) { LOCKED } else { 0 }
            | if account.must_change || too_old { PASSWORD_EXPIRED } else { 0 };
        let window = i64::from(policy.lockout_minutes) * MINUTE;
        entry
            .with("pwdLastSet", if account.must_change { 0 } else { replica.password_last_set })
            .with("badPwdCount", replica.wrong_count)
            .with("badPasswordTime", replica.wrong_at)
            .with("lockoutTime", account.locked_until.map_or(0, |until| until - window))
            .named("msDS-KeyVersionNumber", replica.key_version)
            .named("msDS-User-Account-Control-Computed", computed)
    }

    /// The security identifier of the domain, or of what has the relative id in it.
    fn sid(&self, id: Option<u32>) -> Vec<u8> {
        let mut sid = vec![1, if id.is_some() { 5 } else { 4 }, 0, 0, 0, 0, 0, 5];
        sid.extend([21].iter().chain(&DOMAIN_ID).chain(&id).flat_map(|part: &u32| part.to_le_bytes()));
        sid
    }
}

/// The short name of a domain.
pub(super) fn netbios(dns: &str) -> String {
    dns.split('.').next().unwrap_or_default().to_uppercase()
}

/// A length of time as AD stores it: negative.
fn duration(minutes: u32) -> i64 {
    -i64::from(minutes) * MINUTE
}
