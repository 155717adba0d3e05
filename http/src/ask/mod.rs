//! What a request below `/debug/pprof/` asks: [`ask()`] makes an [`Ask`] of it, or a [`Refusal`].

mod limits;
mod read;
mod refusal;
#[cfg(test)]
mod tests;
mod what;

pub use limits::{MAX_ADDRESSES, MAX_BODY_BYTES, MAX_HZ, MAX_QUERY_BYTES, MAX_SECONDS};
pub use read::ask;
pub use refusal::Refusal;
pub use what::{Ask, Kind, View};
