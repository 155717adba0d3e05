//! The buttons of a program's page: start a job, show how far it is, and what came out.

mod answer;
mod page;
mod take;

pub(super) use answer::{analyser, end, file, leads, live, page};
pub(super) use page::list;
pub(super) use take::take;
