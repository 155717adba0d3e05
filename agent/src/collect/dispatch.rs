//! Dispatches a request to its collector.

use std::pin::Pin;
use std::sync::Arc;

use rgops_protocol::reply::{End, Unavailable};
use rgops_protocol::request::Request;

use super::{Context, Finish, Sink, Stop};

/// The answer of a collector.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<End, Stop>> + Send + 'a>>;

/// Calls a collector. Only collectors with `Partly` in their row get the decision about memory: the others send
/// no memory, or are not admitted without the permission.
macro_rules! collect {
    (Partly $module:ident($arguments:ident, $memory:ident, $($rest:ident),*)) => {
        super::$module::collect($arguments, $memory, $($rest),*)
    };
    ($never_or_only:ident $module:ident($arguments:ident, $memory:ident, $($rest:ident),*)) => {
        super::$module::collect($arguments, $($rest),*)
    };
}

macro_rules! dispatch {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        /// Answers one request: parts go to `sink`, the returned [`End`] closes the answer. `memory` states whether
        /// the answer may have bytes of the program's memory, or why not (`crate::policy`).
        ///
        /// The future is boxed, so that a connection is not as large as the largest collector, and the code
        /// that moves the future is compiled once.
        pub(crate) fn answer<'a>(
            request: Request,
            memory: Result<(), Unavailable>,
            context: &'a Arc<Context>,
            sink: &'a Sink,
            finish: &'a mut Finish,
        ) -> Answer<'a> {
            match request {
                $(
                    Request::$variant(arguments) => {
                        Box::pin(collect!($memory $module(arguments, memory, context, sink, finish)))
                    }
                )*
            }
        }
    };
}

rgops_protocol::commands!(dispatch, all);
