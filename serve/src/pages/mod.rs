//! What a browser shows: the programs of the host, and a page for each.
//!
//! [`router`] is mounted by `server` behind its checks: a request that gets here may ask. A page is HTML that works
//! without scripts; small ES modules of our own (`assets/`) add what moves.
//!
//! Design constraints:
//!
//! * **A page costs nothing when nobody looks.** All viewers of a page share one sampler (`live`), which starts with the
//!   first and ends with the last of them. A program is asked at most once a second.
//! * **What is expensive is bounded**: one profile, trace or search at a time for a program, a few for the host; results
//!   are bounded in number and bytes, and expire (`jobs`).
//! * **Texts of programs are hostile**: they are escaped, and characters that act without being seen are shown.
//!
//! | module | contents |
//! | --- | --- |
//! | `host` | `/`: the programs |
//! | `program` | `/p/PROGRAM/`: live charts, buttons |
//! | `threads`, `tasks` | stacks; async stacks and the wait-for graph |
//! | `jobs` | profiles, leak searches and traces that run, and their results |
//! | `results` | the buttons that start them, their progress, and what came out |
//! | `live` | samplers, and their streams to browsers |

mod answers;
mod asking;
mod assets;
mod frame;
mod host;
mod jobs;
mod live;
mod program;
mod results;
mod routes;
mod shared;
mod tasks;
mod threads;

pub use routes::router;
pub use shared::Pages;
