//! How long an example runs: `--seconds N`, otherwise until Ctrl-C or SIGTERM.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// `--seconds N`, to be flattened into a program's arguments.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Lifetime {
    /// Stop after SECONDS [default: run until Ctrl-C or SIGTERM]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
}

impl Lifetime {
    /// Installs the signal handlers: from here on, the signals do not end the program by themselves. Call it before
    /// the program announces itself, or a signal directly afterwards ends it without removing its socket. Must be
    /// called in a runtime.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn begin(self) -> io::Result<Begun> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Begun { seconds: self.seconds, interrupt, terminate })
    }

    /// Completes when the time is over, or on Ctrl-C or SIGTERM.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub async fn ended(self) -> io::Result<()> {
        self.begin()?.ended().await;
        Ok(())
    }

    /// The same for a program without its own runtime, or with one that hangs: blocks this thread.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn wait(self) -> io::Result<()> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(self.ended())
    }
}

/// A lifetime with installed signal handlers.
#[derive(Debug)]
pub struct Begun {
    seconds: Option<u64>,
    interrupt: Signal,
    terminate: Signal,
}

impl Begun {
    /// Completes when the time is over, or on Ctrl-C or SIGTERM.
    pub async fn ended(mut self) {
        let time = async {
            match self.seconds {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => {}
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
