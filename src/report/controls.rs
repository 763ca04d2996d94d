//! Where an auditor finds what: one table, which the report's page and docs/controls.md share.

#[cfg(test)]
use std::fmt::Write as _;

/// A requirement, and what the report has to say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// The standard, with its version.
    pub standard: &'static str,
    /// The requirement's own number or name.
    pub number: &'static str,
    /// What it asks, in our words.
    pub asks: &'static str,
    /// Which fields of the report are evidence.
    pub evidence: &'static [&'static str],
    /// What they show.
    pub shows: &'static str,
    /// What they do not show.
    pub not_shown: &'static str,
}

/// What no figure of the report can tell.
pub const NOT_SHOWN: [&str; 7] = [
    "Accounts that the configuration does not name. Whether it names all of them is for whoever keeps the inventory to show.",
    "What a password is, how strong it is, or who has read it. The journal holds no password; who reads the vault is in the vault's own log.",
    "The present. Every state is as of the end of the period, and what was written later does not count.",
    "What the directory would answer now. Ages and fingerprints are what it said when it was asked, as the journal kept it.",
    "Changes that somebody made past this program, unless the unattended service ran and saw them (drift). They do not make a password younger here.",
    "Whether the maximum age of an account is the right one. It is what the configuration asked.",
    "That the journal is the only one. The chain of hashes shows a change in the middle; entries cut off at the end show only against a hash that was kept elsewhere: keep the one below.",
];

/// The requirements, and where their evidence is.
pub const CONTROLS: [Control; 10] = [
    Control {
        standard: "PCI DSS 4.0.1",
        number: "8.6.3",
        asks: "Passwords of application and system accounts are changed at intervals that the entity's own risk analysis sets, and when a compromise is suspected; their complexity fits that interval.",
        evidence: &[
            "coverage",
            "population.accounts[].max_age_days",
            "population.accounts[].age_days",
            "population.accounts[].overdue",
            "rotations[].trigger",
            "rotations[].reason",
        ],
        shows: "That the accounts of the population were changed within the interval configured, for how long each was over it, and which changes a person ordered and with what reason.",
        not_shown: "The risk analysis, that the interval follows from it, the complexity of a password, and whether every suspicion led to a change.",
    },
    Control {
        standard: "PCI DSS 4.0.1",
        number: "8.3.9",
        asks: "Where a password is the only factor for a user's access, it is changed at least every 90 days, or the account's posture is analysed all the time.",
        evidence: &["population.accounts[].age_days", "ages", "exposure.oldest_days"],
        shows: "Ages at the period's end, and the largest age reached in it. Accounts of people are not what this program rotates: the figures help only where an assessor applies the same 90 days to service accounts.",
        not_shown: "Anything on accounts of people, on further factors, or on an analysis of posture.",
    },
    Control {
        standard: "PCI DSS 4.0.1",
        number: "10.2.2",
        asks: "An audit record says who, what kind of event, when, whether it succeeded, where it came from, and what was affected.",
        evidence: &[
            "rotations[].initiator",
            "rotations[].procedure",
            "rotations[].began",
            "rotations[].outcome",
            "rotations[].trigger",
            "rotations[].account",
            "rotations[].steps[]",
        ],
        shows: "All six for each rotation and each of its steps: initiator (user and host, or the service), procedure and step, times, result, trigger, account and server.",
        not_shown: "Events of other systems: logons, reads of the vault, changes made in the directory itself. The initiator is what the operating system said of the caller, not a proof of who sat there.",
    },
    Control {
        standard: "NIST SP 800-53 Rev. 5",
        number: "IA-5",
        asks: "Authenticators are managed: among other things set up, protected, changed after a time that the organization defines and when events call for it.",
        evidence: &["coverage", "population.accounts[]", "rotations[].reason", "conditions[]", "repairs"],
        shows: "Change after the time defined and on order, exemptions with owner and end, and what was done where a change failed.",
        not_shown: "How authenticators are issued, their strength, how the vault protects them, and that people handle them as they should.",
    },
    Control {
        standard: "NIST SP 800-53 Rev. 5",
        number: "AU-3",
        asks: "Audit records say what happened, when, where, from what source, with what outcome, and who or what was involved.",
        evidence: &["rotations[]", "rotations[].steps[]", "rotations[].entries", "evidence.last_hash"],
        shows: "That content for each rotation and step, with the positions of its entries in the journal and the hash they end with.",
        not_shown: "How long records are kept, who may delete them, and records of other systems (AU-9, AU-11).",
    },
    Control {
        standard: "ISO/IEC 27001:2022",
        number: "A.5.17",
        asks: "Giving out and managing authentication information follows a managed process, and people are advised how to handle it.",
        evidence: &["population.accounts[]", "rotations[]", "not_begun[]", "conditions[]"],
        shows: "That the process ran for these accounts, with schedule, exemptions, results, and what stood in its way.",
        not_shown: "The policy, the advice to people, how the first password was given out, and accounts outside of the population.",
    },
    Control {
        standard: "SOC 2 (2017 Trust Services Criteria)",
        number: "CC6.1",
        asks: "Logical access to protected information is held by security software, infrastructure and architecture, credentials among them.",
        evidence: &["coverage", "counts", "rotations[]", "drift"],
        shows: "One operating control over a period: that these credentials were changed on time, that each change was proven, and what deviated.",
        not_shown: "The rest of the criterion: who has access, how it is granted, networks, encryption. A report is a sample's population, not an auditor's test.",
    },
    Control {
        standard: "Microsoft Defender for Identity",
        number: "posture: old connector password",
        asks: "The password of an Entra Connect AD DS connector account is not older than 90 days.",
        evidence: &[
            "population.accounts[].age_days",
            "population.accounts[].set_at",
            "ages",
            "rotations[].after.set_at",
        ],
        shows: "The age at the period's end, counted from the set that a finished rotation made, and pwdLastSet as the directory told it after that set.",
        not_shown: "Defender's own finding, which it takes from the directory as it is now and in its own time, and connector accounts that the configuration does not name.",
    },
    Control {
        standard: "Your own policy",
        number: "maximum age",
        asks: "What the configuration asks: max_age_days of each account.",
        evidence: &["coverage.in_policy", "coverage.of", "counts.accounts_overdue", "population.accounts[].exempt"],
        shows: "The fraction of accounts within it at the period's end, and every exemption with reason, owner and end.",
        not_shown: "That the configuration says what your policy says.",
    },
    Control {
        standard: "Your own policy",
        number: "repair",
        asks: "Failures are noticed and mended in time.",
        evidence: &["repairs", "counts.held_at_end", "conditions[]", "running[]"],
        shows: "From each failure to the next finished rotation, and when the service that would notice it ran.",
        not_shown: "That a notice reached a person.",
    },
];

/// docs/controls.md.
#[cfg(test)]
fn page() -> String {
    let mut page = String::from(
        "# Where an auditor finds what\n\n\
         `entra-rotator report` says what the journal proves over a period. For each requirement: what it asks in our own words (the \
         standard's text counts, not ours), which field of the report's JSON is evidence (the page has the same figures), what that \
         shows, and what it does not. No report makes anybody compliant. This page is made from the same table as the report's own.\n",
    );
    for control in CONTROLS {
        let evidence: Vec<String> = control.evidence.iter().map(|field| format!("`{field}`")).collect();
        let _ = write!(
            page,
            "\n## {}: {}\n\n- Asks: {}\n- Evidence: {}\n- Shows: {}\n- Does not show: {}\n",
            control.standard,
            control.number,
            control.asks,
            evidence.join(", "),
            control.shows,
            control.not_shown
        );
    }
    page.push_str("\n## What no figure of the report shows\n\n");
    for text in NOT_SHOWN {
        let _ = writeln!(page, "- {text}");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_made_from_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/controls.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        if written != page() {
            println!("{}", page());
            panic!("docs/controls.md is not the table any more; the text above is");
        }
    }
}
