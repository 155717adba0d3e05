//! Configurations of what scrapes `rgops serve`: Prometheus, Alloy, Parca, the OpenTelemetry Collector, Kubernetes.
//!
//! [`Kind::text`] writes one for a [`Setup`]: the address of `rgops serve`, the file with the token, and the programs that
//! run now. The token itself is never in it. Names of programs are hostile: each is quoted, in comments too.
//!
//! | module | contents |
//! | --- | --- |
//! | `setup` | [`Setup`] |
//! | `address` | the address at which scrapers reach `rgops serve` |
//! | `quoted` | texts that stay inside their quotes, and parts of paths |
//! | `heading` | the comment at the top: what is seen, what to run next |
//! | `prometheus`, `alloy`, `parca`, `otel`, `kubernetes` | a format each |
//! | `kind` | [`Kind`] |

mod address;
mod alloy;
mod heading;
mod kind;
mod kubernetes;
mod otel;
mod parca;
mod prometheus;
mod quoted;
mod setup;
#[cfg(test)]
mod tests;

pub use address::{Address, BadAddress};
pub use kind::Kind;
pub use setup::{BadTokenFile, DEFAULT_TOKEN_FILE, Setup};
