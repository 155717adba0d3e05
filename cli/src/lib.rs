//! The command line `rgops`, thin: arguments, terminal, exit codes. Meaning is made in `rgops-inspect`.

pub mod command;
pub mod exit;
