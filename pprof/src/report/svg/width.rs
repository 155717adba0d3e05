//! How wide text is in Helvetica, whose widths Arial and Liberation Sans have, too.

/// By character from space to `~`: its width in thousandths of the font size (Adobe's font metrics of Helvetica).
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// The width of a line of text.
pub(super) fn of(text: &str, font_size: f64) -> f64 {
    let of = |character: char| {
        let at = (character as usize).checked_sub(0x20);
        match at.and_then(|at| WIDTHS.get(at)) {
            Some(width) => f64::from(*width),
            // Ideographs and pictures are as wide as they are high.
            None if character as u32 >= 0x1100 => 1000.0,
            None => 600.0,
        }
    };
    text.chars().map(of).sum::<f64>() * font_size / 1000.0
}
