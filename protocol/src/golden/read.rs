//! `read`: its request and its parts.

use super::golden;
use crate::reply::read;
use crate::request;

golden!(
    request_read,
    request::ReadRequest,
    request::ReadRequest {
        ranges: vec![
            request::MemoryRange { avma: 0x7fff_0000_1000, length: 64 },
            request::MemoryRange { avma: 8, length: 0 }
        ]
    }
);
golden!(read, read::ReadPart, read::ReadPart { ranges: vec![Some(vec![1, 2]), None, Some(vec![])] });
