//! Which answer an address has.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};

use super::guard::guard;
use super::headers::{body, html, redirect};
use super::state::{Gate, State as Shared};
use super::work::{Made, Part};
use crate::assets::Asset;
use crate::configs::{Config, MOST_CONFIGS};
use crate::downloads::Download;
use crate::layout::{self, Around};
use crate::page::{Page, PageError};
use crate::pages::Maker;
use crate::query::{Query, decode};
use crate::views::{VIEWS, View};

/// The most bytes of a form, and the time for it to arrive.
const FORM_BYTES: usize = 16 << 10;
const FORM_TIMEOUT: Duration = Duration::from_secs(10);

/// The last part of an address. Those before it are of whoever mounts the pages.
#[derive(serde::Deserialize)]
struct Last {
    last: String,
}

/// All addresses of a server with a secret.
pub(super) fn guarded(shared: Arc<Shared>, gate: Arc<Gate>) -> Router {
    below("/{secret}/ui")
        .route("/{secret}", get(first))
        .route("/{secret}/", get(first))
        .route("/{secret}/ui", get(first))
        .fallback(nothing)
        .layer(axum::middleware::from_fn_with_state(gate, guard))
        .with_state(shared)
}

/// All addresses of a profile, relative to where they are mounted.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    below("").fallback(nothing).with_state(shared)
}

fn below(base: &str) -> Router<Arc<Shared>> {
    Router::new()
        .route(&format!("{base}/"), get(first))
        .route(&format!("{base}/{{last}}"), get(view))
        .route(&format!("{base}/assets/{{last}}"), get(asset))
        .route(&format!("{base}/download/{{last}}"), get(download))
        .route(&format!("{base}/configs/{{last}}"), post(configs))
}

/// Leads to the first view.
async fn first(State(shared): State<Arc<Shared>>, RawQuery(raw): RawQuery) -> Response {
    let route = VIEWS.first().map_or("", |view| view.route);
    let raw = raw.map_or_else(String::new, |raw| format!("?{raw}"));
    redirect(&format!("{}/{route}{raw}", shared.base))
}

async fn nothing() -> Response {
    html(StatusCode::NOT_FOUND, layout::refusal("There is no such page."))
}

async fn asset(Path(Last { last: name }): Path<Last>) -> Response {
    match Asset::find(&name) {
        Some(asset) => body(StatusCode::OK, asset.kind, asset.text.into()),
        None => nothing().await,
    }
}

/// A view's page, or its data if `.json` is behind its route.
async fn view(
    State(shared): State<Arc<Shared>>,
    Path(Last { last: file }): Path<Last>,
    RawQuery(raw): RawQuery,
) -> Response {
    let (route, part) = match file.strip_suffix(".json") {
        Some(route) => (route, Part::Data),
        None => (&*file, Part::Page),
    };
    let (Some(view), Some(maker)) = (View::at(route), Maker::at(route)) else { return nothing().await };
    let base = &shared.analyser.settings;
    let raw = raw.unwrap_or_default();
    let (query, made) = match Query::parse(base, view, &raw) {
        Err(error) => (Query::own_of(base, view, &raw), Err(error.into())),
        Ok(query) => {
            let href = query.href(view);
            let made = shared.work.make(&shared.analyser, maker, part, query.clone(), href).await;
            (query, made)
        }
    };
    match made.as_deref() {
        Ok(Made::Data(data)) => {
            return body(StatusCode::OK, "application/json", Body::from(Bytes::clone(data)));
        }
        Ok(Made::File(_)) => return nothing().await,
        Err(error) if part == Part::Data => {
            return body(status(error), "text/plain; charset=utf-8", Body::from(error.to_string()));
        }
        Ok(Made::Page(_)) | Err(_) => {}
    }
    // Configs are in a file, and a page may be large: neither is for the threads that answer requests.
    let written = tokio::task::spawn_blocking(move || {
        let Shared { analyser, token, .. } = &*shared;
        let configs = analyser.configs.load();
        let around = Around { analyser, token: token.text(), view, query: &query, configs };
        match made.as_deref() {
            Ok(Made::Page(page)) => Some((StatusCode::OK, layout::page(&around, page))),
            Err(error) => Some((status(error), layout::page(&around, &problem(&around, error)))),
            Ok(_) => None,
        }
    });
    match written.await {
        Ok(Some((status, page))) => html(status, page),
        Ok(None) => nothing().await,
        Err(_) => html(StatusCode::INTERNAL_SERVER_ERROR, layout::refusal("The page cannot be written.")),
    }
}

/// A file. It is of the first view, whose parameters do not change it.
async fn download(
    State(shared): State<Arc<Shared>>,
    Path(Last { last: name }): Path<Last>,
    RawQuery(raw): RawQuery,
) -> Response {
    let (Some(view), Some(file)) = (VIEWS.first(), Download::find(&name)) else { return nothing().await };
    let Some(maker) = Maker::at(view.route) else { return nothing().await };
    let made = match Query::parse(&shared.analyser.settings, view, &raw.unwrap_or_default()) {
        Err(error) => Err(error.into()),
        Ok(query) => {
            let query = query.only_options();
            let href = query.href(view);
            shared.work.make(&shared.analyser, maker, Part::File(file), query, href).await
        }
    };
    let mut response = match made.as_deref() {
        Ok(Made::File(file)) => {
            body(StatusCode::OK, "application/octet-stream", Body::from(Bytes::clone(file)))
        }
        Ok(_) => return nothing().await,
        Err(error) => return html(status(error), layout::refusal(&error.to_string())),
    };
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

fn status(error: &PageError) -> StatusCode {
    match error {
        PageError::Request(_) => StatusCode::BAD_REQUEST,
        PageError::NotFound(_) => StatusCode::NOT_FOUND,
        PageError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        PageError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn problem(around: &Around<'_>, error: &PageError) -> Page {
    let title = match error {
        PageError::Request(_) | PageError::NotFound(_) => "This view cannot be shown",
        PageError::Stopped => "This view was not finished",
        PageError::Internal(_) => "Something is wrong in rgops",
    };
    Page { title: title.to_owned(), ..Page::of(layout::problem(around, title, &error.to_string())) }
}

/// Saves or deletes a config, and leads back to where the form was.
async fn configs(
    State(shared): State<Arc<Shared>>,
    Path(Last { last: action }): Path<Last>,
    request: Request,
) -> Response {
    let form = tokio::time::timeout(FORM_TIMEOUT, to_bytes(request.into_body(), FORM_BYTES)).await;
    let Ok(Ok(form)) = form else {
        return html(
            StatusCode::BAD_REQUEST,
            layout::refusal("The form is too large, or did not arrive in time."),
        );
    };
    let form = String::from_utf8_lossy(&form);
    let field = |name: &str| {
        let value = form.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
        value.and_then(|(_, value)| decode(value).ok()).unwrap_or_default()
    };
    if !shared.token.is(&field("token")) {
        let why = "The form is not from a page of this server. Open the page again.";
        return html(StatusCode::FORBIDDEN, layout::refusal(why));
    }
    let Some(view) = View::at(&field("view")) else { return nothing().await };
    let raw = field("query");
    let name = field("name").trim().to_owned();
    let analyser = Arc::clone(&shared.analyser);
    let edited = tokio::task::spawn_blocking(move || {
        let query = Query::parse(&analyser.settings, view, &raw).map_err(|error| error.to_string())?;
        match &*action {
            "save" => save(&analyser, name, &query)?,
            "delete" => analyser.configs.delete(&name)?,
            action => return Err(format!("there is no action {action:?}")),
        }
        Ok(query.href(view))
    });
    match edited.await {
        Ok(Ok(href)) => redirect(&format!("{}/{href}", shared.base)),
        Ok(Err(why)) => html(StatusCode::BAD_REQUEST, layout::refusal(&why)),
        Err(_) => html(StatusCode::INTERNAL_SERVER_ERROR, layout::refusal("The configs cannot be kept.")),
    }
}

fn save(analyser: &crate::Analyser, name: String, query: &Query) -> Result<(), String> {
    Config::check_name(&name)?;
    let known = analyser.configs.load()?;
    if known.len() >= MOST_CONFIGS && !known.iter().any(|config| config.name == name) {
        return Err(format!("There are {MOST_CONFIGS} configs already. Delete one first."));
    }
    let options = query.changed().into_iter().map(|(option, value)| (option.name.to_owned(), value));
    analyser.configs.save(Config { name, options: options.collect() })
}
