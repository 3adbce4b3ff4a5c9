//! The real binary, a store in a temporary folder for it, and room for files beside the store.

use std::borrow::BorrowMut;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use arrow::array::{Array as _, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;

/// The binary's path: the one that was built with the tests, or, for runs that are large, `WAYFARE_BIN`.
pub(crate) static BINARY: LazyLock<String> = LazyLock::new(|| {
    text_from_environment("WAYFARE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_wayfare").to_owned())
});

/// The binary with arguments and an empty environment.
pub(crate) fn wayfare<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(&*BINARY);
    command.args(arguments).env_clear();
    command
}

/// How a run of the binary ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(mut command: impl BorrowMut<Command>) -> Self {
        let Output { status, stdout, stderr } = command.borrow_mut().output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code().expect("ended by a signal"), out: text(stdout), err: text(stderr) }
    }

    /// Fails unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Fails unless the text on stderr has all of these in it, and is no crash.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in: {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// A temporary folder with a store in it.
pub(crate) struct Store {
    folder: TempDir,
}

impl Store {
    /// A place for a store; the first `ingest` makes it.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The store's folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.beside("store")
    }

    /// A path beside the store.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the store and gives its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.beside(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The binary on this store.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = wayfare(arguments);
        command.arg("--store").arg(self.path());
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// Runs a command that has to succeed, and gives its stdout.
    #[track_caller]
    pub(crate) fn ok<A: AsRef<OsStr>>(&self, arguments: &[A]) -> String {
        self.run(arguments).expect(0).out
    }

    /// Takes files in, which has to succeed, and gives the summary.
    #[track_caller]
    pub(crate) fn ingest<A: AsRef<OsStr>>(&self, files: &[A]) -> Value {
        let mut command = self.command(&["ingest", "--format", "json"]);
        Ran::of(command.args(files)).expect(0).json()
    }

    /// The rows of a report.
    #[track_caller]
    pub(crate) fn rows<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Vec<Value> {
        let report = Ran::of(self.command(arguments).args(["--format", "json"])).expect(0).json();
        report["rows"].as_array().unwrap().clone()
    }

    /// The rows of a query.
    #[track_caller]
    pub(crate) fn sql(&self, query: &str) -> Vec<Value> {
        self.rows(&["sql", query])
    }

    /// The one number that a query gives.
    #[track_caller]
    pub(crate) fn number(&self, query: &str) -> i64 {
        let rows = self.sql(query);
        let [row] = rows.as_slice() else { panic!("expected one row: {rows:?}") };
        let values: Vec<&Value> = row.as_object().unwrap().values().collect();
        let [value] = values.as_slice() else { panic!("expected one column: {row}") };
        value.as_i64().unwrap()
    }
}

/// The Python that `scripts/setup-tests` prepared, unless `WAYFARE_PYTHON` names another one.
pub(crate) fn python() -> OsString {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(python) = named("WAYFARE_PYTHON") {
        return python;
    }
    let cache = || {
        let cache = named("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(named("HOME")?).join(".cache")))?;
        Some(cache.join("wayfare/venv"))
    };
    let prepared =
        named("WAYFARE_VENV").map(PathBuf::from).or_else(cache).map(|venv| venv.join("bin/python"));
    prepared.filter(|python| python.exists()).map_or_else(|| "python3".into(), Into::into)
}

/// A path inside the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The committed sample's path.
pub(crate) fn sample() -> PathBuf {
    repository("data/sample.ndjson.gz")
}

/// A file of the repository as JSON.
pub(crate) fn read_json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// All files below a folder, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// Copies a folder with all files below it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    for path in files_below(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}

/// A number that an environment variable may change, for runs larger than those of every day.
pub(crate) fn from_environment(name: &str, default: u64) -> u64 {
    text_from_environment(name).map_or(default, |text| text.parse().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "how large a test is, the one who runs it says")]
fn text_from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Rows of a Parquet file that are looked through at once.
const SEARCHED_ROWS: usize = 8_192;

/// Whether a file says a text: in its path, in its bytes, or in a value of a row if it is Parquet. `is_said` is asked of
/// each of these.
pub(crate) fn file_says(path: &Path, is_said: impl Fn(&str) -> bool) -> bool {
    let bytes = fs::read(path).unwrap();
    if is_said(&path.display().to_string()) || is_said(&String::from_utf8_lossy(&bytes)) {
        return true;
    }
    if path.extension().is_none_or(|extension| extension != "parquet") {
        return false;
    }
    let rows = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    rows.with_batch_size(SEARCHED_ROWS).build().unwrap().map(Result::unwrap).any(|batch| {
        batch.columns().iter().any(|column| {
            // lists, and the structs of a checkpoint
            let Ok(texts) = cast(column, &DataType::Utf8) else {
                let format = FormatOptions::default();
                let values = ArrayFormatter::try_new(column, &format).unwrap();
                return (0..column.len()).any(|row| is_said(&values.value(row).to_string()));
            };
            texts.as_string::<i32>().iter().flatten().any(&is_said)
        })
    })
}

/// Random numbers from a seed (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        u8::try_from(self.next() & 0xff).unwrap()
    }
}
