//! Reading of local files, on the thread that computes with the bytes.
//!
//! Handed over to threads for file access, as `object_store` does it, bytes would lie in the memory that those keep. And the
//! table format asks for all entries of a log at once: that made a thread each, and the memory of an ingest grow with its log.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use object_store::path::Path as StorePath;
use object_store::{Attributes, Error as StoreError, GetOptions, GetResult, GetResultPayload, ObjectMeta};

use super::files::{failed, is_draft};

/// Reads a file, or the part of it that is asked for.
pub(super) fn read(
    location: &StorePath,
    path: &Path,
    options: &GetOptions,
) -> object_store::Result<GetResult> {
    let not_read = |cause| failed(path, cause);
    let mut file = File::open(path).map_err(not_read)?;
    let about = file.metadata().map_err(not_read)?;
    if about.is_dir() {
        return Err(not_read(io::ErrorKind::NotFound.into()));
    }
    let meta = meta_of(location.clone(), &about).map_err(not_read)?;
    options.check_preconditions(&meta)?;
    let range = match &options.range {
        None => 0..meta.size,
        Some(range) => range
            .as_range(meta.size)
            .map_err(|cause| StoreError::Generic { store: "disk", source: cause.into() })?,
    };
    let wanted = if options.head { 0..0 } else { range.clone() };
    let bytes = read_range(&mut file, &wanted).map_err(not_read)?;
    let payload = GetResultPayload::Stream(stream::once(async move { Ok(bytes) }).boxed());
    Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
}

fn read_range(file: &mut File, range: &Range<u64>) -> io::Result<Bytes> {
    let length = range.end.saturating_sub(range.start);
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
    let read = file.take(length).read_to_end(&mut bytes)?;
    if u64::try_from(read).ok() != Some(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.into())
}

fn meta_of(location: StorePath, about: &Metadata) -> io::Result<ObjectMeta> {
    let last_modified = about.modified()?.into();
    Ok(ObjectMeta { location, last_modified, size: about.len(), e_tag: None, version: None })
}

/// Reads several parts of a file.
pub(super) fn read_ranges(path: &Path, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
    let mut file = File::open(path)?;
    ranges.iter().map(|range| read_range(&mut file, range)).collect()
}

/// The files of a folder whose names come after `name`; `None` when there are folders among them.
///
/// A log may have very many entries, and is looked at for each question and each batch: what lies before `name`, which
/// is nearly all, costs no more than reading its name.
pub(super) fn files_behind(
    folder: &StorePath,
    path: &Path,
    name: &str,
) -> io::Result<Option<Vec<ObjectMeta>>> {
    let mut files = Vec::new();
    for entry in path.read_dir()? {
        let entry = entry?;
        let file = entry.file_name();
        let Some(file) = file.to_str().filter(|file| *file > name && !is_draft(file)) else { continue };
        let about = entry.metadata()?;
        if !about.is_file() {
            return Ok(None);
        }
        files.push(meta_of(folder.clone().join(file), &about)?);
    }
    Ok(Some(files))
}
