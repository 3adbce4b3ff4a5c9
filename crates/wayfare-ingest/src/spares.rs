//! Emptied things to be filled again: memory that is new to the process costs more than what goes into it.

use std::sync::{Mutex, PoisonError};

/// What was used and is empty again, for any thread.
#[derive(Debug)]
pub(crate) struct Spares<T>(Mutex<Vec<T>>);

impl<T> Default for Spares<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> Spares<T> {
    /// An empty one, a new one when there is no spare.
    pub(crate) fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps an empty one for later.
    pub(crate) fn give(&self, empty: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(empty);
    }
}
