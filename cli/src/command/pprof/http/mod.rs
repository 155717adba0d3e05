//! `rgops pprof --http`, and `web` at the prompt: the analyser in the browser.
//!
//! | module | contents |
//! | --- | --- |
//! | `pages` | the server of the pages, and what it is told |
//! | `browser` | a browser is started, if there is one |
//! | `configs` | saved configs, in the user's directory of configurations |

mod browser;
mod configs;
mod pages;

pub(super) use pages::{run, show};
