//! The agent in a library that another program loads: `python3 -c "import ctypes; ctypes.CDLL(…).start()"`.

/// Starts the agent in the program that loaded this library.
#[unsafe(no_mangle)]
pub extern "C" fn start() -> i32 {
    match rgops_agent::listen(rgops_agent::Options::default()) {
        Ok(_) => 0,
        Err(_) => 1,
    }
}
