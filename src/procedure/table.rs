use serde::{Deserialize, Serialize};

/// The accounts that have a procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An AD DS connector account.
    Connector,
    /// The account that the ADSync service runs as.
    Service,
    /// The Entra connector account.
    Entra,
    /// The rotator's own account.
    #[serde(rename = "self")]
    Own,
}

/// A documented order of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Where it is written: the title of the document, or what else it is.
    pub document: &'static str,
    /// That document's own date, as far as it has one.
    pub dated: &'static str,
    /// Whether it is a proposal that was not accepted when the table was written.
    pub draft: bool,
    /// The steps, in words.
    pub steps: &'static [&'static str],
}

/// How the password of one kind of account is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Procedure {
    /// Its name, in kebab case.
    pub id: &'static str,
    /// The account.
    pub kind: Kind,
    /// A heading.
    pub title: &'static str,
    /// The documented orders; where there are several they contradict each other, and a person chooses.
    pub orders: &'static [Order],
    /// What is left undone when one stops half way, and how it shows.
    pub left_undone: &'static str,
    /// What this program adds to it, and why.
    pub here: &'static str,
}

const ADDS: &str = "Changing the AD DS connector account password";
const SERVICE: &str = "Changing the ADSync service account password";
const ENTRA: &str = "Change the Microsoft Entra Connector account password";
const DATED: &str = "2025-04-09";

/// All procedures.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        id: "connector",
        kind: Kind::Connector,
        title: "AD DS connector account",
        orders: &[Order {
            document: ADDS,
            dated: DATED,
            draft: false,
            steps: &[
                "Set the new password in Active Directory.",
                "Give the Synchronization Service the new password: the connector's properties, \"Connect to Active Directory Forest\".",
                "Restart the ADSync service, so that no reference to the old password stays in the memory cache.",
            ],
        }],
        left_undone: "Imports and exports fail with no-start-credentials, and the Application log has event 6000.",
        here: "Every server and every connector that uses the account keeps its own copy: one reset, then each active and staging server. The reset is done twice, to the same password: for 60 minutes Active Directory accepts the one before, and only after the second reset a test sync proves anything.",
    },
    Procedure {
        id: "service",
        kind: Kind::Service,
        title: "ADSync service account, builds after 1.1.443.0",
        orders: &[Order {
            document: SERVICE,
            dated: DATED,
            draft: false,
            steps: &[
                "Change the password in Active Directory, or in the server's own account database.",
                "Update it in the Windows Service Control Manager.",
                "Restart the ADSync service.",
            ],
        }],
        left_undone: "The service does not start: error 1069, and event 7038 in the System log.",
        here: "The encryption key is never abandoned by this program here: these builds care for it themselves. The password may change, the account may not. A local user's password is changed, never reset: nothing else keeps its keys.",
    },
    Procedure {
        id: "service-up-to-1-1-443-0",
        kind: Kind::Service,
        title: "ADSync service account, builds up to 1.1.443.0 (March 2017)",
        orders: &[
            Order {
                document: "Changing the ADSync service account password, \"Abandoning the ADSync service account encryption key\"",
                dated: DATED,
                draft: false,
                steps: &[
                    "Stop the ADSync service.",
                    "Change the password in Active Directory and in the Service Control Manager. From here on the stored passwords can't be read any more.",
                    "Abandon the key: miiskmu.exe /a, in the folder of miiserver.exe.",
                    "Enter the password of every AD DS connector account.",
                    "Reinitialize the Entra connector account: Add-ADSyncAADServiceAccount.",
                    "Start the ADSync service.",
                ],
            },
            Order {
                document: "The same document as entra-docs pull request 1954 corrects it",
                dated: "2026-04-25",
                draft: true,
                steps: &[
                    "Stop the ADSync service.",
                    "Change the password in Active Directory and in the Service Control Manager. From here on the stored passwords can't be read any more.",
                    "Abandon the key: miiskmu.exe /a, in the folder of miiserver.exe.",
                    "Start the ADSync service.",
                    "Enter the password of every AD DS connector account.",
                    "Reinitialize the Entra connector account: Add-ADSyncAADServiceAccount.",
                ],
            },
        ],
        left_undone: "The service does not start and logs event 6028, \"The server encryption key cannot be accessed.\"; or it runs and no connector can decrypt its password.",
        here: "Windows destroys the key when the password is reset: that reset is the point of no return, so it is done only on an explicit, attended order. The engine takes connector passwords only while its service runs, so this program follows the second order, restarts once more at the end, and proves. Neither document spells out the second step; both take it for done.",
    },
    Procedure {
        id: "entra",
        kind: Kind::Entra,
        title: "Entra connector account",
        orders: &[Order {
            document: ENTRA,
            dated: DATED,
            draft: false,
            steps: &[
                "Look at Get-ADSyncEntraConnectorCredential: only a ConnectorIdentityType of ServiceAccount has a password.",
                "Have the credential of an Entra administrator.",
                "Run Add-ADSyncAADServiceAccount -AADCredential. It sets the password in Entra ID and in the engine, and returns none.",
            ],
        }],
        left_undone: "Event 6900 or 659 with AADSTS70002 or AADSTS50054.",
        here: "A repair, never on a schedule: the account is \"supposed to be service free\". With application-based authentication it is refused, for the cmdlet would roll that back. An administrator with a second factor can't be used: a stored credential can't satisfy it. The first step is this program's own.",
    },
    Procedure {
        id: "self",
        kind: Kind::Own,
        title: "The rotator's own account",
        orders: &[Order {
            document: "this program (no document of Microsoft's concerns it)",
            dated: "-",
            draft: false,
            steps: &[
                "Store the new password in the vault, beside the current one.",
                "Change the password in Active Directory, as the account itself: the old one is shown.",
                "Log on with the new one.",
                "Make it current in the vault.",
            ],
        }],
        left_undone: "The vault holds both passwords until a logon shows which one is live.",
        here: "Run the rotator as a group managed service account with Kerberos where possible: then it has no password.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_procedure_and_the_contradiction_is_marked() {
        for kind in [Kind::Connector, Kind::Service, Kind::Entra, Kind::Own] {
            assert!(PROCEDURES.iter().any(|procedure| procedure.kind == kind), "{kind:?}");
        }
        for procedure in PROCEDURES {
            let drafts = procedure.orders.iter().filter(|order| order.draft).count();
            assert!(procedure.orders.len() - drafts == 1, "{} has one order in force", procedure.id);
            assert!(procedure.orders.iter().all(|order| order.steps.len() >= 3), "{}", procedure.id);
        }
        let old = PROCEDURES.iter().find(|procedure| procedure.id == "service-up-to-1-1-443-0").expect("it is there");
        let start = |order: &Order| order.steps.iter().position(|step| step.starts_with("Start the")).expect("a start");
        let enter =
            |order: &Order| order.steps.iter().position(|step| step.starts_with("Enter the")).expect("entering");
        let (published, draft) = (&old.orders[0], &old.orders[1]);
        assert!(enter(published) < start(published) && start(draft) < enter(draft) && draft.draft);
    }
}
