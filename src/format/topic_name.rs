//! What a topic may be called.
//!
//! 1 to 249 of the characters `a–z A–Z 0–9 . _ -`, but not `.` and not `..`. Two
//! topics whose names differ only in `.` and `_` may not exist side by side, as
//! their metrics would have one name.
//!
//! Source: `org.apache.kafka.common.internals.Topic`,
//! `org.apache.kafka.controller.ReplicationControlManager`.

use super::text::clip;

/// The longest name, so that `NAME-PARTITION` and its suffixes fit a file name.
pub const LONGEST: usize = 249;

/// Topics of the brokers' own, which clients do not write.
pub const INTERNAL: [&str; 4] = [
    "__cluster_metadata",
    "__consumer_offsets",
    "__share_group_state",
    "__transaction_state",
];

/// Why a topic cannot have a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// It has no characters.
    #[error("a topic name cannot be empty: expected 1 to {LONGEST} characters")]
    Empty,
    /// It means a directory.
    #[error("a topic cannot be called {0:?}, as that means a directory")]
    Dots(&'static str),
    /// It is too long.
    #[error("topic name {name:?} has {length} characters: expected at most {LONGEST}")]
    TooLong {
        /// How it begins.
        name: String,
        /// Its length in bytes.
        length: usize,
    },
    /// It has a character that is not allowed.
    #[error(
        "topic name {name:?} has {found:?} as character {place}: \
         expected letters a–z and A–Z, digits, `.`, `_` and `-`"
    )]
    Character {
        /// How it begins.
        name: String,
        /// The character.
        found: char,
        /// Which one, from 1.
        place: usize,
    },
    /// It differs from another only in `.` and `_`.
    #[error("topic {name:?} collides with topic {other:?}: they differ only in `.` and `_`")]
    Collision {
        /// The new name.
        name: String,
        /// The topic that is there.
        other: String,
    },
}

/// Whether a topic may have this name, were it the only one.
///
/// # Errors
/// Which rule it breaks.
pub fn check(name: &str) -> Result<(), TopicNameError> {
    match name {
        "" => return Err(TopicNameError::Empty),
        "." => return Err(TopicNameError::Dots(".")),
        ".." => return Err(TopicNameError::Dots("..")),
        _ => {}
    }
    let wrong = name
        .chars()
        .enumerate()
        .find(|(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
    if let Some((index, found)) = wrong {
        return Err(TopicNameError::Character {
            name: clip(name),
            found,
            place: index + 1,
        });
    }
    if name.len() > LONGEST {
        return Err(TopicNameError::TooLong {
            name: clip(name),
            length: name.len(),
        });
    }
    Ok(())
}

/// Whether a new topic may have this name beside those that are there.
///
/// # Errors
/// Which rule it breaks. A topic of the very same name is none of them.
pub fn check_new<'a>(
    name: &str,
    others: impl IntoIterator<Item = &'a str>,
) -> Result<(), TopicNameError> {
    check(name)?;
    match others
        .into_iter()
        .find(|other| *other != name && collides(name, other))
    {
        None => Ok(()),
        Some(other) => Err(TopicNameError::Collision {
            name: name.to_owned(),
            other: other.to_owned(),
        }),
    }
}

/// Whether two names are the same but for `.` and `_`.
pub fn collides(one: &str, other: &str) -> bool {
    let unified = |byte: u8| if byte == b'.' { b'_' } else { byte };
    one.bytes().map(unified).eq(other.bytes().map(unified))
}

/// Whether a topic is the brokers' own.
pub fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_kafka_takes_and_refuses() {
        for good in [
            "a",
            "wide.name_with-chars",
            "...",
            "-",
            "0",
            &"x".repeat(249),
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "é", "a\n", &"x".repeat(250)] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            check("a/b").unwrap_err().to_string(),
            "topic name \"a/b\" has '/' as character 2: \
             expected letters a–z and A–Z, digits, `.`, `_` and `-`"
        );
    }

    #[test]
    fn names_that_differ_in_dot_and_underscore_collide() {
        assert!(collides("a.b", "a_b"));
        assert!(!collides("a.b", "a-b"));
        assert_eq!(check_new("a.b", ["a.b", "ab"]), Ok(()));
        assert_eq!(
            check_new("a.b", ["x", "a_b"]).unwrap_err().to_string(),
            "topic \"a.b\" collides with topic \"a_b\": they differ only in `.` and `_`"
        );
    }

    #[test]
    fn internal_topics() {
        assert!(is_internal("__consumer_offsets"));
        assert!(!is_internal("__consumer_offset"));
    }
}
