//! `heap-rate`: its request and its parts.

use super::golden;
use crate::reply::heap_rate;
use crate::request;

golden!(request_heap_rate, request::HeapRateRequest, request::HeapRateRequest { set_bytes: Some(524_288) });
golden!(request_heap_rate_asked, request::HeapRateRequest, request::HeapRateRequest { set_bytes: None });
golden!(
    heap_rate,
    heap_rate::HeapRateReply,
    heap_rate::HeapRateReply { before_bytes: 0, now_bytes: 65_536, default_bytes: 524_288 }
);
