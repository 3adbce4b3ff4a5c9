//! One Parquet file of a table: how it is written, and what the log knows of it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use deltalake_core::kernel::{Add, LogicalFileView};
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use uuid::Uuid;

use super::files::Files;
use super::guard::damage;
use super::seal::seal_parquet;
use super::statistics::{self, Statistics};
use super::table::Table;
use crate::{Error, ErrorKind, Result};

/// The tag that tells where a file's appendix lies: `start+length`, in bytes.
pub(super) const APPENDIX_TAG: &str = "wayfare.appendix";

/// One data file of a snapshot. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile(Arc<FileEntry>);

/// A data file as the log tells it.
#[derive(Debug, PartialEq)]
pub struct FileEntry {
    /// Path inside the table's folder.
    pub path: String,
    /// Absolute path for the store's file access.
    pub location: StorePath,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it was written, in milliseconds since 1970 UTC, by the clock of its writer.
    pub written_at_ms: i64,
    /// Partition values by column.
    pub partition: BTreeMap<String, String>,
    /// Rows and value ranges.
    pub statistics: Statistics,
    /// What the writer noted of the file, by name.
    pub tags: BTreeMap<String, String>,
}

impl Deref for DataFile {
    type Target = FileEntry;

    fn deref(&self) -> &FileEntry {
        &self.0
    }
}

impl From<FileEntry> for DataFile {
    fn from(entry: FileEntry) -> Self {
        Self(Arc::new(entry))
    }
}

impl DataFile {
    pub(super) fn of_view(view: &LogicalFileView, folder: &StorePath) -> Result<Self> {
        let path = view.path().into_owned();
        let partition = view
            .partition_values_map()
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let statistics = match view.stats() {
            Some(text) => statistics::parse(&text).map_err(|error| error.with("file", &path))?,
            None => return Err(Error::corrupt("the log has no statistics of a file").with("file", path)),
        };
        let size_bytes = u64::try_from(view.size()).map_err(|cause| {
            Error::corrupt("the log has a negative file size").with("file", &path).because(cause)
        })?;
        let location = inside(folder, &path)?;
        let tags = tags_of(view);
        let written_at_ms = view.modification_time();
        Ok(FileEntry { path, location, size_bytes, written_at_ms, partition, statistics, tags }.into())
    }
}

impl FileEntry {
    /// Reads the bytes that [`super::Encoder::append`] put into the file; `None` when it has none.
    ///
    /// # Errors
    /// `Corrupt` when they are not there or not as written, `Unavailable` when it cannot be read.
    pub async fn appendix(&self, files: &dyn ObjectStore) -> Result<Option<Bytes>> {
        let Some(place) = self.tags.get(APPENDIX_TAG) else { return Ok(None) };
        let range = place
            .split_once('+')
            .and_then(|(start, length)| Some((start.parse::<u64>().ok()?, length.parse::<u64>().ok()?)))
            .and_then(|(start, length)| Some(start..start.checked_add(length)?))
            .filter(|range| range.end <= self.size_bytes)
            .ok_or_else(|| Error::corrupt("the log has no place of an appendix").with("file", &self.path))?;
        if range.is_empty() {
            return Ok(Some(Bytes::new()));
        }
        let bytes = files.get_range(&self.location, range).await;
        bytes.map(Some).map_err(|cause| {
            damage(&cause).unwrap_or_else(|| {
                Error::new(ErrorKind::Unavailable, "cannot read a data file")
                    .with("file", &self.path)
                    .because(cause)
            })
        })
    }

    /// The value of a partition column.
    pub fn partition_value(&self, column: &str) -> Option<&str> {
        self.partition.get(column).map(String::as_str)
    }
}

/// A data file that is written and not yet committed.
#[derive(Debug)]
pub struct NewFile {
    pub(super) add: Add,
    rows: u64,
}

impl NewFile {
    /// Size in bytes.
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.add.size).unwrap_or_default()
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

#[cfg(test)]
impl NewFile {
    /// Has the log say something else of the rows than is true.
    pub(crate) fn claim(&mut self, change: impl FnOnce(String) -> String) {
        self.add.stats = self.add.stats.take().map(change);
    }
}

/// A Parquet file in memory, ready to be put into the store.
#[derive(Debug)]
pub struct EncodedFile {
    pub(super) bytes: Bytes,
    pub(super) rows: u64,
    pub(super) statistics: String,
    pub(super) tags: BTreeMap<String, String>,
}

impl Table {
    /// Puts an encoded file into the table's folder; it is part of the table once committed.
    ///
    /// `partition` gives the partition columns in order; `stem` begins the file's name.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be written.
    pub async fn put(
        &self,
        encoded: EncodedFile,
        partition: &[(&str, String)],
        stem: &str,
        written_at_ms: i64,
    ) -> Result<NewFile> {
        let mut files = self.put_all(vec![(encoded, partition.to_vec())], stem, written_at_ms).await?;
        files.pop().ok_or_else(|| Error::internal("a file was not written"))
    }

    /// The same for several files, which are written and synced together.
    ///
    /// # Errors
    /// `Unavailable` when a file cannot be written; then none is left.
    pub async fn put_all(
        &self,
        encoded: Vec<(EncodedFile, Vec<(&str, String)>)>,
        stem: &str,
        written_at_ms: i64,
    ) -> Result<Vec<NewFile>> {
        let mut files = Vec::with_capacity(encoded.len());
        let mut contents = Vec::with_capacity(encoded.len());
        for (mut encoded, partition) in encoded {
            let mut parts: Vec<String> =
                partition.iter().map(|(name, value)| format!("{name}={value}")).collect();
            parts.push(format!("{stem}-{}.parquet", Uuid::new_v4().simple()));
            let path = parts.join("/");
            encoded.bytes = seal_parquet(encoded.bytes, &format!("{}/{path}", self.name()));
            let place = self.files().path_of(&inside(self.folder(), &path)?);
            let place = place.map_err(|cause| Error::internal("a data file's path").because(cause))?;
            contents.push((place, encoded.bytes.clone()));
            files.push(encoded.into_new_file(path, &partition, written_at_ms));
        }
        let write = move |files: &Files| {
            files
                .write_all(&contents)
                .inspect_err(|_| contents.iter().for_each(|(path, _)| files.forget(path)))
        };
        let written = self.files().blocking(write).await;
        written.map_err(|cause| Error::io("cannot write a data file", cause).with("table", self.name()))?;
        Ok(files)
    }
}

impl EncodedFile {
    fn into_new_file(self, path: String, partition: &[(&str, String)], written_at_ms: i64) -> NewFile {
        let partition_values: HashMap<_, _> =
            partition.iter().map(|(name, value)| ((*name).to_owned(), Some(value.clone()))).collect();
        NewFile {
            rows: self.rows,
            add: Add {
                path,
                partition_values,
                size: i64::try_from(self.bytes.len()).unwrap_or(i64::MAX),
                modification_time: written_at_ms,
                data_change: true,
                stats: Some(self.statistics),
                tags: tags_action(self.tags),
                deletion_vector: None,
                base_row_id: None,
                default_row_commit_version: None,
                clustering_provider: None,
            },
        }
    }
}

#[expect(deprecated, reason = "the library has no other access to tags")]
fn tags_of(view: &LogicalFileView) -> BTreeMap<String, String> {
    let tags = view.add_action().tags.into_iter().flatten();
    tags.filter_map(|(name, text)| Some((name, text?))).collect()
}

fn tags_action(tags: BTreeMap<String, String>) -> Option<HashMap<String, Option<String>>> {
    if tags.is_empty() {
        return None;
    }
    Some(tags.into_iter().map(|(name, text)| (name, Some(text))).collect())
}

/// The absolute path of a file of a table.
fn inside(folder: &StorePath, path: &str) -> Result<StorePath> {
    StorePath::parse(format!("{folder}/{path}")).map_err(|cause| {
        Error::corrupt("a data file's path cannot be used").with("file", path).because(cause)
    })
}
