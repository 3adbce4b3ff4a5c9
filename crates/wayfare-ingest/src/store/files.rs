//! The files of a store, written so that what was answered survives a power cut.
//!
//! A file is written under a name that nothing looks for, synced, given its name, and the folder synced, new
//! folders above it included; only then is the write answered. So a name always has whole bytes behind it, at any
//! moment. A sync that fails means that the write failed: nothing may refer to the file. An entry of a log
//! ([`PutMode::Create`]) may have been seen by others by then, so it stays, and whoever answers for it later has to sync
//! its folder first ([`Files::settle`]).
//!
//! This is also the [`ObjectStore`] of the table format and the query engine. The crate's own for local files syncs
//! nothing; of it only reading is used.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use uuid::Uuid;

use super::disk::{Disk, DiskFile};
use super::reading;
use super::upload::Upload;

/// Files that are written and synced at once: the journal of a file system takes several syncs in one go.
const WRITERS_MAX: usize = 8;

/// File access of one store.
#[derive(Debug, Clone)]
pub struct Files {
    disk: Arc<dyn Disk>,
    reader: LocalFileSystem,
    root: Arc<Path>,
    /// Folders whose own names are known to survive, so that the folders above them need no sync.
    settled: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Files {
    /// Makes the file access for the store at `root`, an absolute path.
    pub(super) fn new(disk: Arc<dyn Disk>, root: PathBuf) -> Self {
        Self {
            disk,
            reader: LocalFileSystem::new().with_automatic_cleanup(false),
            root: root.into(),
            settled: Arc::default(),
        }
    }

    /// Writes files, in place of those that may be there, and answers when all of them survive a power cut.
    pub(super) fn write_all(&self, files: &[(PathBuf, Bytes)]) -> io::Result<()> {
        let mut folders = BTreeSet::new();
        for (path, _) in files {
            folders.extend(self.make_folder(parent(path))?);
        }
        let drafts: Vec<PathBuf> = files.iter().map(|(path, _)| draft_of(path)).collect();
        let work: Vec<(&PathBuf, &Bytes)> = drafts.iter().zip(files.iter().map(|(_, bytes)| bytes)).collect();
        let written = in_parallel(&work, |(draft, bytes)| self.write_draft(draft, std::iter::once(*bytes)))
            .and_then(|()| {
                drafts.iter().zip(files).try_for_each(|(draft, (path, _))| self.disk.rename(draft, path))
            })
            .and_then(|()| self.sync_folders(folders));
        if written.is_err() {
            for draft in &drafts {
                self.forget(draft);
            }
        }
        written
    }

    /// Writes a file that must not be there yet; `AlreadyExists` when it is.
    fn write_new(&self, path: &Path, bytes: &PutPayload) -> io::Result<()> {
        let folders = self.make_folder(parent(path))?;
        let draft = draft_of(path);
        let linked = self.write_draft(&draft, bytes.iter()).and_then(|()| self.disk.link(&draft, path));
        self.forget(&draft);
        linked?;
        self.sync_folders(folders)
    }

    fn write_draft<'a>(&self, draft: &Path, bytes: impl Iterator<Item = &'a Bytes>) -> io::Result<()> {
        let mut file = self.disk.create(draft)?;
        let mut offset = 0;
        for piece in bytes {
            file.write_at(offset, piece)?;
            offset += piece.len() as u64;
        }
        file.sync()
    }

    /// Opens a file under a name that nothing looks for, to be given its own by [`Files::finish_draft`].
    fn open_draft(&self, path: &Path) -> io::Result<(PathBuf, Box<dyn DiskFile>)> {
        self.make_folder(parent(path))?;
        let draft = draft_of(path);
        let file = self.disk.create(&draft)?;
        Ok((draft, file))
    }

    /// Syncs a draft and gives it its name.
    pub(super) fn finish_draft(&self, draft: &Path, file: &mut dyn DiskFile, path: &Path) -> io::Result<()> {
        let folders = self.make_folder(parent(path))?;
        let done = file
            .sync()
            .and_then(|()| self.disk.rename(draft, path))
            .and_then(|()| self.sync_folders(folders));
        if done.is_err() {
            self.forget(draft);
        }
        done
    }

    /// Opens a file for passing use: not synced, and gone or forgotten when its maker is.
    pub(super) fn scratch(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.disk.create(path)
    }

    /// Takes a file away that nothing refers to. That it stays costs space only, so a failure is no error.
    pub(super) fn forget(&self, path: &Path) {
        self.disk.remove(path).unwrap_or_default();
    }

    /// Takes files away for good: after a power cut they are not there, either.
    ///
    /// # Errors
    /// What the operating system says, at the first file that cannot be taken away.
    pub(crate) fn remove_all(&self, paths: &[PathBuf]) -> io::Result<()> {
        for path in paths {
            match self.disk.remove(path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        self.sync_folders(
            paths.iter().map(|path| parent(path).to_path_buf()).filter(|folder| folder.is_dir()),
        )
    }

    /// Gives a file another place, in folders that are made for it.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn set_aside(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut folders = self.make_folder(parent(to))?;
        self.disk.rename(from, to)?;
        folders.push(parent(from).to_path_buf());
        self.sync_folders(folders)
    }

    /// Makes the names in the folder `path` survive, whoever wrote them.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses; then nobody may rely on what is in the folder.
    pub(super) fn settle(&self, folder: &Path) -> io::Result<()> {
        self.sync_folders(self.folders_to_sync(folder))
    }

    /// Makes a folder and those above it, and answers when they survive a power cut.
    pub(super) fn make(&self, folder: &Path) -> io::Result<()> {
        self.make_folder(folder).and_then(|folders| self.sync_folders(folders))
    }

    /// Makes a folder and those above it; gives the folders to sync before its files can be relied on.
    fn make_folder(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.is_dir()).collect();
        for folder in missing.into_iter().rev() {
            match self.disk.create_folder(folder) {
                // another writer was faster
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                made => made?,
            }
        }
        Ok(self.folders_to_sync(folder))
    }

    /// The folder, and those above it in which its name may not have been synced by anybody yet.
    fn folders_to_sync(&self, folder: &Path) -> Vec<PathBuf> {
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let mut folders = Vec::new();
        for folder in folder.ancestors() {
            folders.push(folder.to_path_buf());
            if folder == &*self.root || settled.contains(folder) {
                break;
            }
        }
        folders
    }

    fn sync_folders(&self, folders: impl IntoIterator<Item = PathBuf>) -> io::Result<()> {
        // the deepest first: a folder's name is worth nothing before its content
        let folders: BTreeSet<PathBuf> = folders.into_iter().collect();
        for folder in folders.iter().rev() {
            self.disk.sync_folder(folder)?;
        }
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).extend(folders);
        Ok(())
    }

    /// The path of an object in the file system.
    pub(super) fn path_of(&self, location: &StorePath) -> object_store::Result<PathBuf> {
        self.reader.path_to_filesystem(location)
    }

    /// Runs file access where it may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let files = self.clone();
        tokio::task::spawn_blocking(move || work(&files)).await.map_err(io::Error::other)?
    }
}

/// Whether a name is one of [`draft_of`].
pub(super) fn is_draft(name: &str) -> bool {
    let number = name.split_once('#').map_or("", |(_, number)| number);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The name of a file while it is written. Readers of a folder leave names with `#` and digits at the end out.
fn draft_of(path: &Path) -> PathBuf {
    let (random, _) = Uuid::new_v4().as_u64_pair();
    let mut name = path.as_os_str().to_owned();
    name.push(format!("#{random}"));
    name.into()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Does all the work on a few threads; gives the first error.
fn in_parallel<T: Sync>(work: &[T], f: impl Fn(&T) -> io::Result<()> + Sync) -> io::Result<()> {
    if let [one] = work {
        return f(one);
    }
    let share = work.len().div_ceil(WRITERS_MAX).max(1);
    thread::scope(|scope| {
        let writers: Vec<_> =
            work.chunks(share).map(|chunk| scope.spawn(|| chunk.iter().try_for_each(&f))).collect();
        writers.into_iter().try_for_each(|writer| {
            writer.join().map_err(|_panic| io::Error::other("a writer thread panicked"))?
        })
    })
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files of {}", self.root.display())
    }
}

/// Tells the failure of a change of `path` as the table format expects it.
pub(super) fn failed(path: &Path, cause: io::Error) -> object_store::Error {
    let path = path.display().to_string();
    match cause.kind() {
        io::ErrorKind::AlreadyExists => object_store::Error::AlreadyExists { path, source: cause.into() },
        io::ErrorKind::NotFound => object_store::Error::NotFound { path, source: cause.into() },
        _ => object_store::Error::Generic { store: "disk", source: cause.into() },
    }
}

#[async_trait]
impl ObjectStore for Files {
    async fn put_opts(
        &self,
        location: &StorePath,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        let path = self.path_of(location)?;
        let target = path.clone();
        let written = match options.mode {
            PutMode::Overwrite => {
                self.blocking(move |files| files.write_all(&[(target, payload.into())])).await
            }
            PutMode::Create => self.blocking(move |files| files.write_new(&target, &payload)).await,
            PutMode::Update(_) => Err(io::ErrorKind::Unsupported.into()),
        };
        written.map_err(|cause| failed(&path, cause))?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &StorePath,
        _options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let path = self.path_of(location)?;
        let target = path.clone();
        let (draft, file) = self
            .blocking(move |files| files.open_draft(&target))
            .await
            .map_err(|cause| failed(&path, cause))?;
        Ok(Box::new(Upload::new(self.clone(), draft, file, path)))
    }

    async fn get_opts(&self, location: &StorePath, options: GetOptions) -> object_store::Result<GetResult> {
        reading::read(location, &self.path_of(location)?, &options)
    }

    async fn get_ranges(
        &self,
        location: &StorePath,
        ranges: &[Range<u64>],
    ) -> object_store::Result<Vec<Bytes>> {
        let path = self.path_of(location)?;
        reading::read_ranges(&path, ranges).map_err(|cause| failed(&path, cause))
    }

    /// Deletes, and syncs every folder once, at the end: the last item is an error when that failed.
    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<StorePath>>,
    ) -> BoxStream<'static, object_store::Result<StorePath>> {
        let files = self.clone();
        let touched: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
        let seen = Arc::clone(&touched);
        let deleted = locations.then(move |location| {
            let (files, seen) = (files.clone(), Arc::clone(&seen));
            async move {
                let location = location?;
                let path = files.path_of(&location)?;
                let target = path.clone();
                files
                    .blocking(move |files| files.disk.remove(&target))
                    .await
                    .map_err(|cause| failed(&path, cause))?;
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(parent(&path).to_path_buf());
                Ok(location)
            }
        });
        let files = self.clone();
        let synced = stream::once(async move {
            let folders = std::mem::take(&mut *touched.lock().unwrap_or_else(PoisonError::into_inner));
            files.blocking(move |files| files.sync_folders(folders)).await
        });
        let failures = synced.filter_map(|done| async { Some(Err(failed(Path::new(""), done.err()?))) });
        deleted.chain(failures).boxed()
    }

    fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.reader.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&StorePath>,
        offset: &StorePath,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let folder = prefix.cloned().unwrap_or_default();
        let others = self.reader.list_with_offset(prefix, offset);
        let name = offset.prefix_match(&folder).and_then(|mut names| Some((names.next()?, names.next())));
        let (Some((name, None)), Ok(path)) = (name, self.path_of(&folder)) else { return others };
        let name = name.as_ref().to_owned();
        let files = self.clone();
        let listed = async move {
            match files.blocking(move |_| reading::files_behind(&folder, &path, &name)).await {
                Ok(Some(files)) => stream::iter(files).map(Ok).boxed(),
                // the reader says what is wrong, or looks into folders
                Ok(None) | Err(_) => others,
            }
        };
        stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> object_store::Result<ListResult> {
        self.reader.list_with_delimiter(prefix).await
    }

    /// Gives the file a second name; every file here was synced when it was written, and none is ever changed.
    async fn copy_opts(
        &self,
        from: &StorePath,
        to: &StorePath,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        let (from, to) = (self.path_of(from)?, self.path_of(to)?);
        let target = to.clone();
        self.blocking(move |files| {
            let folders = files.make_folder(parent(&to))?;
            match options.mode {
                CopyMode::Create => files.disk.link(&from, &to)?,
                CopyMode::Overwrite => {
                    let draft = draft_of(&to);
                    files.disk.link(&from, &draft)?;
                    files.disk.rename(&draft, &to)?;
                }
            }
            files.sync_folders(folders)
        })
        .await
        .map_err(|cause| failed(&target, cause))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::TryStreamExt as _;

    use object_store::{GetRange, ObjectStoreExt as _};

    use super::super::disk::LocalDisk;
    use super::super::simulated::{Dice, Simulated};
    use super::*;

    async fn locations(
        listed: BoxStream<'static, object_store::Result<ObjectMeta>>,
    ) -> Vec<(StorePath, u64)> {
        let files: Vec<ObjectMeta> = listed.try_collect().await.unwrap();
        let mut files: Vec<_> = files.into_iter().map(|file| (file.location, file.size)).collect();
        files.sort();
        files
    }

    #[tokio::test]
    async fn a_log_is_listed_from_an_entry_on() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("_delta_log");
        fs::create_dir(&log).unwrap();
        for (name, size) in
            [("00.json", 1), ("01.json", 2), ("02.json", 3), ("02.json#17", 4), ("_last_checkpoint", 5)]
        {
            fs::write(log.join(name), vec![b'x'; size]).unwrap();
        }
        let files = Files::new(Arc::new(LocalDisk), folder.path().to_path_buf());
        let prefix = StorePath::from_absolute_path(&log).unwrap();
        let after = prefix.clone().join("01.json");
        let expected =
            vec![(prefix.clone().join("02.json"), 3), (prefix.clone().join("_last_checkpoint"), 5)];
        assert_eq!(locations(files.list_with_offset(Some(&prefix), &after)).await, expected);
        assert_eq!(locations(files.reader.list_with_offset(Some(&prefix), &after)).await, expected);
        // what lies in folders is not forgotten
        fs::create_dir(log.join("_sidecars")).unwrap();
        fs::write(log.join("_sidecars/1.parquet"), "x").unwrap();
        assert_eq!(locations(files.list_with_offset(Some(&prefix), &after)).await.len(), 3);
        // nor is a folder that is not there passed over
        let missing = prefix.clone().join("missing");
        let listed = files.list_with_offset(Some(&missing), &missing.clone().join("01.json"));
        assert_eq!(locations(listed).await, []);
    }

    #[tokio::test]
    async fn what_is_put_or_copied_survives_a_power_cut() {
        let base = tempfile::tempdir().unwrap();
        let disk = Simulated::new(base.path());
        let files = Files::new(Arc::new(disk.clone()), base.path().to_path_buf());
        let place = |name: &str| StorePath::from_absolute_path(base.path().join(name)).unwrap();
        files.put(&place("first"), "1".into()).await.unwrap();
        let new = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        files.put_opts(&place("log/second"), "2".into(), new).await.unwrap();
        files.copy(&place("first"), &place("other/third")).await.unwrap();
        files.copy_if_not_exists(&place("log/second"), &place("log/fourth")).await.unwrap();
        files.copy(&place("log/fourth"), &place("first")).await.unwrap();
        for seed in 0..16 {
            let image = tempfile::tempdir().unwrap();
            disk.cut(image.path(), &mut Dice(seed));
            for (name, bytes) in
                [("first", "2"), ("log/second", "2"), ("other/third", "1"), ("log/fourth", "2")]
            {
                assert_eq!(
                    fs::read_to_string(image.path().join(name)).unwrap(),
                    bytes,
                    "{name}, seed {seed}"
                );
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_a_file_is_not_found_and_ranges_are_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "0123456789").unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        let files = Files::new(Arc::new(LocalDisk), folder.path().to_path_buf());
        let place = |name: &str| StorePath::from_absolute_path(folder.path().join(name)).unwrap();
        for name in ["folder", "missing"] {
            let refused = files.get(&place(name)).await.unwrap_err();
            assert!(matches!(refused, object_store::Error::NotFound { .. }), "{name}: {refused}");
        }
        assert_eq!(files.head(&place("file")).await.unwrap().size, 10);
        assert_eq!(files.get(&place("file")).await.unwrap().bytes().await.unwrap(), "0123456789");
        assert_eq!(files.get_range(&place("file"), 2..4).await.unwrap(), "23");
        let last = GetOptions { range: Some(GetRange::Suffix(3)), ..GetOptions::default() };
        assert_eq!(files.get_opts(&place("file"), last).await.unwrap().bytes().await.unwrap(), "789");
        assert!(files.get_range(&place("file"), 20..24).await.is_err());
    }
}
