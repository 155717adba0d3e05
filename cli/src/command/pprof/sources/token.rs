//! The bearer token, from `--token-file` or `RGOPS_TOKEN`. It is never an argument, because every user can read
//! arguments with `ps`.

use std::path::Path;

use rgops_protocol::discovery::TOKEN_VARIABLE;

use crate::exit::{Exit, Failure};

/// The token as it can be in a header.
pub(super) fn for_http(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let (origin, secret) = match file {
        Some(file) => {
            let secret = rgops_inspect::token_file::read(file).map_err(|error| {
                let what = format!("cannot read the token file {}", file.display());
                Failure::new(Exit::Usage, what, error.to_string(), error.fix())
            })?;
            (format!("the token in {}", file.display()), secret)
        }
        None => match std::env::var_os(TOKEN_VARIABLE) {
            Some(secret) if !secret.is_empty() => {
                (format!("the token in ${TOKEN_VARIABLE}"), secret.into_encoded_bytes())
            }
            _ => return Ok(None),
        },
    };
    let secret = secret.trim_ascii();
    match std::str::from_utf8(secret) {
        Ok(token) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(token.to_owned()))
        }
        _ => Err(Failure::new(
            Exit::Usage,
            format!("cannot send {origin}"),
            "HTTP takes tokens of printable ASCII without blanks",
            "use the token the server was started with",
        )),
    }
}
