//! What a tool says when it cannot go on, and the exit code it says it with.
//!
//! A message is one paragraph: what was expected, what was found, where. The
//! hint, where there is one, is the command to run or the thing to do next.
//!
//! ```text
//! ottla-consume: topic `clicks` does not exist in /var/kafka
//! hint: `ottla topics /var/kafka` lists the topics
//! ```

use crate::client::ClientError;
use crate::format::FormatError;
use crate::log::LogError;
use crate::log::layout::SOCKET;
use std::fmt;
use std::io;
use std::process::ExitCode;

/// The result of anything a tool does.
pub type Result<T, E = ToolError> = std::result::Result<T, E>;

/// The exit codes of every `ottla` program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed, or any item failed.
    Failed,
    /// 2: the command line makes no sense.
    Usage,
    /// 3: damage was found in the data.
    Damage,
    /// 4: another program has the directory locked.
    Locked,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Damage => 3,
            Self::Locked => 4,
        }
    }

    /// Every code with its meaning, as the man pages list them.
    pub const TABLE: [(Self, &'static str); 5] = [
        (
            Self::Done,
            "Done. Also when the reader of a pipe goes away.",
        ),
        (Self::Failed, "Failed, or any item failed."),
        (
            Self::Usage,
            "The command line makes no sense; nothing was done.",
        ),
        (Self::Damage, "Damage was found in the data."),
        (Self::Locked, "Another program has the directory locked."),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a tool stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolError {
    exit: Exit,
    message: String,
    hint: Option<String>,
    quiet: bool,
    interrupt: bool,
}

/// What a reader fails with when a signal asked the tool to leave.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl ToolError {
    /// Exit code 1.
    #[cold]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Exit code 2.
    #[cold]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Exit code 3.
    #[cold]
    pub fn damage(message: impl Into<String>) -> Self {
        Self::new(Exit::Damage, message)
    }

    /// Exit code 4.
    #[cold]
    pub fn locked(message: impl Into<String>) -> Self {
        Self::new(Exit::Locked, message)
    }

    /// With any exit code.
    #[cold]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
            quiet: false,
            interrupt: false,
        }
    }

    /// Writing to standard output failed. A reader that went away is no error:
    /// the tool leaves quietly with exit code 0, as `ottla consume … | head` should.
    #[cold]
    pub fn stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                quiet: true,
                ..Self::new(Exit::Done, "the reader of standard output went away")
            };
        }
        Self::failed(format!("cannot write to standard output: {error}"))
    }

    /// A signal asked the tool to leave before it was done. What it wrote so far
    /// stays; an unfinished record at the end of the input was not written.
    #[cold]
    pub fn interrupted() -> Self {
        Self {
            interrupt: true,
            ..Self::failed("interrupted before the end of the input")
        }
    }

    /// Reading standard input failed, or [`Interrupted`] ended it.
    #[cold]
    pub fn stdin(error: &io::Error) -> Self {
        if error
            .get_ref()
            .is_some_and(|inner| inner.is::<Interrupted>())
        {
            return Self::interrupted();
        }
        Self::failed(format!("cannot read standard input: {error}"))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts a place or an action before the message: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// The exit code that goes with it.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The message without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is [`ToolError::interrupted`].
    pub const fn is_interrupt(&self) -> bool {
        self.interrupt
    }

    /// Whether nothing is to be printed.
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ToolError {}

impl From<FormatError> for ToolError {
    fn from(error: FormatError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<LogError> for ToolError {
    fn from(error: LogError) -> Self {
        let exit = match &error {
            LogError::Locked { .. } | LogError::InUse { .. } => Exit::Locked,
            error if error.is_damage() => Exit::Damage,
            _ => Exit::Failed,
        };
        let hint = what_next(&error);
        let error = Self::new(exit, error.to_string());
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl From<ClientError> for ToolError {
    fn from(error: ClientError) -> Self {
        let hint = match &error {
            ClientError::UnknownTopic {
                nearest: Some(near),
                ..
            } => Some(format!("did you mean `{near}`?")),
            ClientError::UnknownTopic { servers, .. } => {
                let location = match servers.strip_suffix(SOCKET) {
                    Some(data) => data.trim_end_matches('/').to_owned(),
                    None => format!("kafka://{servers}"),
                };
                Some(format!("`ottla topics {location}` lists the topics"))
            }
            ClientError::NoServer(_) | ClientError::Connect { .. } => {
                Some("is the server running, and listening there?".to_owned())
            }
            _ => None,
        };
        let error = Self::failed(error.to_string());
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// What can be done about it, where that can be said in general.
fn what_next(error: &LogError) -> Option<String> {
    let source = match error {
        LogError::Damaged { path, .. } | LogError::Torn { path, .. } => {
            let place = path.parent().unwrap_or(path).display();
            return Some(format!(
                "`ottla inspect verify {place}` lists all that is damaged; `ottla repair {place}` \
                 says what can be saved"
            ));
        }
        LogError::Locked { .. } => {
            return Some(
                "`ottla produce`, `consume`, `topics` and `groups` also go through a broker that \
                 runs: kafka://HOST:PORT/TOPIC"
                    .to_owned(),
            );
        }
        LogError::Io { source, .. } => source,
        _ => return None,
    };
    let hint = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("what was appended before is whole; free some space, then produce the rest")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("`ottla consume` reads it as it is; to write, mount it writable or work on a copy")
        }
        io::ErrorKind::PermissionDenied => Some("run as the user that the files belong to"),
        _ => None,
    };
    hint.map(str::to_owned)
}

/// The known name that a mistyped one is nearest to, if any is near.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (typed.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(typed, name), name))
        .filter(|(far, name)| *far <= most || (typed.len() > 2 && name.starts_with(typed)))
        .min_by_key(|(far, _)| *far)
        .map(|(_, name)| name)
}

/// Edits (insert, remove, replace, swap of neighbours) from one word to the other.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let mut best = (last[column] + usize::from(a != b))
                .min(last[column + 1] + 1)
                .min(line[column] + 1);
            if row > 0 && column > 0 && *a == right[column - 1] && left[row - 1] == *b {
                best = best.min(before[column - 1] + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut last, line);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_on_its_own_line() {
        let error = ToolError::failed("no such topic")
            .context("/data")
            .hint("list them");
        assert_eq!(error.to_string(), "/data: no such topic\nhint: list them");
        assert_eq!(error.exit().code(), 1);
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        let closed = ToolError::stdout(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(closed.is_quiet());
        assert_eq!(closed.exit(), Exit::Done);
        let full = ToolError::stdout(&io::Error::from(io::ErrorKind::StorageFull));
        assert!(!full.is_quiet());
        assert_eq!(full.exit(), Exit::Failed);
    }

    #[test]
    fn the_nearest_name_is_suggested_only_when_it_is_near() {
        let verbs = ["produce", "consume", "topics", "groups"];
        assert_eq!(nearest("porduce", verbs), Some("produce"));
        assert_eq!(nearest("topic", verbs), Some("topics"));
        assert_eq!(nearest("cons", verbs), Some("consume"));
        assert_eq!(nearest("xyzzy", verbs), None);
    }
}
