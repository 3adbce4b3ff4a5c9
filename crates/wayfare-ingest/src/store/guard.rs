//! File access that hands out no damaged byte: seals what is written to a log, checks what is read of a table.
//!
//! A file's seal is read and checked once and kept; each read then checks the blocks it touches. What does not fit is an
//! error of kind `Corrupt` with the file's name, inside the error of `object_store`, from where [`damage`] fetches it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path as StorePath;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, UploadPart,
};

use super::seal::{Flaw, Seal, check_log, seal_log, seal_parquet};
use super::sweep::VERSION_DIGITS;
use super::table::LOG_FOLDER;
use crate::Error;

/// Bytes at a file's end that are read at once for its seal: enough for most footers.
const END_BYTES: u64 = 64 << 10;
/// Seals that are kept; beyond it all are forgotten and read anew.
const SEALS_MAX: usize = 4_096;

type StoreResult<T> = Result<T, StoreError>;

/// File access that seals and checks, over another.
#[derive(Debug)]
pub(super) struct Guard {
    inner: Arc<dyn ObjectStore>,
    seals: Mutex<HashMap<StorePath, Arc<Seal>>>,
}

/// How a file is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A data file, sealed by its writer, who has to know its size.
    Data,
    /// A checkpoint of a log.
    Checkpoint,
    /// An entry of a log.
    Entry,
    /// Not at all.
    Other,
}

impl Kind {
    fn of(path: &StorePath) -> Self {
        let mut parts: Vec<_> = path.parts().collect();
        let name = parts.pop();
        let name = name.as_ref().map(AsRef::as_ref).unwrap_or_default();
        let in_log = parts.last().is_some_and(|folder| folder.as_ref() == LOG_FOLDER);
        let is_version =
            |text: &str| text.len() == VERSION_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        match (in_log, name.rsplit_once('.')) {
            (true, Some((_, "parquet"))) => Self::Checkpoint,
            (true, Some((version, "json"))) if is_version(version) => Self::Entry,
            (false, Some((_, "parquet"))) => Self::Data,
            _ => Self::Other,
        }
    }
}

/// The damage that an error tells of, however deep in its causes, as an error of its own.
pub fn damage(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(ours) =
            error.downcast_ref::<Error>().filter(|ours| ours.kind() == crate::ErrorKind::Corrupt)
        {
            let copy = Error::corrupt(ours.message());
            return Some(ours.context().iter().fold(copy, |copy, (name, value)| copy.with(name, value)));
        }
        next = error.source();
    }
    None
}

/// The path from the table's folder on, as people know it and as seals do.
fn shown(path: &StorePath) -> String {
    let parts: Vec<String> = path.parts().map(|part| part.as_ref().to_owned()).collect();
    let table =
        parts.iter().rposition(|part| ["events", "invocations", "quarantine"].contains(&part.as_str()));
    parts.get(table.unwrap_or_default()..).unwrap_or_default().join("/")
}

fn corrupt(path: &StorePath, flaw: Flaw) -> StoreError {
    let error = Error::corrupt(flaw.to_string()).with("file", shown(path));
    StoreError::Generic { store: "wayfare", source: Box::new(error) }
}

/// A data file that the log names and nobody finds is damage. Of a log, what is not there yet is asked for, too.
fn lost(path: &StorePath, cause: StoreError) -> StoreError {
    match cause {
        StoreError::NotFound { .. } if Kind::of(path) == Kind::Data => {
            let error = Error::corrupt("the file is missing").with("file", shown(path));
            StoreError::Generic { store: "wayfare", source: Box::new(error) }
        }
        other => other,
    }
}

impl Guard {
    pub(super) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, seals: Mutex::default() }
    }

    fn seals(&self) -> std::sync::MutexGuard<'_, HashMap<StorePath, Arc<Seal>>> {
        self.seals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sealed(path: &StorePath, payload: PutPayload) -> StoreResult<PutPayload> {
        match Kind::of(path) {
            Kind::Entry => {
                let entry = Bytes::from(payload);
                Ok(seal_log(&entry, &shown(path)).map_err(|flaw| corrupt(path, flaw))?.into())
            }
            Kind::Checkpoint => Ok(seal_parquet(payload.into(), &shown(path)).into()),
            Kind::Data | Kind::Other => Ok(payload),
        }
    }

    async fn seal_of(&self, path: &StorePath) -> StoreResult<Arc<Seal>> {
        if let Some(seal) = self.seals().get(path) {
            return Ok(Arc::clone(seal));
        }
        let failed = |flaw| corrupt(path, flaw);
        let options = GetOptions { range: Some(GetRange::Suffix(END_BYTES)), ..GetOptions::default() };
        let end = match self.inner.get_opts(path, options).await {
            Ok(end) => end,
            // a file without a byte has no range that could be read
            Err(cause) => match self.inner.head(path).await.map_err(|cause| lost(path, cause))? {
                ObjectMeta { size: 0, .. } => return Err(failed(Flaw::NoSeal)),
                _ => return Err(cause),
            },
        };
        let size = end.meta.size;
        let mut tail = end.bytes().await?;
        let mut wanted = Seal::tail_bytes(&tail, size).map_err(failed)?;
        // twice at most: for the footer, then for as many checksums as it says
        while wanted > tail.len() as u64 {
            tail = self.inner.get_range(path, size - wanted..size).await?;
            wanted = Seal::tail_bytes(&tail, size).map_err(failed)?;
        }
        let from = tail.len() - usize::try_from(wanted).unwrap_or(tail.len()).min(tail.len());
        let seal = Seal::open(tail.get(from..).unwrap_or_default(), size, &shown(path)).map_err(failed)?;
        let seal = Arc::new(seal);
        // a checkpoint may be written again under its name
        if Kind::of(path) == Kind::Data {
            let mut seals = self.seals();
            if seals.len() >= SEALS_MAX {
                seals.clear();
            }
            seals.insert(path.clone(), Arc::clone(&seal));
        }
        Ok(seal)
    }

    async fn entry(&self, path: &StorePath, mut options: GetOptions) -> StoreResult<GetResult> {
        let range = options.range.take();
        let GetResult { payload, meta, range: whole, attributes } =
            self.inner.get_opts(path, options).await?;
        let size = meta.size;
        let result = GetResult { payload, meta: meta.clone(), range: whole, attributes: attributes.clone() };
        let bytes = result.bytes().await?;
        check_log(&bytes, &shown(path)).map_err(|flaw| corrupt(path, flaw))?;
        let range = within(range.as_ref(), size, path)?;
        Ok(GetResult { payload: once(cut(&bytes, 0, &range)), meta, range, attributes })
    }
}

/// The part of a file that was asked for.
fn within(range: Option<&GetRange>, size: u64, path: &StorePath) -> StoreResult<Range<u64>> {
    range.map_or(Ok(0..size), |range| range.as_range(size)).map_err(|cause| {
        let error =
            Error::corrupt("the file is shorter than the log says").with("file", shown(path)).because(cause);
        StoreError::Generic { store: "wayfare", source: Box::new(error) }
    })
}

fn once(bytes: Bytes) -> GetResultPayload {
    GetResultPayload::Stream(stream::once(async move { Ok(bytes) }).boxed())
}

/// The bytes of `range` out of some that begin at `start`.
fn cut(bytes: &Bytes, start: u64, range: &Range<u64>) -> Bytes {
    let at = |place: u64| usize::try_from(place.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(range.start)..at(range.end))
}

/// Ranges put together where they touch or overlap, in order.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut whole: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match whole.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => whole.push(range),
        }
    }
    whole
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checked {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Guard {
    async fn put_opts(
        &self,
        path: &StorePath,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.inner.put_opts(path, Self::sealed(path, payload)?, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &StorePath,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        match Kind::of(path) {
            Kind::Checkpoint => Ok(Box::new(WholeUpload {
                inner: Arc::clone(&self.inner),
                path: path.clone(),
                parts: Vec::new(),
            })),
            _ => self.inner.put_multipart_opts(path, options).await,
        }
    }

    async fn get_opts(&self, path: &StorePath, options: GetOptions) -> StoreResult<GetResult> {
        let kind = Kind::of(path);
        if options.head || kind == Kind::Other {
            return self.inner.get_opts(path, options).await;
        }
        if kind == Kind::Entry {
            return self.entry(path, options).await;
        }
        let seal = self.seal_of(path).await?;
        let range = within(options.range.as_ref(), seal.size(), path)?;
        let cover = seal.cover(&range);
        let options = GetOptions { range: Some(GetRange::Bounded(cover.clone())), ..options };
        let read = self.inner.get_opts(path, options).await.map_err(|cause| lost(path, cause))?;
        let (meta, attributes) = (read.meta.clone(), read.attributes.clone());
        let bytes = read.bytes().await?;
        seal.check(cover.start, &bytes).map_err(|flaw| corrupt(path, flaw))?;
        Ok(GetResult { payload: once(cut(&bytes, cover.start, &range)), meta, range, attributes })
    }

    async fn get_ranges(&self, path: &StorePath, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        if !matches!(Kind::of(path), Kind::Data | Kind::Checkpoint) {
            return self.inner.get_ranges(path, ranges).await;
        }
        let seal = self.seal_of(path).await?;
        let mut wanted = Vec::with_capacity(ranges.len());
        for range in ranges {
            wanted.push(within(Some(&GetRange::Bounded(range.clone())), seal.size(), path)?);
        }
        let covers = joined(wanted.iter().map(|range| seal.cover(range)).collect());
        let read = self.inner.get_ranges(path, &covers).await.map_err(|cause| lost(path, cause))?;
        for (cover, bytes) in covers.iter().zip(&read) {
            seal.check(cover.start, bytes).map_err(|flaw| corrupt(path, flaw))?;
        }
        let pick = |range: &Range<u64>| {
            let place = covers.partition_point(|cover| cover.end <= range.start);
            let found = covers.get(place).zip(read.get(place));
            found.map_or_else(Bytes::new, |(cover, bytes)| cut(bytes, cover.start, range))
        };
        Ok(wanted.iter().map(pick).collect())
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, StoreResult<StorePath>>,
    ) -> BoxStream<'static, StoreResult<StorePath>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&StorePath>,
        offset: &StorePath,
    ) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        // looks at no file before the offset: a log may have very many
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &StorePath, to: &StorePath, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An upload that waits for its last part, since the seal needs them all. A checkpoint is small.
#[derive(Debug)]
struct WholeUpload {
    inner: Arc<dyn ObjectStore>,
    path: StorePath,
    parts: Vec<Bytes>,
}

#[async_trait]
impl MultipartUpload for WholeUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.extend(data);
        Box::pin(async { Ok(()) })
    }

    async fn complete(&mut self) -> StoreResult<PutResult> {
        let whole: PutPayload = std::mem::take(&mut self.parts).into_iter().collect();
        let sealed = Guard::sealed(&self.path, whole)?;
        self.inner.put_opts(&self.path, sealed, PutOptions::default()).await
    }

    async fn abort(&mut self) -> StoreResult<()> {
        self.parts.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_names() {
        for (path, kind) in [
            ("s/events/source=cis/date=2026-03-01/part-1.parquet", Kind::Data),
            ("s/events/_delta_log/00000000000000000001.json", Kind::Entry),
            ("s/events/_delta_log/00000000000000000010.checkpoint.parquet", Kind::Checkpoint),
            ("s/events/_delta_log/_last_checkpoint", Kind::Other),
            ("s/events/_delta_log/1.json", Kind::Other),
            ("s/wayfare.toml", Kind::Other),
        ] {
            assert_eq!(Kind::of(&StorePath::from(path)), kind, "{path}");
        }
    }

    #[test]
    fn damage_is_found_under_other_errors() {
        let path = StorePath::from("srv/events/date=2026-03-01/part-1.parquet");
        let outer = Error::internal("cannot read").because(corrupt(&path, Flaw::Block(32_768)));
        let found = damage(&outer).unwrap();
        assert_eq!(
            found.to_string(),
            "the bytes from 32768 on are not as they were written (file events/date=2026-03-01/part-1.parquet)"
        );
        assert!(damage(&Error::internal("no damage")).is_none());
    }

    #[test]
    fn ranges_that_touch_are_read_at_once() {
        assert_eq!(joined(vec![8..12, 0..4, 4..6, 9..10]), [0..6, 8..12]);
    }
}
