//! How numbers are written and read: decimal, hex digits, or raw bytes.

use crate::tools::error::{Result, ToolError};

/// A way to write a number, or to read one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberStyle {
    /// Decimal digits.
    Ascii,
    /// As many hex digits as it needs.
    Hex,
    /// This many hex digits, the lowest of the number.
    HexDigits(u8),
    /// This many bytes, big-endian, the lowest of the number.
    Big(u8),
    /// This many bytes, little-endian, the lowest of the number.
    Little(u8),
    /// Reading only, and for lengths: the number is this one, nothing is read.
    Constant(u32),
}

/// Every style by name, for messages.
pub(super) const STYLES: &str = "ascii, hex, hex4, hex8, hex16, hex32, hex64, byte, big8, big16, \
     big32, big64, little8, little16, little32, little64";

impl NumberStyle {
    /// The style of a name in braces.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ascii" => Self::Ascii,
            "hex" => Self::Hex,
            "hex4" => Self::HexDigits(1),
            "hex8" => Self::HexDigits(2),
            "hex16" => Self::HexDigits(4),
            "hex32" => Self::HexDigits(8),
            "hex64" => Self::HexDigits(16),
            "byte" | "big8" | "little8" => Self::Big(1),
            "big16" => Self::Big(2),
            "big32" => Self::Big(4),
            "big64" => Self::Big(8),
            "little16" => Self::Little(2),
            "little32" => Self::Little(4),
            "little64" => Self::Little(8),
            digits => Self::Constant(digits.parse().ok()?),
        })
    }

    /// Writes the number.
    #[inline]
    pub(super) fn write(self, out: &mut Vec<u8>, number: i64) {
        match self {
            Self::Ascii => write_decimal(out, number),
            Self::Hex => {
                let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
                write_hex_digits(out, number, digits as usize);
            }
            Self::HexDigits(digits) => write_hex_digits(out, number, usize::from(digits)),
            Self::Big(bytes) => {
                out.extend_from_slice(&number.to_be_bytes()[8 - usize::from(bytes)..]);
            }
            Self::Little(bytes) => {
                out.extend_from_slice(&number.to_le_bytes()[..usize::from(bytes)]);
            }
            Self::Constant(_) => {}
        }
    }

    /// Reads a number from the start of the bytes: it and how many bytes it took.
    /// `None` where more bytes are needed to tell; `at_end` where there are none.
    /// Raw bytes are two's complement where the number may be −1, as offsets and
    /// epochs may, and unsigned where it is a length.
    pub(super) fn read(
        self,
        bytes: &[u8],
        at_end: bool,
        signed: bool,
    ) -> Result<Option<(i64, usize)>> {
        let extend = |number: u64, length: usize| {
            let unused = if signed { 64 - 8 * length as u32 } else { 0 };
            ((number << unused).cast_signed() >> unused, length)
        };
        let fixed = |length: usize| -> Option<&[u8]> { bytes.get(..length) };
        Ok(match self {
            Self::Constant(number) => Some((i64::from(number), 0)),
            Self::Ascii => read_ascii(bytes, at_end, 10)?,
            Self::Hex => read_ascii(bytes, at_end, 16)?,
            Self::HexDigits(digits) => match fixed(usize::from(digits)) {
                None => None,
                Some(text) => {
                    let number = std::str::from_utf8(text)
                        .ok()
                        .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
                        .and_then(|text| u64::from_str_radix(text, 16).ok());
                    let number = number.ok_or_else(|| bad(text, "hex digits"))?;
                    Some((number.cast_signed(), text.len()))
                }
            },
            Self::Big(length) => fixed(usize::from(length)).map(|bytes| {
                let number = bytes
                    .iter()
                    .fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
                extend(number, bytes.len())
            }),
            Self::Little(length) => fixed(usize::from(length)).map(|bytes| {
                let number = bytes
                    .iter()
                    .rev()
                    .fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
                extend(number, bytes.len())
            }),
        })
    }
}

fn read_ascii(bytes: &[u8], at_end: bool, radix: u32) -> Result<Option<(i64, usize)>> {
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let digits = bytes[sign..]
        .iter()
        .take_while(|byte| char::from(**byte).is_digit(radix))
        .count();
    let length = sign + digits;
    if length == bytes.len() && !at_end && length < 32 {
        return Ok(None);
    }
    let number = std::str::from_utf8(&bytes[..length])
        .ok()
        .and_then(|text| i64::from_str_radix(text, radix).ok());
    match number {
        Some(number) => Ok(Some((number, length))),
        None => Err(bad(&bytes[..bytes.len().min(length + 8)], "a number")),
    }
}

fn bad(found: &[u8], expected: &str) -> ToolError {
    ToolError::failed(format!(
        "expected {expected}, found `{}`",
        found.escape_ascii()
    ))
}

/// Appends a number in decimal.
#[inline]
pub(in crate::tools) fn write_decimal(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

fn write_hex_digits(out: &mut Vec<u8>, number: i64, digits: usize) {
    for digit in (0..digits).rev() {
        let nibble = (number >> (4 * digit)) & 0xf;
        out.push(b"0123456789abcdef"[nibble as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(style: &str, number: i64) -> Vec<u8> {
        let mut out = Vec::new();
        NumberStyle::from_name(style)
            .unwrap()
            .write(&mut out, number);
        out
    }

    #[test]
    fn styles_write_what_rpk_writes() {
        assert_eq!(written("ascii", -12), b"-12");
        assert_eq!(written("hex", 0), b"0");
        assert_eq!(written("hex", 0x1ab), b"1ab");
        assert_eq!(written("hex16", 0x1ab), b"01ab");
        assert_eq!(written("hex4", 0x1ab), b"b");
        assert_eq!(written("hex64", -1), b"ffffffffffffffff");
        assert_eq!(written("big16", 0x1ab), [1, 0xab]);
        assert_eq!(written("little32", 0x1ab), [0xab, 1, 0, 0]);
        assert_eq!(written("byte", 0x1ab), [0xab]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in any::<i64>(), rest in any::<Vec<u8>>()) {
            for style in ["ascii", "hex64", "big64", "little64"] {
                let mut bytes = written(style, number);
                let length = bytes.len();
                bytes.push(b' ');
                bytes.extend(&rest);
                let style = NumberStyle::from_name(style).unwrap();
                prop_assert_eq!(style.read(&bytes, false, true).unwrap(), Some((number, length)));
                prop_assert_eq!(style.read(&bytes[..length - 1], false, true).unwrap_or(None).map(|_| ()), None);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), at_end: bool) {
            for style in STYLES.split(", ") {
                let _ = NumberStyle::from_name(style).unwrap().read(&bytes, at_end, at_end);
            }
        }
    }
}
