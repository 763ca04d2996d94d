//! Every answer that is told apart, as one table: what was asked, the mark that the answer carries, and what it
//! means. `docs/active-directory-answers.md` is this table for people.
//!
//! A mark is the number that the diagnostic text begins with, or, for a refused logon, the number behind `data`.
//! The mark goes before the LDAP code: Windows and Samba give one reason under different codes. A row that names
//! both wants both. The numbers are Win32 errors, named in [MS-ERREF]; a row says where its answer was seen.

use Mark::{AnyText, Data, Hex, Unnumbered};
use Request::{Bind, Change, Probe, Read, Replicate, Reset};
use Verdict::{
    Absent, Barred, CantTell, Done, Held, Later, Locked, Missing, Partial, Refused, Unclear, Unheard, WrongPassword,
};

/// What was asked of the domain controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::active_directory) enum Request {
    /// A simple bind.
    Bind,
    /// unicodePwd replaced.
    Reset,
    /// unicodePwd deleted and added in one request.
    Change,
    /// unicodePwd replaced by a value without quotes, which nobody accepts: it shows who may reset.
    Probe,
    /// replicateSingleObject.
    Replicate,
    /// A search.
    Read,
}

/// What tells an answer from others with the same LDAP code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The diagnostic text begins with this number, in hex.
    Hex(u32),
    /// The diagnostic text of code 49 has it behind `data`.
    Data(u32),
    /// There is no number behind `data`.
    Unnumbered,
    /// Any text.
    AnyText,
}

/// What the answer means for the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::active_directory) enum Verdict {
    /// It is done; a logon is accepted.
    Done,
    /// A definite no; nothing was changed.
    Refused,
    /// Nothing was changed; worth another try.
    Later,
    /// Nobody promises that nothing was changed.
    Unclear,
    /// The password is wrong.
    WrongPassword,
    /// The account is locked out.
    Locked,
    /// No logon, for a reason that is not the password.
    Barred,
    /// The right to reset is there.
    Held,
    /// The right to reset is not there.
    Missing,
    /// The answer says nothing about the right.
    CantTell,
    /// An answer that nobody should give.
    Unheard,
    /// There is no such object, or nobody may know of it.
    Absent,
    /// There is more than was asked for.
    Partial,
}

/// One answer.
#[derive(Debug)]
pub(in crate::active_directory) struct Row {
    pub(super) requests: &'static [Request],
    /// The LDAP result code; `None` = whatever it is.
    pub(super) code: Option<u32>,
    pub(super) mark: Mark,
    pub(super) verdict: Verdict,
    /// The cause, a fragment. It stands before the server's own words.
    pub(super) sentence: &'static str,
    /// The next step of a person; empty when there is nothing to do.
    pub(super) next_step: &'static str,
    /// Where the answer was seen.
    pub(super) seen: &'static str,
    /// An answer of this kind.
    pub(super) sample: (u32, &'static str),
}

impl Row {
    const fn new(requests: &'static [Request], code: Option<u32>, mark: Mark, verdict: Verdict) -> Self {
        Self { requests, code, mark, verdict, sentence: "", next_step: "", seen: "", sample: (0, "") }
    }

    const fn says(mut self, sentence: &'static str, next_step: &'static str) -> Self {
        self.sentence = sentence;
        self.next_step = next_step;
        self
    }

    const fn seen(mut self, code: u32, text: &'static str, place: &'static str) -> Self {
        self.sample = (code, text);
        self.seen = place;
        self
    }

    /// How much a row asks of an answer: the more, the earlier it is tried.
    pub(super) fn rank(&self) -> u8 {
        u8::from(self.mark != AnyText) * 2 + u8::from(self.code.is_some())
    }
}

const fn any(requests: &'static [Request], mark: Mark, verdict: Verdict) -> Row {
    Row::new(requests, None, mark, verdict)
}

const fn plain(requests: &'static [Request], code: u32, verdict: Verdict) -> Row {
    Row::new(requests, Some(code), AnyText, verdict)
}

const fn both(requests: &'static [Request], code: u32, mark: Mark, verdict: Verdict) -> Row {
    Row::new(requests, Some(code), mark, verdict)
}

const SET: &[Request] = &[Reset, Change];
const ALL: &[Request] = &[Reset, Change, Probe, Replicate, Read];

const SAMBA: &str = "Samba";
const BOTH: &str = "Samba; Windows: [MS-ERREF] 2.2";
const ERREF: &str = "Windows: [MS-ERREF] 2.2";
const FORTINET: &str = "Windows: [MS-ERREF] 2.2, Fortinet technical tip 195337";
const RFC: &str = "RFC 4511 appendix A";

/// The table. What it does not name is in `answer::unknown`.
pub(super) static ROWS: &[Row] = &[
    // ---- logons. Windows writes 80090308 or 8009030C in front of all of them; the reason is behind `data`.
    plain(&[Bind], 0, Done).says("the logon is accepted", "").seen(0, "", SAMBA),
    both(&[Bind], 49, Data(0x52e), WrongPassword)
        .says("wrong name or password", "store the right password before the next try: each wrong one counts")
        .seen(49, "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1", BOTH),
    both(&[Bind], 49, Data(0x525), Barred)
        .says("there is no account of that name", "write the account's name as the directory has it")
        .seen(49, "80090308: LdapErr: DSID-0C09030B, comment: AcceptSecurityContext error, data 525, v893", FORTINET),
    both(&[Bind], 49, Data(0x52f), Barred)
        .says(
            "a restriction of the account forbids this logon",
            "look whether the account is in Protected Users or under an authentication policy",
        )
        .seen(49, "80090308: LdapErr: …, comment: AcceptSecurityContext error, data 52f, v2580", ERREF),
    both(&[Bind], 49, Data(0x530), Barred)
        .says("the account may not log on at this time", "widen the account's logon hours")
        .seen(49, "80090308: LdapErr: DSID-0C09030B, comment: AcceptSecurityContext error, data 530, v893", FORTINET),
    both(&[Bind], 49, Data(0x531), Barred)
        .says(
            "the account may not log on from this machine",
            "add the domain controller to the account's workstations, or lift that restriction",
        )
        .seen(49, "80090308: LdapErr: DSID-0C09030B, comment: AcceptSecurityContext error, data 531, v893", FORTINET),
    both(&[Bind], 49, Data(0x532), Barred)
        .says("the password is expired", "set a new one, and let the account's password never expire by itself")
        .seen(49, "80090308: LdapErr: DSID-0C09030B, comment: AcceptSecurityContext error, data 532, v893", FORTINET),
    both(&[Bind], 49, Data(0x533), Barred)
        .says("the account is disabled", "find out who disabled it and why, then enable it")
        .seen(49, "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 533, v1db1", BOTH),
    both(&[Bind], 49, Data(0x568), Barred)
        .says("the account is in too many groups to log on", "take it out of groups: a logon carries about 1,000")
        .seen(49, "80090308: LdapErr: …, comment: AcceptSecurityContext error, data 568, v2580", ERREF),
    both(&[Bind], 49, Data(0x569), Barred)
        .says(
            "the account has not the right to log on over the network there",
            "grant it \"Access this computer from the network\" on the domain controllers",
        )
        .seen(49, "80090308: LdapErr: …, comment: AcceptSecurityContext error, data 569, v2580", ERREF),
    both(&[Bind], 49, Data(0x701), Barred).says("the account is expired", "move the account's expiry date").seen(
        49,
        "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 701, v1db1",
        BOTH,
    ),
    both(&[Bind], 49, Data(0x773), Barred)
        .says(
            "the password must be changed at the next logon",
            "clear \"User must change password at next logon\": no service can do that",
        )
        .seen(49, "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 773, v1db1", BOTH),
    both(&[Bind], 49, Data(0x775), Locked)
        .says("the account is locked out", "find out who tries wrong passwords, then unlock it")
        .seen(49, "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 775, v1db1", BOTH),
    any(&[Bind], Hex(0x8009_0346), Barred)
        .says(
            "the domain controller wants this logon bound to the TLS channel",
            "see that nothing between here and the domain controller opens the TLS connection; the setting is \
             LdapEnforceChannelBinding",
        )
        .seen(
            49,
            "80090346: LdapErr: DSID-0C0906AC, comment: AcceptSecurityContext error, data 80090346, v4563",
            "Windows: KB4034879 (LdapEnforceChannelBinding), [MS-ADTS] 5.1.2.2",
        ),
    any(&[Bind], Hex(0x2028), Barred)
        .says(
            "the domain controller wants signed or encrypted logons",
            "see that the url is ldaps:// and that no proxy turns it into plain LDAP",
        )
        .seen(
            8,
            "00002028: LdapErr: DSID-0C090257, comment: The server requires binds to turn on integrity checking if \
             SSL\\TLS are not already active on the connection, data 0, v2580",
            "Windows: Advisory ADV190023, Red Hat solution 3410261",
        ),
    plain(&[Bind], 8, Barred)
        .says(
            "the domain controller wants a stronger logon",
            "see that the url is ldaps:// and that no proxy turns it into plain LDAP",
        )
        .seen(8, "BindSimple: Transport encryption required.", SAMBA),
    both(&[Bind], 49, Unnumbered, WrongPassword)
        .says("wrong name or password", "store the right password before the next try: each wrong one counts")
        .seen(49, "Invalid credentials", RFC),
    plain(&[Bind], 34, Barred)
        .says(
            "the name to log on with is not a distinguished name",
            "write it as a distinguished name, a user principal name or DOMAIN\\user",
        )
        .seen(34, "invalid DN", RFC),
    plain(&[Bind], 48, Barred)
        .says(
            "the account may not log on with a name and a password",
            "allow simple binds over TLS for it, or use another account",
        )
        .seen(48, "", RFC),
    // ---- passwords: done, and what speaks against the value
    plain(SET, 0, Done).says("the password is set", "").seen(0, "", SAMBA),
    any(&[Reset], Hex(0x52d), Refused)
        .says(
            "the password violates the domain's password policy",
            "compare the generated length with the policy that holds for the account, fine-grained ones included",
        )
        .seen(
            53,
            "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
            "Samba (with code 19); Windows: github.com/cannatag/ldap3 issue 1157",
        ),
    any(&[Change], Hex(0x52d), Refused)
        .says(
            "the domain's password policy does not allow it",
            "a change obeys history and minimum age as well as the length: wait until the password is old enough",
        )
        .seen(
            19,
            "0000052D: AtrErr: DSID-03190F80, #1: 0: 0000052D: DSID-03190F80, problem 1005 (CONSTRAINT_ATT_TYPE), \
             data 0, Att 9005a (unicodePwd)",
            "Samba; Windows: github.com/cannatag/ldap3 issue 882, [MS-ADTS] 3.1.1.3.1.5.1",
        ),
    any(&[Change], Hex(0x56), Refused)
        .says("the password in use is another one", "store the password in use in the vault; nothing was changed")
        .seen(
            19,
            "00000056: Constraint violation - check_password_restrictions: The old password specified doesn't match!",
            "Samba; Windows: [MS-ADTS] 3.1.1.3.1.5.1, [MS-ERREF] 2.2 (ERROR_INVALID_PASSWORD)",
        ),
    any(SET, Hex(0x216c), Refused)
        .says("the password did not arrive in quotes", "report it: the program encodes it wrongly")
        .seen(
            19,
            "0000216C: AtrErr: DSID-03190EB0, #1: 0: 0000216C: DSID-03190EB0, problem 1005 (CONSTRAINT_ATT_TYPE)",
            "Windows: github.com/ldapjs/node-ldapjs issue 92, [MS-ERREF] 2.2 (ERROR_DS_UNICODEPWD_NOT_IN_QUOTES)",
        ),
    any(SET, Hex(0x1f), Refused)
        .says(
            "the domain controller is unwilling to set it",
            "see that the domain controller's TLS uses at least 128 bits",
        )
        .seen(
            53,
            "0000001F: SvcErr: DSID-031A11E5, problem 5003 (WILL_NOT_PERFORM), data 0",
            "Windows: github.com/ldaptools/ldaptools issue 27, [MS-ADTS] 3.1.1.3.1.5.1",
        ),
    any(SET, Hex(0x2035), Refused)
        .says("the domain controller is unwilling to set it", "look at its event log for the reason")
        .seen(53, "00002035: setup_io: it's not allowed to set the NT hash password directly'", BOTH),
    any(SET, Hex(0x2077), Refused)
        .says(
            "the domain controller takes no password over this connection",
            "see that the domain controller's TLS uses at least 128 bits",
        )
        .seen(
            53,
            "00002077: SvcErr: DSID-03190F9E, problem 5003 (WILL_NOT_PERFORM), data 0",
            "Windows: github.com/ltb-project/self-service-password issue 840",
        ),
    // ---- passwords: who may, where, when
    any(&[Reset], Hex(0x5), Refused)
        .says(
            "access denied",
            "give the rotator's account the right \"Reset password\" on this object, by an explicit entry: hardening \
             removes inherited ones",
        )
        .seen(
            50,
            "00000005: SecErr: DSID-031A11B9, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
            "Windows: github.com/authelia/authelia issue 1715",
        ),
    any(&[Reset], Hex(0x2098), Refused)
        .says(
            "access denied",
            "give the rotator's account the right \"Reset password\" on this object, by an explicit entry: hardening \
             removes inherited ones",
        )
        .seen(
            50,
            "00002098: SecErr: DSID-0315130F, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
            "Windows: github.com/ltb-project/self-service-password issue 694",
        ),
    plain(&[Reset], 50, Refused)
        .says(
            "access denied",
            "give the rotator's account the right \"Reset password\" on this object, by an explicit entry: hardening \
             removes inherited ones",
        )
        .seen(50, "error in module acl: insufficient access rights during LDB_MODIFY (50)", SAMBA),
    any(&[Change], Hex(0x5), Refused)
        .says(
            "the account may not change its password",
            "give SELF the right \"Change password\" on it, and look whether \"User cannot change password\" is set",
        )
        .seen(
            19,
            "00000005: AtrErr: DSID-03191083, #1: 0: 00000005: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), \
             data 0, Att 9005a (unicodePwd)",
            "Windows: github.com/pwm-project/pwm issue 407",
        ),
    any(&[Change], Hex(0x2098), Refused)
        .says(
            "the account may not change its password",
            "give SELF the right \"Change password\" on it, and look whether \"User cannot change password\" is set",
        )
        .seen(
            50,
            "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
            "Windows, for another attribute: github.com/ltb-project/self-service-password issue 537",
        ),
    plain(&[Change], 50, Refused)
        .says(
            "the account may not change its password",
            "give SELF the right \"Change password\" on it, and look whether \"User cannot change password\" is set",
        )
        .seen(50, "error in module acl: insufficient access rights during LDB_MODIFY (50)", SAMBA),
    plain(&[Reset], 19, Refused)
        .says(
            "the password violates the domain's password policy",
            "compare the generated length with the policy that holds for the account, fine-grained ones included",
        )
        .seen(19, "", RFC),
    plain(&[Change], 19, Refused)
        .says(
            "the domain's password policy does not allow it",
            "a change obeys history and minimum age as well as the length: wait until the password is old enough",
        )
        .seen(
            19,
            "0000202F: setup_io: it's not allowed to set the NT hash password directly'",
            "Samba (any number that is not named here)",
        ),
    // ---- all requests but logons: the state of the connection and of the domain controller
    any(&[Reset, Change, Read], Hex(0x4dc), Refused)
        .says(
            "the domain controller takes this connection for one that has not logged on",
            "try again; if it stays so, look for a proxy between here and the domain controller",
        )
        .seen(
            1,
            "000004DC: LdapErr: DSID-0C090727, comment: In order to perform this operation a successful bind must be \
             completed on the connection., data 0, v23f0",
            "Windows: github.com/gheeres/node-activedirectory issue 69",
        ),
    any(ALL, Hex(0x200e), Later).says("the domain controller is busy", "try again in a while").seen(
        51,
        "0000200E: SvcErr: …, problem 5001 (BUSY), data 0",
        ERREF,
    ),
    any(ALL, Hex(0x200f), Later)
        .says("the domain controller can't serve now", "try again in a while, or name another one")
        .seen(52, "0000200F: SvcErr: …, problem 5002 (UNAVAILABLE), data 0", ERREF),
    plain(&[Bind, Reset, Change, Probe, Replicate, Read], 51, Later)
        .says("the domain controller is busy", "try again in a while")
        .seen(51, "", RFC),
    plain(&[Bind, Reset, Change, Probe, Replicate, Read], 52, Later)
        .says("the domain controller can't serve now", "try again in a while, or name another one")
        .seen(52, "", RFC),
    // ---- writes: the object and the domain controller
    any(SET, Hex(0x2030), Refused)
        .says("there is no such object", "find the account again: it was moved or deleted")
        .seen(32, "00002030: No such Base DN: CN=nobody,CN=Users,DC=contoso,DC=test", BOTH),
    any(SET, Hex(0x208d), Refused)
        .says("there is no such object", "find the account again: it was moved or deleted")
        .seen(32, "0000208D: NameErr: …, problem 2001 (NO_OBJECT), data 0", ERREF),
    plain(SET, 32, Refused)
        .says("there is no such object", "find the account again: it was moved or deleted")
        .seen(32, "", RFC),
    any(SET, Hex(0x202b), Refused)
        .says(
            "this domain controller does not write, or not in this domain",
            "name a writable domain controller of the account's domain",
        )
        .seen(
            10,
            "0000202B: RefErr: DSID-0310082F, data 0, 1 access points",
            "Windows: github.com/the-useless-one/pywerview issue 26, [MS-ADTS] 3.1.1.5.3",
        ),
    plain(SET, 10, Refused)
        .says(
            "this domain controller does not write, or not in this domain",
            "name a writable domain controller of the account's domain",
        )
        .seen(10, "", RFC),
    plain(SET, 8, Refused)
        .says("the domain controller wants a stronger connection", "see that no proxy opens the TLS connection")
        .seen(8, "", RFC),
    plain(SET, 13, Refused)
        .says("the domain controller wants a stronger connection", "see that no proxy opens the TLS connection")
        .seen(13, "", RFC),
    plain(SET, 34, Refused).says("it is no distinguished name", "find the account again by its sAMAccountName").seen(
        34,
        "00002032: ldb_modify: invalid dn '(null)'",
        SAMBA,
    ),
    plain(SET, 53, Refused)
        .says("the domain controller is unwilling to set it", "look at its event log for the reason")
        .seen(53, "", RFC),
    // ---- the probe: who may reset, without a reset
    both(&[Probe], 53, Hex(0x2035), Held).says("the right to reset is there", "").seen(
        53,
        "00002035: setup_io: it's not allowed to set the NT hash password directly'",
        SAMBA,
    ),
    both(&[Probe], 53, Hex(0x1f), Held).says("the right to reset is there", "").seen(
        53,
        "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
        "Windows, asked by an administrator: github.com/dsbenghe/Novell.Directory.Ldap.NETStandard issue 31. That \
             the right is looked at first is inferred",
    ),
    both(&[Probe], 53, Hex(0x216c), Held).says("the right to reset is there", "").seen(
        53,
        "0000216C: SvcErr: …, problem 5003 (WILL_NOT_PERFORM), data 0",
        "Windows: [MS-ERREF] 2.2 (ERROR_DS_UNICODEPWD_NOT_IN_QUOTES). That the right is looked at first is inferred",
    ),
    both(&[Probe], 53, Hex(0x52d), Held).says("the right to reset is there", "").seen(
        53,
        "0000052D: SvcErr: DSID-031A126C, problem 5003 (WILL_NOT_PERFORM), data 0",
        "Windows: github.com/cannatag/ldap3 issue 1157, for a value that is read as too short",
    ),
    any(&[Probe], Hex(0x5), Missing)
        .says("the right to reset is missing", "give it by an explicit entry: hardening removes inherited ones")
        .seen(
            50,
            "00000005: SecErr: DSID-031A11B9, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
            "Windows: github.com/authelia/authelia issue 1715",
        ),
    any(&[Probe], Hex(0x2098), Missing)
        .says("the right to reset is missing", "give it by an explicit entry: hardening removes inherited ones")
        .seen(
            50,
            "00002098: SecErr: DSID-0315130F, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
            "Windows: github.com/ltb-project/self-service-password issue 694",
        ),
    plain(&[Probe], 50, Missing)
        .says("the right to reset is missing", "give it by an explicit entry: hardening removes inherited ones")
        .seen(50, "error in module acl: insufficient access rights during LDB_MODIFY (50)", SAMBA),
    plain(&[Probe], 0, Unheard)
        .says(
            "the domain controller took a value that is no password",
            "look at the account's password before anything else: this directory does not behave as AD does",
        )
        .seen(0, "", "nowhere"),
    // ---- replication on order; the ordinary one comes in any case
    plain(&[Replicate], 0, Done).says("it is replicated", "").seen(0, "", "Windows: [MS-ADTS] 3.1.1.3.3.18"),
    any(&[Replicate], Hex(0x2105), Later)
        .says(
            "not permitted",
            "wait for the ordinary replication, or give the rotator \"Replication synchronization\" on the domain",
        )
        .seen(
            50,
            "00002105: SecErr: …, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
            "Windows: [MS-ADTS] 3.1.1.3.3.18, [MS-ERREF] 2.2 (ERROR_DS_DRA_ACCESS_DENIED)",
        ),
    plain(&[Replicate], 50, Later)
        .says(
            "not permitted",
            "wait for the ordinary replication, or give the rotator \"Replication synchronization\" on the domain",
        )
        .seen(50, "", "Windows: [MS-ADTS] 3.1.1.3.3.18"),
    plain(&[Replicate], 53, Later).says("not offered here", "wait for the ordinary replication").seen(
        53,
        "00002035: rootdse_modify: unknown attribute to change!",
        SAMBA,
    ),
    any(&[Replicate], Hex(0x208d), Refused)
        .says(
            "the domain controller does not know the object or the source",
            "see that both domain controllers hold the account's domain",
        )
        .seen(1, "0000208D: NameErr: …, problem 2001 (NO_OBJECT), data 0", "Windows: [MS-ADTS] 3.1.1.3.3.18"),
    plain(&[Replicate], 32, Refused)
        .says(
            "the domain controller does not know the object or the source",
            "see that both domain controllers hold the account's domain",
        )
        .seen(32, "", RFC),
    plain(&[Replicate], 34, Refused)
        .says(
            "the domain controller does not know the object or the source",
            "see that both domain controllers hold the account's domain",
        )
        .seen(34, "", RFC),
    // ---- searches
    plain(&[Read], 0, Done).says("it is read", "").seen(0, "", SAMBA),
    plain(&[Read], 4, Partial).says("there is more than was asked for", "").seen(4, "", SAMBA),
    any(&[Read], Hex(0x2030), Absent).says("there is no such object", "").seen(
        32,
        "00002030: No such Base DN: CN=nobody,CN=Users,DC=contoso,DC=test",
        BOTH,
    ),
    any(&[Read], Hex(0x208d), Absent).says("there is no such object", "").seen(
        32,
        "0000208D: NameErr: …, problem 2001 (NO_OBJECT), data 0, best match of: 'DC=contoso,DC=test'",
        ERREF,
    ),
    plain(&[Read], 32, Absent).says("there is no such object", "").seen(
        32,
        "acl_read: Error retrieving instanceType for base. at ../../source4/dsdb/samdb/ldb_modules/acl_read.c:967",
        SAMBA,
    ),
    any(&[Read], Hex(0x202b), Refused)
        .says("it lies in another domain", "name a domain controller of the account's own domain")
        .seen(
            10,
            "0000202B: RefErr: DSID-0310082F, data 0, 1 access points",
            "Windows: github.com/the-useless-one/pywerview issue 26",
        ),
    plain(&[Read], 10, Refused)
        .says("it lies in another domain", "name a domain controller of the account's own domain")
        .seen(10, "", RFC),
    any(&[Read], Hex(0x2032), Refused)
        .says("it is no distinguished name", "write the name as the directory has it")
        .seen(34, "00002032: ldb_search: invalid basedn '(null)'", SAMBA),
    plain(&[Read], 34, Refused)
        .says("it is no distinguished name", "write the name as the directory has it")
        .seen(34, "", RFC),
    any(&[Read], Hex(0x2020), Refused)
        .says(
            "the domain controller lets nobody read that without a logon",
            "log on first; if it stays so, look for a proxy between here and the domain controller",
        )
        .seen(1, "00002020: Operation unavailable without authentication", SAMBA),
    plain(&[Read], 50, Refused)
        .says("the rotator's account may not read it", "give it the right to read the object")
        .seen(50, "", RFC),
    plain(&[Read], 53, Refused)
        .says("the domain controller is unwilling to answer", "look at its event log for the reason")
        .seen(53, "", RFC),
];

/// What an answer means that the table does not name.
pub(super) static UNKNOWN: &[Row] = &[
    plain(&[Bind], 0, Barred).says("the domain controller refuses the logon", "look at its event log for the reason"),
    plain(SET, 0, Unclear).says(
        "an answer that does not say whether it was done",
        "look at the account before anything else: the password may be the new one",
    ),
    plain(&[Probe], 0, CantTell).says("an answer that says nothing about the right to reset", ""),
    plain(&[Replicate], 0, Later).says("it was not replicated", "wait for the ordinary replication"),
    plain(&[Read], 0, Later).says("it was not read", "try again; if it stays so, look at the domain controller"),
];
