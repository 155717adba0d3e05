//! The churn: answers that are allocated and soon dropped, as in a busy server.

use std::collections::VecDeque;

use crate::random::Random;
use crate::touched;
use crate::truth::Truth;

/// Number of answers in flight.
const IN_FLIGHT: usize = 512;

/// The answers in flight.
#[derive(Debug)]
pub(crate) struct Churn {
    answers: VecDeque<Box<[u8]>>,
    random: Random,
    pub(crate) truth: Truth,
}

impl Churn {
    pub(crate) fn new() -> Churn {
        Churn { answers: VecDeque::new(), random: Random::new(0x5eed), truth: Truth::default() }
    }

    /// Allocates and drops about `bytes` bytes; returns the exact number.
    pub(crate) fn turn(&mut self, bytes: u64) -> u64 {
        let before = self.truth.allocated_bytes;
        if self.answers.capacity() == 0 {
            self.answers = VecDeque::with_capacity(IN_FLIGHT);
            self.truth.allocated(self.queue_bytes());
        }
        while self.truth.allocated_bytes - before < bytes {
            if self.answers.len() == IN_FLIGHT
                && let Some(sent) = self.answers.pop_front()
            {
                self.truth.freed(sent.len());
            }
            self.make_answer();
        }
        self.truth.allocated_bytes - before
    }

    #[inline(never)]
    fn make_answer(&mut self) {
        let answer = touched(vec![3_u8; self.random.between(16, 4096)], &mut self.truth);
        self.answers.push_back(answer);
    }

    pub(crate) fn clear(&mut self) {
        for answer in self.answers.drain(..) {
            self.truth.freed(answer.len());
        }
        if self.answers.capacity() > 0 {
            self.truth.freed(self.queue_bytes());
        }
        self.answers = VecDeque::new();
    }

    fn queue_bytes(&self) -> usize {
        self.answers.capacity() * size_of::<Box<[u8]>>()
    }
}
