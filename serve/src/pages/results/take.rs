//! `POST /p/PROGRAM/take`: starts a job.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{Response, StatusCode};
use tokio::time::timeout;

use crate::pages::answers::{Problem, redirect};
use crate::pages::asking::find;
use crate::pages::jobs::{Busy, Kind};
use crate::pages::shared::Pages;

/// The most bytes of a form, and the time for it to arrive.
const FORM_BYTES: usize = 4 << 10;
const FORM_TIME: Duration = Duration::from_secs(10);

/// Starts a job, and leads to its page.
pub(in crate::pages) async fn take(
    State(pages): State<Arc<Pages>>,
    Path(program): Path<String>,
    request: Request,
) -> Response<Body> {
    let started = async {
        let form = form(request.into_body()).await?;
        let kind = field(&form, "kind").and_then(Kind::named);
        let kind = kind.ok_or_else(|| bad("The form does not say what to take."))?;
        let seconds = seconds(kind, field(&form, "seconds"))?;
        let program = find(&pages.fleet, program).await?;
        pages.shelf.start(program, kind, seconds).map_err(busy)
    };
    match started.await {
        Ok(job) => redirect(&job.address()),
        Err(problem) => problem.page(),
    }
}

/// The text of a form.
///
/// # Errors
/// [`Problem`] if it is too large or slow.
pub(super) async fn form(body: Body) -> Result<String, Problem> {
    match timeout(FORM_TIME, to_bytes(body, FORM_BYTES)).await {
        Ok(Ok(form)) => Ok(String::from_utf8_lossy(&form).into_owned()),
        _ => Err(bad("The form is too large, or did not arrive in time.")),
    }
}

/// A field of a form. Ours have letters and digits alone.
pub(super) fn field<'a>(form: &'a str, name: &str) -> Option<&'a str> {
    form.split('&')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
        .map(|(_, value)| value)
}

fn seconds(kind: Kind, field: Option<&str>) -> Result<u64, Problem> {
    let Some((least, usual, most)) = kind.seconds() else { return Ok(0) };
    let Some(field) = field.filter(|field| !field.is_empty()) else { return Ok(usual) };
    let seconds = field.parse().ok().filter(|seconds| (least..=most).contains(seconds));
    seconds
        .ok_or_else(|| bad(&format!("The seconds of this have to be a whole number from {least} to {most}.")))
}

fn bad(why: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "It was not started", why, "go back and correct the form")
}

fn busy(busy: Busy) -> Problem {
    match busy {
        Busy::Program(address) => {
            let why = "One profile, search or trace of this program runs already.";
            Problem::new(StatusCode::CONFLICT, "It was not started", why, "wait for it, or end it")
                .with_link(&address, "Show the one that runs")
        }
        Busy::Host => {
            let why = "As many profiles, searches and traces run as may at a time.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "It was not started", why, "wait for one of them")
        }
        Busy::System(why) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "It was not started", why, "try again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_in_their_range() {
        assert_eq!(seconds(Kind::Cpu, Some("5")).ok(), Some(5));
        assert_eq!(seconds(Kind::Cpu, None).ok(), Some(10));
        assert_eq!(seconds(Kind::Heap, Some("x")).ok(), Some(0));
        for bad in ["0", "-1", "1e9", "999999999999999999999", "301", "%00"] {
            assert!(seconds(Kind::Cpu, Some(bad)).is_err(), "{bad}");
        }
        assert_eq!(field("kind=cpu&seconds=3", "seconds"), Some("3"));
    }
}
