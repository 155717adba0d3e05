//! Columns by tabs, as Go's `tabwriter.NewWriter(w, 1, 8, 1, '\t', 0)` makes them.

/// A tab is this wide.
const TAB: usize = 8;

/// The text with more tabs where they are needed: cells that end with a tab, in lines that follow each other, are made as
/// wide as the widest of them.
pub(super) fn aligned(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or_default();
    for column in 0..columns {
        let mut at = 0;
        while at < lines.len() {
            let block = widths[at..].iter().take_while(|widths| widths.len() > column).count();
            let width = |cells: &Vec<&str>| cells[column].chars().count() + 1;
            let widest = lines[at..at + block].iter().map(width).max().unwrap_or_default();
            for widths in &mut widths[at..at + block] {
                widths[column] = widest.div_ceil(TAB) * TAB;
            }
            at += block.max(1);
        }
    }
    let mut aligned = String::with_capacity(text.len() * 2);
    for (at, (cells, widths)) in lines.iter().zip(&widths).enumerate() {
        if at > 0 {
            aligned.push('\n');
        }
        for (column, cell) in cells.iter().enumerate() {
            aligned.push_str(cell);
            if let Some(width) = widths.get(column) {
                let tabs = (width - cell.chars().count()).div_ceil(TAB);
                aligned.extend(std::iter::repeat_n('\t', tabs));
            }
        }
    }
    aligned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_lines_that_follow_each_other_are_equally_wide() {
        // What Go's tabwriter printed for the same text.
        let text = "head\n#\t0x1\tlong::name::of\tx\n#\t0x12345678\ta\ty\n\n#\t0x1\ta\tx\n";
        let expected = "head\n#\t0x1\t\tlong::name::of\tx\n#\t0x12345678\ta\t\ty\n\n#\t0x1\ta\tx\n";
        assert_eq!(aligned(text), expected);
        assert_eq!(
            (aligned(""), aligned("\n\n"), aligned("\t")),
            (String::new(), "\n\n".into(), "\t".into())
        );
    }
}
