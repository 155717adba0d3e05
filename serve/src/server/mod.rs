//! Connections, the checks of a request, and limits.
//!
//! | module | contents |
//! | --- | --- |
//! | `options`, `error`, `running` | [`serve`], what it is told, and what it returns |
//! | `guard` | which requests are answered at all |
//! | `routes` | which answer an address has |
//! | `profiles`, `numbers` | `/p/PROGRAM/debug/pprof/…`; `/metrics` and `/sd` |
//! | `weight` | the memory of answers that are being sent |
//! | `state` | what all requests share |

mod error;
mod guard;
mod numbers;
mod options;
mod profiles;
mod routes;
mod running;
mod state;
#[cfg(test)]
mod tests;
mod weight;

pub use error::{ListenError, ServeError};
pub use options::{DEFAULT_ADDRESS, ServeOptions};
pub use running::{Server, random_token, serve};
