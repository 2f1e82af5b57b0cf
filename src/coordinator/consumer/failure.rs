//! Why a request of a consumer group is refused.

use crate::protocol::ErrorCode;
use std::fmt;

/// An error code with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the client gets.
    pub code: ErrorCode,
    /// Why, in a sentence; sent where the response has room for it.
    pub message: String,
}

impl Failure {
    /// A failure with its reason.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}
