//! A thread that looks at the program, so that the keys are answered meanwhile.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use rgops_inspect::session::{SessionError, Snapshot, TopRound, TopStream};

/// The rounds, as they come.
#[derive(Debug)]
pub(super) struct Feed {
    rounds: Receiver<Result<Snapshot, SessionError>>,
    now: Sender<()>,
}

impl Feed {
    /// Starts to look. The thread ends with the process, or when the feed is dropped: after the running round.
    pub(super) fn start(mut stream: TopStream) -> Feed {
        let (send, rounds) = channel();
        let (now, asked) = channel();
        thread::spawn(move || {
            loop {
                let round = stream.round();
                let pause = round.as_ref().map(TopRound::pause).ok();
                let is_sent = send.send(round.map(TopRound::into_snapshot)).is_ok();
                let (true, Some(pause)) = (is_sent, pause) else { return };
                match asked.recv_timeout(pause) {
                    Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Feed { rounds, now }
    }

    /// The rounds that came since the last call; the last one is the newest.
    pub(super) fn take(&self) -> impl Iterator<Item = Result<Snapshot, SessionError>> {
        self.rounds.try_iter()
    }

    /// Looks again without waiting for the end of the pause.
    pub(super) fn look_now(&self) {
        // If the thread has ended, the screen says so already.
        let _ = self.now.send(());
    }
}
