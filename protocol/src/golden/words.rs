//! `words`: its request and its part.

use super::golden;
use crate::reply::{Known, words};
use crate::request;

golden!(
    request_words,
    request::WordsRequest,
    request::WordsRequest { words: vec![0x7fff_0000_1000], threads: vec![7, 8], max_bytes: 1024 }
);
golden!(
    words,
    words::WordsPart,
    words::WordsPart {
        threads: vec![
            words::ThreadWords {
                tid: 7,
                stack: Known::Value(words::SearchedStack {
                    sp: 0x7fff_0000_0000,
                    bytes: 1024,
                    cpu_ns: 300,
                    found: vec![words::FoundWord { avma: 0x7fff_0000_0040, word: 0 }],
                }),
            },
            words::ThreadWords { tid: 8, stack: Known::unavailable("it is running", "") },
        ]
    }
);
