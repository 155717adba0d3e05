//! Who may ask: the token, and what a browser says about who made the request.
//!
//! A page of another site can make a developer's browser send requests to this machine. Three checks keep it out:
//!
//! * `Host`: a page can lead its own name to our address (DNS rebinding); it cannot do that with an IP address,
//!   `localhost` or a name of ours. See [`Hosts`].
//! * `Origin` and `Sec-Fetch-Site`: the request must be of a page of ours, or of nobody's.
//! * The token: as `Authorization: Bearer`, as `Basic` with any user and the token as password, or once in the form of
//!   the login page, which gives a cookie.
//!
//! [`Access`] does not keep the token: it keeps an HMAC of it with random bytes of its own, and compares in constant time.
//! The cookie is an HMAC with another such key, and is good for [`SESSION`]. A token has at least 16 bytes, so guesses
//! are counted and not delayed: a delay would let who guesses delay others.

mod credential;
mod denied;
mod gate;
mod hosts;
mod login;
mod origin;
mod secrets;
#[cfg(test)]
mod tests;

pub use denied::Denied;
pub use gate::{Access, Allowed, Asked, By, Counts};
pub use hosts::Hosts;
pub use login::{LOGIN_PATH, MAX_FORM_BYTES};
pub use origin::{Foreign, check_origin, only};
pub use secrets::{NoRandomness, SESSION};
