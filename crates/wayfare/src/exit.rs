//! What the outcome is called outside: the one table from kind of error to exit code, HTTP status and problem title.
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

/// What a kind of error is for callers: the process's exit code, the HTTP status, the title of the problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// How a request is answered.
    pub(crate) status: u16,
    /// One line for people, the same for every error of the kind.
    pub(crate) title: &'static str,
}

impl Meaning {
    /// The meaning of a kind.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        let (exit, status, title) = match kind {
            ErrorKind::Invalid => (Exit::Usage, 400, "The request is wrong"),
            ErrorKind::NotFound => (Exit::Missing, 404, "There is no such thing"),
            ErrorKind::Conflict => (Exit::Failed, 409, "Somebody else changed the same thing"),
            ErrorKind::Limit => (Exit::Limit, 422, "A limit was reached"),
            ErrorKind::Cancelled => (Exit::Interrupted, 503, "The request was given up"),
            ErrorKind::Corrupt => (Exit::Damaged, 500, "Stored data is damaged"),
            ErrorKind::Unavailable => (Exit::Failed, 503, "The store cannot be used now"),
            // Internal, and kinds that are younger than this table
            _ => (Exit::Failed, 500, "The program has a defect"),
        };
        Self { exit, status, title }
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        Meaning::of(kind).exit
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
    fn every_kind_of_error_has_its_documented_code_and_status() {
        let meanings = ErrorKind::ALL.map(|kind| {
            let Meaning { exit, status, .. } = Meaning::of(kind);
            (kind.name(), exit.code(), status)
        });
        let documented = [
            ("invalid", 2, 400),
            ("not_found", 5, 404),
            ("conflict", 1, 409),
            ("limit", 6, 422),
            ("cancelled", 130, 503),
            ("corrupt", 7, 500),
            ("unavailable", 1, 503),
            ("internal", 1, 500),
        ];
        assert_eq!(meanings, documented);
    }
}
