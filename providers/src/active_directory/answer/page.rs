//! The table as a page for people: `docs/active-directory-answers.md`.

use std::fmt::Write;

use super::table::{Mark, ROWS, Request, Row, UNKNOWN, Verdict};

const HEAD: &str = "\
# What a domain controller's answers mean

How this program reads the answers of Active Directory, Windows' and Samba's. A message names the LDAP code and the
server's own words, for example `LDAP 53, 0000052D: SvcErr: …`; look here for what that means and what to do next.

- **Answer** is an LDAP code, or the number that the server's text begins with, or, for a refused logon, the number
  behind `data`. The number goes before the code: Windows and Samba give one reason under different codes.
- **Means**: *refused* and *barred* = a definite no, nothing was changed; *later* = nothing was changed, worth
  another try; *unclear* = it may have happened, so the account is looked at before anything else is done.
- **Seen**: where such an answer was seen. *Samba* is the server that this program's tests run against, version 4.17.
  [MS-ERREF] and [MS-ADTS] are Microsoft's Open Specifications; a place that names nothing but [MS-ERREF] knows the
  number, and takes the form from Windows' other answers.

This page is written by the program's own test from the table that the program reads
(`providers/src/active_directory/answer/table.rs`).
";

fn title(request: Request) -> &'static str {
    match request {
        Request::Bind => "Logons",
        Request::Reset => "Password resets",
        Request::Change => "Password changes",
        Request::Probe => "The look at the right to reset (a value that no server accepts)",
        Request::Replicate => "Replication of one object on order",
        Request::Read => "Searches",
    }
}

fn means(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::Refused => "refused",
        Verdict::Later => "later",
        Verdict::Unclear => "unclear",
        Verdict::WrongPassword => "wrong password",
        Verdict::Locked => "locked",
        Verdict::Barred => "barred",
        Verdict::Held => "held",
        Verdict::Missing => "missing",
        Verdict::CantTell => "can't tell",
        Verdict::Unheard => "broken",
        Verdict::Absent => "absent",
        Verdict::Partial => "more",
    }
}

fn answer(row: &Row) -> String {
    match (row.code, row.mark) {
        (_, Mark::Data(number)) => format!("`data {number:x}`"),
        (None, Mark::Hex(number)) => format!("`{number:08X}`"),
        (Some(code), Mark::Hex(number)) => format!("{code} with `{number:08X}`"),
        (Some(code), Mark::Unnumbered) => format!("{code} without `data`"),
        (Some(code), Mark::AnyText) => format!("{code}"),
        (None, Mark::Unnumbered | Mark::AnyText) => "anything".to_owned(),
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for request in [Request::Bind, Request::Reset, Request::Change, Request::Probe, Request::Replicate, Request::Read] {
        write!(page, "\n## {}\n\n", title(request)).expect("a string takes everything");
        page.push_str("| answer | means | cause | next step | seen | for example |\n|---|---|---|---|---|---|\n");
        let about = |row: &&Row| row.requests.contains(&request);
        let mut rows: Vec<&Row> = ROWS.iter().filter(about).collect();
        // As they are tried; the numbers first.
        rows.sort_by_key(|row| std::cmp::Reverse(row.rank()));
        for row in rows {
            let (code, text) = row.sample;
            let sample = if text.is_empty() { format!("{code}") } else { format!("{code} `{text}`") };
            let cells = [&answer(row), means(row.verdict), row.sentence, row.next_step, row.seen, &sample];
            writeln!(page, "| {} |", cells.join(" | ")).expect("a string takes everything");
        }
        let other = UNKNOWN.iter().find(|row| row.requests.contains(&request)).expect("each has one");
        writeln!(page, "| anything else | {} | {} | {} | | |", means(other.verdict), other.sentence, other.next_step)
            .expect("a string takes everything");
    }
    page
}

#[test]
fn the_page_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/active-directory-answers.md");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    let page = page();
    if stored != page {
        println!("{page}");
        panic!("docs/active-directory-answers.md is not the table any more; the text above is");
    }
}
