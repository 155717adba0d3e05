//! Why a request may not ask.

use http::StatusCode;

use super::origin::Foreign;

/// Why a request may not ask. It does not have what was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// It has no token.
    #[error(
        "a token is needed: send it as Authorization: Bearer TOKEN, or as the password of Basic with any user"
    )]
    Missing,
    /// It has a wrong token.
    #[error("the token is wrong")]
    WrongToken,
    /// It has a cookie that is not good, or not any more.
    #[error("the session has ended; log in again")]
    Expired,
    /// It is for another host.
    #[error(
        "the request is for another host; use the IP address or localhost with the port of this server, or give the \
         server this name"
    )]
    ForeignHost,
    /// A page of another site made it.
    #[error("{Foreign}")]
    ForeignOrigin,
}

impl Denied {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Denied::Missing | Denied::WrongToken | Denied::Expired => StatusCode::UNAUTHORIZED,
            Denied::ForeignHost | Denied::ForeignOrigin => StatusCode::FORBIDDEN,
        }
    }
}

impl From<Foreign> for Denied {
    fn from(_: Foreign) -> Denied {
        Denied::ForeignOrigin
    }
}
