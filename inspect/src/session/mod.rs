//! All commands for one program: [`Session::connect`], then one method per command.
//!
//! ```no_run
//! use rgops_inspect::session::{Answer, Session, TasksOptions, TasksView};
//!
//! # fn main() -> Result<(), rgops_inspect::session::SessionError> {
//! let mut session = Session::connect("4711")?;
//! let tasks = session.tasks(&TasksOptions::default(), &mut |_| {})?;
//! print!("{}", tasks.text(&TasksView::default()));
//! for gap in tasks.completeness().sentences() {
//!     eprintln!("note: {}", rgops_inspect::text::escape(&gap));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! * Each method returns one typed answer. Every answer (of `schedtrace`, every line) is an [`Answer`]: text, a
//!   JSON document with a versioned schema, and a list of what is missing.
//! * If the connection is lost during an answer, the data received so far is the answer, and its [`Completeness`] has
//!   the error. A method fails only if nothing usable was received.
//! * A command has limits of memory and time, see [`SessionOptions`]. Data beyond the limits is left out and counted.
//! * A long command reports its [`Progress`]. A [`Stopper`] stops profiles, traces, `leaks` and `schedtrace` early from
//!   another thread, for example from a Ctrl-C handler. The answer then has the data collected so far.
//! * This module does not print anything and does not create files. Profiles and traces go to the caller's writer.

mod answer;
mod completeness;
mod connect;
mod diagnose;
mod error;
mod gathering;
mod kept_profile;
mod leaks;
mod lock_holders;
mod look;
mod no_tokio;
mod options;
mod profile_view;
mod profiles;
mod progress;
#[cfg(test)]
mod schemas;
mod single;
mod top;

pub use answer::Answer;
pub use completeness::Completeness;
pub use connect::{Found, Session};
pub use diagnose::{Diagnose, DiagnoseOptions};
pub use error::{ErrorKind, SessionError};
pub use leaks::{Leaks, LeaksOptions};
pub use options::SessionOptions;
pub use profile_view::ProfileView;
pub use profiles::WaitOptions;
pub use progress::Progress;
pub use top::{TopOptions, TopRound, TopStream};

pub use crate::budget::Budget;
pub use crate::client::Stopper;
pub use crate::heap::HeapKind;
pub use crate::report::Document;
pub use crate::report::screen::Screen;
pub use crate::report::tasks::{Filter, WaitingOn};
pub use crate::tasks::model::State;
pub use crate::top::Snapshot;
pub use rgops_protocol::auth::Token;

/// The file of each command in the table: its method of [`Session`], its options, its answer and its view.
macro_rules! commands {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        $(
            mod $module;
            pub use $module::*;
        )*
    };
}

rgops_protocol::commands!(commands, people);
