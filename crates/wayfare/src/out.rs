//! Where data goes: stdout, or a file that appears whole or not at all.
//!
//! A file is written beside its final name and renamed when it is complete, so that a failure or Ctrl-C leaves
//! the old file as it was. A pipe that its reader closed is no failure: it is noted in [`Pipe`], and whoever
//! reports the resulting error looks there first. Rust ignores SIGPIPE, so every write can meet it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wayfare_query::{Error, Result};

const BUFFER_BYTES: usize = 64 * 1024;

/// Whether the reader of stdout went away.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pipe(Arc<AtomicBool>);

impl Pipe {
    /// Tells whether a write found stdout closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            self.0.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// The temporary output file that has to go if the process is interrupted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unfinished(Arc<Mutex<Option<PathBuf>>>);

impl Unfinished {
    /// Deletes the temporary file, if there is one.
    pub(crate) fn remove(&self) {
        if let Some(path) = self.swap(None) {
            // nothing is left to do about a file that cannot be deleted
            drop(fs::remove_file(path));
        }
    }

    fn swap(&self, path: Option<PathBuf>) -> Option<PathBuf> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *guard, path)
    }
}

/// The one handle that data is written through. Call [`Out::finish`]: what is dropped before is discarded.
pub(crate) struct Out {
    sink: BufWriter<Box<dyn Write + Send>>,
    pipe: Option<Pipe>,
    file: Option<Partial>,
}

/// A file under its temporary name.
struct Partial {
    handle: File,
    temporary: PathBuf,
    target: PathBuf,
    unfinished: Unfinished,
}

impl Out {
    /// Opens stdout.
    pub(crate) fn stdout(pipe: &Pipe) -> Self {
        Self::to_pipe(Box::new(io::stdout()), pipe)
    }

    fn to_pipe(sink: Box<dyn Write + Send>, pipe: &Pipe) -> Self {
        Self { sink: BufWriter::with_capacity(BUFFER_BYTES, sink), pipe: Some(pipe.clone()), file: None }
    }

    /// Opens a file; a device or a named pipe is written to directly.
    ///
    /// # Errors
    ///
    /// `Invalid` for a folder, `NotFound` when the folder around it is missing, `Unavailable` without permission.
    pub(crate) fn file(path: &Path, pipe: &Pipe, unfinished: &Unfinished) -> Result<Self> {
        let failed = |cause| Error::io("cannot write the output file", cause).with("file", path.display());
        // a link stays a link: the file behind it is replaced
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        match fs::metadata(&target) {
            Ok(found) if found.is_dir() => {
                return Err(
                    Error::invalid("expected an output file, saw a folder").with("file", path.display())
                );
            }
            Ok(found) if !found.is_file() => {
                let device = File::options().write(true).open(&target).map_err(failed)?;
                return Ok(Self::to_pipe(Box::new(device), pipe));
            }
            Ok(_) | Err(_) => {}
        }
        let temporary = temporary_name(&target)?;
        let handle = File::create(&temporary).map_err(failed)?;
        unfinished.swap(Some(temporary.clone()));
        let sink: Box<dyn Write + Send> = Box::new(handle.try_clone().map_err(failed)?);
        let file = Partial { handle, temporary, target, unfinished: unfinished.clone() };
        Ok(Self { sink: BufWriter::with_capacity(BUFFER_BYTES, sink), pipe: None, file: Some(file) })
    }

    /// Writes out what is buffered and gives a file its name.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the last bytes cannot be written; a file is left as it was before.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush().map_err(write_failed)?;
        let Some(file) = self.file.take() else { return Ok(()) };
        file.handle.sync_all().map_err(write_failed)?;
        fs::rename(&file.temporary, &file.target).map_err(|cause| {
            Error::io("cannot put the output file in place", cause).with("file", file.target.display())
        })?;
        file.unfinished.swap(None);
        Ok(())
    }
}

/// Makes the error of a failed write of data.
pub(crate) fn write_failed(cause: io::Error) -> Error {
    Error::io("cannot write the output", cause)
}

fn temporary_name(target: &Path) -> Result<PathBuf> {
    let name = target.file_name().ok_or_else(|| {
        Error::invalid("expected the name of an output file").with("file", target.display())
    })?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.partial", std::process::id()));
    Ok(target.with_file_name(hidden))
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.sink.write(bytes);
        match &self.pipe {
            Some(pipe) => pipe.note(result),
            None => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.sink.flush();
        match &self.pipe {
            Some(pipe) => pipe.note(result),
            None => result,
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.unfinished.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_when_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        let mut out = Out::file(&path, &Pipe::default(), &Unfinished::default()).unwrap();
        out.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        out.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn a_failure_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        let mut out = Out::file(&path, &Pipe::default(), &Unfinished::default()).unwrap();
        out.write_all(b"half").unwrap();
        drop(out);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn an_interruption_removes_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let unfinished = Unfinished::default();
        let _out = Out::file(&folder.path().join("a.csv"), &Pipe::default(), &unfinished).unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        unfinished.remove();
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_closed_pipe_is_noted() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let pipe = Pipe::default();
        let mut out = Out::to_pipe(Box::new(Closed), &pipe);
        out.write_all(b"buffered").unwrap();
        assert!(!pipe.is_closed());
        out.finish().unwrap_err();
        assert!(pipe.is_closed());
    }

    #[test]
    fn a_folder_is_no_output_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = Out::file(folder.path(), &Pipe::default(), &Unfinished::default()).err().unwrap();
        assert_eq!(error.kind(), wayfare_query::ErrorKind::Invalid);
    }
}
