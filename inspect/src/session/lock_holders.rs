//! The holders of the locks that threads wait for, from the memory of the program, read twice.

use std::thread::sleep;
use std::time::Duration;

use rgops_protocol::reply::words::{ThreadWords, WordsPart};
use rgops_protocol::request::Request;

use super::connect::Session;
use super::error::SessionError;
use crate::budget::Budget;
use crate::client::ClientError;
use crate::locks::{Holders, LockThread, Search};
use crate::tasks::memory::Memory;

/// From one search to the next: a lock of a program that works is given on in less.
const PAUSE: Duration = Duration::from_millis(60);

impl Session {
    /// Searches for the holders of all locks that these threads wait for. Asks nobody if there is none.
    pub(super) fn lock_holders(&self, threads: Vec<LockThread<'_>>, budget: &Budget) -> Holders {
        let Some(search) = Search::new(threads) else { return Holders::default() };
        match self.search(&search, budget) {
            Ok(holders) => holders,
            Err(error) => Holders::none(SessionError::from(error).to_string()),
        }
    }

    fn search(&self, search: &Search<'_>, budget: &Budget) -> Result<Holders, ClientError> {
        let request = Request::Words(search.request());
        let ask = || -> Result<Vec<ThreadWords>, ClientError> {
            let collected = self.connect_again(budget)?.ask(&request)?.collect::<WordsPart>(&mut |_| {});
            collected.end?;
            Ok(collected.parts.into_iter().flat_map(|part| part.threads).collect())
        };
        let first = ask()?;
        sleep(PAUSE);
        let last = ask()?;
        let mut reconnect = || self.connect_again(budget);
        let memory = Memory::new(&mut reconnect, self.hello().cookie).read(&search.ranges(&last))?;
        Ok(search.holders(&first, &last, &memory))
    }
}
