//! The analyser in the browser: pages of a profile, rendered on the server.

#![forbid(unsafe_code)]
