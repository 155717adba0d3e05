//! The flame graph and the sandwich: clicks, keys, search, history, comparisons, many stacks.

use rgops_pprof::proto::{Function, Line, Location, Profile, Sample, ValueType};
use rgops_pprof::write::Tables;

use crate::driver::{Browser, key};
use crate::fixture;

/// The graph as the file has it, without what is done for names and frames of Rust.
const PLAIN: &str = "flamegraph?rust=false";

fn open(browser: &Browser, server: &rgops_web::Server, address: &str) {
    browser.open(&format!("{}{address}", server.url()));
    drawn(browser);
}

fn drawn(browser: &Browser) {
    browser.wait("document.querySelector('#flame').dataset.drawn > 0");
}

/// The name of the frame that the line below the graph is about.
fn wait_frame(browser: &Browser, name: &str) {
    let name = serde_json::to_string(name).unwrap();
    browser.wait(&format!("document.querySelector('#flame-frame .name')?.textContent === {name}"));
}

fn facts(browser: &Browser) -> String {
    browser.texts("#flame-frame .facts span")[0].clone()
}

/// Clicks in the graph: at a share of its width, in a row from the top.
fn click(browser: &Browser, share: f64, row: usize, button: &str) {
    let at = browser.script(&format!(
        "const of = document.querySelector('#flame-view').getBoundingClientRect();
         return [of.left + of.width * {share}, of.top + {row} * 19 + 9]"
    ));
    for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
        let button = if kind == "mouseMoved" { "none" } else { button };
        browser.chrome(
            "Input.dispatchMouseEvent",
            serde_json::json!({"type": kind, "x": at[0], "y": at[1], "button": button, "buttons": buttons, "clickCount": 1}),
        );
    }
}

#[test]
fn a_click_shows_callers_and_callees_and_back_leads_back() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    open(&browser, &server, PLAIN);
    wait_frame(&browser, "all");
    assert_eq!(facts(&browser), "10s (100.0%)");
    click(&browser, 0.2, 3, "left");
    browser.wait("new URLSearchParams(location.search).get('p') === 'shop::checkout'");
    wait_frame(&browser, "shop::checkout");
    assert_eq!(facts(&browser), "6.30s (63.0%)");
    assert_eq!(browser.texts("#flame-pivot"), ["shop::checkout"]);
    // Other views are led to with the function.
    let sandwich =
        browser.script("return document.querySelector('.views a[data-key=w]').getAttribute('href')");
    assert_eq!(sandwich, "sandwich?rust=f&p=shop%3A%3Acheckout");
    // Two callers are above it now: the row of the root is the third.
    click(&browser, 0.2, 3, "left");
    browser.wait("new URLSearchParams(location.search).get('p') === 'shop::price::total'");
    wait_frame(&browser, "shop::price::total");
    assert_eq!(facts(&browser), "4.10s (41.0%)");
    browser.back();
    wait_frame(&browser, "shop::checkout");
    browser.back();
    wait_frame(&browser, "all");
    browser.wait("location.search === '?rust=false'");
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn a_search_marks_frames_and_says_what_share_they_have() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    open(&browser, &server, PLAIN);
    browser.keys("#search", "cart|memcpy");
    browser.wait("document.getElementById('matched').textContent === 'matched 37.0% (3.70s)'");
    browser.wait("new URLSearchParams(location.search).get('q') === 'cart|memcpy'");
    // A stack with a function twice counts once.
    open(&browser, &server, "flamegraph?rust=false&q=shop::search");
    browser.wait("document.getElementById('matched').textContent === 'matched 1.5% (150ms)'");
    open(&browser, &server, PLAIN);
    browser.keys("#search", "(");
    browser.wait("document.getElementById('matched').textContent === 'matched as plain text 0% (0)'");
}

#[test]
fn keys_move_between_frames_and_change_the_graph() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    open(&browser, &server, PLAIN);
    browser.script("document.getElementById('flame-view').focus()");
    for (pressed, name) in [
        (key::DOWN, "std::rt::lang_start"),
        (key::DOWN, "shop::main"),
        (key::DOWN, "shop::checkout"),
        ("\u{e014}", "shop::serve"),
        ("\u{e013}", "shop::main"),
        (key::DOWN, "shop::checkout"),
    ] {
        browser.press(pressed);
        wait_frame(&browser, name);
    }
    browser.press("\u{e007}");
    browser.wait("new URLSearchParams(location.search).get('p') === 'shop::checkout'");
    wait_frame(&browser, "shop::checkout");
    browser.press("\u{e013}");
    wait_frame(&browser, "shop::main");
    browser.press(key::ESCAPE);
    browser.press(key::ESCAPE);
    browser.wait("!location.search.includes('p=')");
    wait_frame(&browser, "all");
    browser.press("r");
    wait_frame(&browser, "all leaves");
    browser.wait("location.search.includes('reversed=1')");
    assert_eq!(browser.script("return document.getElementById('flame-reversed').ariaPressed"), "true");
    browser.press(key::DOWN);
    wait_frame(&browser, "shop::price::round");
    assert_eq!(facts(&browser), "4.10s (41.0%), inlined");
    browser.press("i");
    browser.wait("location.search.includes('up=1')");
    browser.press("m");
    browser.wait("document.activeElement.getAttribute('role') === 'menuitem'");
    assert_eq!(
        browser.texts("#flame-menu [role=menuitem]"),
        [
            "Source",
            "Disassembly",
            "Peek",
            "Sandwich",
            "Focus",
            "Ignore",
            "Hide",
            "Show from",
            "Copy the name"
        ]
    );
    browser.press(key::ESCAPE);
    browser
        .wait("document.getElementById('flame-menu').hidden && document.activeElement.id === 'flame-view'");
    browser.press("?");
    browser.wait("document.getElementById('keys').open");
    assert!(browser.texts("#keys")[0].contains("In the flame graph"));
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn the_menu_of_a_frame_leads_to_filters_that_match_it_and_nothing_else() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    open(&browser, &server, PLAIN);
    click(&browser, 0.2, 3, "right");
    browser.wait("!document.getElementById('flame-menu').hidden");
    browser.click("#flame-menu a[href*='i=']");
    browser.wait("new URLSearchParams(location.search).get('i') === '^shop::checkout$'");
    drawn(&browser);
    assert_eq!(facts(&browser), "3.70s (37.0%)");
}

#[test]
fn a_comparison_shows_what_grew_and_what_shrank() {
    let Some(browser) = Browser::start() else { return };
    let mut profile = fixture::profile(3);
    let base = fixture::profile(1).sample;
    profile.sample.extend(
        base.into_iter().map(|of| Sample { value: of.value.iter().map(|value| -value * 2).collect(), ..of }),
    );
    let server = fixture::server(fixture::analyser(&profile));
    open(&browser, &server, PLAIN);
    assert_eq!(facts(&browser), "+10s (20.0%), 20s → 30s");
    assert_eq!(browser.texts("#flame-legend span"), ["more than the base", "less"]);
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn the_sandwich_begins_with_the_largest_function_and_follows_its_list() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    open(&browser, &server, "sandwich?rust=false");
    wait_frame(&browser, "shop::price::round");
    assert_eq!(browser.texts("#sandwich-functions tr[aria-current] a"), ["shop::price::round"]);
    assert_eq!(browser.texts("#sandwich-functions tbody tr").len(), 15);
    browser.keys("#sandwich-filter", "serve");
    browser.wait(
        "[...document.querySelectorAll('#sandwich-functions tbody tr')].filter(of => !of.hidden).length === 2",
    );
    browser.click("#sandwich-functions tbody tr:not([hidden]) a[href*='serve&'], #sandwich-functions tbody tr:not([hidden]) a[href$='serve']");
    browser.wait("new URLSearchParams(location.search).get('p') === 'shop::serve'");
    wait_frame(&browser, "shop::serve");
    assert_eq!(facts(&browser), "2.80s (28.0%)");
}

#[test]
fn without_scripts_the_functions_are_in_a_table() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.allow_scripts(false);
    browser.open(&format!("{}{PLAIN}", server.url()));
    browser.click(".flame-table summary");
    browser.click(".flame-table a");
    assert!((0..200).any(|_| browser.url().contains("p=") || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        false
    }));
}

/// 100,000 stacks of five functions each, all of the same value.
fn many() -> Profile {
    let mut tables = Tables::new();
    let mut locations = [[0u64; 10]; 5];
    for (level, row) in locations.iter_mut().enumerate() {
        for (digit, location) in row.iter_mut().enumerate() {
            let name = tables.text(&format!("wide::level{level}::function{digit}"));
            let function_id = tables.add_function(Function { name, ..Function::default() });
            let line = vec![Line { function_id, line: 1, column: 0 }];
            let address = (level * 10 + digit) as u64 + 1;
            *location = tables.add_location(Location { line, address, ..Location::default() });
        }
    }
    let sample = (0..100_000usize).map(|at| {
        let digit = |level: u32| at / 10usize.pow(level) % 10;
        let location_id = (0..5u32).rev().map(|level| locations[level as usize][digit(level)]).collect();
        Sample { location_id, value: vec![1], label: Vec::new() }
    });
    let sample = sample.collect();
    let sample_type = vec![ValueType { r#type: tables.text("events"), unit: tables.text("count") }];
    Profile { sample, sample_type, ..tables.into_profile(None) }
}

#[test]
fn of_a_hundred_thousand_stacks_only_what_can_be_seen_is_drawn() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::analyser(&many()));
    open(&browser, &server, PLAIN);
    assert_eq!(facts(&browser), "100,000 (100.0%)");
    // The root, 10, 100 and 1,000 frames; the next are an eighth of a pixel wide.
    browser.wait("document.getElementById('flame').dataset.drawn === '1111'");
    assert!(browser.texts(".notes p")[0].starts_with("11110 frames"), "{:?}", browser.texts(".notes p"));
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn a_graph_is_printed_as_a_whole_and_is_then_as_it_was() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.size(640, 300);
    open(&browser, &server, PLAIN);
    let height = || browser.script("return document.getElementById('flame-canvas').height").as_u64().unwrap();
    let shown = height();
    let all = browser.script(
        "window.dispatchEvent(new Event('beforeprint')); \
         return parseInt(document.getElementById('flame-space').style.height) - 4",
    );
    assert_eq!(Some(height()), all.as_u64());
    browser.script("window.dispatchEvent(new Event('afterprint'))");
    assert_eq!(height(), shown);
    assert_eq!(browser.console_errors(), [""; 0]);
}
