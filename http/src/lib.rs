//! The HTTP side of rgops without I/O: what a request asks, what its answer looks like, and who may ask.
//!
//! Two servers answer with it: the agent in a program, and `rgops serve` beside the programs.
//!
//! * [`mod@ask`] reads a request of `/debug/pprof/…` as Go's `net/http/pprof` does.
//! * [`reply`] makes its answers: headers, texts and errors.
//! * [`access`] decides who may ask: token, `Host` and `Origin`.
//!
//! Design constraints:
//!
//! * **No I/O.** A request comes as its parts, an answer goes as a value with its whole body.
//! * **Nothing in a request is trusted.** Queries, addresses and forms have limits; what is shown is escaped.
//! * **The same as Go**, to the header: the tests compare each row of a table with what Go 1.27 answered.
//! * **No token is kept.** [`access::Access`] keeps what proves one, and it is in no text.
//!
//! ```
//! use http::{Request, StatusCode};
//! use rgops_http::access::{Access, Hosts};
//! use rgops_http::ask::{Ask, ask};
//! use rgops_http::reply::{self, Index, Reply};
//! use rgops_protocol::auth::Token;
//!
//! fn answer(access: &Access, request: &Request<Vec<u8>>) -> Reply {
//!     let path = request.uri().path();
//!     if access.is_login(path) {
//!         return access.login(request, request.body());
//!     }
//!     if let Err(denied) = access.check(request) {
//!         return access.denied(request, denied);
//!     }
//!     let Some(below) = path.strip_prefix("/debug/pprof/") else { return reply::moved("/debug/pprof/") };
//!     match ask(request.method(), below, request.uri().query(), request.body()) {
//!         Err(refusal) => reply::refused(&refusal),
//!         Ok(ask) if request.method() == "HEAD" => reply::head(&ask),
//!         Ok(Ask::Index) => reply::index(&Index::new().about("shop, pid 4711")),
//!         Ok(Ask::Cmdline) => reply::cmdline(["shop"]),
//!         Ok(_) => reply::unavailable("this is an example", "use rgops serve"),
//!     }
//! }
//!
//! let token = Token::new("correct horse battery staple")?;
//! let access = Access::with_token(&token, Hosts::listening(([127, 0, 0, 1], 6060).into()))?;
//! let request = Request::get("/debug/pprof/cmdline").header("host", "127.0.0.1:6060");
//! let right = request.header("authorization", "Bearer correct horse battery staple").body(Vec::new())?;
//! assert_eq!(answer(&access, &right).body(), b"shop");
//! let request = Request::get("/debug/pprof/cmdline").header("host", "evil.example:6060");
//! assert_eq!(answer(&access, &request.body(Vec::new())?).status(), StatusCode::FORBIDDEN);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]

pub mod access;
pub mod ask;
mod form;
mod numbers;
pub mod reply;
