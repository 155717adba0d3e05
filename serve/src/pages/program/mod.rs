//! `/p/PROGRAM/`: live charts of one program, and the buttons that look closer.

mod answer;
mod page;
mod reading;
mod rounds;

pub(super) use answer::{leads, live, page};
