//! Why there is no server.

pub use rgops_web::ServeError as ListenError;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Nobody can listen there.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// There is neither a token nor [`ServeOptions::http_insecure`](super::ServeOptions::http_insecure).
    #[error("without a token everybody who can connect could look into the programs")]
    NoToken,
    /// The system has no random numbers or no threads.
    #[error("cannot start a server: {0}")]
    Start(String),
}
