//! Server-Sent Events: numbers to one browser, as long as it reads.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{Response, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{sleep, timeout};

use super::hub::{Numbers, Viewer};
use crate::pages::answers::{Problem, body};

/// A comment is sent after this long without numbers, so that a connection that is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A browser that does not read anything for this long is left.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a browser waits before it connects again, in milliseconds.
const RETRY: &str = "retry: 3000\n\n";

/// The stream of what a viewer gets; 503 if there is no room for one.
pub(crate) fn stream(viewer: Option<Viewer>) -> Response<Body> {
    match viewer {
        Some(Viewer { numbers, seat }) => events(numbers, Some(seat)),
        None => events(watch::channel(None).1, None),
    }
}

/// The stream of the values of a channel, until it ends or the browser leaves; 503 if there is no seat for it.
pub(crate) fn events(
    numbers: watch::Receiver<Numbers>,
    seat: Option<OwnedSemaphorePermit>,
) -> Response<Body> {
    match seat {
        Some(seat) => sent(numbers, seat),
        None => {
            let why = "as many as are allowed look already; close another page";
            let mut response =
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Too many viewers", why, "").text();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
            response
        }
    }
}

fn sent(mut numbers: watch::Receiver<Numbers>, seat: OwnedSemaphorePermit) -> Response<Body> {
    let (to, events) = mpsc::channel(1);
    numbers.mark_changed();
    tokio::spawn(async move {
        let _seat = seat;
        let mut event = Bytes::from_static(RETRY.as_bytes());
        loop {
            match timeout(PATIENCE, to.send(event)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
            event = tokio::select! {
                changed = numbers.changed() => match changed {
                    Ok(()) => framed(numbers.borrow_and_update().clone()),
                    Err(_) => return,
                },
                () = sleep(HEARTBEAT) => Bytes::from_static(b":\n\n"),
                () = to.closed() => return,
            };
        }
    });
    let mut response = body(StatusCode::OK, "text/event-stream", Body::from_stream(Events(events)));
    // A proxy passes events on at once.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn framed(numbers: Option<Arc<str>>) -> Bytes {
    numbers
        .map_or_else(|| Bytes::from_static(b":\n\n"), |numbers| Bytes::from(format!("data: {numbers}\n\n")))
}

struct Events(mpsc::Receiver<Bytes>);

impl futures_core::Stream for Events {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
