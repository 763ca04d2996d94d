//! Reports, made as `report` makes them. Each reads the whole journal, so it is made on a thread and over a connection of its
//! own: the keeper goes on meanwhile. One at a time.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::desk::Desk;
use super::door::Visit;
use super::pages::{frame, html, message};
use crate::history::Given;
use crate::journal::Place;
use crate::order::{journal_failed, verify};
use crate::page::{Form, Here, Reports, Wanted, pairs};
use crate::report::{At, Period, Verified, csv, html as report_page, json, load, pdf, plain, put_lines, put_ocsf};

/// The longest report of lines that is kept until it is whole, in bytes.
const LINES_MAX: usize = 64 * 1024 * 1024;

pub(super) async fn choose(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    RawQuery(query): RawQuery,
) -> Response {
    let wanted = Wanted::of(&pairs(query.unwrap_or_default().as_bytes()));
    show(&desk, &visit, wanted, None).await
}

async fn show(desk: &Desk, visit: &Visit, wanted: Wanted, fault: Option<String>) -> Response {
    let status = if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    match frame(desk, visit, Here::Reports).await {
        Ok(frame) => (status, html(&Reports { frame, wanted, fault })).into_response(),
        Err(failed) => failed,
    }
}

pub(super) async fn made(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    RawQuery(query): RawQuery,
) -> Response {
    let wanted = Wanted::of(&pairs(query.unwrap_or_default().as_bytes()));
    let (period, form) = match wanted.read(At(desk.clock.now())) {
        Ok(read) => read,
        Err(fault) => return show(&desk, &visit, wanted, Some(fault)).await,
    };
    let Ok(turn) = Arc::clone(&desk.reports).try_acquire_owned() else {
        let text = "Another report is being made. Try again when it is ready.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return message(&desk, &visit, status, "One report at a time", text, ("/reports", "Reports")).await;
    };
    let place = desk.place.clone();
    let made = tokio::task::spawn_blocking(move || {
        // Held until it is made, also when whoever asked has gone.
        let _turn = turn;
        make(&place, period, form)
    });
    match made.await {
        Ok(Ok(bytes)) => answer(bytes, period, form),
        Ok(Err(told)) => {
            let status = StatusCode::CONFLICT;
            message(&desk, &visit, status, "No report", told, ("/reports", "Reports")).await
        }
        Err(cause) => {
            tracing::error!(%cause, "a report ended by a defect");
            (StatusCode::INTERNAL_SERVER_ERROR, "the report ended by a defect; the log says more\n").into_response()
        }
    }
}

/// `Err` = why there is none.
fn make(place: &Place, period: Period, form: Form) -> Result<Vec<u8>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| format!("no thread for it: {cause}"))?;
    runtime.block_on(async {
        let failed = |error| journal_failed(&error).0;
        let journal = place.open_as_it_is().await.map_err(failed)?;
        if let Some(finding) = verify(&*journal, &Given::default(), &[]).await.map_err(failed)?.finding {
            return Err(format!(
                "The journal was changed: {finding}.\nNext step: `history verify` tells how much of it is intact; find out who \
                 wrote to it. `report --unverified` writes the report all the same, which it then says."
            ));
        }
        let told = |cause: &dyn std::fmt::Display| cause.to_string();
        let mut lines = Vec::new();
        let put = |line: &str| put_line(&mut lines, line, LINES_MAX);
        let report = match form {
            Form::Jsonl => put_lines(&*journal, period, &Verified::Intact, put).await,
            Form::Ocsf => put_ocsf(&*journal, period, &Verified::Intact, put).await,
            Form::Html | Form::Json | Form::Csv(_) | Form::Text | Form::Pdf => {
                let report = load(&*journal, period, Verified::Intact).await.map_err(failed)?;
                return match form {
                    Form::Json => json(&report).map(String::into_bytes).map_err(|cause| told(&cause)),
                    Form::Csv(table) => csv(&report, table).map_err(|cause| told(&cause)),
                    Form::Text => Ok(plain(&report).into_bytes()),
                    Form::Pdf => pdf(&report).map_err(|cause| told(&cause)),
                    _ => report_page(&report).map(String::into_bytes).map_err(|cause| told(&cause)),
                };
            }
        };
        report.map_err(failed)?.map(|()| lines)
    })
}

fn put_line(lines: &mut Vec<u8>, line: &str, max: usize) -> Result<(), String> {
    if lines.len() + line.len() >= max {
        return Err(format!(
            "It is longer than {} MiB.\nNext step: take a shorter period, or `report --out FILE` at the command line, which has no \
             such limit.",
            max / (1024 * 1024)
        ));
    }
    lines.extend_from_slice(line.as_bytes());
    lines.push(b'\n');
    Ok(())
}

fn answer(bytes: Vec<u8>, period: Period, form: Form) -> Response {
    let kind = match form {
        Form::Html => "text/html; charset=utf-8",
        Form::Json => "application/json",
        Form::Csv(_) => "text/csv; charset=utf-8; header=present",
        Form::Text => "text/plain; charset=utf-8",
        Form::Pdf => "application/pdf",
        Form::Jsonl | Form::Ocsf => "application/x-ndjson",
    };
    let mut headers: Vec<(HeaderName, String)> = vec![(header::CONTENT_TYPE, kind.to_owned())];
    match form {
        Form::Html => headers.push((header::CONTENT_SECURITY_POLICY, policy(&bytes))),
        Form::Text => {}
        Form::Json | Form::Csv(_) | Form::Pdf | Form::Jsonl | Form::Ocsf => {
            let ending = match form {
                Form::Csv(_) => "csv",
                Form::Pdf => "pdf",
                Form::Jsonl | Form::Ocsf => "jsonl",
                Form::Html | Form::Json | Form::Text => "json",
            };
            let day = |at: At| at.stamp().replace(':', "");
            let name = format!("{}-{}-{}.{ending}", form.word(), day(period.from), day(period.to));
            headers.push((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
        }
    }
    (axum::response::AppendHeaders(headers), bytes).into_response()
}

/// The report carries its style in itself, so that it can be kept as one file: that style, known by its hash, and no other.
fn policy(page: &[u8]) -> String {
    let text = String::from_utf8_lossy(page);
    let style = text.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).map(|(style, _)| style);
    let hash = BASE64_STANDARD.encode(Sha256::digest(style.unwrap_or_default().as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_and_have_an_end() {
        let mut lines = Vec::new();
        assert_eq!(put_line(&mut lines, "1234", 10), Ok(()));
        assert_eq!(put_line(&mut lines, "1234", 10), Ok(()));
        assert!(put_line(&mut lines, "", 10).is_err_and(|told| told.contains("report --out FILE")));
        assert_eq!(lines, b"1234\n1234\n");
    }
}
