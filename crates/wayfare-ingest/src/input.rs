//! What the `FILE…` arguments of a command mean: files, folders, patterns, standard input.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Error, Limits, Result};

/// One input to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The name for messages and the quarantine.
    pub name: Arc<str>,
    /// Where the bytes come from.
    pub origin: Origin,
}

/// Where an input's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The process's standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// Opens the input: its bytes as they are, still packed if they are packed.
    ///
    /// # Errors
    /// `NotFound` or `Unavailable` when the file cannot be opened.
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        match &self.origin {
            Origin::Stdin => Ok(Box::new(std::io::stdin())),
            Origin::File(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(cause) => Err(Error::io("cannot open the file", cause).with("file", &self.name)),
            },
        }
    }

    /// The size of a regular file in bytes, packed as it is; unknown for streams.
    pub fn size_bytes(&self) -> Option<u64> {
        match &self.origin {
            Origin::Stdin => None,
            Origin::File(path) => {
                std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
            }
        }
    }

    fn file(path: PathBuf) -> Self {
        Self { name: path.to_string_lossy().into(), origin: Origin::File(path) }
    }
}

/// Resolves arguments to inputs, in the order of the arguments; an input named twice is read once.
///
/// `-` is standard input. A folder gives all files below it, sorted by path, hidden ones and links to folders
/// left out. A name that does not exist is tried as a pattern (`*`, `?`, `[a-z]`, `**`).
///
/// # Errors
/// `NotFound` when an argument matches nothing, `Invalid` for a broken pattern, `Limit` beyond
/// [`Limits::files_max`] files, `Unavailable` when a folder cannot be read.
pub fn expand(arguments: &[String], limits: &Limits) -> Result<Vec<Input>> {
    let mut found = Found { inputs: Vec::new(), seen: std::collections::HashSet::new(), limits };
    for argument in arguments {
        let path = Path::new(argument);
        if argument == "-" {
            found.stdin();
        } else if path.exists() {
            found.path(path)?;
        } else if argument.contains(['*', '?', '[']) {
            found.pattern(argument)?;
        } else {
            return Err(Error::not_found("there is no such file or folder").with("file", argument));
        }
    }
    Ok(found.inputs)
}

struct Found<'a> {
    inputs: Vec<Input>,
    seen: std::collections::HashSet<PathBuf>,
    limits: &'a Limits,
}

impl Found<'_> {
    fn stdin(&mut self) {
        if !self.inputs.iter().any(|input| input.origin == Origin::Stdin) {
            self.inputs.push(Input { name: "<stdin>".into(), origin: Origin::Stdin });
        }
    }

    fn path(&mut self, path: &Path) -> Result<()> {
        if path.is_dir() {
            return self.folder(path);
        }
        if self.seen.insert(path.to_path_buf()) {
            if self.inputs.len() >= self.limits.files_max {
                return Err(Error::limit(format!("expected at most {} files", self.limits.files_max))
                    .hint("read them in several calls, or join small files"));
            }
            self.inputs.push(Input::file(path.to_path_buf()));
        }
        Ok(())
    }

    fn folder(&mut self, root: &Path) -> Result<()> {
        let before = self.inputs.len();
        let mut pending = vec![root.to_path_buf()];
        while let Some(path) = pending.pop() {
            if !path.is_dir() {
                self.path(&path)?;
                continue;
            }
            let mut entries = list(&path)?;
            // The stack gives back the last one first.
            entries.sort_unstable_by(|a, b| b.cmp(a));
            pending.append(&mut entries);
        }
        if self.inputs.len() == before && !self.seen.iter().any(|path| path.starts_with(root)) {
            return Err(Error::not_found("the folder holds no files").with("folder", root.display()));
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &str) -> Result<()> {
        let paths = glob::glob(pattern).map_err(|cause| {
            Error::invalid("the pattern is broken").with("pattern", pattern).because(cause)
        })?;
        let mut matched = false;
        for path in paths {
            let path = path.map_err(|cause| {
                let place = cause.path().display().to_string();
                Error::io("cannot read the folder", cause.into()).with("folder", place)
            })?;
            matched = true;
            self.path(&path)?;
        }
        if matched {
            Ok(())
        } else {
            Err(Error::not_found("no file matches the pattern").with("pattern", pattern))
        }
    }
}

/// The visible entries of a folder; links to folders are not followed, so a walk ends.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |cause| Error::io("cannot read the folder", cause).with("folder", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let folder_link = entry.file_type().map_err(unreadable)?.is_symlink() && path.is_dir();
        if !hidden && !folder_link {
            paths.push(path);
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn names(root: &Path, arguments: &[&str]) -> Result<Vec<String>> {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|name| if *name == "-" { "-".into() } else { format!("{}/{name}", root.display()) })
            .collect();
        let inputs = expand(&arguments, &Limits::default())?;
        let prefix = format!("{}/", root.display());
        Ok(inputs.iter().map(|input| input.name.replace(&prefix, "")).collect())
    }

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in ["b.ndjson", "a.ndjson", "sub/c.csv", "sub/.hidden", ".git/config", "a[1].json"] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        root
    }

    #[test]
    fn folders_patterns_and_stdin() {
        let root = tree();
        let root = root.path();
        assert_eq!(names(root, &[""]).unwrap(), ["a.ndjson", "a[1].json", "b.ndjson", "sub/c.csv"]);
        assert_eq!(names(root, &["*.ndjson", "-", "-"]).unwrap(), ["a.ndjson", "b.ndjson", "<stdin>"]);
        assert_eq!(names(root, &["b.ndjson", "*.ndjson"]).unwrap(), ["b.ndjson", "a.ndjson"]);
        assert_eq!(names(root, &["**/*.csv"]).unwrap(), ["sub/c.csv"]);
        assert_eq!(names(root, &["a[1].json"]).unwrap(), ["a[1].json"]);
    }

    #[test]
    fn nothing_found_is_an_error() {
        let root = tree();
        for name in ["nope.csv", "*.parquet", ".git/empty"] {
            std::fs::create_dir_all(root.path().join(".git/empty")).unwrap();
            assert_eq!(names(root.path(), &[name]).unwrap_err().kind(), ErrorKind::NotFound, "{name}");
        }
        assert_eq!(names(root.path(), &["a**x"]).unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn the_number_of_files_is_bounded() {
        let root = tree();
        let limits = Limits { files_max: 2, ..Limits::default() };
        let argument = root.path().display().to_string();
        assert_eq!(expand(&[argument], &limits).unwrap_err().kind(), ErrorKind::Limit);
    }
}
