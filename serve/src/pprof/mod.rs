//! `/p/PROGRAM/debug/pprof/…`: the answers of Go's `net/http/pprof`, made by a session with the program's agent.
//!
//! [`answer`] makes one. [`Flights`] makes those of many clients: two who ask the same share one profile, commands that
//! exclude each other in a program wait for their turn, and what nobody waits for any more is ended.
//!
//! | module | contents |
//! | --- | --- |
//! | `made` | from what is asked to the answer |
//! | `profiles`, `views`, `index` | its kinds |
//! | `failure` | an error of a session as an answer |
//! | `cancel` | ends what is being made |
//! | `flights`, `turns` | many clients |

mod cancel;
mod failure;
mod flights;
mod index;
mod made;
mod profiles;
mod turns;
mod views;

pub use cancel::Cancel;
pub(crate) use flights::AT_A_TIME;
pub use flights::{Answered, Flights};
pub use made::{answer, answer_until};
