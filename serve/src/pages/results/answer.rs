//! The answers below `/p/PROGRAM/results/ID/`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{Response, StatusCode};

use super::page as pages_of;
use super::take::{field, form};
use crate::pages::answers::{Problem, download, html, redirect};
use crate::pages::frame;
use crate::pages::jobs::{Job, Outcome};
use crate::pages::live::events;
use crate::pages::shared::Pages;

type Of = Path<(String, String)>;

fn job(pages: &Pages, of: &(String, String)) -> Result<Arc<Job>, Problem> {
    pages.shelf.find(&of.0, &of.1).ok_or_else(|| {
        let why = "There is no such result. Results are kept for an hour, and the last few only.";
        let problem = Problem::new(StatusCode::NOT_FOUND, "No such result", why, "take it again");
        let is_pid = of.0.bytes().all(|byte| byte.is_ascii_digit());
        if is_pid { problem.with_link(&format!("/p/{}/", of.0), "To the program") } else { problem }
    })
}

/// Leads to the address with a `/` at its end, to which links are relative.
pub(in crate::pages) async fn leads(State(pages): State<Arc<Pages>>, Path(of): Of) -> Response<Body> {
    match job(&pages, &of) {
        Ok(job) => redirect(&job.address()),
        Err(problem) => problem.page(),
    }
}

/// How far it is, or what came out. A profile leads to the analyser.
pub(in crate::pages) async fn page(State(pages): State<Arc<Pages>>, Path(of): Of) -> Response<Body> {
    let job = match job(&pages, &of) {
        Ok(job) => job,
        Err(problem) => return problem.page(),
    };
    let title = job.kind.title();
    let shell = match job.outcome() {
        Some(Outcome::Profile { .. }) => return redirect(&format!("{}ui/flamegraph", job.address())),
        Some(outcome) => frame::program(&job.program, "results", title, &pages_of::ended(&job, outcome)),
        None => {
            let mut shell = frame::program(&job.program, "results", title, &pages_of::running(&job));
            shell.modules = vec!["/assets/progress.js".to_owned()];
            shell.refresh = Some(2);
            shell
        }
    };
    html(StatusCode::OK, shell.page())
}

/// The stream of its progress.
pub(in crate::pages) async fn live(State(pages): State<Arc<Pages>>, Path(of): Of) -> Response<Body> {
    match job(&pages, &of) {
        Ok(job) => events(job.steps(), pages.hub.seat()),
        Err(problem) => problem.text(),
    }
}

/// Ends it early.
pub(in crate::pages) async fn end(
    State(pages): State<Arc<Pages>>,
    Path(of): Of,
    request: Request,
) -> Response<Body> {
    let ended = async {
        let form = form(request.into_body()).await?;
        let job = job(&pages, &of)?;
        job.end(field(&form, "how") == Some("cancel"));
        Ok::<_, Problem>(job)
    };
    match ended.await {
        Ok(job) => redirect(&job.address()),
        Err(problem) => problem.page(),
    }
}

/// The file of a profile or a trace.
pub(in crate::pages) async fn file(State(pages): State<Arc<Pages>>, Path(of): Of) -> Response<Body> {
    let job = match job(&pages, &of) {
        Ok(job) => job,
        Err(problem) => return problem.page(),
    };
    let (end, bytes) = match job.outcome() {
        Some(Outcome::Profile { file, .. }) => ("pb.gz", file),
        Some(Outcome::Trace { file, .. }) => ("pftrace", file),
        _ => return Problem::new(StatusCode::NOT_FOUND, "No file", "It has no file, or not yet.", "").page(),
    };
    let name = format!("{}-{}-{}.{end}", job.kind.name(), job.program.pid, job.id);
    download(&name, "application/octet-stream", Bytes::clone(bytes))
}

/// The analyser of a profile.
pub(in crate::pages) async fn analyser(
    State(pages): State<Arc<Pages>>,
    Path(of): Path<Vec<(String, String)>>,
    request: Request,
) -> Response<Body> {
    let part =
        |name: &str| of.iter().find(|(of, _)| of == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let job = match job(&pages, &(part("program"), part("id"))) {
        Ok(job) => job,
        Err(problem) => return problem.page(),
    };
    let Some(Outcome::Profile { pages, .. }) = job.outcome() else { return redirect(&job.address()) };
    // As the client wrote it: the analyser decodes it itself.
    let path = request.uri().path();
    let rest = path.match_indices('/').nth(5).and_then(|(at, _)| path.get(at..)).unwrap_or("/").to_owned();
    pages.answer(&rest, request).await
}
