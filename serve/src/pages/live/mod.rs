//! Live numbers: one sampler for all viewers of a page, and the stream to each of them.

mod hub;
mod known;
mod stream;

pub(crate) use hub::Hub;
pub(super) use hub::{Key, Round};
pub(super) use known::{Known, number};
pub(super) use stream::{events, stream};
