//! Addresses that lead to a page once: what a browser is started with, because every user of a machine can read the
//! arguments of programs.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::secret::Secret;

/// How long a ticket is good.
const GOOD: Duration = Duration::from_secs(60);
/// The most tickets; an older one is not good any more.
const MOST: usize = 16;

/// Tickets that were not used yet, with the page that each leads to.
#[derive(Default)]
pub struct Tickets(Mutex<Vec<(Secret, Instant, String)>>);

impl Tickets {
    /// A new one to `view`; `None` if the system has no random numbers.
    pub fn issue(&self, view: &str) -> Option<String> {
        let ticket = Secret::random().ok()?;
        let text = ticket.text().to_owned();
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|(_, issued, _)| issued.elapsed() < GOOD);
        if tickets.len() >= MOST {
            tickets.remove(0);
        }
        tickets.push((ticket, Instant::now(), view.to_owned()));
        Some(text)
    }

    /// Whether the ticket `text` is good. It remains so.
    pub fn is_good(&self, text: &str) -> bool {
        let tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.iter().any(|(ticket, issued, _)| ticket.is(text) && issued.elapsed() < GOOD)
    }

    /// The page that the ticket `text` leads to, if it is good. It is not good again.
    pub fn take(&self, text: &str) -> Option<String> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = tickets.iter().position(|(ticket, issued, _)| ticket.is(text) && issued.elapsed() < GOOD)?;
        Some(tickets.remove(at).2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once() {
        let tickets = Tickets::default();
        let first = tickets.issue("top?f=a").expect("the system has random numbers");
        assert_eq!(tickets.take(&first[1..]), None);
        assert!(tickets.is_good(&first) && !tickets.is_good(&first[1..]));
        assert_eq!((tickets.take(&first), tickets.take(&first)), (Some("top?f=a".to_owned()), None));
        let old = tickets.issue("").expect("the system has random numbers");
        for _ in 0..MOST {
            tickets.issue("");
        }
        assert_eq!(tickets.take(&old), None);
    }
}
