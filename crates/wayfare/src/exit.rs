//! What the process tells its caller: the one table from outcome to exit code.
//!
//! Job runners branch on these numbers, so they never change. 4 is kept for a threshold that a report breached.

use std::process::ExitCode;

use wayfare_query::ErrorKind;

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; also when the reader of stdout went away.
    Done,
    /// Failed for a reason that no other code names.
    Failed,
    /// Wrong usage, question, setting or input.
    Usage,
    /// More records were rejected than allowed; the good ones are stored.
    Rejects,
    /// The thing asked for does not exist.
    Missing,
    /// A named limit was reached.
    Limit,
    /// Stored data is damaged.
    Damaged,
    /// Ctrl-C.
    Interrupted,
    /// Asked to end by the system.
    Terminated,
}

impl Exit {
    /// The code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Rejects => 3,
            Self::Missing => 5,
            Self::Limit => 6,
            Self::Damaged => 7,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::Usage,
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::Limit => Self::Limit,
            ErrorKind::Corrupt => Self::Damaged,
            ErrorKind::Cancelled => Self::Interrupted,
            // Conflict, Unavailable, Internal, and kinds that are younger than this table
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_documented_code() {
        let codes = ErrorKind::ALL.map(|kind| (kind.name(), Exit::from(kind).code()));
        let documented = [
            ("invalid", 2),
            ("not_found", 5),
            ("conflict", 1),
            ("limit", 6),
            ("cancelled", 130),
            ("corrupt", 7),
            ("unavailable", 1),
            ("internal", 1),
        ];
        assert_eq!(codes, documented);
    }
}
