//! Heap profiles: compares the counts and estimates of the wrapper with the program's known allocations.

mod counting;
mod lifecycle;
mod profile;
