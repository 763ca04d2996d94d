use providers::port::PasswordPolicy;

/// Length when neither policy nor configuration asks for more, in UTF-16 units.
pub const LENGTH_DEFAULT: u32 = 64;

/// Longest password that is made. A Windows service's logon password must stay under 127 characters, and
/// the same limit keeps a connector's password usable everywhere.
pub const LENGTH_MAX: u32 = 126;

/// The shortest name part that AD's complexity rule looks for (Microsoft: "Password must meet complexity
/// requirements").
const NAME_PART_MIN: usize = 3;

/// What a password for one account must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Its length, in UTF-16 units.
    pub length: u32,
    /// Names that must not stand in it, in lower case.
    pub forbidden: Vec<String>,
}

/// Why there are no rules that a password could meet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The policy asks for more than a service can use.
    #[error("the policy asks for {asked} characters, more than the {LENGTH_MAX} that every consumer accepts")]
    TooLong {
        /// What it asks for.
        asked: u32,
    },
}

impl Rules {
    /// The rules for an account: the longest of default, configuration and policy, and the names that AD's
    /// complexity rule forbids: sAMAccountName as a whole, displayName in parts.
    pub fn new(
        configured: Option<u32>,
        policy: &PasswordPolicy,
        sam_account_name: &str,
        display_name: &str,
    ) -> Result<Self, Unfit> {
        let length = configured.unwrap_or(LENGTH_DEFAULT).max(policy.length_min);
        if length > LENGTH_MAX {
            return Err(Unfit::TooLong { asked: length });
        }
        let separators = [' ', ',', '.', '\t', '-', '_', '#'];
        let forbidden = std::iter::once(sam_account_name)
            .chain(display_name.split(separators))
            .filter(|name| name.chars().count() >= NAME_PART_MIN)
            .map(str::to_lowercase)
            .collect();
        Ok(Self { length, forbidden })
    }

    /// Whether a password meets them.
    pub fn are_met_by(&self, password: &str) -> bool {
        let lower = password.to_lowercase();
        password.encode_utf16().count() == self.length as usize
            && password.bytes().any(|c| c.is_ascii_lowercase())
            && password.bytes().any(|c| c.is_ascii_uppercase())
            && password.bytes().any(|c| c.is_ascii_digit())
            && password.bytes().any(|c| c.is_ascii_punctuation())
            && !self.forbidden.iter().any(|name| lower.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(length_min: u32) -> PasswordPolicy {
        PasswordPolicy { length_min, complexity: true, source: "domain".into() }
    }

    #[test]
    fn the_longest_demand_holds() {
        let length =
            |configured, demanded| Rules::new(configured, &policy(demanded), "svc", "").map(|rules| rules.length);
        assert_eq!(length(None, 7), Ok(64));
        assert_eq!(length(Some(80), 7), Ok(80));
        assert_eq!(length(Some(16), 100), Ok(100));
        assert_eq!(length(None, 200), Err(Unfit::TooLong { asked: 200 }));
    }

    #[test]
    fn names_are_split_as_ad_splits_them() {
        let rules = Rules::new(None, &policy(7), "MSOL_1a", "Jo Sync-Konto,ab.Ops_x").expect("rules");
        assert_eq!(rules.forbidden, ["msol_1a", "sync", "konto", "ops"]);
    }
}
