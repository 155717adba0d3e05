//! `memstats`: its request and its parts.

use super::golden;
use crate::reply::{Known, memstats};
use crate::request;

golden!(request_memstats, request::MemstatsRequest, request::MemstatsRequest {});
golden!(
    memstats,
    memstats::MemstatsReply,
    memstats::MemstatsReply {
        sections: vec![memstats::Section {
            name: "process".into(),
            fields: vec![
                memstats::Field {
                    name: "rss".into(),
                    unit: memstats::Unit::Bytes,
                    value: Known::Value(70_000),
                    source: "/proc/self/statm".into(),
                },
                memstats::Field {
                    name: "major-faults".into(),
                    unit: memstats::Unit::Count,
                    value: Known::unavailable("no /proc", "mount /proc"),
                    source: "/proc/self/stat".into(),
                },
            ],
        }],
    }
);
