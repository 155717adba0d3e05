//! What a server is told.

use rgops_protocol::auth::Token;

/// Where it listens if nobody says: only this machine reaches it.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:6160";

/// What a server is told.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    pub(super) address: String,
    pub(super) token: Option<Token>,
    pub(super) is_insecure: bool,
    pub(super) hosts: Vec<String>,
}

impl Default for ServeOptions {
    fn default() -> ServeOptions {
        ServeOptions {
            address: DEFAULT_ADDRESS.to_owned(),
            token: None,
            is_insecure: false,
            hosts: Vec::new(),
        }
    }
}

impl ServeOptions {
    /// Where it listens: `HOST:PORT`, [`DEFAULT_ADDRESS`] by default. An empty host is the loopback address, and port 0 a
    /// free one.
    #[must_use]
    pub fn address(mut self, address: impl Into<String>) -> ServeOptions {
        self.address = address.into();
        self
    }

    /// The token that a client has to send.
    #[must_use]
    pub fn token(mut self, token: Option<Token>) -> ServeOptions {
        self.token = token;
        self
    }

    /// Answers everybody who can connect, without a token. Pages of other sites do not get an answer.
    #[must_use]
    pub fn http_insecure(mut self) -> ServeOptions {
        self.is_insecure = true;
        self
    }

    /// Another name by which it is asked, such as that of a Kubernetes service. A request for a name that it was not told
    /// is refused: the page of another site could have made it.
    #[must_use]
    pub fn host(mut self, name: impl Into<String>) -> ServeOptions {
        self.hosts.push(name.into());
        self
    }
}
