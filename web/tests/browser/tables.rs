//! Top, Peek, Source, Disassembly and Tags: sorted, filtered, followed from one to the other.

use rgops_pprof::proto::{Function, Line, Location, Profile, Sample, ValueType};
use rgops_pprof::write::Tables;

use crate::driver::{Browser, key};
use crate::fixture;

/// The options of the fixture's pages, without what is done for names and frames of Rust.
const PLAIN: &str = "rust=f";

/// The first cells of the column with names.
fn names(browser: &Browser, count: usize) -> Vec<String> {
    browser.texts("#top tbody tr .name a").into_iter().take(count).collect()
}

#[test]
fn top_is_sorted_by_its_headings_and_filtered_as_one_types() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}top?{PLAIN}", server.url()));
    browser.wait("document.getElementById('top').dataset.ready");
    assert_eq!(names(&browser, 2), ["shop::price::round", "alloc::vec::Vec<u8>::push"]);
    browser.click("#top [data-sort='cum']");
    browser.wait("new URLSearchParams(location.search).get('by') === 'cum'");
    assert_eq!(names(&browser, 2), ["shop::main", "std::rt::lang_start"]);
    assert_eq!(browser.texts("th[aria-sort]"), ["Cum"]);
    browser.click("#top [data-sort='name']");
    browser.wait("new URLSearchParams(location.search).get('asc') === 't'");
    assert_eq!(names(&browser, 1), ["alloc::vec::Vec<String>::push"]);
    browser.keys("#search", "cart|CHECK");
    browser.wait("document.querySelectorAll('#top tbody tr').length === 1");
    browser.wait("document.getElementById('matched').textContent === '1 rows, 0.00% flat'");
    let shown = browser.url();
    browser.open(&shown);
    browser.wait("document.getElementById('top').dataset.ready");
    assert_eq!(names(&browser, 9), ["shop::cart::add"], "the address has the search and the order");
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn values_have_the_unit_that_fits_them_unless_one_is_asked_for() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    let first = |address: &str, cells: &str| {
        browser.open(&format!("{}{address}", server.url()));
        browser.texts(cells).into_iter().next().unwrap_or_default()
    };
    assert!(first("top", "#summary").ends_with("10s in all"));
    assert!(first("top?unit=ms", "#summary").ends_with("10000ms in all"));
    assert_eq!(first("peek?fn=shop::main", ".peek .self td:nth-child(3)"), "9.25s");
    assert_eq!(first("peek?fn=shop::main&unit=ms", ".peek .self td:nth-child(3)"), "9250ms");
    assert_eq!(first("sandwich", "#sandwich-functions td:nth-child(2)"), "4.10s");
    assert_eq!(first("sandwich?unit=ms", "#sandwich-functions td:nth-child(2)"), "4100ms");
    browser.open(&format!("{}graph", server.url()));
    assert!(
        browser.script("return document.querySelector('#graph-view svg').textContent.includes('9.25s')")
            == true
    );
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn a_number_of_rows_does_not_drop_small_ones() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::analyser(&many(1_000)));
    for (address, text) in [
        ("top", "1000 of 1000 rows, 500500 in all"),
        ("top?n=5", "5 of 1000 rows, 500500 in all"),
        ("top?n=-1", "1000 of 1000 rows, 500500 in all"),
    ] {
        browser.open(&format!("{}{address}", server.url()));
        browser.wait("document.getElementById('top').dataset.ready");
        assert_eq!(browser.texts("#summary"), [text], "{address}");
    }
}

#[test]
fn a_row_of_top_leads_to_the_other_views_of_its_function() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    for (text, route) in
        [("peek", "peek"), ("source", "source"), ("asm", "disasm"), ("focus", "top"), ("flame", "flamegraph")]
    {
        browser.open(&format!("{}top?{PLAIN}&by=cum&q=search", server.url()));
        browser.wait("document.getElementById('top').dataset.ready");
        browser.script(&format!(
            "[...document.querySelectorAll('#top tbody .links a')].find(of => of.textContent === '{text}').click()"
        ));
        browser
            .wait(&format!("location.pathname.endsWith('/{route}') && document.readyState === 'complete'"));
        assert_eq!(browser.texts("section.problem"), [""; 0], "{text}");
        let all = browser.texts("main").join("\n");
        let is_right = all.contains("shop::search<&str>") || route == "flamegraph";
        assert!(is_right, "{text}: {all}");
    }
}

#[test]
fn twenty_thousand_rows_are_in_a_table_that_draws_those_in_sight() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::analyser(&many(20_000)));
    browser.open(&format!("{}top?{PLAIN}", server.url()));
    browser.wait("document.getElementById('top').dataset.ready");
    let drawn = browser.script("return document.querySelectorAll('#top tbody tr').length").as_u64().unwrap();
    assert!(drawn < 150, "{drawn} rows are drawn");
    assert_eq!(
        browser.script("return document.getElementById('top').getAttribute('aria-rowcount')"),
        "20001"
    );
    browser.script("scrollTo(0, document.documentElement.scrollHeight)");
    browser.wait(
        "[...document.querySelectorAll('#top tbody .name a')].some(of => of.textContent === 'crate::f00000')",
    );
    let drawn = browser.script("return document.querySelectorAll('#top tbody tr').length").as_u64().unwrap();
    assert!(drawn < 150, "{drawn} rows are drawn");
    browser.script("scrollTo(0, 0)");
    browser.keys("#search", "f1234.$");
    browser.wait("document.querySelectorAll('#top tbody .name a').length === 10");
    // One frame for each letter is enough: sorting, filtering and drawing all of it fits into it.
    let took = browser.script(
        "const input = document.getElementById('search'); const began = performance.now();
         for (const text of ['f', 'f1', 'f12', '']) { input.value = text; input.dispatchEvent(new Event('input')); }
         return performance.now() - began",
    );
    eprintln!("four filters of 20,000 rows took {took} ms");
}

/// As many functions, each with a sample, the last with the largest value.
fn many(functions: usize) -> Profile {
    let mut tables = Tables::new();
    let mut samples = Vec::new();
    for at in 0..functions {
        let name = tables.text(&format!("crate::f{at:05}"));
        let function_id = tables.add_function(Function { name, system_name: name, ..Function::default() });
        let line = vec![Line { function_id, line: 1, column: 0 }];
        let location = tables.add_location(Location { line, ..Location::default() });
        samples.push(Sample { location_id: vec![location], value: vec![at as i64 + 1], label: Vec::new() });
    }
    let value = ValueType { r#type: tables.text("samples"), unit: tables.text("count") };
    Profile { sample_type: vec![value], sample: samples, ..tables.into_profile(None) }
}

#[test]
fn peek_shows_callers_and_callees_and_leads_from_one_to_the_next() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}peek?{PLAIN}", server.url()));
    browser.keys(".function input[name='fn']", "^shop::checkout$\u{e007}");
    browser.wait("document.querySelector('.peek')");
    assert_eq!(browser.texts(".peek .name.call a"), ["shop::main", "shop::price::total", "shop::cart::add"]);
    browser.click(".peek tbody:last-child .name.call a");
    browser.wait("document.querySelector('.peek .self .name').textContent === 'shop::price::total'");
    assert_eq!(browser.texts(".peek .name.call a"), ["shop::checkout", "shop::price::round"]);
    browser.back();
    browser.wait("document.querySelector('.peek .self .name').textContent === 'shop::checkout'");
    browser.open(&format!("{}peek?fn=nothing_is_called_so", server.url()));
    assert!(browser.texts(".empty")[0].contains("no matches found"));
    assert_eq!(browser.texts(".function button"), ["Show"], "the pattern can be corrected");
}

#[test]
fn a_line_of_source_opens_to_what_was_inlined_into_it() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}source?{PLAIN}&fn=price::total", server.url()));
    assert_eq!(browser.texts(".source .path"), ["/shop/src/main.rs"]);
    let line = "tr:not(.cold) details summary";
    browser.wait(&format!("document.querySelector('{line}')"));
    assert!(browser.texts(line)[0].contains("round(*value)"), "{:?}", browser.texts(line));
    browser.click(line);
    browser.wait("document.querySelector('details[open] .inside')");
    let inside = browser.texts("details[open] .inside")[0].clone();
    assert!(inside.contains("main.rs:") && inside.contains("push   %rbx"), "{inside}");
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn instructions_are_shown_with_their_values() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}disasm?{PLAIN}&fn=serve( |$)", server.url()));
    let shown = browser.texts(".disasm").join("\n");
    assert!(shown.contains("call   *0x18(%rax)") && shown.contains("cum 2.80s (28.00%)"), "{shown}");
}

#[test]
fn a_value_of_a_label_leads_to_its_samples() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}tags?{PLAIN}", server.url()));
    assert_eq!(browser.texts(".tags h2"), ["bytes 10s of 10s", "thread 10s of 10s"]);
    browser.script(
        "[...document.querySelectorAll('.tags a')].find(of => of.textContent === 'worker-2').click()",
    );
    browser.wait("new URLSearchParams(location.search).get('tf') === 'thread=^worker-2$'");
    browser.wait("document.readyState === 'complete'");
    assert_eq!(browser.texts(".tags h2"), ["bytes 1.65s of 10s", "thread 1.65s of 10s"]);
    browser.open(&format!("{}tags?{PLAIN}", server.url()));
    browser.script("[...document.querySelectorAll('.tags a')].find(of => of.textContent === '1kB').click()");
    browser.wait("new URLSearchParams(location.search).get('tf') === 'bytes=1kB'");
    browser.wait("document.readyState === 'complete'");
    assert_eq!(browser.texts(".tags h2")[0], "bytes 900ms of 10s");
}

#[test]
fn tables_are_there_without_scripts() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.allow_scripts(false);
    for (route, text) in [
        ("top?by=cum&q=check", "shop::checkout"),
        ("peek?fn=checkout", "shop::checkout"),
        ("source?fn=checkout", "fn checkout"),
        ("disasm?fn=checkout", "push"),
        ("tags", "worker-2"),
    ] {
        browser.open(&format!("{}{route}", server.url()));
        let main = browser.chrome("DOM.getDocument", serde_json::json!({ "depth": -1 })).to_string();
        assert!(main.contains(text), "{route}");
    }
}

#[test]
fn pages_fit_a_narrow_window_and_large_letters() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    for (width, scale) in [(400, 1), (1280, 2)] {
        browser.size(width / scale, 800);
        for route in
            ["top", "peek?fn=checkout", "source?fn=checkout", "disasm?fn=checkout", "tags", "top?n=many"]
        {
            browser.open(&format!("{}{route}", server.url()));
            browser.wait("document.readyState === 'complete'");
            let wide = browser.script("return document.documentElement.scrollWidth - innerWidth");
            assert!(
                wide.as_i64().unwrap() <= 0,
                "{route} is {wide} pixels wider than {width} pixels at {scale}"
            );
            for menu in browser.texts("details.menu > summary") {
                let menu = menu.split('\n').next().unwrap();
                browser.script(&format!("document.querySelector('[data-menu=\"{menu}\"]').open = true"));
                let beyond = browser.script(&format!(
                    "const at = document.querySelector('[data-menu=\"{menu}\"] .panel').getBoundingClientRect();
                     return Math.max(at.right - innerWidth, -at.left)"
                ));
                let wide = browser.script("return document.documentElement.scrollWidth - innerWidth");
                assert!(
                    beyond.as_f64().unwrap() <= 1.0 || wide.as_i64().unwrap() <= 0,
                    "{menu} of {route}: {beyond}"
                );
            }
        }
    }
    browser.press(key::ESCAPE);
}
