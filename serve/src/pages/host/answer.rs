//! The answers of `/` and `/live`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use maud::{Markup, PreEscaped, html};
use rgops_inspect::processes;

use super::rounds::{MOST, Rounds};
use super::table;
use crate::pages::answers::html as answer;
use crate::pages::asking::blocking;
use crate::pages::frame;
use crate::pages::live::{Key, stream};
use crate::pages::shared::Pages;

/// Pages that are opened within this time show the same: programs are asked at most once a second.
const FRESH: Duration = Duration::from_secs(1);

/// The page. It is complete without scripts: then it is loaded again every few seconds.
pub(in crate::pages) async fn page(State(pages): State<Arc<Pages>>) -> Response<Body> {
    let mut first = pages.first.lock().await;
    let body = match &*first {
        Some((made, body)) if made.elapsed() < FRESH => Arc::clone(body),
        _ => {
            let body: Arc<str> = content(&pages).await.0.into();
            *first = Some((Instant::now(), Arc::clone(&body)));
            body
        }
    };
    drop(first);
    let mut shell = frame::plain("Programs", &PreEscaped(body.to_string()));
    shell.modules = vec!["/assets/host.js".to_owned()];
    shell.refresh = Some(5);
    answer(StatusCode::OK, shell.page())
}

async fn content(pages: &Pages) -> Markup {
    let rows = Rounds::new(pages.fleet.clone()).rows().await;
    let listing = blocking(processes::list).await;
    html! {
        (table::programs(&rows))
        @if rows.len() >= MOST { p.summary { "Only the first " (MOST) " are shown." } }
        @match &listing {
            Ok(Ok(listing)) => (table::others(listing)),
            Ok(Err(error)) => p.summary { "Processes without an agent: unavailable (" (error) ")" },
            Err(_) => p.summary { "Processes without an agent: unavailable (they cannot be listed)" },
        }
    }
}

/// The stream of rows.
pub(in crate::pages) async fn live(State(pages): State<Arc<Pages>>) -> Response<Body> {
    stream(pages.hub.join(Key::Host, || Rounds::new(pages.fleet.clone())))
}
