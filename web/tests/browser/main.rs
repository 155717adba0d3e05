//! The pages in a real browser: Chromium without a window, driven by chromedriver, on a real server. Skipped where
//! there is no Chromium, unless RGOPS_NO_SKIP=1.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set itself up has failed")]

mod driver;
mod files;
mod fixture;
mod flame;
mod graph;
mod many;
mod pages;
mod screenshots;
mod tables;
mod timeline;
