//! Errors for names that are not known, with the nearest one that is.

use wayfare_ingest::nearest;

use crate::{Error, ErrorKind};

/// Known names that an error lists when there are few enough to read.
const LISTED_MAX: usize = 60;

/// Names shorter than this are near to any other short name, so nothing is guessed from them.
const GUESSED_LENGTH_MIN: usize = 3;

/// An `Invalid` error: `name` is none of a closed set.
pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    explained(ErrorKind::Invalid, what, name, known)
}

/// A `NotFound` error: `name` is nothing that the store holds.
pub(crate) fn not_found<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    explained(ErrorKind::NotFound, what, name, known)
}

fn explained<'a>(
    kind: ErrorKind,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Error {
    let error = Error::new(kind, format!("there is no {what} {name:?}"));
    let guessed = nearest(name, known.clone()).filter(|_| name.chars().count() >= GUESSED_LENGTH_MIN);
    if let Some(near) = guessed {
        return error.hint(format!("did you mean {near}?"));
    }
    let listed: Vec<&str> = known.take(LISTED_MAX + 1).collect();
    match listed.len() {
        0 => error,
        count if count > LISTED_MAX => error,
        _ => error.hint(format!("there are: {}", listed.join(", "))),
    }
}
