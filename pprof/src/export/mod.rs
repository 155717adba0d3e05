//! Profiles in the formats of other tools. The values of all stacks add up to those of the profile.
//!
//! What a format cannot say is said in the notices that each function returns: negative values, and what is left out.

mod collapsed;
mod firefox;
mod flame;
mod json;
mod speedscope;
#[cfg(test)]
mod tests;
mod written;

pub use collapsed::collapsed;
pub use firefox::firefox;
pub use flame::flame;
pub use speedscope::speedscope;
