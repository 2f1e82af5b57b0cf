//! Compiles formats with the tokens of `kcat -f`.

use super::number::NumberStyle;
use super::parse::{Piece, Scanner, Tokens};
use super::time::TimeStyle;
use super::{Number, Text, TextStyle, Token};
use crate::tools::error::Result;

const TOKENS: &str = "%s %S %R %k %K %o %p %t %T %h %%";

/// Compiles a format.
pub(super) fn compile(format: &str) -> Result<Vec<Token>> {
    let mut scanner = Scanner::new(format);
    let mut tokens = Tokens::default();
    while let Some(piece) = scanner.next_piece()? {
        match piece {
            Piece::Byte(byte) => tokens.literal.push(byte),
            Piece::Percent => match scanner.verb()? {
                '%' => tokens.literal.push(b'%'),
                verb => match token(verb) {
                    Some(token) => tokens.push(token),
                    None => return Err(scanner.unknown_token(verb, TOKENS)),
                },
            },
        }
    }
    Ok(tokens.finish())
}

fn token(verb: char) -> Option<Token> {
    let length = |of, style| {
        let null_is_minus_one = true;
        Token::Number(
            Number::Length {
                of,
                null_is_minus_one,
            },
            style,
        )
    };
    Some(match verb {
        's' => Token::Text(Text::Value, TextStyle::Plain),
        'S' => length(Text::Value, NumberStyle::Ascii),
        'R' => length(Text::Value, NumberStyle::Big(4)),
        'k' => Token::Text(Text::Key, TextStyle::Plain),
        'K' => length(Text::Key, NumberStyle::Ascii),
        't' => Token::Text(Text::Topic, TextStyle::Plain),
        'p' => Token::Number(Number::Partition, NumberStyle::Ascii),
        'o' => Token::Number(Number::Offset, NumberStyle::Ascii),
        'T' => Token::Time(TimeStyle::Millis(NumberStyle::Ascii)),
        'h' => Token::HeaderList,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_token_is_named_with_its_place() {
        let error = compile("%s|%v").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("character 4: unknown token `%v`"),
            "{error}"
        );
    }
}
