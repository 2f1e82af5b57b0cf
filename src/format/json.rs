//! What the JSON files of a data directory share: an object whose known fields
//! are taken out one by one, so that what is left can be kept.

use super::error::{FormatError, Result};
use super::text::clip;
use serde_json::{Map, Value};

/// An object, and what it is called in messages.
pub(crate) struct JsonObject {
    what: &'static str,
    fields: Map<String, Value>,
}

impl JsonObject {
    /// Reads an object; nesting past 128 levels is refused.
    pub(crate) fn parse(what: &'static str, bytes: &[u8]) -> Result<Self> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self { what, fields }),
            Ok(other) => Err(FormatError::corrupt(
                what,
                0,
                "a JSON object on line 1",
                clip(&other.to_string()),
            )),
            Err(error) => {
                let before: usize = bytes
                    .split_inclusive(|byte| *byte == b'\n')
                    .take(error.line().saturating_sub(1))
                    .map(<[u8]>::len)
                    .sum();
                let position = before + error.column().saturating_sub(1);
                Err(FormatError::corrupt(
                    what,
                    position.min(bytes.len()),
                    "JSON",
                    error.to_string(),
                ))
            }
        }
    }

    /// Takes a field out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        // `shift_remove` keeps the order of the others.
        self.fields.shift_remove(name)
    }

    /// Takes a whole number out.
    pub(crate) fn take_number<T: TryFrom<i64>>(&mut self, name: &str) -> Result<T> {
        let value = self.take(name);
        let number = value.as_ref().and_then(Value::as_i64);
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| self.bad(name, "a whole number in range", value.as_ref()))
    }

    /// Takes a string out.
    pub(crate) fn take_string(&mut self, name: &str) -> Result<String> {
        match self.take(name) {
            Some(Value::String(text)) => Ok(text),
            other => Err(self.bad(name, "a string", other.as_ref())),
        }
    }

    /// A field is not what it should be.
    #[cold]
    pub(crate) fn bad(&self, name: &str, expected: &str, found: Option<&Value>) -> FormatError {
        FormatError::corrupt(
            self.what,
            0,
            format!("{expected} in field `{name}` of the object on line 1"),
            found.map_or_else(|| "no such field".to_owned(), |v| clip(&v.to_string())),
        )
    }

    /// The fields that nobody took.
    pub(crate) fn into_rest(self) -> Map<String, Value> {
        self.fields
    }
}
