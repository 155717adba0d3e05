//! The answer of `/p/PROGRAM/tasks`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use rgops_inspect::session::{Answer as _, TasksOptions, TasksView};

use super::model::Tasks;
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
        let answer = session.tasks(&TasksOptions::default(), &mut |_| {})?;
        let tasks: Tasks = document(answer.json(&TasksView::default()))?;
        let missing = answer.completeness().sentences();
        Ok(frame::program(&of, "tasks", "Tasks", &content(&tasks, &missing)).page())
    });
    Ok(html(StatusCode::OK, page.await?))
}
