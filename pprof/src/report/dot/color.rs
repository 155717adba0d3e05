//! Colours of nodes and calls: from green (less than nothing) through grey to red.

/// The colour of a share of the total, from -1 to 1: `#rrggbb`. Backgrounds are pale.
pub fn color(share: f64, is_background: bool) -> String {
    // Small shares are moved away from grey by this, so that signs are told apart.
    const SHIFT: f64 = 0.7;
    // Below this share, colours fade to grey instead of yellow.
    const FADING: f64 = 0.2;
    let (mut saturation, value) = if is_background { (0.1, 0.93) } else { (1.0, 0.7) };
    // What is no number, a share of nothing, is grey in the end.
    let share = if share.is_nan() { share } else { share.clamp(-1.0, 1.0) };
    if share.abs() < FADING {
        saturation *= share.abs() / FADING;
    }
    let shifted = share.abs().powf(1.0 - SHIFT);
    let faded = value * (1.0 - saturation * shifted);
    let (red, green) = if share < 0.0 {
        (faded, value)
    } else if share > 0.0 {
        (value, faded)
    } else {
        (value, value * (1.0 - saturation * share))
    };
    let blue = value * (1.0 - saturation);
    let byte = |part: f64| (part * 255.0) as u8;
    format!("#{:02x}{:02x}{:02x}", byte(red), byte(green), byte(blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_go_from_green_to_red() {
        assert_eq!([color(0.0, false), color(0.0, true)], ["#b2b2b2", "#ededed"]);
        assert_eq!([color(1.0, false), color(2.0, true)], ["#b20000", "#edd5d5"]);
        assert_eq!(color(-1.0, false), "#00b200");
    }
}
