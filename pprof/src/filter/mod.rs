//! What filters do to a profile: frames that are dropped, samples that are left out, labels that are not shown.
//!
//! A regular expression is asked once for each distinct name, and a stack is rewritten once for all its samples.

mod matched;
mod names;
mod prune;
mod rewrite;
mod simple_name;
mod tag_names;
mod tag_values;

pub(crate) use names::{Names, by_name, show_from};
pub(crate) use prune::{drop_frames, prune_from};
pub(crate) use rewrite::{keep_samples, relabel};
pub(crate) use tag_names::by_tag_name;
pub(crate) use tag_values::{TagFilter, by_tag};
