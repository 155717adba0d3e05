//! The holders of the locks that threads wait for, from the memory of the program, read twice.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::Duration;

use rgops_protocol::reply::words::{ThreadWords, WordsPart};
use rgops_protocol::request::{Request, WordsRequest};

use super::connect::Session;
use super::error::SessionError;
use crate::budget::Budget;
use crate::client::ClientError;
use crate::locks::{Holders, LockThread, ParkedSearch, Search};
use crate::tasks::memory::Memory;

/// From one search to the next: a lock of a program that works is given on in less.
const PAUSE: Duration = Duration::from_millis(60);

impl Session {
    /// The locks of parking_lot that these threads wait for, as far as they are known. Asks nobody if there is none.
    pub(super) fn parked_at(&self, threads: &[LockThread<'_>], budget: &Budget) -> HashMap<u32, u64> {
        let search = ParkedSearch::new(threads);
        // Without them the threads are told apart by the places where they wait.
        search.and_then(|search| self.locks_of_parked(&search, budget).ok()).unwrap_or_default()
    }

    fn locks_of_parked(
        &self,
        search: &ParkedSearch,
        budget: &Budget,
    ) -> Result<HashMap<u32, u64>, ClientError> {
        let mut reconnect = || self.connect_again(budget);
        let mut memory = Memory::new(&mut reconnect, self.hello().cookie);
        let data = memory.read(&search.data())?;
        let states = memory.read(&search.states(&data))?;
        let last = self.words(search.request(), budget)?;
        Ok(search.locks(&data, &states, &last))
    }

    fn words(&self, request: WordsRequest, budget: &Budget) -> Result<Vec<ThreadWords>, ClientError> {
        let request = Request::Words(request);
        let collected = self.connect_again(budget)?.ask(&request)?.collect::<WordsPart>(&mut |_| {});
        collected.end?;
        Ok(collected.parts.into_iter().flat_map(|part| part.threads).collect())
    }

    /// Searches for the holders of all locks that these threads wait for. Asks nobody if there is none.
    pub(super) fn lock_holders(&self, threads: Vec<LockThread<'_>>, budget: &Budget) -> Holders {
        let Some(search) = Search::new(threads) else { return Holders::default() };
        match self.search(&search, budget) {
            Ok(holders) => holders,
            Err(error) => Holders::none(SessionError::from(error).to_string()),
        }
    }

    fn search(&self, search: &Search<'_>, budget: &Budget) -> Result<Holders, ClientError> {
        let first = self.words(search.request(), budget)?;
        sleep(PAUSE);
        let last = self.words(search.request(), budget)?;
        let mut reconnect = || self.connect_again(budget);
        let memory = Memory::new(&mut reconnect, self.hello().cookie).read(&search.ranges(&last))?;
        Ok(search.holders(&first, &last, &memory))
    }
}
