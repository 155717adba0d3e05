//! The client's request to end a command early and send the results gathered so far.

use tokio::sync::watch;

/// Signals a collector that the client requests the results gathered so far (`Finish` packet, Ctrl-C).
#[derive(Debug, Clone)]
pub(crate) struct Finish(watch::Receiver<bool>);

impl Finish {
    pub(crate) fn new(receiver: watch::Receiver<bool>) -> Finish {
        Finish(receiver)
    }

    /// Completes when the client requests to finish; never completes otherwise. Cancel-safe.
    pub(crate) async fn requested(&mut self) {
        if self.0.wait_for(|finish| *finish).await.is_err() {
            std::future::pending().await
        }
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}
