//! What the end-to-end tests share: real executables, built as users build them, and real processes.

pub mod built;
pub mod itself;
pub mod profiled;
pub mod running;
pub mod traced;
