use providers::port::FailureClass;

/// A kind of failure, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassRow {
    /// The kind.
    pub class: FailureClass,
    /// Its name, as findings, JSON and messages have it.
    pub name: &'static str,
    /// The signs.
    pub signs: &'static str,
    /// What it is.
    pub explanation: &'static str,
    /// What to do.
    pub next_step: &'static str,
    /// Whose business it is.
    pub business: &'static str,
    /// The title of Microsoft's document, or `community`.
    pub document: &'static str,
}

/// The row of a kind.
pub fn class_row(class: FailureClass) -> &'static ClassRow {
    match class {
        FailureClass::EnginePassword => &ENGINE_PASSWORD,
        FailureClass::Connection => &CONNECTION,
        FailureClass::ReplicationRight => &REPLICATION_RIGHT,
        FailureClass::NotReplicated => &NOT_REPLICATED,
        FailureClass::Busy => &BUSY,
        FailureClass::CloudCredential => &CLOUD_CREDENTIAL,
        FailureClass::EntraAccount => &ENTRA_ACCOUNT,
        FailureClass::ServiceLogon => &SERVICE_LOGON,
        FailureClass::ServiceLogonRight => &SERVICE_LOGON_RIGHT,
        FailureClass::KeySet => &KEY_SET,
        FailureClass::Certificate => &CERTIFICATE,
        FailureClass::ForeignChange => &FOREIGN_CHANGE,
    }
}

/// All rows, in the order of the port.
pub const CLASSES: [&ClassRow; 12] = [
    &ENGINE_PASSWORD,
    &CONNECTION,
    &REPLICATION_RIGHT,
    &NOT_REPLICATED,
    &BUSY,
    &CLOUD_CREDENTIAL,
    &ENTRA_ACCOUNT,
    &SERVICE_LOGON,
    &SERVICE_LOGON_RIGHT,
    &KEY_SET,
    &CERTIFICATE,
    &FOREIGN_CHANGE,
];

const ADDS: &str = "Changing the AD DS connector account password";
const PASSWORD_HASHES: &str = "Troubleshoot password hash synchronization with Microsoft Entra Connect Sync";
const PASSWORD_SYNC: &str = "How to troubleshoot password synchronization when using Microsoft Entra Connect";
const SERVICE: &str = "Changing the ADSync service account password";

const ENGINE_PASSWORD: ClassRow = ClassRow {
    class: FailureClass::EnginePassword,
    name: "engine-password",
    signs: "result no-start-credentials; connection result failed-authentication; event 6000; event 611 with \"The supplied credential is invalid\"",
    explanation: "The sync engine holds another password than the directory, or was not restarted since it was given the new one.",
    next_step: "give the connector the password again, restart ADSync, and prove once; never in a loop, or the account locks (`rotate --repair` does all of it)",
    business: "ours",
    document: ADDS,
};

const CONNECTION: ClassRow = ClassRow {
    class: FailureClass::Connection,
    name: "connection",
    signs: "result no-start-connection; connection result failed-connection; event 611 with RPC Error 1722; event 616",
    explanation: "A domain controller, or the network on the way to it, does not answer. The password has no part in it.",
    next_step: "wait, or let the connector use another domain controller; don't rotate again",
    business: "the network's and the directory's",
    document: PASSWORD_HASHES,
};

const REPLICATION_RIGHT: ClassRow = ClassRow {
    class: FailureClass::ReplicationRight,
    name: "replication-right",
    signs: "event 611 with RPC Error 8453",
    explanation: "The connector's account has lost the right to replicate directory changes, so password hashes are not read.",
    next_step: "escalate to the directory's administrators: grant Replicating Directory Changes and Replicating Directory Changes All at the domain's root; a new password does not help",
    business: "the directory administrators'",
    document: PASSWORD_SYNC,
};

const NOT_REPLICATED: ClassRow = ClassRow {
    class: FailureClass::NotReplicated,
    name: "not-replicated",
    signs: "the account's metadata on the connector's domain controller differs from the PDC emulator's",
    explanation: "A domain controller that a connector uses does not have the account's last password yet.",
    next_step: "let the account be replicated (replicateSingleObject, `repadmin /replsingleobj`), and wait with a limit; don't set the password again",
    business: "the directory administrators', when it lasts",
    document: "[MS-ADTS] replicateSingleObject",
};

const BUSY: ClassRow = ClassRow {
    class: FailureClass::Busy,
    name: "busy",
    signs: "result no-start-ma-already-running or no-start-ma-update-in-progress",
    explanation: "Somebody else runs the connector, or changes its configuration.",
    next_step: "back off until the run or the change is over, then try again",
    business: "whoever runs it",
    document: "Microsoft Entra Connect Single Object Sync (module ADSyncDiagnostics)",
};

const CLOUD_CREDENTIAL: ClassRow = ClassRow {
    class: FailureClass::CloudCredential,
    name: "cloud-credential",
    signs: "an exception \"Showing a modal dialog box or form when the application is not running in UserInteractive mode\"; event 906; event 115",
    explanation: "The credential for Entra ID is blocked: by conditional access, by terms of use, or because a second factor is asked for.",
    next_step: "report it to whoever keeps conditional access: exempt the synchronization account, or use application-based authentication; no rotation causes or mends it",
    business: "not ours: the tenant's administrators'",
    document: "community",
};

const ENTRA_ACCOUNT: ClassRow = ClassRow {
    class: FailureClass::EntraAccount,
    name: "entra-account",
    signs: "event 6900 or 659; AADSTS70002; AADSTS50054; result no-start-credentials of the connector to Entra ID",
    explanation: "The password of the Entra connector account, as the engine holds it, is wrong.",
    next_step: "reset it as a repair, with an Entra administrator's credential (docs/procedures.md, \"Entra connector account\"); never where the connector uses application-based authentication",
    business: "ours, attended",
    document: "Change the Microsoft Entra Connector account password",
};

const SERVICE_LOGON: ClassRow = ClassRow {
    class: FailureClass::ServiceLogon,
    name: "service-logon",
    signs: "event 7038 of the ADSync service; error 1069",
    explanation: "The Service Control Manager holds another password than the account's authority, so the service can't start.",
    next_step: "look at the account's lockout first, then set the service's password again in the Service Control Manager, and start it",
    business: "ours",
    document: SERVICE,
};

const SERVICE_LOGON_RIGHT: ClassRow = ClassRow {
    class: FailureClass::ServiceLogonRight,
    name: "service-logon-right",
    signs: "event 7041 of the ADSync service",
    explanation: "The service's account may no longer log on as a service: often a group policy took the right away.",
    next_step: "restore \"Log on as a service\" for the account (secpol.msc, or the group policy that sets it), then start ADSync",
    business: "the server administrators'",
    document: "EVENT_SERVICE_LOGON_TYPE_NOT_GRANTED (Windows Driver Kit, netevent.h)",
};

const KEY_SET: ClassRow = ClassRow {
    class: FailureClass::KeySet,
    name: "key-set",
    signs: "event 6028, \"The server encryption key cannot be accessed\"",
    explanation: "The engine can't open its encryption key set, so it can read none of the passwords that it stores.",
    next_step: "stop and rotate nothing more; if the service account's password before is known, put it back once; else docs/procedures.md, the procedure that abandons the key",
    business: "ours, attended",
    document: SERVICE,
};

const CERTIFICATE: ClassRow = ClassRow {
    class: FailureClass::Certificate,
    name: "certificate",
    signs: "event 1011 (150 days or less are left), event 1012 (expired), or the certificate's own end",
    explanation: "The certificate that application-based authentication logs on with is due, or over.",
    next_step: "see that the scheduler is not suspended, for Entra Connect renews its own certificate; one that an administrator brought is rotated by Invoke-ADSyncApplicationCredentialRotation -CertificateSHA256Hash",
    business: "the tenant's administrators'",
    document: "Authenticate to Microsoft Entra ID by using application identity",
};

const FOREIGN_CHANGE: ClassRow = ClassRow {
    class: FailureClass::ForeignChange,
    name: "foreign-change",
    signs: "event 2518 or 2519 that no rotation of this journal explains",
    explanation: "Somebody else changed a connector's credential, or reset the Entra connector account.",
    next_step: "find out who did it, and verify that the vault still holds the password in use (`plan` compares)",
    business: "an alarm: the security team's, and ours",
    document: "Audit administrator events in Microsoft Entra Connect Sync",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_one_row_under_its_own_name() {
        for (place, row) in CLASSES.iter().enumerate() {
            assert_eq!(class_row(row.class), *row);
            assert!(CLASSES[..place].iter().all(|other| other.class < row.class), "{} is out of order", row.name);
            let stored = serde_json::to_value(row.class).expect("a word");
            assert_eq!(stored, row.name, "the name in findings and in faults is one");
            for text in [row.signs, row.explanation, row.next_step, row.business, row.document] {
                assert!(!text.is_empty() && !text.contains('|'), "{}", row.name);
            }
        }
    }
}
