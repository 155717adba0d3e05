//! The decision.

use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{ACCEPT, CONNECTION, HOST, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri};
use rgops_protocol::auth::Token;

use super::credential::{Credential, credential};
use super::denied::Denied;
use super::hosts::Hosts;
use super::login::{self, LOGIN_PATH};
use super::origin::{check_origin, only};
use super::secrets::{NoRandomness, Secrets};
use crate::reply::{Reply, error};

/// Who may ask a server.
pub struct Access {
    secrets: Option<Secrets>,
    hosts: Hosts,
    is_tls: bool,
    login_path: String,
    home: String,
    counters: Counters,
}

/// The parts of a request that decide.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path and query.
    pub uri: &'a Uri,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

impl<'a, B> From<&'a Request<B>> for Asked<'a> {
    fn from(request: &'a Request<B>) -> Asked<'a> {
        Asked { method: request.method(), uri: request.uri(), headers: request.headers() }
    }
}

impl<'a> From<&'a Parts> for Asked<'a> {
    fn from(parts: &'a Parts) -> Asked<'a> {
        Asked { method: &parts.method, uri: &parts.uri, headers: &parts.headers }
    }
}

/// A request that may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowed {
    /// What proved it.
    pub by: By,
}

/// What proved that a request may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum By {
    /// Nothing: this server needs no token.
    Nothing,
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Basic`.
    Basic,
    /// The cookie of the login page.
    Cookie,
}

/// How many requests were refused, by reason, since the server started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// [`Denied::Missing`].
    pub missing: u64,
    /// [`Denied::WrongToken`], in requests and in the form of the login page.
    pub wrong_token: u64,
    /// [`Denied::Expired`].
    pub expired: u64,
    /// [`Denied::ForeignHost`].
    pub foreign_host: u64,
    /// [`Denied::ForeignOrigin`].
    pub foreign_origin: u64,
}

#[derive(Debug, Default)]
struct Counters {
    missing: AtomicU64,
    wrong_token: AtomicU64,
    expired: AtomicU64,
    foreign_host: AtomicU64,
    foreign_origin: AtomicU64,
}

impl Access {
    /// With a token: nothing is answered without it.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn with_token(token: &Token, hosts: Hosts) -> Result<Access, NoRandomness> {
        Ok(Access { secrets: Some(Secrets::new(token)?), ..Access::insecure(hosts) })
    }

    /// Without a token: everybody who can reach the server may ask; pages of other sites may not.
    pub fn insecure(hosts: Hosts) -> Access {
        Access {
            secrets: None,
            hosts,
            is_tls: false,
            login_path: LOGIN_PATH.to_owned(),
            home: "/".to_owned(),
            counters: Counters::default(),
        }
    }

    /// The server, or the proxy before it, speaks TLS: cookies are sent only there, and origins are `https`.
    #[must_use]
    pub fn tls(mut self) -> Access {
        self.is_tls = true;
        self
    }

    /// Where the login page is, [`LOGIN_PATH`] by default.
    #[must_use]
    pub fn login_at(mut self, path: impl Into<String>) -> Access {
        self.login_path = path.into();
        self
    }

    /// Where the login page leads to if nothing else was asked for, `/` by default.
    #[must_use]
    pub fn home(mut self, path: impl Into<String>) -> Access {
        self.home = path.into();
        self
    }

    /// Whether it needs a token.
    pub fn needs_token(&self) -> bool {
        self.secrets.is_some()
    }

    /// Whether this is the path of the login page, which is answered by [`Access::login`] before [`Access::check`].
    pub fn is_login(&self, path: &str) -> bool {
        self.needs_token() && path == self.login_path
    }

    /// Whether a request may ask. Counts those that may not.
    ///
    /// # Errors
    /// [`Denied`]; [`Access::denied`] makes the answer of it.
    pub fn check<'a>(&self, asked: impl Into<Asked<'a>>) -> Result<Allowed, Denied> {
        let asked = asked.into();
        let checked = self.check_site(asked).and_then(|()| self.check_credential(asked.headers));
        checked.map(|by| Allowed { by }).inspect_err(|denied| self.count(*denied))
    }

    /// The answer to a request that may not ask: 403 for a foreign host or origin; the login page for browsers; 401 for
    /// others, by which browsers, `curl` and scrapers know that Basic is taken.
    pub fn denied<'a>(&self, asked: impl Into<Asked<'a>>, denied: Denied) -> Reply {
        let asked = asked.into();
        let is_page = matches!(*asked.method, Method::GET | Method::HEAD) && accepts_html(asked.headers);
        match denied {
            Denied::Missing | Denied::Expired if is_page => login::lead(&self.login_path, asked.uri),
            Denied::Missing | Denied::Expired | Denied::WrongToken => {
                let mut reply = error(denied.status(), &denied.to_string());
                let challenge = HeaderValue::from_static("Basic realm=\"rgops\"");
                reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                reply
            }
            Denied::ForeignHost | Denied::ForeignOrigin => {
                let mut reply = error(denied.status(), &denied.to_string());
                reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                reply
            }
        }
    }

    /// The answer of the login page: the form for `GET`, and the cookie for `POST` with the token. `body` has at most
    /// [`MAX_FORM_BYTES`](super::MAX_FORM_BYTES).
    pub fn login<'a>(&self, asked: impl Into<Asked<'a>>, body: &[u8]) -> Reply {
        let asked = asked.into();
        if let Err(denied) = self.check_site(asked) {
            self.count(denied);
            return self.denied(asked, denied);
        }
        let Some(secrets) = &self.secrets else { return login::not_needed(&self.home) };
        match *asked.method {
            Method::GET | Method::HEAD => login::page(asked.uri),
            Method::POST => {
                let form = login::Form::of(body);
                if secrets.is_token(form.token.as_bytes()) {
                    return login::done(
                        &self.cookie_name(),
                        &secrets.session(),
                        self.is_tls,
                        form.to(&self.home),
                    );
                }
                self.count(Denied::WrongToken);
                login::wrong(&form)
            }
            _ => login::method(),
        }
    }

    /// The cookie, and the way to the path `to`, for a browser that proved itself in another way than by the token, such
    /// as by a ticket.
    pub fn let_in(&self, to: &str) -> Reply {
        match &self.secrets {
            Some(secrets) => login::done(&self.cookie_name(), &secrets.session(), self.is_tls, to),
            None => login::not_needed(to),
        }
    }

    /// How many requests were refused.
    pub fn counts(&self) -> Counts {
        let Counters { missing, wrong_token, expired, foreign_host, foreign_origin } = &self.counters;
        Counts {
            missing: missing.load(Ordering::Relaxed),
            wrong_token: wrong_token.load(Ordering::Relaxed),
            expired: expired.load(Ordering::Relaxed),
            foreign_host: foreign_host.load(Ordering::Relaxed),
            foreign_origin: foreign_origin.load(Ordering::Relaxed),
        }
    }

    /// Whether the request is for us and of no page of another site.
    fn check_site(&self, asked: Asked<'_>) -> Result<(), Denied> {
        let (scheme, port) = if self.is_tls { ("https", 443) } else { ("http", 80) };
        let authority = asked.uri.authority().map(http::uri::Authority::as_str);
        // HTTP/1.1 has exactly one; HTTP/2 has it in the address. Where both are, they must not disagree.
        let host = match (asked.headers.contains_key(HOST), only(asked.headers, HOST), authority) {
            (false, _, Some(authority)) => authority,
            (true, Some(host), None) => host,
            (true, Some(host), Some(authority)) if authority.eq_ignore_ascii_case(host) => host,
            _ => return Err(Denied::ForeignHost),
        };
        if !self.hosts.is_host(host, port) {
            return Err(Denied::ForeignHost);
        }
        Ok(check_origin(asked.method, asked.headers, scheme, host)?)
    }

    fn check_credential(&self, headers: &HeaderMap) -> Result<By, Denied> {
        let Some(secrets) = &self.secrets else { return Ok(By::Nothing) };
        let (by, is_right) = match credential(headers, &self.cookie_name()) {
            Credential::Bearer(token) => (By::Bearer, secrets.is_token(&token)),
            Credential::Basic(password) => (By::Basic, secrets.is_token(&password)),
            Credential::Cookies(sessions) => {
                return match sessions.iter().any(|session| secrets.is_session(session)) {
                    true => Ok(By::Cookie),
                    false => Err(Denied::Expired),
                };
            }
            Credential::Malformed => return Err(Denied::WrongToken),
            Credential::Nothing => return Err(Denied::Missing),
        };
        if is_right { Ok(by) } else { Err(Denied::WrongToken) }
    }

    /// Cookies are of a host and not of a port: two servers of a host must not overwrite each other's.
    fn cookie_name(&self) -> String {
        let prefix = if self.is_tls { "__Host-" } else { "" };
        match self.hosts.port() {
            Some(port) => format!("{prefix}rgops-{port}"),
            None => format!("{prefix}rgops"),
        }
    }

    fn count(&self, denied: Denied) {
        let counter = match denied {
            Denied::Missing => &self.counters.missing,
            Denied::WrongToken => &self.counters.wrong_token,
            Denied::Expired => &self.counters.expired,
            Denied::ForeignHost => &self.counters.foreign_host,
            Denied::ForeignOrigin => &self.counters.foreign_origin,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.contains("text/html"))
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Access");
        text.field("needs_token", &self.needs_token())
            .field("hosts", &self.hosts)
            .field("is_tls", &self.is_tls);
        text.finish_non_exhaustive()
    }
}
