//! The line that every example prints once it has started: its name, its pid and its addresses.

use std::io::{self, Write as _};

use rgops_agent::Agent;

/// Prints `shop: pid 4711, http://127.0.0.1:8080, agent /run/user/1000/rgops/4711-99.sock`. `serves` is the address
/// of the program's own service, if it has one.
///
/// # Errors
/// When standard output cannot be written.
pub fn started(program: &str, serves: Option<&str>, agent: &Agent) -> io::Result<()> {
    let serves = serves.map(|address| format!(", {address}")).unwrap_or_default();
    line(&format!("{program}: pid {}{serves}, agent {}", std::process::id(), agent.address()))
}

/// Prints `ready`: the state that the program promises is reached.
///
/// # Errors
/// When standard output cannot be written.
pub fn ready() -> io::Result<()> {
    line("ready")
}

fn line(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    // A pipe is block buffered, and the parent process waits for this line.
    output.flush()
}
