//! Names and frames as Rust developers read them: short names of functions, and the crate that each is from.
//!
//! Nothing here changes what pprof's own words print: the preset is for [`Settings::rust`] alone.
//!
//! | item | contents |
//! | --- | --- |
//! | [`short()`] | `shop::Cart<_>::drop` of `<shop::Cart<u8> as core::ops::drop::Drop>::drop::h0123456789abcdef` |
//! | [`Origins`] | crate, version and class (own, dependency, std, …) of each function |
//! | [`apply()`] | both on a profile: names joined, frames of std and of runtimes folded into their callers |
//!
//! [`Settings::rust`]: crate::Settings::rust

mod apply;
mod brackets;
mod by_name;
mod c;
mod class;
mod crates;
mod go;
mod origin;
mod paths;
mod placeholders;
mod short;
#[cfg(test)]
mod tests;

pub use apply::apply;
pub use by_name::origins_by_name;
pub use class::Class;
pub use origin::{Origin, Origins};
pub use short::short;
