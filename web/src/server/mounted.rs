//! The pages of a profile inside of another server, which decides who may ask.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, Uri};
use tokio::sync::Semaphore;
use tower_service::Service as _;

use super::answers;
use super::error::ServeError;
use super::headers::{html, protect};
use super::secret::Secret;
use super::state::State;
use super::work::{REPORTS, Work};
use crate::analyser::Analyser;
use crate::layout;

/// What is kept of the answers of each profile, in bytes.
const KEPT_BYTES: usize = 8 << 20;

/// Mounts several profiles, which share the reports that may run at a time.
#[derive(Debug, Clone)]
pub struct Mounts(Arc<Semaphore>);

impl Default for Mounts {
    fn default() -> Mounts {
        Mounts(Arc::new(Semaphore::new(REPORTS)))
    }
}

impl Mounts {
    /// The pages of a profile, whose addresses begin with the path `base`: without a `/` at its end, and as it is in
    /// addresses.
    ///
    /// Nothing is checked but the token of forms: whoever mounts the pages decides who may ask, and refuses the
    /// requests of other sites' pages.
    ///
    /// # Errors
    /// [`ServeError::Start`] if the system has no random numbers.
    pub fn mount(&self, analyser: Analyser, base: &str) -> Result<Mounted, ServeError> {
        let token = Secret::random().map_err(|error| ServeError::Start(error.to_string()))?;
        let work = Work::among(Arc::clone(&self.0), KEPT_BYTES);
        let state = State { analyser: Arc::new(analyser), base: base.to_owned(), token, work };
        Ok(Mounted(answers::router(Arc::new(state))))
    }
}

/// The pages of a profile inside of another server. A clone answers for the same profile.
#[derive(Debug, Clone)]
pub struct Mounted(Router);

impl Mounted {
    /// Answers a request of `path`, which is behind the base: `/`, `/top`, `/assets/style.css`. Dropping the future ends
    /// the work of its answer. It needs a Tokio runtime.
    pub async fn answer(&self, path: &str, mut request: Request<Body>) -> Response<Body> {
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        let Ok(uri) = Uri::try_from(format!("{path}{query}")) else {
            return protect(html(StatusCode::NOT_FOUND, layout::refusal("There is no such page.")));
        };
        *request.uri_mut() = uri;
        match self.0.clone().call(request).await {
            Ok(response) => protect(response),
            Err(never) => match never {},
        }
    }
}
