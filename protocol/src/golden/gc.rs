//! `gc`: its request and its parts.

use super::golden;
use crate::reply::{Known, gc, memstats};
use crate::request;

golden!(request_gc, request::GcRequest, request::GcRequest {});
golden!(
    gc,
    gc::GcReply,
    gc::GcReply {
        allocators: vec![gc::Released {
            allocator: "glibc".into(),
            called: Known::Value("malloc_trim(0)".into()),
            took_ns: 1_000_000,
            rss_before_bytes: Known::Value(70_000_000),
            rss_after_bytes: Known::unavailable("no /proc", "mount /proc"),
            before: vec![memstats::Field {
                name: "heap-idle".into(),
                unit: memstats::Unit::Bytes,
                value: Known::Value(50_000_000),
                source: "mallinfo2().fordblks".into(),
            }],
            after: vec![],
        }],
    }
);
