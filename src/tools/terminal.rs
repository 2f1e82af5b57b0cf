//! What a table is drawn on: how wide it is, and whether colours are welcome.

use std::io::IsTerminal as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How wide tables are where nothing says otherwise.
pub const WIDTH: usize = 80;
/// Narrower ones are not drawn.
const LEAST: usize = 40;

/// The columns of standard output: those of the terminal, or `COLUMNS`, or 80.
pub fn width() -> usize {
    let variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    let columns = crate::host::terminal::columns(std::io::stdout()).or_else(variable);
    columns.unwrap_or(WIDTH).max(LEAST)
}

/// Whether standard output is a terminal.
pub fn is_there() -> bool {
    std::io::stdout().is_terminal()
}

/// Puts text in colours, or leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(bool);

impl Paint {
    /// In colours where standard output is a terminal and `NO_COLOR` is not set.
    pub fn stdout() -> Self {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(is_there() && !forbidden)
    }

    /// As the caller says.
    pub const fn new(colours: bool) -> Self {
        Self(colours)
    }

    /// The text in a colour: a number of ECMA-48's SGR.
    pub fn text(self, colour: &str, text: &str) -> String {
        if self.0 && !text.is_empty() {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// How many columns of a terminal a text takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Text of at most `width` columns, the last character `…` where some are left out.
/// Control characters are written as escapes.
pub fn cut(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut columns = 0;
    for letter in text.chars() {
        let shown: String = if letter.is_control() {
            letter.escape_default().collect()
        } else {
            letter.to_string()
        };
        let more = self::columns(&shown);
        if columns + more > width {
            while columns >= width
                && let Some(last) = out.pop()
            {
                columns -= last.width().unwrap_or(0);
            }
            out.push('…');
            return out;
        }
        columns += more;
        out.push_str(&shown);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("ä\nöü", 4), "ä\\n…");
        assert_eq!(cut("", 0), "");
        assert_eq!(cut("x", 0), "…");
        // A wide character takes two columns.
        assert_eq!(cut("世界", 4), "世界");
        assert_eq!(cut("世界x", 4), "世…");
        assert_eq!(columns("世界"), 4);
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        assert_eq!(Paint::new(true).text("1", "KEYS"), "\u{1b}[1mKEYS\u{1b}[0m");
        assert_eq!(Paint::new(true).text("1", ""), "");
        assert_eq!(Paint::new(false).text("1", "KEYS"), "KEYS");
    }
}
