//! `rgops top`: a live view of a program in the terminal.

mod arguments;
mod ended;
mod feed;
mod keys;
mod live;
mod screen;
mod state;
mod table;
#[cfg(test)]
mod tests;

pub use arguments::Top;
