//! `rgops pprof`: the analyser. Arguments, then what they name is opened ([`Opened`]), then shown: as a report, at the
//! prompt, in the browser, or compared.
//!
//! | module | contents |
//! | --- | --- |
//! | `arguments` | the command line |
//! | `sources` | files, standard input, HTTP, agents: from a word to a profile |
//! | `opened` | the merged profile with names |
//! | `names` | names for functions without |
//! | `output` | where a report goes |
//! | `texts` | texts of others in messages |
//! | `diff`, `http`, `prompt` | other ways to show it |

mod arguments;
mod diff;
mod http;
mod names;
mod opened;
mod output;
mod prompt;
mod run;
mod sources;
mod texts;

pub use arguments::{Arguments, Baseline};
pub(crate) use arguments::{accept_spelling_of_pprof, with_tip_of_pprof};
pub use opened::Opened;
pub(crate) use prompt::{Asked, talk_about};
pub use run::Pprof;
