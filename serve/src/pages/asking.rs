//! Asking programs for a page: a few at a time, on threads that may block, each with a deadline.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use rgops_inspect::session::{Session, SessionOptions};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::answers::Problem;
use crate::fleet::{Fleet, NotFound, Program};

/// The most pages that ask at a time.
const LOOKS: usize = 4;
/// How long a page waits for its turn.
const TURN: Duration = Duration::from_secs(10);
/// A look of the fleet is not older than this.
const FRESH: Duration = Duration::from_secs(1);
/// The time without data after which an agent is given up.
const SILENCE: Duration = Duration::from_secs(3);

/// How many pages may ask programs at a time.
#[derive(Debug)]
pub(crate) struct Looks(Arc<Semaphore>);

impl Default for Looks {
    fn default() -> Looks {
        Looks(Arc::new(Semaphore::new(LOOKS)))
    }
}

/// A session with a program, of which an agent that is silent is given up soon: a person waits.
pub(super) fn options() -> SessionOptions {
    SessionOptions::default().timeout(SILENCE)
}

/// The program that an address names.
///
/// # Errors
/// [`Problem`] if there is none, or several.
pub(super) async fn find(fleet: &Fleet, name_or_pid: String) -> Result<Program, Problem> {
    let look = async || {
        let (fleet, name_or_pid) = (fleet.clone(), name_or_pid.clone());
        blocking(move || fleet.find(&name_or_pid)).await
    };
    match look().await? {
        // It may have started after the last look of the fleet.
        Err(NotFound::Nobody(_)) => {
            sleep(FRESH).await;
            look().await?.map_err(Problem::from)
        }
        found => found.map_err(Problem::from),
    }
}

/// What `look` finds out about a program.
///
/// # Errors
/// [`Problem`]: the program ended, its agent refuses or is silent, too many ask.
pub(super) async fn ask<T: Send + 'static>(
    looks: &Looks,
    program: &Program,
    look: impl FnOnce(&mut Session) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let turn = timeout(TURN, Arc::clone(&looks.0).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        let why = format!("{LOOKS} pages are being made already.");
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many pages at a time",
            why,
            "try again",
        ));
    };
    let program = program.clone();
    blocking(move || {
        // Held by the thread that works: a reader who leaves does not let another one in beside it.
        let _turn = turn;
        look(&mut program.session(options())?)
    })
    .await?
}

/// Runs `work` where it may block.
///
/// # Errors
/// [`Problem`] if it panics, which is a bug of ours.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        let why = "The page could not be made, which is a bug of rgops.";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Something is wrong in rgops", why, "report it")
    })
}

/// The parts of a JSON document that a page shows.
///
/// # Errors
/// [`Problem`] if it has another shape, which is a bug of ours.
pub(super) fn document<T: serde::de::DeserializeOwned>(
    document: impl serde::Serialize,
) -> Result<T, Problem> {
    serde_json::to_value(document).and_then(serde_json::from_value).map_err(|error| {
        let title = "Something is wrong in rgops";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, title, error.to_string(), "report it")
    })
}
