//! The one error type of the engine: a kind that tells the caller what to do, a message for people,
//! and the place it happened.

use std::fmt;

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request, the input or a setting is wrong: change it.
    Invalid,
    /// The thing asked for does not exist.
    NotFound,
    /// Somebody else changed the same thing: try again from fresh state.
    Conflict,
    /// A named limit was reached: ask for less or raise it.
    Limit,
    /// The caller gave up.
    Cancelled,
    /// Stored data is damaged.
    Corrupt,
    /// The disk or the store cannot be used now: try again later.
    Unavailable,
    /// A defect of ours.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order of the tables in the documentation.
    pub const ALL: [Self; 8] = [
        Self::Invalid,
        Self::NotFound,
        Self::Conflict,
        Self::Limit,
        Self::Cancelled,
        Self::Corrupt,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The kind's name as shown to people and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Limit => "limit",
            Self::Cancelled => "cancelled",
            Self::Corrupt => "corrupt",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// A result of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The engine's error: kind, message, places, an optional hint and the cause.
///
/// The message says what was expected and what was seen, in lower case and without a full stop; places
/// (`file`, `line`, `column`, …) are name and value pairs added by [`Error::with`].
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: Vec::new(), hint: None, source: None }
    }

    /// Makes an [`ErrorKind::Invalid`] error.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Makes an [`ErrorKind::NotFound`] error.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Makes an [`ErrorKind::Limit`] error.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, message)
    }

    /// Makes an [`ErrorKind::Corrupt`] error.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Makes an [`ErrorKind::Internal`] error.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Makes an error out of a failed file operation; a missing file is `NotFound`, the rest `Unavailable`.
    pub fn io(message: impl Into<String>, cause: std::io::Error) -> Self {
        let kind = match cause.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, message).because(cause)
    }

    /// Adds a place: a name and its value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((name, value.to_string()));
        self
    }

    /// Adds advice, shown on a line of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message without places and cause.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The places, in the order they were added.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.context
    }

    /// The advice, if there is one.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (index, (name, value)) in self.context.iter().enumerate() {
            write!(f, "{}{name} {value}", if index == 0 { " (" } else { ", " })?;
        }
        if !self.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_message_then_places() {
        let error = Error::invalid("expected a number, saw a word").with("file", "a.csv").with("line", 3);
        assert_eq!(error.to_string(), "expected a number, saw a word (file a.csv, line 3)");
    }
}
