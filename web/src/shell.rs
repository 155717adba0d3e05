//! The look of our pages, for pages of others: style, colours, modules, headers, and characters that act without being
//! seen. So `rgops serve` and the analyser look like one product.

use std::borrow::Cow;

use maud::{DOCTYPE, PreEscaped, html};

pub use crate::assets::Asset;
pub use crate::server::protect;

/// A link of the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its address.
    pub address: String,
    /// Its text.
    pub text: String,
    /// Whether it is the page that is shown.
    pub is_current: bool,
}

/// A page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shell {
    /// The title of the window, and the first heading.
    pub title: String,
    /// Where the name of the product leads.
    pub home: String,
    /// What the links are about: the name of a program. Empty is nothing.
    pub about: String,
    /// The links of the bar.
    pub links: Vec<Link>,
    /// Addresses of style sheets behind `style.css`.
    pub styles: Vec<String>,
    /// Addresses of ES modules.
    pub modules: Vec<String>,
    /// Where `style.css` is, with a `/` at its end.
    pub assets: String,
    /// Loads the page again after this many seconds where scripts do not run; `None` never does.
    pub refresh: Option<u32>,
    /// The content of `main`, as HTML in which texts are escaped. Without scripts and styles in it, which browsers
    /// would not apply; see [`protect`].
    pub body: String,
}

impl Shell {
    /// The page as HTML. Characters that act without being seen are shown.
    pub fn page(&self) -> String {
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · rgops" }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href={ (self.assets) "style.css" };
                    @for style in &self.styles { link rel="stylesheet" href=(style); }
                    @for module in &self.modules { script type="module" src=(module) {} }
                    @if let Some(seconds) = self.refresh {
                        noscript { meta http-equiv="refresh" content=(seconds); }
                    }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header.bar {
                        p.brand { a href=(self.home) { "rgops" } }
                        @if !self.about.is_empty() { p.about { (self.about) } }
                        @if !self.links.is_empty() {
                            nav.views aria-label="Pages" {
                                ul {
                                    @for link in &self.links {
                                        li { a href=(link.address) aria-current=[link.is_current.then_some("page")] { (link.text) } }
                                    }
                                }
                            }
                        }
                    }
                    main #main tabindex="-1" {
                        h1 { (self.title) }
                        (PreEscaped(&self.body))
                    }
                }
            }
        };
        crate::visible::visible_page(document.into_string())
    }
}

/// A style sheet or a module of the analyser: `style.css`, `tables.css`, `visible.js`.
pub fn asset(name: &str) -> Option<&'static Asset> {
    Asset::find(name)
}

/// A text in which all characters can be seen: those that act without being seen are as `\x{202e}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    crate::visible::visible(text)
}

/// As JSON in which no character ends or begins an element of HTML.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn json<T: serde::Serialize>(data: &T) -> Result<String, serde_json::Error> {
    crate::page::escaped_json(data)
}
