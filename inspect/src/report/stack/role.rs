//! The role of a thread in the program.

use serde::Serialize;

/// The role of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Worker of a multi-threaded Tokio runtime.
    TokioWorker,
    /// Thread of a Tokio runtime's pool for blocking work.
    TokioBlocking,
    /// Runs a current-thread Tokio runtime.
    TokioCurrentThread,
    /// Has a name from Tokio; the kind is unknown without symbols.
    Tokio,
    /// The program's first thread.
    Main,
    /// Any other thread of the program.
    Other,
    /// A thread of the agent.
    Agent,
}

impl Role {
    /// As text, for one thread.
    pub fn text(self) -> &'static str {
        match self {
            Role::TokioWorker => "tokio worker",
            Role::TokioBlocking => "tokio blocking thread",
            Role::TokioCurrentThread => "tokio current-thread runtime",
            Role::Tokio => "tokio thread",
            Role::Main => "main",
            Role::Other => "other thread",
            Role::Agent => "agent",
        }
    }
}
