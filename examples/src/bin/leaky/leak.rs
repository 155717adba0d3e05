//! The leak: requests that are stored and never removed, as in a map without eviction.

use crate::random::Random;
use crate::touched;
use crate::truth::Truth;

/// All requests that were stored, newest first.
#[derive(Debug)]
pub(crate) struct Leak {
    last: Option<Box<Request>>,
    random: Random,
    pub(crate) truth: Truth,
}

/// A list, because a growing vector would allocate and free by itself, which would blur the exact numbers.
#[derive(Debug)]
struct Request {
    body: Box<[u8]>,
    before: Option<Box<Request>>,
}

impl Leak {
    pub(crate) fn new() -> Leak {
        Leak { last: None, random: Random::new(0x9e37_79b9), truth: Truth::default() }
    }

    /// Leaks about `bytes` bytes; returns the exact number.
    pub(crate) fn grow(&mut self, bytes: u64) -> u64 {
        let before = self.truth.live_bytes;
        while self.truth.live_bytes - before < bytes {
            self.remember_request();
        }
        self.truth.live_bytes - before
    }

    /// The line that leaks.
    #[inline(never)]
    fn remember_request(&mut self) {
        let body = touched(vec![1_u8; self.random.between(256, 4096)], &mut self.truth);
        let before = self.last.take();
        self.truth.allocated(size_of::<Request>());
        self.last = Some(Box::new(Request { body, before }));
    }

    /// Drops the nodes one after the other. The default drop of a long list is recursive and would overflow the
    /// stack.
    pub(crate) fn clear(&mut self) {
        let mut next = self.last.take();
        while let Some(mut request) = next {
            next = request.before.take();
            self.truth.freed(request.body.len());
            self.truth.freed(size_of::<Request>());
        }
    }
}
