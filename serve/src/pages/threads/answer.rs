//! The answer of `/p/PROGRAM/threads`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use rgops_inspect::session::{Answer as _, StackOptions, StackView};

use super::model::Stacks;
use super::page::content;
use crate::fleet::Program;
use crate::pages::answers::{Problem, html};
use crate::pages::asking::{ask, document, find};
use crate::pages::frame;
use crate::pages::shared::Pages;

/// The page: a look at this moment. Loading it again looks again.
pub(in crate::pages) async fn page(
    State(pages): State<Arc<Pages>>,
    Path(program): Path<String>,
) -> Response<Body> {
    made(&pages, program).await.unwrap_or_else(|problem| problem.page())
}

async fn made(pages: &Pages, program: String) -> Result<Response<Body>, Problem> {
    let program: Program = find(&pages.fleet, program).await?;
    let of = program.clone();
    let page = ask(&pages.looks, &program, move |session| {
        let stack = session.stack(&StackOptions::default())?;
        let stacks: Stacks = document(stack.json(&StackView::default()))?;
        let missing = stack.completeness().sentences();
        Ok(frame::program(&of, "threads", "Threads", &content(&stacks, &missing)).page())
    });
    Ok(html(StatusCode::OK, page.await?))
}
