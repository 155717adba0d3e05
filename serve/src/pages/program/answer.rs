//! The answers of `/p/PROGRAM/` and its stream.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};

use super::page::content;
use super::rounds::Rounds;
use crate::pages::answers::{html, redirect};
use crate::pages::asking::find;
use crate::pages::frame;
use crate::pages::live::{Key, stream};
use crate::pages::shared::Pages;

/// Leads to the address with a `/` at its end, to which links are relative.
pub(in crate::pages) async fn leads(
    State(pages): State<Arc<Pages>>,
    Path(program): Path<String>,
) -> Response<Body> {
    match find(&pages.fleet, program).await {
        Ok(program) => redirect(&frame::address(&program)),
        Err(problem) => problem.page(),
    }
}

/// The page. Nothing is asked for it: its numbers are those of the stream.
pub(in crate::pages) async fn page(
    State(pages): State<Arc<Pages>>,
    Path(program): Path<String>,
) -> Response<Body> {
    let program = match find(&pages.fleet, program).await {
        Ok(program) => program,
        Err(problem) => return problem.page(),
    };
    let jobs = pages.shelf.of(&program);
    let mut shell = frame::program(&program, "", "Overview", &content(&program, &jobs));
    shell.modules = vec!["/assets/program.js".to_owned()];
    html(StatusCode::OK, shell.page())
}

/// The stream of numbers.
pub(in crate::pages) async fn live(
    State(pages): State<Arc<Pages>>,
    Path(program): Path<String>,
) -> Response<Body> {
    match find(&pages.fleet, program).await {
        Ok(program) => stream(pages.hub.join(Key::Program(program.clone()), || Rounds::new(program))),
        Err(problem) => problem.text(),
    }
}
