//! An input as a file that can be read twice, once for its id and once for its events.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use uuid::Uuid;

use super::SharedPath;
use crate::input::{Input, Origin};
use crate::store::{Files, Store};
use crate::{Error, Result};

/// Bytes copied at once.
const COPY_BYTES: usize = 1 << 20;

/// The input's file itself, or a copy of standard input.
#[derive(Debug)]
pub(super) struct Spool {
    pub(super) name: Arc<str>,
    pub(super) path: SharedPath,
    /// Where the copy is to be deleted.
    copied: Option<Arc<Files>>,
}

impl Spool {
    /// Makes an input readable twice; standard input is copied into the store's folder first.
    pub(super) fn of(input: &Input, store: &Store) -> Result<Self> {
        let name = Arc::clone(&input.name);
        match &input.origin {
            Origin::File(path) => Ok(Self { name, path: Arc::new(path.clone()), copied: None }),
            Origin::Stdin => {
                let path = store.root().join(format!("spool-{}", Uuid::new_v4().simple()));
                let spool = Self { name, path: Arc::new(path), copied: Some(store.files()) };
                let mut source = input.open()?;
                spool
                    .copy(&mut source)
                    .map_err(|cause| Error::io("cannot keep a copy of standard input", cause))?;
                Ok(spool)
            }
        }
    }

    /// Copies all of `source`. The copy need not survive a power cut: what is in it was not answered for yet.
    fn copy(&self, source: &mut dyn Read) -> std::io::Result<()> {
        let Some(files) = &self.copied else { return Ok(()) };
        let mut copy = files.scratch(&self.path)?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut offset = 0;
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            copy.write_at(offset, buffer.get(..count).unwrap_or_default())?;
            offset += count as u64;
        }
    }

    /// Opens the file for reading.
    pub(super) fn open(&self) -> Result<File> {
        File::open(self.path.as_path())
            .map_err(|cause| Error::io("cannot read the file", cause).with("file", &self.name))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some(files) = &self.copied {
            files.forget(&self.path);
        }
    }
}
