//! What a domain controller's answers mean: the table in `answer/table.rs`, asked once for each kind of request.
//!
//! Every answer means something. To a write, one that the table does not name is `Unclear`; nothing is inferred
//! from an answer that nobody has seen.

#[cfg(test)]
mod page;
mod row;
mod table;

use ldap3::LdapResult;

use self::row::{Mark, Request, Row, Verdict};
use self::table::{ROWS, UNKNOWN};
use crate::port::{Fault, ResetRight};

/// `LDAP 53, 0000052D: …`, on one line and bounded: the text comes from outside.
pub(super) fn words(result: &LdapResult) -> String {
    const TEXT_CHARS_MAX: usize = 200;
    let text: String = result.text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect();
    let text = text.trim();
    if text.is_empty() { format!("LDAP {}", result.rc) } else { format!("LDAP {}, {text}", result.rc) }
}

/// The row for an answer to `request`: the one that asks the most of it.
fn find(request: Request, result: &LdapResult) -> &'static Row {
    let fits = |row: &&Row| {
        row.requests.contains(&request)
            && row.code.is_none_or(|code| code == result.rc)
            && match row.mark {
                Mark::AnyText => true,
                // A success stays one, whatever stands beside it.
                Mark::Hex(number) => result.rc != SUCCESS && leading_number(&result.text) == Some(number),
                Mark::Data(number) => data_number(&result.text) == Some(number),
                Mark::Unnumbered => data_number(&result.text).is_none(),
            }
    };
    ROWS.iter().filter(fits).max_by_key(|row| row.rank()).unwrap_or_else(|| unknown(request))
}

/// What an answer means that the table does not name. Never found by its code.
fn unknown(request: Request) -> &'static Row {
    UNKNOWN.iter().find(|row| row.requests.contains(&request)).unwrap_or(&UNKNOWN[0])
}

/// LDAP's result code for a request that was done.
const SUCCESS: u32 = 0;

/// The number that the diagnostic text begins with: eight hex digits and a colon.
fn leading_number(text: &str) -> Option<u32> {
    let number = text.split_once(':')?.0.trim();
    let plain = number.len() == 8 && number.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { u32::from_str_radix(number, 16).ok() } else { None }
}

/// `52e` out of `80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1`.
fn data_number(text: &str) -> Option<u32> {
    let rest = text.split_once("data ")?.1;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    u32::from_str_radix(&rest[..end], 16).ok()
}

impl Row {
    /// The fault that this answer is; `None` when it is none.
    fn fault(&self, doing: impl Fn() -> String, result: &LdapResult) -> Option<Fault> {
        let cause = || format!("{} ({})", self.sentence, words(result));
        let fault = match self.verdict {
            Verdict::Done | Verdict::Held | Verdict::Absent | Verdict::Partial => return None,
            Verdict::Later => Fault::later(doing(), cause()),
            Verdict::Unclear => Fault::unclear(doing(), cause()),
            Verdict::Unheard => Fault::broken(doing(), cause()),
            Verdict::Refused
            | Verdict::Missing
            | Verdict::CantTell
            | Verdict::WrongPassword
            | Verdict::Locked
            | Verdict::Barred => Fault::refused(doing(), cause()),
        };
        Some(fault.hint(self.next_step))
    }
}

/// What the answer to a password reset means.
pub(super) fn reset(doing: impl Fn() -> String, result: &LdapResult) -> Result<(), Fault> {
    find(Request::Reset, result).fault(doing, result).map_or(Ok(()), Err)
}

/// What the answer to a password change (the old value deleted, the new one added) means.
pub(super) fn change(doing: impl Fn() -> String, result: &LdapResult) -> Result<(), Fault> {
    find(Request::Change, result).fault(doing, result).map_or(Ok(()), Err)
}

/// Whether the old password of a change was the one in use, as the answer to a change to the same password
/// tells: it is compared first, and only then the history. `None` = it does not tell.
pub(super) fn in_use(result: &LdapResult) -> Option<bool> {
    /// ERROR_INVALID_PASSWORD and ERROR_PASSWORD_RESTRICTION of MS-ERREF.
    const WRONG_PASSWORD: u32 = 0x56;
    const RESTRICTION: u32 = 0x52d;
    match leading_number(&result.text) {
        _ if result.rc == SUCCESS => Some(true),
        Some(RESTRICTION) => Some(true),
        Some(WRONG_PASSWORD) => Some(false),
        _ => None,
    }
}

/// What the answer to a request for replication means. Whatever it is, replication comes by itself too.
pub(super) fn replication(doing: impl Fn() -> String, result: &LdapResult) -> Result<(), Fault> {
    find(Request::Replicate, result).fault(doing, result).map_or(Ok(()), Err)
}

/// What the answer to the probe (unicodePwd replaced by a value without quotes) says about the right to reset.
pub(super) fn probe(doing: impl Fn() -> String, result: &LdapResult) -> Result<ResetRight, Fault> {
    let row = find(Request::Probe, result);
    match (row.verdict, row.fault(doing, result)) {
        (Verdict::Held, _) => Ok(ResetRight::Held),
        (Verdict::Missing, _) => Ok(ResetRight::Missing),
        (Verdict::Later | Verdict::Unheard, Some(fault)) => Err(fault),
        _ => Ok(ResetRight::Unknown(words(result))),
    }
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// All that there is was sent.
    Whole,
    /// There is more.
    Partial,
    /// There is no such object, or nobody may know of it.
    Absent,
}

/// What the last answer to a search means.
pub(super) fn read(doing: impl Fn() -> String, result: &LdapResult) -> Result<Reading, Fault> {
    let row = find(Request::Read, result);
    match (row.verdict, row.fault(doing, result)) {
        (Verdict::Absent, _) => Ok(Reading::Absent),
        (Verdict::Partial, _) => Ok(Reading::Partial),
        (_, None) => Ok(Reading::Whole),
        (_, Some(fault)) => Err(fault),
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
    /// Refused for a reason that is not the password.
    Barred(Bar),
    /// The server can't say now.
    Busy(Bar),
}

/// Why an account can't log on, whatever its password, or not now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    /// A sentence fragment.
    pub(super) cause: String,
    /// What a person can do about it.
    pub(super) next_step: &'static str,
}

impl From<Bar> for String {
    fn from(bar: Bar) -> Self {
        bar.cause
    }
}

/// Reads the answer to a simple bind.
pub(super) fn bind(result: &LdapResult) -> BindAnswer {
    let row = find(Request::Bind, result);
    let bar = || Bar {
        cause: match row.mark {
            Mark::Data(number) => format!("{} ({number:x})", row.sentence),
            Mark::Hex(_) | Mark::Unnumbered | Mark::AnyText => format!("{} ({})", row.sentence, words(result)),
        },
        next_step: row.next_step,
    };
    match row.verdict {
        Verdict::Done => BindAnswer::Accepted,
        Verdict::WrongPassword => BindAnswer::WrongCredentials,
        Verdict::Locked => BindAnswer::Locked,
        Verdict::Later => BindAnswer::Busy(bar()),
        _ => BindAnswer::Barred(bar()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Meaning;

    fn result(rc: u32, text: &str) -> LdapResult {
        LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: Vec::new(), ctrls: Vec::new() }
    }

    type Ask = fn(fn() -> String, &LdapResult) -> Result<(), Fault>;

    fn meaning(ask: Ask, rc: u32, text: &str) -> Option<Meaning> {
        ask(|| "setting".to_owned(), &result(rc, text)).err().map(|fault| fault.meaning)
    }

    #[test]
    fn each_row_is_found_by_its_own_sample() {
        for row in ROWS {
            let (code, text) = row.sample;
            assert!(row.code.is_none_or(|wanted| wanted == code), "{row:?}");
            for &request in row.requests {
                let found = find(request, &result(code, text));
                assert!(std::ptr::eq(found, row), "{request:?}: {row:?} is hidden by {found:?}");
            }
        }
    }

    #[test]
    fn rows_do_not_overlap() {
        for (at, row) in ROWS.iter().enumerate() {
            for other in &ROWS[at + 1..] {
                let shared = row.requests.iter().any(|request| other.requests.contains(request));
                assert!(!(shared && row.mark == other.mark && row.code == other.code), "{row:?} and {other:?}");
            }
        }
    }

    #[test]
    fn each_row_says_something_and_where_it_was_seen() {
        for row in ROWS.iter().chain(UNKNOWN) {
            assert!(!row.sentence.is_empty() && !row.requests.is_empty(), "{row:?}");
            assert!(!row.sentence.ends_with('.') && !row.next_step.ends_with('.'), "fragments: {row:?}");
            let quiet = matches!(
                row.verdict,
                Verdict::Done | Verdict::Held | Verdict::Absent | Verdict::Partial | Verdict::CantTell
            );
            assert!(quiet || !row.next_step.is_empty(), "a no without a next step: {row:?}");
        }
        for row in ROWS {
            assert!(!row.seen.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn every_request_has_a_meaning_for_whatever_comes() {
        let texts = ["", ":", "0000052D", "zzzzzzzz: x", "+000052D: x", "FFFFFFFF: ?", "data ", "data fffffffffff, v1"];
        for rc in (0..130).chain([4711, u32::MAX]) {
            for text in texts {
                let answer = result(rc, text);
                let done = rc == 0;
                assert_eq!(reset(String::new, &answer).is_ok(), done, "{rc} {text}");
                assert_eq!(change(String::new, &answer).is_ok(), done, "{rc} {text}");
                assert_eq!(bind(&answer) == BindAnswer::Accepted, done, "{rc} {text}");
                assert_ne!(probe(String::new, &answer), Ok(ResetRight::Held), "{rc} {text}");
                let _ = (replication(String::new, &answer), read(String::new, &answer));
            }
        }
        for rc in [1, 2, 3, 4, 5, 6, 11, 12, 14, 16, 17, 18, 20, 21, 33, 36, 48, 54, 64, 65, 66, 80, 4711] {
            assert_eq!(meaning(reset, rc, ""), Some(Meaning::Unclear), "{rc}");
            assert_eq!(meaning(change, rc, ""), Some(Meaning::Unclear), "{rc}");
        }
        for rc in [1, 3, 80, 4711] {
            assert_eq!(read(String::new, &result(rc, "")).expect_err("no data").meaning, Meaning::Later, "{rc}");
        }
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
        assert_eq!(meaning(reset, 1, "0000200E: busy"), Some(Meaning::Later));
        assert_eq!(meaning(reset, 0, "0000052D: a success all the same"), None);
        let old = change(|| "changing".to_owned(), &result(19, "00000056: whatever")).expect_err("it is refused");
        assert!(old.meaning == Meaning::Refused && old.cause.contains("password in use is another one"), "{old}");
    }

    #[test]
    fn every_code_has_its_meaning() {
        assert_eq!(meaning(reset, 0, ""), None);
        for ask in [reset, change] {
            for rc in [8, 10, 13, 19, 32, 34, 50, 53] {
                assert_eq!(meaning(ask, rc, ""), Some(Meaning::Refused), "{rc}");
            }
            for rc in [51, 52] {
                assert_eq!(meaning(ask, rc, ""), Some(Meaning::Later), "{rc}");
            }
        }
    }

    #[test]
    fn the_probe_tells_the_right_from_its_absence_and_nothing_else() {
        let probe = |rc, text| probe(|| "asking".to_owned(), &result(rc, text));
        assert_eq!(probe(53, "00002035: setup_io: …"), Ok(ResetRight::Held));
        assert_eq!(probe(50, "00002035: …"), Ok(ResetRight::Missing), "code 50 is an answer of its own");
        assert_eq!(probe(50, ""), Ok(ResetRight::Missing));
        for (rc, text) in [(53, ""), (53, "0000202B: x"), (1, "00002035: x"), (80, "")] {
            let answer = probe(rc, text);
            assert!(matches!(&answer, Ok(ResetRight::Unknown(why)) if why.contains("LDAP")), "{rc} {text}: {answer:?}");
        }
        assert_eq!(probe(51, "").expect_err("it is busy").meaning, Meaning::Later);
        assert_eq!(probe(0, "").expect_err("nobody may take it").meaning, Meaning::Broken);
    }

    #[test]
    fn a_refused_replication_comes_later() {
        for rc in [50, 53, 51, 1, 10] {
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
        for data in ["533", "701", "773", "532", "530", "531", "525", "52f", "568", "569"] {
            match bind(&result(49, &text(data))) {
                BindAnswer::Barred(bar) => {
                    assert!(bar.cause.contains(data) && !bar.next_step.is_empty(), "{bar:?}");
                }
                other => panic!("{data}: {other:?}"),
            }
        }
        // A number that nobody has named is not a wrong password: nobody may be told to store another one.
        match bind(&result(49, &text("57"))) {
            BindAnswer::Barred(bar) => assert!(bar.cause.contains("data 57"), "{bar:?}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(bind(&result(0, "")), BindAnswer::Accepted);
        assert!(matches!(bind(&result(51, "")), BindAnswer::Busy(_)));
        assert!(matches!(bind(&result(8, "00002028: sign")), BindAnswer::Barred(_)));
    }
}
