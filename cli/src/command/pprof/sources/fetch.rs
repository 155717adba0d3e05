//! A profile over HTTP: with a deadline, a limit of size, few redirects, and secrets for the named host alone.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rgops_pprof::{Profile, read_beginning};
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::{Agent, Body};

use super::address::Address;
use super::file::{MAX_FILE_BYTES, profile};
use super::kind::PASS_ANOTHER;
use super::tls;
use crate::command::pprof::arguments::Arguments;
use crate::command::pprof::texts::{cut, without_secret};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// As Go's client.
const MAX_REDIRECTS: usize = 10;

/// What is shown of the text of an error.
const MAX_ERROR_BYTES: u64 = 4 * 1024;

/// What pprof adds to every deadline, for the way.
const ON_THE_WAY: Duration = Duration::from_secs(5);

/// A fetched profile, and its address.
pub(super) struct Fetched {
    pub(super) profile: Profile,
    pub(super) address: Address,
}

/// Fetches the profile at `text`.
pub(super) fn fetch(text: &str, arguments: &Arguments) -> Result<Fetched, Failure> {
    let Some(mut address) = Address::parse(text) else {
        // What cannot be parsed may contain a password.
        let fix = match text.contains('@') {
            true => {
                "write it as http://USER:PASSWORD@HOST:PORT/PATH; in a password / is %2F, @ is %40, : is %3A"
            }
            false => "write it as http://HOST:PORT/debug/pprof/profile",
        };
        return Err(Failure::new(
            Exit::Usage,
            format!("cannot fetch {}", without_secret(text)),
            "the address is not http://, https:// or https+insecure://, or has no host or no valid port",
            fix,
        ));
    };
    let seconds = arguments.seconds.filter(|seconds| *seconds > 0);
    if let Some(seconds) = seconds {
        address.set_seconds(seconds);
    }
    terminal::say(&format!("Fetching profile over HTTP from {address}"));
    if let Some(seconds) = seconds {
        terminal::say(&format!("Please wait... ({})", go_duration(seconds)));
    }
    let deadline = deadline(arguments.timeout, address.seconds());
    let bytes = Client::new(arguments, deadline)?.get(&address)?;
    let what = || format!("cannot read the answer of {address}");
    match profile(&bytes, what) {
        Ok(profile) => Ok(Fetched { profile, address }),
        Err(failure) if failure.fix == PASS_ANOTHER => {
            Err(Failure { fix: "fetch it again, or check the address".to_owned(), ..failure })
        }
        Err(failure) => Err(failure),
    }
}

/// pprof's: what was asked for, else one and a half times the profile, else a minute.
fn deadline(timeout: Option<u32>, seconds: Option<u32>) -> Duration {
    let seconds =
        seconds.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()) * 3 / 2);
    let timeout = timeout.filter(|timeout| *timeout > 0).map(|timeout| Duration::from_secs(timeout.into()));
    timeout.or(seconds).unwrap_or(Duration::from_secs(60)) + ON_THE_WAY
}

/// Seconds as Go prints a duration: `1s`, `1m30s`, `1h0m0s`.
fn go_duration(seconds: u32) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// The most bytes of an answer with names.
const MAX_NAMES_BYTES: u64 = 32 << 20;

/// Asks servers, and those they redirect to, with one deadline for all.
pub(crate) struct Client<'a> {
    arguments: &'a Arguments,
    takes: Duration,
    deadline: Instant,
    /// For the named host.
    token: Option<String>,
}

impl<'a> Client<'a> {
    /// A client with the certificates and the token of `arguments`.
    /// All that it does ends after `takes`.
    pub(crate) fn new(arguments: &'a Arguments, takes: Duration) -> Result<Client<'a>, Failure> {
        let token = super::token::for_http(arguments.token_file.as_deref())?;
        let now = Instant::now();
        let deadline = now.checked_add(takes).unwrap_or(now);
        Ok(Client { arguments, takes, deadline, token })
    }

    /// The answer to GET.
    fn get(&self, first: &Address) -> Result<Vec<u8>, Failure> {
        let mut address = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent(&address, first)?.get(address.url());
            if let Some(secret) = self.authorization(&address, first) {
                request = request.header("authorization", secret);
            }
            let mut response = request.call().map_err(|error| self.failure(&address, &error))?;
            let status = response.status();
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            match location.filter(|_| is_redirect(status)) {
                Some(location) => {
                    let Some(next) = address.follow(location) else {
                        let why = format!(
                            "it redirects to {}, which is not http:// or https://",
                            without_secret(location)
                        );
                        return Err(refused(&address, why, "ask the server that has the profile"));
                    };
                    address = next;
                }
                None if status == StatusCode::OK => {
                    return self.body(&address, &mut response, MAX_FILE_BYTES);
                }
                None => {
                    let headers = response.headers().clone();
                    return Err(status_failure(&address, status, &headers, response.body_mut()));
                }
            }
        }
        let why = format!("it redirects more than {MAX_REDIRECTS} times");
        Err(refused(first, why, "ask the server that has the profile"))
    }

    /// The answer to POST: the names that a server has for addresses. It is not redirected.
    pub(crate) fn post(&self, address: &Address, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut request = self.agent(address, address)?.post(address.url());
        if let Some(secret) = self.authorization(address, address) {
            request = request.header("authorization", secret);
        }
        let mut response = request.send(body).map_err(|error| self.failure(address, &error))?;
        let status = response.status();
        if status != StatusCode::OK {
            let headers = response.headers().clone();
            return Err(status_failure(address, status, &headers, response.body_mut()));
        }
        self.body(address, &mut response, MAX_NAMES_BYTES)
    }

    /// The body, decompressed if it is one of `Content-Encoding: gzip`. ureq would do that without a limit of the
    /// ratio: 3 MB can become 1 GB.
    fn body(&self, address: &Address, response: &mut Response<Body>, limit: u64) -> Result<Vec<u8>, Failure> {
        let is_encoded = is_gzip(response.headers());
        let body = response.body_mut().with_config().limit(limit);
        let bytes = body.read_to_vec().map_err(|error| self.failure(address, &error))?;
        if !is_encoded || !bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(bytes);
        }
        let fix = "pass the address of a profile";
        let most = usize::try_from(limit + 1).unwrap_or(usize::MAX);
        let bytes = read_beginning(&bytes, most).map_err(|error| refused(address, error.to_string(), fix))?;
        if bytes.len() as u64 > limit {
            return Err(self.failure(address, &ureq::Error::BodyExceedsLimit(limit)));
        }
        Ok(bytes)
    }

    /// The secret for `address`, if it is on the host that the user named.
    fn authorization(&self, address: &Address, first: &Address) -> Option<String> {
        match (&address.user, &self.token) {
            (Some(user), _) => Some(format!("Basic {}", STANDARD.encode(user))),
            (None, Some(token)) if address.is_same_host(first) => Some(format!("Bearer {token}")),
            _ => None,
        }
    }

    /// Asks `address`. The certificate of the client is a secret for the host of `first`, as the token is.
    fn agent(&self, address: &Address, first: &Address) -> Result<Agent, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.too_late(address));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("gzip")
            .user_agent(concat!("rgops/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(left));
        if address.is_loopback() {
            config = config.proxy(None);
        }
        if address.scheme == "https" {
            config =
                tls::configure(config, self.arguments, address.is_insecure, address.is_same_host(first))?;
        }
        Ok(config.build().new_agent())
    }

    fn failure(&self, address: &Address, error: &ureq::Error) -> Failure {
        let what = format!("cannot fetch {address}");
        match error {
            ureq::Error::Timeout(_) => self.too_late(address),
            ureq::Error::BodyExceedsLimit(limit) => {
                let why = format!("the answer is larger than {} MB", limit >> 20);
                Failure::new(Exit::Refused, what, why, "pass the address of a profile")
            }
            ureq::Error::HostNotFound => Failure::new(
                Exit::NotFound,
                what,
                "there is no host with this name",
                "check the name of the host",
            ),
            ureq::Error::Io(broken) if tls::is_refused(broken) => {
                Failure::new(Exit::Refused, what, cut(&broken.to_string()), tls::fix(error))
            }
            ureq::Error::Io(error) => Failure::new(
                Exit::NotFound,
                what,
                error.to_string(),
                "check host and port, and that the program listens there",
            ),
            error => Failure::new(Exit::Refused, what, cut(&error.to_string()), tls::fix(error)),
        }
    }

    fn too_late(&self, address: &Address) -> Failure {
        let seconds = self.takes.as_secs();
        let fix = format!("pass a longer -timeout: -timeout {}", seconds.saturating_mul(2));
        let why = format!("there was no complete answer within {seconds} s");
        Failure::new(Exit::TimedOut, format!("cannot fetch {address}"), why, fix)
    }
}

fn is_gzip(headers: &HeaderMap) -> bool {
    let encoding = headers.get("content-encoding").and_then(|value| value.to_str().ok()).unwrap_or_default();
    encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip")
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn refused(address: &Address, why: String, fix: &str) -> Failure {
    Failure::new(Exit::Refused, format!("cannot fetch {address}"), why, fix)
}

/// The status, and the text if it comes from pprof's own handlers: another text may be a page of a proxy.
fn status_failure(address: &Address, status: StatusCode, headers: &HeaderMap, body: &mut Body) -> Failure {
    let is_text = |value: &str| value.contains("text/plain");
    let is_ours = !is_gzip(headers)
        && headers.get("x-go-pprof").is_some_and(|value| !value.is_empty())
        && headers.get("content-type").and_then(|value| value.to_str().ok()).is_some_and(is_text);
    let text = is_ours.then(|| {
        let mut bytes = Vec::new();
        let read = std::io::Read::read_to_end(
            &mut std::io::Read::take(body.as_reader(), MAX_ERROR_BYTES),
            &mut bytes,
        );
        read.map(|_| String::from_utf8_lossy(&bytes).trim().to_owned()).unwrap_or_default()
    });
    let text =
        text.filter(|text| !text.is_empty()).map(|text| format!(" - {}", cut(&text))).unwrap_or_default();
    let (exit, fix) = match status.as_u16() {
        401 | 403 => (
            Exit::Refused,
            "pass --token-file FILE, or set RGOPS_TOKEN, or write http://USER:PASSWORD@HOST/…",
        ),
        404 => (Exit::NotFound, "check the path: programs have profiles below /debug/pprof/"),
        _ => (Exit::Refused, ""),
    };
    Failure::new(exit, format!("cannot fetch {address}"), format!("server response: {status}{text}"), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_those_of_pprof() {
        let seconds = |timeout, seconds| deadline(timeout, seconds).as_secs_f64();
        assert_eq!(
            [seconds(None, None), seconds(None, Some(5)), seconds(Some(2), Some(30))],
            [65.0, 12.5, 7.0]
        );
        assert_eq!([go_duration(1), go_duration(90), go_duration(3600)], ["1s", "1m30s", "1h0m0s"]);
    }
}
