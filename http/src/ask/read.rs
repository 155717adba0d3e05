//! From a request to what it asks.

use std::time::Duration;

use http::Method;

use super::limits::{MAX_ADDRESSES, MAX_BODY_BYTES, MAX_HZ, MAX_QUERY_BYTES, MAX_SECONDS};
use super::refusal::Refusal;
use super::what::{Ask, Kind, View};
use crate::form::{self, Place};
use crate::numbers;

/// The longest path below `/debug/pprof/` that can be one of ours, each letter with a percent sign.
const MAX_PATH_BYTES: usize = 64;

/// What a request asks. `path_below` is what follows `/debug/pprof/` in the path, as it was sent; `query` is without the
/// question mark. Only `POST symbol` has a body.
///
/// A request with `HEAD` asks the same as with `GET`; [`head`](crate::reply::head) answers it without the work.
///
/// # Errors
/// [`Refusal`]; [`refused`](crate::reply::refused) makes the answer of it.
pub fn ask(method: &Method, path_below: &str, query: Option<&str>, body: &[u8]) -> Result<Ask, Refusal> {
    let path = match path_below.len() {
        ..=MAX_PATH_BYTES => form::decoded(path_below, Place::Path).unwrap_or_default(),
        _ => path_below.get(..MAX_PATH_BYTES).unwrap_or("?").to_owned(),
    };
    let is_symbol = path == "symbol";
    match *method {
        Method::GET | Method::HEAD => {}
        Method::POST if is_symbol => {}
        _ if is_symbol => return Err(Refusal::Method { allowed: "GET, HEAD, POST" }),
        _ => return Err(Refusal::Method { allowed: "GET, HEAD" }),
    }
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY_BYTES {
        return Err(Refusal::Query);
    }
    let parameter = |key: &str| form::value(query, key).unwrap_or_default();
    match &*path {
        "" if path_below.is_empty() => Ok(Ask::Index),
        "cmdline" => Ok(Ask::Cmdline),
        "profile" => cpu(&parameter("seconds"), &parameter("hz")),
        "symbol" if *method == Method::POST => symbol(body),
        "symbol" => symbol(query.as_bytes()),
        "trace" => trace(&parameter("seconds")),
        "goroutineleak" => Err(Refusal::NoGarbageCollector),
        name => match (Kind::named(name), View::named(name)) {
            (Some(kind), _) => profile(kind, &parameter("seconds"), &parameter("debug"), &parameter("gc")),
            (None, Some(view)) => view_of_ours(view, query),
            (None, None) => Err(Refusal::UnknownProfile),
        },
    }
}

/// A bad `seconds` is the default, as in Go.
fn cpu(seconds: &str, hz: &str) -> Result<Ask, Refusal> {
    let seconds = numbers::integer(seconds).ok().and_then(|seconds| u64::try_from(seconds).ok());
    let duration = at_most(seconds.filter(|seconds| *seconds > 0).unwrap_or(30))?;
    let hz = match hz {
        "" => None,
        hz => Some(hz.parse().ok().filter(|hz| (1..=MAX_HZ).contains(hz)).ok_or(Refusal::Hz)?),
    };
    Ok(Ask::Cpu { duration, hz })
}

/// A bad `seconds` is the default, as in Go.
fn trace(seconds: &str) -> Result<Ask, Refusal> {
    let seconds = numbers::finite(seconds).filter(|seconds| *seconds > 0.0).unwrap_or(1.0);
    if seconds > MAX_SECONDS as f64 {
        return Err(Refusal::TooLong);
    }
    // Less than a nanosecond is one: nothing divides by the length of a trace that is 0.
    Ok(Ask::Trace { duration: Duration::from_secs_f64(seconds).max(Duration::from_nanos(1)) })
}

/// The order of the checks is Go's.
fn profile(kind: Kind, seconds: &str, debug: &str, gc: &str) -> Result<Ask, Refusal> {
    let seconds = delta(seconds)?;
    // Go answers a negative number with the text of 1 for heap, and with a file that says it is text for the others.
    let debug = match numbers::nearest(debug) {
        ..0 => 1,
        debug => u32::try_from(debug).unwrap_or(u32::MAX),
    };
    if seconds.is_some() && debug != 0 {
        return Err(Refusal::SecondsWithDebug);
    }
    let gc = kind == Kind::Heap && seconds.is_none() && numbers::nearest(gc) > 0;
    Ok(Ask::Profile { kind, debug, seconds: seconds.map(at_most).transpose()?, gc })
}

fn view_of_ours(view: View, query: &str) -> Result<Ask, Refusal> {
    let json = form::value(query, "json").is_some_and(|json| !matches!(&*json, "0" | "false" | "no"));
    let seconds = match view {
        View::Leaks | View::Stats => delta(&form::value(query, "seconds").unwrap_or_default())?,
        _ => None,
    };
    Ok(Ask::View { view, json, seconds: seconds.map(at_most).transpose()? })
}

/// `seconds` of a difference; not there is the same as empty.
fn delta(seconds: &str) -> Result<Option<u64>, Refusal> {
    if seconds.is_empty() {
        return Ok(None);
    }
    let number = numbers::integer(seconds).ok().and_then(|seconds| u64::try_from(seconds).ok());
    number.filter(|seconds| *seconds > 0).map(Some).ok_or(Refusal::Seconds)
}

fn at_most(seconds: u64) -> Result<Duration, Refusal> {
    if seconds > MAX_SECONDS { Err(Refusal::TooLong) } else { Ok(Duration::from_secs(seconds)) }
}

/// Addresses with plus signs between them. What is not an address is skipped, as in Go.
fn symbol(words: &[u8]) -> Result<Ask, Refusal> {
    if words.len() > MAX_BODY_BYTES {
        return Err(Refusal::Body);
    }
    let words = words.split(|byte| *byte == b'+');
    let addresses: Vec<u64> =
        words.filter_map(numbers::address).filter(|address| *address != 0).take(MAX_ADDRESSES + 1).collect();
    if addresses.len() > MAX_ADDRESSES { Err(Refusal::Addresses) } else { Ok(Ask::Symbol { addresses }) }
}
