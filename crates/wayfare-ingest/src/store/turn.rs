//! Who may change a store at the same time: any number of writers, or one command that removes files at once.
//!
//! Writers need no lock against each other, the log sees to that. But a file that is written and not committed yet
//! looks like one that nobody needs. What removes such files without a grace period waits for its turn alone.

use std::fs::{File, OpenOptions, TryLockError};

use super::Store;
use crate::{Error, ErrorKind, Result};

/// The file that is locked; it stays empty.
const FILE_NAME: &str = "writers.lock";

/// A turn; it ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct Turn {
    _locked: File,
}

impl Store {
    /// Waits until nobody removes files, and keeps it so.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be written.
    pub async fn turn_with_others(&self) -> Result<Turn> {
        let file = self.lock_file()?;
        let wait = move || file.lock_shared().map(|()| file);
        let locked = tokio::task::spawn_blocking(wait)
            .await
            .map_err(|cause| Error::internal("a waiting thread broke off").because(cause))?;
        locked.map(|file| Turn { _locked: file }).map_err(|cause| self.cannot_lock(cause))
    }

    /// Makes sure that nobody removes files, and keeps it so; `None` when somebody does.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be written.
    pub fn turn_with_others_now(&self) -> Result<Option<Turn>> {
        let file = self.lock_file()?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Turn { _locked: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(self.cannot_lock(cause)),
        }
    }

    /// Makes sure that nobody else writes, and keeps it so.
    ///
    /// # Errors
    /// `Conflict` when somebody writes now, `Unavailable` when the store cannot be written.
    pub fn turn_alone(&self) -> Result<Turn> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Turn { _locked: file }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::new(ErrorKind::Conflict, "another command is writing to the store")
                    .with("store", self.root().display())
                    .hint("files can be removed once it is done: try again then"))
            }
            Err(TryLockError::Error(cause)) => Err(self.cannot_lock(cause)),
        }
    }

    fn lock_file(&self) -> Result<File> {
        let options = OpenOptions::new().create(true).truncate(false).write(true).clone();
        options.open(self.root().join(FILE_NAME)).map_err(|cause| self.cannot_lock(cause))
    }

    fn cannot_lock(&self, cause: std::io::Error) -> Error {
        Error::new(ErrorKind::Unavailable, "cannot write to the store")
            .with("store", self.root().display())
            .because(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writers_share_and_who_removes_is_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).await.unwrap();
        let first = store.turn_with_others().await.unwrap();
        let second = store.turn_with_others().await.unwrap();
        assert_eq!(store.turn_alone().unwrap_err().kind(), ErrorKind::Conflict);
        drop((first, second));
        let alone = store.turn_alone().unwrap();
        assert_eq!(store.turn_alone().unwrap_err().kind(), ErrorKind::Conflict);
        assert!(store.turn_with_others_now().unwrap().is_none());
        drop(alone);
        drop(store.turn_with_others_now().unwrap().unwrap());
        drop(store.turn_with_others().await.unwrap());
    }
}
