//! The id of a batch: a digest of the input's bytes and of how they are read, so that the same file given
//! twice is known before it is read again.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;

use blake3::Hasher;
use uuid::Uuid;

use super::{IngestOptions, SharedPath};
use crate::input::{Input, Origin};
use crate::{Error, Result};

/// Bytes of the digest that are kept: 128 bits make an accidental repeat impossible in practice.
const ID_BYTES: usize = 16;

/// An input as a file that can be read twice: the file itself, or a copy of standard input.
#[derive(Debug)]
pub(super) struct Spool {
    pub(super) name: Arc<str>,
    pub(super) path: SharedPath,
    copied: bool,
}

impl Spool {
    /// Makes an input readable twice; standard input is copied into the store's folder first.
    pub(super) fn of(input: &Input, store_root: &Path) -> Result<Self> {
        match &input.origin {
            Origin::File(path) => {
                Ok(Self { name: Arc::clone(&input.name), path: Arc::new(path.clone()), copied: false })
            }
            Origin::Stdin => {
                let path = store_root.join(format!("spool-{}", Uuid::new_v4().simple()));
                let spool = Self { name: Arc::clone(&input.name), path: Arc::new(path), copied: true };
                let mut source = input.open()?;
                File::create(spool.path.as_path())
                    .and_then(|mut copy| std::io::copy(&mut source, &mut copy))
                    .map_err(|cause| Error::io("cannot keep a copy of standard input", cause))?;
                Ok(spool)
            }
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
        if self.copied {
            // A copy that stays behind costs disk space only; the next `verify` names it.
            drop(std::fs::remove_file(self.path.as_path()));
        }
    }
}

/// The id of a batch.
#[derive(Debug, Clone)]
pub(super) struct BatchId(String);

impl BatchId {
    /// Digests the input's bytes, the mapping and the source.
    pub(super) fn of(spool: &Spool, options: &IngestOptions) -> Result<Self> {
        let mut hasher = Hasher::new();
        hasher.update(&options.mapping.digest());
        hasher.update(options.source.map_or("", |source| source.as_str()).as_bytes());
        let mut file = spool.open()?;
        let read = |file: &mut File, hasher: &mut Hasher| -> std::io::Result<()> {
            file.rewind()?;
            let mut buffer = vec![0; 1 << 20];
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(()),
                    count => drop(hasher.update(buffer.get(..count).unwrap_or_default())),
                }
            }
        };
        read(&mut file, &mut hasher)
            .map_err(|cause| Error::io("cannot read the file", cause).with("file", &spool.name))?;
        let digest = hasher.finalize();
        let hex = digest.to_hex();
        Ok(Self(hex.chars().take(ID_BYTES * 2).collect()))
    }

    /// The id as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The beginning of the id, for file names.
    pub(super) fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }

    /// The application transaction that counts the committed parts.
    pub(super) fn parts_app(&self) -> String {
        format!("wayfare/ingest/{}", self.0)
    }

    /// The application transaction that says that the whole input is in.
    pub(super) fn done_app(&self) -> String {
        format!("wayfare/ingest/{}/done", self.0)
    }
}
