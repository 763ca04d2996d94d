//! Reports, made as `report` makes them. Each reads the whole journal, so it is made on a thread and over a connection of its
//! own: the keeper goes on meanwhile. One at a time, from its making until the last of it was sent, as long as one may be.

use std::io::{self, ErrorKind, Write};
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
use crate::page::{Here, Reports, Wanted, file_name, pairs};
use crate::report::{self, At, Form, NoReport, Period, Verified};

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
        let mut bytes = Bounded(Vec::new(), REPORT_MAX);
        match report::make(&*journal, period, Verified::Intact, form, &mut bytes).await {
            Ok(()) => Ok(bytes.0),
            Err(NoReport::Journal(error)) => Err(failed(error)),
            Err(NoReport::Unfit(why)) => Err(why),
            Err(NoReport::Unwritten(_)) => Err(format!(
                "It is longer than {} MiB.\nNext step: take a shorter period, or `report --out FILE` at the command line, which has \
                 no such limit.",
                REPORT_MAX / (1024 * 1024)
            )),
        }
    })
}

/// Bytes, and how many there may be.
struct Bounded(Vec<u8>, usize);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > self.1 {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
            let name = file_name(period, form);
            headers.push((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.{ending}\"")));
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
    fn a_report_has_an_end() {
        let mut bytes = Bounded(Vec::new(), 10);
        bytes.write_all(b"1234567890").expect("so many");
        assert_eq!(bytes.write_all(b"1").expect_err("and no more").kind(), ErrorKind::FileTooLarge);
        assert_eq!(bytes.0, b"1234567890");
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
