//! `rgops gc`: what releasing free memory to the system changed, for each allocator.

use std::fmt::Write as _;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::gc::{GcReply, Released};
use rgops_protocol::reply::memstats::{Field, Unit};
use rgops_protocol::reply::{End, Known};
use serde::Serialize;

use super::document::Document;
use super::known::JsonKnown;
use crate::text::known::show;
use crate::text::{bytes_short, duration, escape, label};

/// The answer as text: a heading per allocator, then each number before and after.
pub fn render(reply: &GcReply) -> String {
    let mut text = String::new();
    for (number, released) in reply.allocators.iter().enumerate() {
        let gap = if number == 0 { "" } else { "\n" };
        let called = match &released.called {
            Known::Value(called) => format!("{} in {}", escape(called), duration(released.took_ns)),
            missing => format!("not called: {}", show(missing, String::clone)),
        };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{gap}[{}] {called}", escape(&released.allocator));
        if released.called.value().is_some() {
            numbers(&mut text, released);
        }
    }
    if reply.allocators.is_empty() {
        text.push_str("no allocator in this program can release memory on request\n");
    }
    text
}

fn numbers(text: &mut String, released: &Released) {
    let mut rows =
        vec![("rss".to_owned(), change(&released.rss_before_bytes, &released.rss_after_bytes, Unit::Bytes))];
    for before in &released.before {
        let after = released.after.iter().find(|after| after.name == before.name);
        if let Some(Field { value: after, .. }) = after
            && before.value != *after
        {
            rows.push((label(&before.name).into_owned(), change(&before.value, after, before.unit)));
        }
    }
    for (name, change) in rows {
        let _ = writeln!(text, "{name}: {change}");
    }
}

/// `70.00MB -> 20.00MB (-50.00MB)`
fn change(before: &Known<u64>, after: &Known<u64>, unit: Unit) -> String {
    let number = |value: u64| match unit {
        Unit::Bytes => bytes_short(value),
        Unit::Count => value.to_string(),
    };
    let known = |value: &Known<u64>| show(value, |value| number(*value));
    let mut text = format!("{} -> {}", known(before), known(after));
    if let (Known::Value(before), Known::Value(after)) = (before, after) {
        let sign = if after < before { "-" } else { "+" };
        let _ = write!(text, " ({sign}{})", number(before.abs_diff(*after)));
    }
    text
}

/// The JSON contract `rgops.gc/1`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonGc {
    allocators: Vec<JsonReleased>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonReleased {
    allocator: String,
    /// The call, `malloc_trim(0)`.
    called: JsonKnown<String>,
    took_ns: u64,
    rss_before_bytes: JsonKnown<u64>,
    rss_after_bytes: JsonKnown<u64>,
    /// The allocator's own numbers, as in `rgops.memstats`.
    before: Vec<super::memstats::JsonField>,
    after: Vec<super::memstats::JsonField>,
}

impl JsonGc {
    /// The JSON form of an answer.
    pub fn document(hello: &AgentHello, reply: GcReply, end: &End) -> Document<JsonGc> {
        let fields = |fields: &[Field]| fields.iter().map(super::memstats::json_field).collect();
        let allocators = reply.allocators.into_iter().map(|released| JsonReleased {
            before: fields(&released.before),
            after: fields(&released.after),
            allocator: released.allocator,
            called: released.called.into(),
            took_ns: released.took_ns,
            rss_before_bytes: released.rss_before_bytes.into(),
            rss_after_bytes: released.rss_after_bytes.into(),
        });
        let body = JsonGc { allocators: allocators.collect() };
        Document::new("rgops.gc/1", hello.into(), Ok(end), body, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_and_after_are_side_by_side_and_unchanged_numbers_are_omitted() {
        let field = |name: &str, value| Field {
            name: name.to_owned(),
            unit: Unit::Bytes,
            value: Known::Value(value),
            source: String::new(),
        };
        let reply = GcReply {
            allocators: vec![
                Released {
                    allocator: "glibc".to_owned(),
                    called: Known::Value("malloc_trim(0)".to_owned()),
                    took_ns: 1_500_000,
                    rss_before_bytes: Known::Value(70 << 20),
                    rss_after_bytes: Known::Value(20 << 20),
                    before: vec![field("heap-sys", 60 << 20), field("heap-in-use", 10 << 20)],
                    after: vec![field("heap-sys", 61 << 20), field("heap-in-use", 10 << 20)],
                },
                Released {
                    allocator: "mimalloc".to_owned(),
                    called: Known::unavailable("its symbols are not linked", ""),
                    took_ns: 0,
                    rss_before_bytes: Known::Value(1),
                    rss_after_bytes: Known::Value(1),
                    before: vec![],
                    after: vec![],
                },
            ],
        };
        let expected = "\
[glibc] malloc_trim(0) in 1.5ms
rss: 70.00MB -> 20.00MB (-50.00MB)
heap-sys: 60.00MB -> 61.00MB (+1.00MB)

[mimalloc] not called: unavailable (its symbols are not linked)
";
        assert_eq!(render(&reply), expected);
    }
}
