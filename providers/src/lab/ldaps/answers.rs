//! The texts of Windows' answers. Clients judge by the number in front and by `data XXX`; the DSID names a line in
//! Microsoft's source and differs from build to build. Those here were seen in public reports.

/// What ends a request: RFC 4511's LDAPResult.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: u32,
    pub(super) matched: String,
    pub(super) text: String,
    pub(super) referral: Vec<String>,
}

impl Answer {
    fn new(code: u32, text: impl Into<String>) -> Self {
        Self { code, matched: String::new(), text: text.into(), referral: Vec::new() }
    }

    pub(super) fn success() -> Self {
        Self::new(0, "")
    }

    pub(super) fn is_success(&self) -> bool {
        self.code == 0
    }
}

/// A logon that is refused; `data` is the Win32 error of the reason.
pub(super) fn logon(data: &str) -> Answer {
    Answer::new(
        49,
        format!("80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {data}, v4563\0"),
    )
}

/// Whoever did not log on may read the root entry and nothing else.
pub(super) fn not_logged_on() -> Answer {
    Answer::new(
        1,
        "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be \
         completed on the connection., data 0, v4563\0",
    )
}

/// A reset against the policy.
pub(super) fn reset_restricted() -> Answer {
    Answer::new(53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\0")
}

/// A reset to a value that is no quoted UTF-16 text.
pub(super) fn reset_unreadable() -> Answer {
    Answer::new(53, "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\0")
}

/// A reset by somebody who may not.
pub(super) fn reset_denied() -> Answer {
    Answer::new(50, "00000005: SecErr: DSID-031A11B9, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\0")
}

/// A change of unicodePwd, from old to new, that is refused for the Win32 error `number`.
pub(super) fn change_refused(number: u32) -> Answer {
    Answer::new(
        19,
        format!(
            "{number:08X}: AtrErr: DSID-03190F80, #1:\n\t0: {number:08X}: DSID-03190F80, problem 1005 \
             (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)\n\0"
        ),
    )
}

/// ERROR_PASSWORD_RESTRICTION, ERROR_INVALID_PASSWORD, ERROR_ACCOUNT_LOCKED_OUT, ERROR_DS_SINGLE_VALUE_CONSTRAINT.
pub(super) const PASSWORD_RESTRICTION: u32 = 0x52d;
pub(super) const INVALID_PASSWORD: u32 = 0x56;
pub(super) const ACCOUNT_LOCKED_OUT: u32 = 0x775;
pub(super) const SINGLE_VALUE_CONSTRAINT: u32 = 0x2081;

/// Any other write that the account may not do.
pub(super) fn write_denied() -> Answer {
    Answer::new(50, "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\0")
}

/// There is no such object; `matched` is the nearest one above that there is.
pub(super) fn no_object(matched: &str) -> Answer {
    let text = format!(
        "0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'{matched}'\n\0"
    );
    Answer { matched: matched.to_owned(), ..Answer::new(32, text) }
}

/// The name is none.
pub(super) fn bad_name(name: &str) -> Answer {
    Answer::new(
        34,
        format!("0000208F: NameErr: DSID-03100231, problem 2006 (BAD_NAME), data 8349, best match of:\n\t'{name}'\n\0"),
    )
}

/// The object lies in another domain, `dns`.
pub(super) fn referral(dns: &str, dn: &str) -> Answer {
    let text = format!("0000202B: RefErr: DSID-03100835, data 0, 1 access points\n\tref 1: '{dns}'\n\0");
    Answer { referral: vec![format!("ldap://{dns}/{}", url_part(dn))], ..Answer::new(10, text) }
}

/// A name as it stands in a url.
pub(super) fn url_part(dn: &str) -> String {
    dn.replace('%', "%25").replace(' ', "%20").replace('?', "%3F")
}

/// A `replicateSingleObject` whose value is not SOURCE:OBJECT, or names a source or an object that is not there
/// (MS-ADTS 3.1.1.3.3.18: operationsError, ERROR_DS_OBJ_NOT_FOUND). No public report shows the text behind the number.
pub(super) fn replication_unknown() -> Answer {
    Answer::new(1, "0000208D: the source or the object to replicate is not found\n\0")
}

/// A critical control that is not there.
pub(super) fn control_unavailable() -> Answer {
    Answer::new(12, "00002040: SvcErr: DSID-031401E7, problem 5010 (UNAVAIL_EXTENSION), data 0\n\0")
}

/// ERROR_DS_BUSY; the text behind the number is bare, because no public report shows a DSID.
pub(super) fn busy() -> Answer {
    Answer::new(51, "0000200E: SvcErr: problem 5001 (BUSY), data 0\n\0")
}

/// ERROR_DS_UNAVAILABLE, in the same way.
pub(super) fn unavailable() -> Answer {
    Answer::new(52, "0000200F: SvcErr: problem 5002 (UNAVAILABLE), data 0\n\0")
}

/// The answer that says nothing.
pub(super) fn other() -> Answer {
    Answer::new(80, "")
}

/// More matches than asked for.
pub(super) fn size_limit() -> Answer {
    Answer::new(4, "")
}

/// What this server does not offer, in its own words: Windows would do it.
pub(super) fn not_offered(what: &str) -> Answer {
    Answer::new(53, format!("the lab's stand-in for a domain controller does not offer {what}"))
}

/// Bytes that are no request.
pub(super) fn protocol_error() -> Answer {
    Answer::new(2, "00000057: LdapErr: the message can't be read\0")
}

/// An extended operation that is not there.
pub(super) fn unknown_extension() -> Answer {
    Answer::new(2, "0000203D: LdapErr: unknown extended request OID, data 0\0")
}
