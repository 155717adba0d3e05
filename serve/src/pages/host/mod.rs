//! `/`: the programs of the host that have an agent, and those that could have one.

mod answer;
mod rounds;
mod row;
mod table;

pub(super) use answer::{live, page};
