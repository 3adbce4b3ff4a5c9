//! An input as a file that can be read twice, once for its id and once for its events.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::Arc;

use super::SharedPath;
use crate::input::{Input, Origin};
use crate::store::{Scratch, Store};
use crate::{Error, Result};

/// Bytes copied at once.
const COPY_BYTES: usize = 1 << 20;

/// The input's file itself, or a copy of standard input.
#[derive(Debug)]
pub(super) struct Spool {
    pub(super) name: Arc<str>,
    pub(super) path: SharedPath,
    /// The copy, kept as long as it is read.
    _copy: Option<Scratch>,
}

impl Spool {
    /// Makes an input readable twice; standard input is copied into the store's folder first.
    pub(super) fn of(input: &Input, store: &Store) -> Result<Self> {
        let name = Arc::clone(&input.name);
        match &input.origin {
            Origin::File(path) => Ok(Self { name, path: Arc::new(path.clone()), _copy: None }),
            Origin::Stdin => {
                let mut copy = store.scratch()?;
                let mut out = BufWriter::with_capacity(COPY_BYTES, &mut copy);
                io::copy(&mut input.open()?, &mut out)
                    .and_then(|_| out.flush())
                    .map_err(|cause| Error::io("cannot keep a copy of standard input", cause))?;
                drop(out);
                Ok(Self { name, path: Arc::new(copy.path().to_path_buf()), _copy: Some(copy) })
            }
        }
    }

    /// Opens the file for reading.
    pub(super) fn open(&self) -> Result<File> {
        File::open(self.path.as_path())
            .map_err(|cause| Error::io("cannot read the file", cause).with("file", &self.name))
    }
}
