//! Style sheets and ES modules, in the program itself.

/// A file that pages refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its name in an address.
    pub name: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// Its text.
    pub text: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $kind:ident) => {
        Asset { name: $name, kind: $kind, text: include_str!(concat!("../assets/", $name)) }
    };
}

/// All of them.
const ASSETS: &[Asset] = &[
    asset!("style.css", CSS),
    asset!("page.js", JS),
    asset!("visible.js", JS),
    asset!("tables.css", CSS),
    asset!("top.js", JS),
    asset!("flame.css", CSS),
    asset!("flame.js", JS),
    asset!("flame-draw.js", JS),
    asset!("flame-facts.js", JS),
    asset!("flame-format.js", JS),
    asset!("flame-keys.js", JS),
    asset!("flame-layout.js", JS),
    asset!("flame-menu.js", JS),
    asset!("flame-state.js", JS),
    asset!("sandwich.js", JS),
    asset!("graph.css", CSS),
    asset!("graph.js", JS),
    asset!("timeline.css", CSS),
    asset!("timeline.js", JS),
];

impl Asset {
    /// The one with this name.
    pub(crate) fn find(name: &str) -> Option<&'static Asset> {
        ASSETS.iter().find(|asset| asset.name == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Pairs of tokens that are text, or the sign of a control, on a background; and the least contrast of WCAG's AA.
    const PAIRS: &[(&str, &[&str], f64)] = &[
        ("text", &["bg", "surface", "raised", "hover", "mark", "bar", "bar-less", "warning"], 4.5),
        ("muted", &["bg", "surface", "raised", "hover"], 4.5),
        ("accent", &["bg", "surface", "raised", "hover"], 4.5),
        ("on-accent", &["accent"], 4.5),
        ("hot", &["bg", "surface", "hover"], 4.5),
        ("cool", &["bg", "surface", "hover"], 4.5),
        ("inlined", &["bg", "surface", "hover"], 4.5),
        ("edge", &["bg", "raised", "surface"], 3.0),
    ];

    #[test]
    fn colours_have_the_contrast_of_aa_light_and_dark() {
        let style = Asset::find("style.css").expect("it is in the table").text;
        let mut tokens: HashMap<&str, [f64; 2]> = HashMap::new();
        for line in style.lines() {
            let Some((name, value)) =
                line.trim().strip_prefix("--").and_then(|line| line.split_once(": light-dark("))
            else {
                continue;
            };
            let mut colours = value.trim_end_matches(");").split(", ").map(luminance);
            tokens.insert(name, [colours.next().expect("light"), colours.next().expect("dark")]);
        }
        for (front, backs, least) in PAIRS {
            for back in *backs {
                for (at, scheme) in ["light", "dark"].into_iter().enumerate() {
                    let (one, other) = (tokens[front][at], tokens[back][at]);
                    let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
                    assert!(
                        contrast >= *least,
                        "{front} on {back}, {scheme}: {contrast:.2} is less than {least}"
                    );
                }
            }
        }
    }

    /// The relative luminance of `#rrggbb`, as WCAG 2 defines it.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let byte = u8::from_str_radix(&colour[at..at + 2], 16).expect("hexadecimal digits");
            let share = f64::from(byte) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for asset in ASSETS {
            let address = ["http://", "https://", "//cdn", "@import", "url("]
                .into_iter()
                .find(|of| asset.text.contains(of));
            // The namespace of SVG is a name, not an address.
            let rest = asset.text.replace("http://www.w3.org/2000/svg", "");
            assert!(address.is_none_or(|of| !rest.contains(of)), "{} has {address:?}", asset.name);
        }
    }
}
