//! Style sheets and ES modules: ours, and those of the analyser.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{Response, StatusCode};
use rgops_web::shell;

use super::answers::{Problem, body};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Ours: name, media type and text.
const ASSETS: &[(&str, &str, &str)] = &[
    ("serve.css", CSS, include_str!("../../assets/serve.css")),
    ("charts.js", JS, include_str!("../../assets/charts.js")),
    ("host.js", JS, include_str!("../../assets/host.js")),
    ("program.js", JS, include_str!("../../assets/program.js")),
    ("progress.js", JS, include_str!("../../assets/progress.js")),
    ("stream.js", JS, include_str!("../../assets/stream.js")),
];

/// A file that pages refer to.
pub(super) async fn asset(Path(name): Path<String>) -> Response<Body> {
    if let Some((_, kind, text)) = ASSETS.iter().find(|(of, ..)| *of == name) {
        return body(StatusCode::OK, kind, *text);
    }
    match shell::asset(&name) {
        Some(asset) => body(StatusCode::OK, asset.kind, asset.text),
        None => Problem::new(StatusCode::NOT_FOUND, "No such file", "There is no such file.", "").page(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_colours_are_tokens() {
        for (name, kind, text) in ASSETS {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for address in ["http://", "https://", "//cdn", "@import", "url("] {
                assert!(!text.contains(address), "{name} has {address}");
            }
            let own = text.lines().filter(|line| *kind == CSS && line.contains('#') && line.contains(':'));
            for line in own {
                let is_colour = line.contains(": #") || line.contains("rgb(");
                assert!(!is_colour, "{name}: {line} is a colour beside the tokens");
            }
        }
    }
}
