use providers::port::PasswordPolicy;

/// Length when neither policy nor configuration asks for more, in UTF-16 units.
pub const LENGTH_DEFAULT: u32 = 64;

/// Longest password that is made. A Windows service's logon password must stay under 127 characters, and
/// the same limit keeps a connector's password usable everywhere.
pub const LENGTH_MAX: u32 = 126;

/// The shortest name part that AD's complexity rule looks for. The rule, from Microsoft's "Strong Password
/// Enforcement and Passfilt.dll" (win32/secmgmt) and "Password must meet complexity requirements": neither the
/// whole sAMAccountName nor the displayName may stand in the password, whatever the case; the displayName is
/// split at commas, periods, dashes or hyphens, underscores, spaces, pound signs and tabs, and each part is
/// looked for; names and parts of fewer than three characters are not.
const NAME_PART_MIN: usize = 3;

/// Where a displayName is split. Which dashes Microsoft means it does not say: splitting at all of them forbids
/// more, and never less, since a password is made of ASCII.
const SEPARATORS: [char; 12] =
    [',', '.', '-', '\u{2010}', '\u{2011}', '\u{2013}', '\u{2014}', '_', ' ', '\u{a0}', '#', '\t'];

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
        let names = [sam_account_name, display_name].into_iter().chain(display_name.split(SEPARATORS));
        let mut forbidden: Vec<String> = Vec::new();
        for name in names.filter(|name| name.chars().count() >= NAME_PART_MIN) {
            // Case is compared by its own rules there: a letter like the long s has only its capital in ASCII.
            for form in [name.to_lowercase(), name.to_uppercase().to_lowercase()] {
                if !forbidden.contains(&form) {
                    forbidden.push(form);
                }
            }
        }
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
        assert_eq!(rules.forbidden, ["msol_1a", "jo sync-konto,ab.ops_x", "sync", "konto", "ops"]);
    }

    #[test]
    fn short_names_are_not_looked_for_and_long_ones_in_any_case() {
        let forbidden = |sam, display| Rules::new(None, &policy(7), sam, display).expect("rules").forbidden;
        // Microsoft's own example: the initial is ignored.
        assert_eq!(forbidden("eh", "Erin M. Hagens"), ["erin m. hagens", "erin", "hagens"]);
        assert_eq!(forbidden("ab", "a-b"), ["a-b"], "the whole name counts, even where no part does");
        assert_eq!(forbidden("x", "tab\tone#two\u{2013}six"), ["tab\tone#two\u{2013}six", "tab", "one", "two", "six"]);
        assert_eq!(forbidden("x", "MÜ\u{17f}ync"), ["mü\u{17f}ync", "müsync"]);
        let rules = Rules::new(None, &policy(7), "Erin", "").expect("rules");
        let with = |part: &str| format!("Aa1!{part}{}", "x".repeat(60 - part.len()));
        assert!(rules.are_met_by(&with("eri")) && !rules.are_met_by(&with("eRIN")));
    }
}
