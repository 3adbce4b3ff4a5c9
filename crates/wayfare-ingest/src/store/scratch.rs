//! Files for passing use: what comes as a stream and has to be read twice.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::disk::DiskFile;
use super::sweep::SPOOL_PREFIX;
use super::{Files, Store};
use crate::{Error, Result};

/// A file in the store's folder that need not survive a power cut, and is gone when its maker drops it. What a killed
/// process leaves of it, `vacuum` removes.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    files: Arc<Files>,
    file: Box<dyn DiskFile>,
    bytes: u64,
}

impl Scratch {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Store {
    /// Makes an empty file for passing use.
    ///
    /// # Errors
    /// `Unavailable` when the store's folder cannot be written.
    pub fn scratch(&self) -> Result<Scratch> {
        let path = self.root().join(format!("{SPOOL_PREFIX}{}", Uuid::new_v4().simple()));
        let files = self.files();
        let file = files.scratch(&path).map_err(|cause| {
            Error::io("cannot make a file in the store", cause).with("store", self.root().display())
        })?;
        Ok(Scratch { path, files, file, bytes: 0 })
    }
}

impl Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(self.bytes, bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.files.forget(&self.path);
    }
}
