//! What a table is drawn on: how wide it is, and whether colours are welcome.

use std::io::IsTerminal as _;

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

/// Whether standard output is a terminal and `NO_COLOR` is not set.
pub fn has_colour() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !forbidden
}

/// Text of at most `width` characters, the last one `…` where some are left out.
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
        let more = shown.chars().count();
        if columns + more > width {
            while columns >= width && columns > 0 {
                out.pop();
                columns -= 1;
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
    }
}
