//! Says early which columns a CSV cannot fill.

use super::{Kind, Mapper};
use crate::mapping::column::Column;
use crate::nearest::nearest;
use crate::{Error, Result};

/// A column that none of a file's fields can fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumn {
    /// The column.
    pub column: &'static str,
    /// The paths that were looked for.
    pub candidates: Vec<String>,
}

impl Mapper {
    /// The columns that a CSV with this header leaves without any value: of a log's mapping all that it names,
    /// of the platform's own those that no event can be without.
    pub fn missing_columns(&self, header: &[String]) -> Vec<MissingColumn> {
        let needed = |column: Column| match self.kind() {
            Kind::Log => true,
            Kind::Mosaic => column == Column::ACTIVITY || column == Column::TIMESTAMP,
        };
        let missing = |path: &String| !header.iter().any(|name| reaches(name, path));
        self.path_lists()
            .filter(|(column, paths)| needed(*column) && paths.iter().all(missing))
            .map(|(column, paths)| MissingColumn { column: column.name(), candidates: paths.to_vec() })
            .collect()
    }

    /// Refuses a CSV whose header lacks a mapped column.
    ///
    /// # Errors
    /// `Invalid`, with the columns that are missing and those that are there.
    pub fn check_header(&self, file: &str, header: &[String]) -> Result<()> {
        let missing = self.missing_columns(header);
        let Some(first) = missing.first() else {
            return Ok(());
        };
        let lists: Vec<String> = missing
            .iter()
            .map(|missing| match missing.candidates.as_slice() {
                [path] if path == missing.column => format!("{path:?}"),
                paths => format!("{} for {}", quoted(paths), missing.column),
            })
            .collect();
        let near = first
            .candidates
            .iter()
            .find_map(|path| nearest(path, header.iter().map(String::as_str)))
            .map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
        Err(Error::invalid(format!("the CSV has no column {}", lists.join(" and none of ")))
            .with("file", file)
            .hint(format!("it has {}{near}", shown(header))))
    }
}

/// Whether a field can hold the value of a path: as a whole, or as an object that the path leads into.
fn reaches(name: &str, path: &str) -> bool {
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn quoted(paths: &[String]) -> String {
    paths.iter().map(|path| format!("{path:?}")).collect::<Vec<_>>().join(" or ")
}

/// The names of a header or record for a message, not too many of them.
pub(super) fn shown<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN_MAX: usize = 30;
    let mut text = names.iter().take(SHOWN_MAX).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN_MAX {
        text.push_str(", …");
    }
    text
}
