//! From a request to its collector.

use std::pin::Pin;
use std::sync::Arc;

use rgops_protocol::reply::End;
use rgops_protocol::request::Request;

use super::{Context, Finish, Sink, Stop};
use crate::policy::Asker;

/// The answer of a collector.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<End, Stop>> + Send + 'a>>;

macro_rules! dispatch {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        /// Answers one request: parts go to `sink`, the returned [`End`] closes the answer.
        ///
        /// Boxed, so that a connection is not as large as the largest collector, and what moves it is
        /// compiled once.
        pub(crate) fn answer<'a>(
            request: Request,
            asker: Asker,
            context: &'a Arc<Context>,
            sink: &'a Sink,
            finish: &'a mut Finish,
        ) -> Answer<'a> {
            match request {
                $(
                    Request::$variant(arguments) => {
                        Box::pin(super::$module::collect(arguments, asker, context, sink, finish))
                    }
                )*
            }
        }
    };
}

rgops_protocol::commands!(dispatch, all);
