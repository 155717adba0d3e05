//! `weblist`: source lines and instructions with values, as a page that needs nothing else.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::measurement::percentage;
use crate::refine::Refined;
use crate::source::{AnnotatedFunction, AnnotatedInstruction, AnnotatedLine, AnnotatedSource};

use super::list::value_or_dot;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 0}p{margin:0}\
.code{font:13px/1.45 ui-monospace,monospace;white-space:pre;overflow-x:auto;tab-size:8;margin-top:.5rem}\
.code summary{cursor:pointer;list-style:none}.code summary::-webkit-details-marker{display:none}\
.code summary:hover,.code summary:focus-visible{background:color-mix(in srgb,currentColor 10%,transparent)}\
.nop{opacity:.65}.dead{font-weight:600}.call{color:#1a4fb4}.asm{color:#1b6b2f}\
@media(prefers-color-scheme:dark){.call{color:#8ab4f8}.asm{color:#81c995}}\
@media print{.code{white-space:pre-wrap}}";

/// Writes a page. All text of the profile and of files is escaped; there are no scripts.
///
/// # Errors
/// If it cannot be written.
pub fn write(refined: &Refined, annotated: &AnnotatedSource, to: &mut dyn Write) -> io::Result<()> {
    let total = refined.format_value(annotated.total, &refined.settings.unit);
    let header = refined.header(&refined.settings.unit);
    let title = header.first().map_or("pprof listing", |line| line.trim_start_matches("File: "));
    writeln!(
        to,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>{STYLE}</style></head>\n<body>",
        escaped(title)
    )?;
    for line in &header {
        writeln!(to, "<p>{}</p>", escaped(line))?;
    }
    writeln!(to, "<p>Total: {}</p>", escaped(&total))?;
    writeln!(to, "<p>A line that opens has instructions.</p>")?;
    for file in &annotated.files {
        for function in &file.functions {
            write_function(refined, annotated.total, &file.path, function, to)?;
        }
        if let Some(why) = &file.missing {
            writeln!(to, "<p>{}</p>", escaped(why))?;
        }
    }
    writeln!(to, "</body></html>")
}

fn write_function(
    refined: &Refined,
    total: i64,
    path: &str,
    function: &AnnotatedFunction,
    to: &mut dyn Write,
) -> io::Result<()> {
    writeln!(to, "<h2>{}</h2><p>{}</p>", escaped(&function.name), escaped(path))?;
    let shown = |value: i64| refined.format_value(value, &refined.settings.unit);
    let (flat, cum, share) = (shown(function.flat), shown(function.cum), percentage(function.cum, total));
    let sums = format!("  Total:  {flat:>10} {cum:>10} (flat, cum) {}", share.trim());
    writeln!(to, "<div class=\"code\"><div>{}</div>", escaped(&sums))?;
    for line in &function.lines {
        write_line(refined, line, to)?;
    }
    writeln!(to, "</div>")
}

fn write_line(refined: &Refined, line: &AnnotatedLine, to: &mut dyn Write) -> io::Result<()> {
    let (flat, cum) = (value_or_dot(refined, line.flat), value_or_dot(refined, line.cum));
    let text = format!("{:>7} {flat:>10} {cum:>10} {:8} {}", line.number, "", line.text);
    let text = escaped(&text);
    if line.instructions.is_empty() {
        let class = if line.has_code { "dead" } else { "nop" };
        return writeln!(to, "<div class=\"{class}\">{text}</div>");
    }
    writeln!(to, "<details><summary>{text}</summary>")?;
    let indent = indentation(&line.text);
    for instruction in &line.instructions {
        write_instruction(refined, instruction, indent, to)?;
    }
    writeln!(to, "</details>")
}

fn write_instruction(
    refined: &Refined,
    instruction: &AnnotatedInstruction,
    indent: usize,
    to: &mut dyn Write,
) -> io::Result<()> {
    if instruction.starts_block {
        writeln!(to, "<div class=\"asm\">{:7} {:>10} {:>10} {:>8}</div>", "", "", "", "⋮")?;
    }
    for call in &instruction.inlined {
        let source = format!("{:1$}{2}", "", indent + 4 + 4 * call.depth, call.text);
        let place = place(&call.file, call.line);
        let text = format!("{:7} {:>10} {:>10} {:8} {source:<80} {place}", "", "", "", "");
        writeln!(to, "<div class=\"call\">{}</div>", escaped(&text))?;
    }
    let Some(address) = instruction.address else { return Ok(()) };
    let (flat, cum) = (value_or_dot(refined, instruction.flat), value_or_dot(refined, instruction.cum));
    let code = format!("{:1$}{2}", "", indent + 4 + 4 * instruction.depth, instruction.text);
    let place = place(&instruction.file, instruction.line);
    let text = format!("{:7} {flat:>10} {cum:>10} {address:8x}: {code:<80} {place}", "");
    writeln!(to, "<div class=\"asm\">{}</div>", escaped(&text))
}

/// `main.rs:12`, if the file is known.
fn place(file: &str, line: i64) -> String {
    if file.is_empty() { String::new() } else { format!("{}:{line}", crate::paths::file_name(file)) }
}

/// The column at which a line begins.
fn indentation(line: &str) -> usize {
    let mut column = 0;
    for letter in line.chars() {
        match letter {
            ' ' => column += 1,
            '\t' => column = (column / 8 + 1) * 8,
            _ => break,
        }
    }
    // A line of blanks alone, or made to be wide.
    column.min(120)
}

/// Text that is text in HTML, too, in elements and in attributes.
fn escaped(text: &str) -> Cow<'_, str> {
    let is_special = |letter: char| {
        matches!(letter, '&' | '<' | '>' | '"' | '\'')
            || letter.is_control() && letter != '\t' && letter != '\n'
    };
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if is_special(letter) => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    Cow::Owned(out)
}
