//! What a domain controller's answers mean. The leading hex of the diagnostic text goes before the LDAP
//! code: Windows and Samba give the same reason under different codes (a policy violation is 53 there and
//! 19 here, and 0000052D on both).

use ldap3::LdapResult;

use crate::port::{Fault, ResetRight};

/// LDAP result codes that are told apart (RFC 4511).
pub(super) mod code {
    pub(crate) const SUCCESS: u32 = 0;
    pub(crate) const SIZE_LIMIT_EXCEEDED: u32 = 4;
    pub(crate) const STRONGER_AUTH_REQUIRED: u32 = 8;
    pub(crate) const REFERRAL: u32 = 10;
    pub(crate) const CONFIDENTIALITY_REQUIRED: u32 = 13;
    pub(crate) const CONSTRAINT_VIOLATION: u32 = 19;
    pub(crate) const NO_SUCH_OBJECT: u32 = 32;
    pub(crate) const INVALID_DN_SYNTAX: u32 = 34;
    pub(crate) const INVALID_CREDENTIALS: u32 = 49;
    pub(crate) const INSUFFICIENT_ACCESS_RIGHTS: u32 = 50;
    pub(crate) const BUSY: u32 = 51;
    pub(crate) const UNAVAILABLE: u32 = 52;
    pub(crate) const UNWILLING_TO_PERFORM: u32 = 53;
}

/// Win32 error numbers in front of the diagnostic text.
mod win32 {
    pub(super) const ACCESS_DENIED: u32 = 0x5;
    pub(super) const INVALID_PASSWORD: u32 = 0x56;
    pub(super) const GEN_FAILURE: u32 = 0x1f;
    pub(super) const PASSWORD_RESTRICTION: u32 = 0x52d;
    pub(super) const DS_BUSY: u32 = 0x200e;
    pub(super) const DS_UNAVAILABLE: u32 = 0x200f;
    pub(super) const DS_NO_SUCH_OBJECT: u32 = 0x2030;
    pub(super) const DS_UNWILLING_TO_PERFORM: u32 = 0x2035;
    pub(super) const DS_INSUFF_ACCESS_RIGHTS: u32 = 0x2098;
    pub(super) const DS_OBJ_NOT_FOUND: u32 = 0x208d;
}

/// `LDAP 53, 0000052D: …`, on one line and bounded: the text comes from outside.
pub(super) fn words(result: &LdapResult) -> String {
    const TEXT_CHARS_MAX: usize = 200;
    let text: String = result.text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect();
    let text = text.trim();
    if text.is_empty() { format!("LDAP {}", result.rc) } else { format!("LDAP {}, {text}", result.rc) }
}

/// The Win32 error number that the diagnostic text begins with: eight hex digits and a colon.
fn win32_error(result: &LdapResult) -> Option<u32> {
    let (number, _) = result.text.split_once(':')?;
    let number = number.trim();
    if number.len() == 8 { u32::from_str_radix(number, 16).ok() } else { None }
}

/// What the answer to a password reset means.
pub(super) fn reset(doing: impl Fn() -> String, result: &LdapResult) -> Result<(), Fault> {
    let said = words(result);
    let no_right = || {
        Fault::refused(doing(), format!("access denied ({said})")).hint(
            "give the rotator's account the right \"Reset password\" on this object, by an explicit entry: hardening \
             removes inherited ones",
        )
    };
    let policy = || {
        Fault::refused(doing(), format!("the password violates the domain's password policy ({said})"))
            .hint("compare the generated length with the policy that holds for the account, fine-grained ones included")
    };
    let gone = || {
        Fault::refused(doing(), format!("there is no such object ({said})"))
            .hint("find the account again: it was moved or deleted")
    };
    let later = || Fault::later(doing(), format!("the domain controller is busy ({said})"));
    match win32_error(result) {
        _ if result.rc == code::SUCCESS => return Ok(()),
        Some(win32::PASSWORD_RESTRICTION) => return Err(policy()),
        Some(win32::ACCESS_DENIED | win32::DS_INSUFF_ACCESS_RIGHTS) => return Err(no_right()),
        Some(win32::DS_NO_SUCH_OBJECT | win32::DS_OBJ_NOT_FOUND) => return Err(gone()),
        Some(win32::DS_BUSY | win32::DS_UNAVAILABLE) => return Err(later()),
        Some(win32::GEN_FAILURE | win32::DS_UNWILLING_TO_PERFORM) => {
            return Err(Fault::refused(doing(), format!("the domain controller is unwilling to set it ({said})"))
                .hint("see that the domain controller's TLS uses at least 128 bits"));
        }
        _ => {}
    }
    Err(match result.rc {
        code::INSUFFICIENT_ACCESS_RIGHTS => no_right(),
        code::NO_SUCH_OBJECT => gone(),
        code::BUSY | code::UNAVAILABLE => later(),
        code::CONSTRAINT_VIOLATION => policy(),
        code::REFERRAL => Fault::refused(doing(), format!("this domain controller does not write ({said})"))
            .hint("name a writable domain controller of the account's domain"),
        code::UNWILLING_TO_PERFORM
        | code::STRONGER_AUTH_REQUIRED
        | code::CONFIDENTIALITY_REQUIRED
        | code::INVALID_DN_SYNTAX => Fault::refused(doing(), format!("the domain controller refuses ({said})")),
        // Time limits, "other", "operations error": nobody promises that nothing was written.
        _ => Fault::unclear(doing(), format!("an answer that does not say whether it was done ({said})")),
    })
}

/// What the answer to a change means: as a reset's, but the old password may be wrong, and history and minimum
/// age count.
pub(super) fn change(doing: impl Fn() -> String, result: &LdapResult) -> Result<(), Fault> {
    let said = words(result);
    match win32_error(result) {
        Some(win32::INVALID_PASSWORD) if result.rc != code::SUCCESS => {
            Err(Fault::refused(doing(), format!("the password in use is another one ({said})"))
                .hint("store the password in use in the vault; nothing was changed"))
        }
        Some(win32::PASSWORD_RESTRICTION) if result.rc != code::SUCCESS => {
            Err(Fault::refused(doing(), format!("the domain's password policy does not allow it ({said})"))
                .hint("a change obeys history and minimum age as well: wait until the password is old enough"))
        }
        _ => reset(doing, result),
    }
}

/// What the answer to the probe says about the right to reset.
pub(super) fn probe(doing: impl Fn() -> String, result: &LdapResult) -> Result<ResetRight, Fault> {
    let said = words(result);
    match (win32_error(result), result.rc) {
        (_, code::SUCCESS) => Err(Fault::broken(doing(), "the domain controller took a value that is no password")
            .hint("look at the account's password before anything else: this directory does not behave as AD does")),
        (_, code::INSUFFICIENT_ACCESS_RIGHTS) | (Some(win32::ACCESS_DENIED | win32::DS_INSUFF_ACCESS_RIGHTS), _) => {
            Ok(ResetRight::Missing)
        }
        (Some(win32::DS_UNWILLING_TO_PERFORM | win32::GEN_FAILURE | win32::PASSWORD_RESTRICTION), _) => {
            Ok(ResetRight::Held)
        }
        (_, code::BUSY | code::UNAVAILABLE) => Err(Fault::later(doing(), said)),
        _ => Ok(ResetRight::Unknown(said)),
    }
}

/// What the answer to a request for replication means. Whatever it is, replication comes by itself too.
pub(super) fn replication(doing: impl Fn() -> String, result: &LdapResult) -> Result<(), Fault> {
    let said = words(result);
    match result.rc {
        code::SUCCESS => Ok(()),
        code::INSUFFICIENT_ACCESS_RIGHTS | code::UNWILLING_TO_PERFORM => {
            Err(Fault::later(doing(), format!("not permitted or not offered here ({said})")).hint(
                "wait for the ordinary replication, or give the rotator \"Replication synchronization\" on the domain",
            ))
        }
        code::NO_SUCH_OBJECT | code::INVALID_DN_SYNTAX => Err(Fault::refused(
            doing(),
            format!("the domain controller does not know the object or the source ({said})"),
        )),
        _ => Err(Fault::later(doing(), format!("it was not replicated ({said})"))),
    }
}

/// What a domain controller says to a logon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BindAnswer {
    Accepted,
    /// The password is wrong.
    WrongCredentials,
    /// 775.
    Locked,
    /// Refused for a reason that is not the password: a sentence fragment.
    Barred(String),
    /// The server can't say now.
    Busy(String),
}

/// Reads the answer to a simple bind; the reason stands as `data XXX` in the text of code 49.
pub(super) fn bind(result: &LdapResult) -> BindAnswer {
    let said = words(result);
    match result.rc {
        code::SUCCESS => BindAnswer::Accepted,
        code::BUSY | code::UNAVAILABLE => BindAnswer::Busy(said),
        code::INVALID_CREDENTIALS => match sub_status(&result.text).as_deref() {
            Some("52e") | None => BindAnswer::WrongCredentials,
            Some("525") => BindAnswer::Barred("there is no account of that name (525)".to_owned()),
            Some("775") => BindAnswer::Locked,
            Some("533") => BindAnswer::Barred("the account is disabled (533)".to_owned()),
            Some("701") => BindAnswer::Barred("the account is expired (701)".to_owned()),
            Some("532") => BindAnswer::Barred("the password is expired (532)".to_owned()),
            Some("773") => BindAnswer::Barred("the password must be changed at the next logon (773)".to_owned()),
            Some("530") => BindAnswer::Barred("the account may not log on at this time (530)".to_owned()),
            Some("531") => BindAnswer::Barred("the account may not log on from this machine (531)".to_owned()),
            Some(_) => BindAnswer::Barred(format!("the logon is refused for another reason ({said})")),
        },
        _ => BindAnswer::Barred(format!("the domain controller refuses the logon ({said})")),
    }
}

/// `52e` out of `80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1`.
fn sub_status(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("data ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (!digits.is_empty()).then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Meaning;

    fn result(rc: u32, text: &str) -> LdapResult {
        LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: Vec::new(), ctrls: Vec::new() }
    }

    fn meaning(rc: u32, text: &str) -> Option<Meaning> {
        reset(|| "setting".to_owned(), &result(rc, text)).err().map(|fault| fault.meaning)
    }

    #[test]
    fn the_leading_hex_goes_before_the_code() {
        let windows = "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\0";
        for (rc, text) in [(53, windows), (19, "0000052D: Constraint violation - check_password_restrictions: …")] {
            let fault = reset(|| "setting".to_owned(), &result(rc, text)).expect_err("it is refused");
            assert_eq!(fault.meaning, Meaning::Refused);
            assert!(fault.cause.contains("policy"), "{fault}");
            assert!(!fault.cause.contains('\0') && !fault.cause.contains('\n'), "{fault:?}");
        }
        let denied =
            reset(|| "setting".to_owned(), &result(53, "00000005: SecErr: DSID-031A1256")).expect_err("it is refused");
        assert!(denied.hint.contains("Reset password"), "{denied}");
        assert_eq!(meaning(1, "0000200E: busy"), Some(Meaning::Later));
    }

    #[test]
    fn every_code_has_its_meaning() {
        assert_eq!(meaning(0, ""), None);
        for rc in [8, 10, 13, 19, 32, 34, 50, 53] {
            assert_eq!(meaning(rc, ""), Some(Meaning::Refused), "{rc}");
        }
        for rc in [51, 52] {
            assert_eq!(meaning(rc, ""), Some(Meaning::Later), "{rc}");
        }
        for rc in [1, 3, 80, 4711] {
            assert_eq!(meaning(rc, ""), Some(Meaning::Unclear), "{rc}");
        }
    }

    #[test]
    fn a_refused_replication_comes_later() {
        for rc in [50, 53, 51, 1] {
            let fault = replication(|| "asking".to_owned(), &result(rc, "")).expect_err("it is refused");
            assert_eq!(fault.meaning, Meaning::Later, "{rc}");
        }
        assert!(replication(|| "asking".to_owned(), &result(0, "")).is_ok());
    }

    #[test]
    fn a_logon_is_read_by_its_data_number() {
        let text = |data| {
            format!("80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1")
        };
        assert_eq!(bind(&result(49, &text("52e"))), BindAnswer::WrongCredentials);
        assert_eq!(bind(&result(49, &text("52E"))), BindAnswer::WrongCredentials);
        assert_eq!(bind(&result(49, &text("775"))), BindAnswer::Locked);
        for data in ["533", "701", "773", "532", "530", "531", "525", "57"] {
            match bind(&result(49, &text(data))) {
                BindAnswer::Barred(cause) => assert!(cause.contains(data), "{cause}"),
                other => panic!("{data}: {other:?}"),
            }
        }
        assert_eq!(bind(&result(0, "")), BindAnswer::Accepted);
        assert!(matches!(bind(&result(51, "")), BindAnswer::Busy(_)));
        assert!(matches!(bind(&result(8, "00002028: sign")), BindAnswer::Barred(_)));
    }
}
