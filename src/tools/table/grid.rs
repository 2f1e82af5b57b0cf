//! A table for people that fits: columns that matter less are left out where the
//! terminal is too narrow, and so are those that say nothing.

use super::aligned::{self, GAP};
use crate::tools::terminal::columns;

/// What a cell says that has nothing to say.
pub const NOTHING: &str = "-";
/// The first column is not cut to less.
const LEAST: usize = 12;

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// Whether it is aligned right.
    pub right: bool,
    /// 0 for one that always stays; the greatest goes first.
    pub rank: u8,
}

/// Rows of text under columns.
#[derive(Debug, Clone)]
pub struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Column {
    /// Text.
    pub const fn text(name: &'static str, rank: u8) -> Self {
        Self {
            name,
            right: false,
            rank,
        }
    }

    /// A number.
    pub const fn number(name: &'static str, rank: u8) -> Self {
        Self {
            name,
            right: true,
            rank,
        }
    }
}

impl Grid {
    /// No rows yet.
    pub fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column.
    pub fn push(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows.push(row);
    }

    /// The lines, none wider than `width` where the columns of rank 0 let it be.
    pub fn render(&self, width: usize) -> String {
        let says = |at: &usize| self.rows.iter().any(|row| row[*at] != NOTHING);
        let mut kept: Vec<usize> = (0..self.columns.len())
            .filter(|at| self.columns[*at].rank == 0 || says(at))
            .collect();
        while self.width(&kept) > width {
            let least = kept.iter().copied().max_by_key(|at| self.columns[*at].rank);
            match least.filter(|at| self.columns[*at].rank > 0) {
                Some(least) => kept.retain(|at| *at != least),
                None => break,
            }
        }
        // Long names in the first column are cut.
        let over = self.width(&kept).saturating_sub(width);
        let first = kept.first().map_or(0, |at| self.column_width(*at));
        let first = first.saturating_sub(over).max(LEAST).min(first);
        let headings: Vec<String> = self.columns.iter().map(|c| c.name.to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(&headings)
            .chain(&self.rows)
            .map(|row| kept.iter().map(|at| row[*at].clone()).collect())
            .collect();
        let right = |number: usize| self.columns[kept[number]].right;
        let lines = aligned::lines(rows.iter().map(Vec::as_slice), first, right);
        lines.into_iter().map(|line| line + "\n").collect()
    }

    fn column_width(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| columns(&row[at]));
        cells.max().unwrap_or(0).max(columns(self.columns[at].name))
    }

    fn width(&self, kept: &[usize]) -> usize {
        let cells: usize = kept.iter().map(|at| self.column_width(*at)).sum();
        cells + GAP * kept.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_less_goes_first_and_what_says_nothing_at_once() {
        let mut grid = Grid::new(&[
            Column::text("TOPIC", 0),
            Column::number("BYTES", 1),
            Column::text("CODECS", 2),
            Column::number("OPEN", 1),
        ]);
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        grid.push(row(["a", "7", "zstd", "-"]));
        grid.push(row(["a-very-long-name", "12", "none", "-"]));
        assert_eq!(
            grid.render(80),
            "TOPIC             BYTES  CODECS\n\
             a                     7  zstd\n\
             a-very-long-name     12  none\n"
        );
        let narrow = grid.render(24);
        assert_eq!(narrow.lines().next(), Some("TOPIC             BYTES"));
        let narrower = grid.render(14);
        assert_eq!(narrower.lines().last(), Some("a-very-long-n…"));
    }
}
