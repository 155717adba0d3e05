//! A running `rgops serve`.

use std::process::{Command, Stdio};

use rgops_tests::program::Program;

pub(crate) const TOKEN: &str = "a-token-of-this-test";

/// A running `rgops serve`, killed when dropped.
pub(crate) struct Server {
    pub(crate) program: Program,
    /// Host and port.
    pub(crate) host: String,
}

impl Server {
    /// On a free port, with [`TOKEN`].
    pub(crate) fn start() -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rgops"));
        command.args(["serve", "127.0.0.1:0"]).env("RGOPS_TOKEN", TOKEN).stderr(Stdio::null());
        let mut program = Program::start(&mut command);
        let host = program.line_behind("http://").unwrap();
        Server { program, host: host.trim_end_matches('/').to_owned() }
    }
}
