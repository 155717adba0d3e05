//! The analyser in the browser: pages of a profile, rendered on the server.
//!
//! [`serve`] answers on an address until its [`Server`] is stopped. A page is HTML that works without scripts; small ES
//! modules of our own (`assets/`) add what needs a hand: zoom, sorting, filters as one types. Nothing is built before,
//! and nothing is loaded from elsewhere.
//!
//! Design constraints:
//!
//! * **The whole view is its address**: pprof's parameters (`?f=main&si=cpu`), and those of the view. It can be kept
//!   and shared with whoever may use the server.
//! * **Nobody else's page gets an answer.** The path has a random secret, the `Host` is one of ours, and the browser
//!   does not say that another site asks. See [`serve`].
//! * **Profiles and addresses are hostile**: all text is escaped, and what an answer may cost has limits.
//! * **No files.** Source and object files come from an [`Environment`](rgops_pprof::environment::Environment), saved
//!   configs are kept by a [`ConfigStore`]: both are the caller's.
//!
//! | module | contents |
//! | --- | --- |
//! | `views` | the table of views: name, route, key, parameters of their own |
//! | `query` | the address of a page, read and written |
//! | `page` | what a page is asked and what it answers |
//! | `pages` | the views, a file each |
//! | `layout` | what is around them: menus, search, details |
//! | [`listening`] | connections, secrets and tickets, for other servers, too |
//! | `downloads` | files of the Download menu |
//! | `assets` | style sheets and modules |
//! | [`shell`] | the same look for pages of others: style, colours, headers |
//! | `visible` | characters that act without being seen are shown |
//! | `server` | connections, the checks of a request, and the work of its answer |
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! let bytes = std::fs::read("cpu.pb.gz")?;
//! let profile = rgops_pprof::read_profile(&bytes)?;
//! let analyser = rgops_web::Analyser::new(Arc::new(profile), "cpu.pb.gz");
//! let server = rgops_web::serve(analyser, "127.0.0.1:0")?;
//! println!("{}", server.url());
//! std::thread::park();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]

#[cfg(test)]
use base64 as _;

mod analyser;
mod assets;
mod configs;
mod downloads;
mod layout;
pub mod listening;
mod page;
mod pages;
mod query;
mod server;
pub mod shell;
mod views;
mod visible;

pub use analyser::Analyser;
pub use configs::{Config, ConfigStore, InMemory};
pub use server::{Mounted, Mounts, ServeError, Server, serve};
