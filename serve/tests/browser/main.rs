//! The pages in a real browser, of real programs: Chromium without a window, driven by chromedriver. Skipped where there
//! is no Chromium, unless RGOPS_NO_SKIP=1.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set itself up has failed")]

#[path = "../../../web/tests/browser/driver.rs"]
#[allow(dead_code, reason = "the tests of the analyser use the rest")]
mod driver;
mod fixture;
mod host;
mod looks;
mod program;
mod screenshots;
