//! Cells under each other: what every table for people is drawn with.

use crate::tools::terminal::{columns, cut};
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Padding, Style};

/// Blanks between columns.
pub const GAP: usize = 2;

/// The width of each column: that of its widest cell.
pub fn widths<'a>(rows: impl Iterator<Item = &'a [String]>) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = columns(cell).max(*width);
        }
    }
    widths
}

/// A line for each row, without blanks at its end: each cell as wide as its column,
/// the first one cut where it is wider than `first`; those of `right` columns aligned
/// right.
pub fn lines<'a>(
    rows: impl Iterator<Item = &'a [String]>,
    first: usize,
    right: impl Fn(usize) -> bool,
) -> Vec<String> {
    let mut builder = Builder::new();
    for row in rows {
        let most = |at| if at == 0 { first } else { usize::MAX };
        builder.push_record(row.iter().enumerate().map(|(at, cell)| cut(cell, most(at))));
    }
    let (rows, width) = (builder.count_records(), builder.count_columns());
    if rows == 0 {
        return Vec::new();
    }
    let mut table = builder.build();
    table
        .with(Style::empty())
        .with(Padding::new(0, GAP, 0, 0))
        .with(Alignment::left());
    for at in (0..width).filter(|at| right(*at)) {
        table.modify(Columns::one(at), Alignment::right());
    }
    let drawn = table.to_string();
    let lines: Vec<String> = drawn
        .split('\n')
        .map(|line| line.trim_end().to_owned())
        .collect();
    assert_eq!(lines.len(), rows, "a line for each row");
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: &[&[&str]], first: usize) -> Vec<String> {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect();
        lines(rows.iter().map(Vec::as_slice), first, |at| at == 1)
    }

    #[test]
    fn a_line_for_each_row_whatever_stands_in_it() {
        assert_eq!(
            drawn(&[&["a", "1", "x"], &["b\nc", "10", ""], &["", "", ""]], 80),
            ["a      1  x", "b\\nc  10", ""]
        );
        assert_eq!(
            drawn(&[&["世界", "1"], &["a", "22"]], 80),
            ["世界   1", "a     22"]
        );
        assert_eq!(drawn(&[&["long name", "1"]], 5), ["long…  1"]);
        assert_eq!(drawn(&[&[""]], 5), [""]);
        assert!(drawn(&[], 5).is_empty());
    }
}
