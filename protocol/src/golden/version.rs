//! `version`: its request and its parts.

use super::golden;
use crate::reply::{Known, version};
use crate::request;

golden!(request_version, request::VersionRequest, request::VersionRequest {});
golden!(
    version,
    version::VersionReply,
    version::VersionReply {
        program: Known::unavailable("not given", "Options::default().program(…)"),
        executable: Known::Value("shop".into()),
        build_id: vec![1, 2, 3],
        rustc: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
        target: "x86_64-unknown-linux-gnu".into(),
        profile: "release".into(),
        opt_level: "3".into(),
        debug_assertions: false,
        panic: "unwind".into(),
        comment: Known::Value(vec!["GCC: (Debian 12.2.0-14+deb12u1) 12.2.0".into()]),
        sections: Known::Value(vec![".text".into()]),
        symbols: Known::Value(vec!["_ZN4main17h0123456789abcdefE".into()]),
        auditable: vec![0x78, 0x9c],
        tokio: Known::Value("1.54.1".into()),
        allocator: Known::Value("glibc".into()),
        agent: "0.1.0".into(),
        protocol: 1,
        features: vec!["jemalloc".into()],
    }
);
