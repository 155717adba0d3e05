//! `RGOPS_DEBUG=schedtrace=1000[,scheddetail=1]` in the program's environment: the agent prints the activity of
//! the Tokio schedulers to standard error, without a request, as Go does with `GODEBUG`.
//!
//! The agent reads no debug information. So values that stable Tokio does not report are printed as `-`, and
//! tasks have no names. A program built with `--cfg tokio_unstable` reports more values; `rgops schedtrace`
//! reports all of them. When the variable is not set there is no timer, no thread and no descriptor.

mod printing;
mod settings;
mod stderr;

pub(crate) use printing::Printing;
pub(crate) use settings::Settings;
pub(crate) use stderr::Stderr;
