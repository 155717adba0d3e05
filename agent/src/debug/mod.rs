//! `RGOPS_DEBUG=schedtrace=1000[,scheddetail=1]` in the program's environment: the agent prints what the
//! Tokio schedulers do to standard error, as Go does by `GODEBUG`, without anybody asking.
//!
//! There is no debug information to be read here, so what stable Tokio does not tell is `-`, and tasks have
//! no names; in a program built with `--cfg tokio_unstable` Tokio tells some more. `rgops schedtrace` has
//! the rest.
//! When the variable is not set there is no timer, no thread and no descriptor.

mod printing;
mod settings;
mod stderr;

pub(crate) use printing::Printing;
pub(crate) use settings::Settings;
pub(crate) use stderr::Stderr;
