//! Reports, made as `report` makes them. Each reads the whole journal, so it is made on a thread and over a connection of its
//! own: the keeper goes on meanwhile. One at a time, from its making until the last of it was sent, as long as one may be.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::desk::Desk;
use super::door::Visit;
use super::pages::{frame, html, message};
use crate::history::Given;
use crate::journal::Place;
use crate::order::{journal_failed, verify};
use crate::page::{Form, Here, Reports, Wanted, pairs};
use crate::report::{At, Period, Verified, csv, html as report_page, json, load, pdf, plain, put_lines, put_ocsf};

/// The longest report that is kept until it was sent, in bytes.
const REPORT_MAX: usize = 64 * 1024 * 1024;

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
    // The turn is held until it is made, also when whoever asked has gone, and then until it was sent.
    let made = beside(move || make(&place, period, form).map(|bytes| Made { bytes, _turn: turn }));
    match made.await {
        Ok(Ok(made)) => answer(made, period, form),
        Ok(Err(told)) => {
            let status = StatusCode::CONFLICT;
            message(&desk, &visit, status, "No report", told, ("/reports", "Reports")).await
        }
        Err(cause) => {
            tracing::error!(%cause, "a report came to nothing, by a defect or for want of a thread");
            (StatusCode::INTERNAL_SERVER_ERROR, "the report came to nothing; the log says more\n").into_response()
        }
    }
}

/// Does it on a thread of its own. Not on one of the runtime's: at the end of the service those are waited for, however long
/// it takes. Nothing is told when it ends without a result, or can't begin.
fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    let spawned = std::thread::Builder::new().name("report".to_owned()).spawn(move || {
        // Whoever asked may have gone.
        let _ = sender.send(work());
    });
    if let Err(cause) = spawned {
        tracing::error!(%cause, "no thread for a report");
    }
    receiver
}

/// A report, which keeps others from being made as long as anything of it waits to be sent.
struct Made {
    bytes: Vec<u8>,
    _turn: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Made {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
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
        let put = |line: &str| put_line(&mut lines, line, REPORT_MAX);
        let report = match form {
            Form::Jsonl => put_lines(&*journal, period, &Verified::Intact, put).await,
            Form::Ocsf => put_ocsf(&*journal, period, &Verified::Intact, put).await,
            Form::Html | Form::Json | Form::Csv(_) | Form::Text | Form::Pdf => {
                let report = load(&*journal, period, Verified::Intact).await.map_err(failed)?;
                let made = match form {
                    Form::Json => json(&report).map(String::into_bytes).map_err(|cause| told(&cause)),
                    Form::Csv(table) => csv(&report, table).map_err(|cause| told(&cause)),
                    Form::Text => Ok(plain(&report).into_bytes()),
                    Form::Pdf => pdf(&report).map_err(|cause| told(&cause)),
                    _ => report_page(&report).map(String::into_bytes).map_err(|cause| told(&cause)),
                };
                return made.and_then(|made| within(made, REPORT_MAX));
            }
        };
        report.map_err(failed)?.map(|()| lines)
    })
}

fn too_long(max: usize) -> String {
    format!(
        "It is longer than {} MiB.\nNext step: take a shorter period, or `report --out FILE` at the command line, which has no \
         such limit.",
        max / (1024 * 1024)
    )
}

fn within(made: Vec<u8>, max: usize) -> Result<Vec<u8>, String> {
    if made.len() > max { Err(too_long(max)) } else { Ok(made) }
}

fn put_line(lines: &mut Vec<u8>, line: &str, max: usize) -> Result<(), String> {
    if lines.len() + line.len() >= max {
        return Err(too_long(max));
    }
    lines.extend_from_slice(line.as_bytes());
    lines.push(b'\n');
    Ok(())
}

fn answer(made: Made, period: Period, form: Form) -> Response {
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
        Form::Html => headers.push((header::CONTENT_SECURITY_POLICY, policy(&made.bytes))),
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
    (axum::response::AppendHeaders(headers), Body::from(Bytes::from_owner(made))).into_response()
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
        assert_eq!(within(lines.clone(), 10).as_ref(), Ok(&lines));
        assert!(within(lines, 9).is_err_and(|told| told.contains("report --out FILE")));
    }

    #[test]
    fn the_end_of_the_service_waits_for_no_report() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (begun, begins) = std::sync::mpsc::channel();
        let (ends, ended) = std::sync::mpsc::channel::<()>();
        runtime.block_on(async {
            drop(beside(move || {
                begun.send(()).expect("somebody waits");
                // Until the test is over, however it ends.
                ended.recv_timeout(std::time::Duration::from_secs(20))
            }));
        });
        begins.recv().expect("it begins");
        let (dropped, drops) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            drop(runtime);
            dropped.send(())
        });
        let gone = drops.recv_timeout(std::time::Duration::from_secs(5));
        drop(ends);
        assert_eq!(gone, Ok(()));
    }
}
