//! The call graph: zoom, selection, keys, search, and what it is without scripts.

use serde_json::json;

use crate::driver::Browser;
use crate::fixture;

/// A key as the keyboard sends it, to what has the focus.
fn key(browser: &Browser, key: &str, code: u32) {
    for kind in ["keyDown", "keyUp"] {
        let text = if key.len() == 1 && kind == "keyDown" { key } else { "" };
        let event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text});
        browser.chrome("Input.dispatchKeyEvent", event);
    }
}

fn chosen(browser: &Browser) -> String {
    let name = browser.script("return document.querySelector('.chosen')?.dataset.name ?? ''");
    name.as_str().unwrap_or_default().to_owned()
}

/// A JavaScript expression: whether the function that has the focus has this name.
fn has_focus(name: &str) -> String {
    format!("document.activeElement.dataset.name === '{name}'")
}

#[test]
fn a_function_is_selected_by_a_click_and_by_keys_and_is_in_the_address() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}graph", server.url()));
    browser.wait("document.querySelector('.graph-view.moves')");
    browser.click("[data-name='shop::checkout']");
    browser.wait("location.search.includes('p=shop%3A%3Acheckout')");
    assert_eq!(chosen(&browser), "shop::checkout");
    assert_eq!(browser.texts("#graph-node .name"), ["shop::checkout"]);
    let links = browser.texts("#graph-node a");
    assert!(
        ["Peek", "Source", "Focus", "Hide"].iter().all(|of| links.iter().any(|link| link == of)),
        "{links:?}"
    );

    // Up is the caller, down the heaviest callee.
    key(&browser, "ArrowUp", 38);
    browser.wait(&has_focus("shop::main"));
    key(&browser, "ArrowDown", 40);
    key(&browser, "ArrowDown", 40);
    browser.wait(&has_focus("shop::price::total"));
    key(&browser, "Enter", 13);
    browser.wait("location.search.includes('p=shop%3A%3Aprice%3A%3Atotal')");
    assert_eq!(chosen(&browser), "shop::price::total");
    key(&browser, "Escape", 27);
    browser.wait("!location.search.includes('p=')");
    assert_eq!(chosen(&browser), "");
    browser.back();
    browser.wait("document.querySelector('.chosen')?.dataset.name === 'shop::price::total'");
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn it_is_zoomed_and_moved_by_keys_buttons_and_the_wheel() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}graph", server.url()));
    browser.wait("document.querySelector('.graph-view.moves')");
    let zoom = "Number.parseInt(document.getElementById('graph-zoom').textContent)";
    browser.wait(&format!("window.before = {zoom}"));
    browser.script("document.getElementById('graph-view').focus()");
    key(&browser, "+", 187);
    browser.wait(&format!("{zoom} > window.before"));
    browser.click("[aria-keyshortcuts='0']");
    browser.wait(&format!("{zoom} === window.before || Math.abs({zoom} - window.before) < 60"));
    browser.wait(&format!("window.before = {zoom}"));
    let wheel = json!({"type": "mouseWheel", "x": 400, "y": 400, "deltaX": 0, "deltaY": -300});
    browser.chrome("Input.dispatchMouseEvent", wheel);
    browser.wait(&format!("{zoom} > window.before"));
    browser.script("window.box = document.getElementById('graph').getAttribute('viewBox')");
    for (kind, x) in [("mousePressed", 300), ("mouseMoved", 340), ("mouseMoved", 420), ("mouseReleased", 420)]
    {
        let event = json!({"type": kind, "x": x, "y": 320, "button": "left", "buttons": 1, "clickCount": 1});
        browser.chrome("Input.dispatchMouseEvent", event);
    }
    browser.wait("document.getElementById('graph').getAttribute('viewBox') !== window.box");
    assert_eq!(chosen(&browser), "", "a drag is no click");
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn the_search_marks_functions_and_focus_leaves_others_out() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}graph?q=cart", server.url()));
    browser.wait("document.querySelectorAll('.node.found').length === 1");
    browser.open(&format!("{}graph?p=shop::serve", server.url()));
    browser.wait("document.querySelector('.chosen')");
    browser.script(
        "[...document.querySelectorAll('#graph-node a')].find(of => of.textContent === 'Focus').click()",
    );
    browser.wait("location.search.includes('f=') && document.querySelector('.graph-view.moves')");
    let names =
        browser.script("return [...document.querySelectorAll('.node')].map(of => of.dataset.name).join(' ')");
    let names = names.as_str().unwrap_or_default().to_owned();
    assert!(names.contains("shop::serve") && !names.contains("shop::search"), "{names}");
}

#[test]
fn without_scripts_functions_are_links_in_a_picture_that_scrolls() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.allow_scripts(false);
    browser.open(&format!("{}graph", server.url()));
    browser.allow_scripts(true);
    assert_eq!(browser.script("return document.querySelectorAll('.graph-view.moves').length"), json!(0));
    let href = browser
        .script("return document.querySelector(\"[data-name='shop::checkout']\").getAttribute('href')");
    assert_eq!(href, json!("peek?fn=%5Eshop%3A%3Acheckout%24"));
}
