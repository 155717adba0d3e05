//! Where all reports begin: the profile after its filters, at its granularity, with the chosen sample type.

mod filters;
mod granularity;
mod header;
mod label_units;
mod overrides;
mod refined;
mod sample_type;
mod tag_frames;
#[cfg(test)]
mod tests;
mod totals;

pub use refined::Refined;
