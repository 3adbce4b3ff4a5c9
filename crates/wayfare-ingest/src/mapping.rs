//! Says which field of a record becomes which column of an event.
//!
//! A [`Mapping`] is what a TOML text says; the built-in one reads the platform's own events, others read any
//! event log. Compiled for an input it is a [`Mapper`], which turns records into events and is shared by all
//! threads. Its cost is one walk over the fields of a record; an object is read into only where a path points.

mod activities;
mod assemble;
mod column;
mod identity;
mod lifetime;
mod mapper;
mod missing;
mod outcomes;
mod parse;
mod paths;
mod values;

use std::collections::BTreeMap;

pub use lifetime::Lifetime;
pub use mapper::Mapper;
pub use missing::MissingColumn;

use crate::Result;
use crate::catalogue::Source;
use activities::Activities;
use column::Column;
pub(crate) use column::{INTEGER_COLUMNS, TEXT_COLUMNS, text_place};
use outcomes::Outcomes;
pub(crate) use paths::KnownNames;

const MOSAIC: &str = include_str!("mapping/mosaic.toml");

/// How records become events: columns, the meaning of activities and outcomes, how long a run may last.
#[derive(Debug, Clone)]
pub struct Mapping {
    kind: Kind,
    lifetime: Lifetime,
    zone_s: Option<i64>,
    columns: BTreeMap<Column, Vec<Candidate>>,
    activities: Option<Activities>,
    outcomes: Outcomes,
}

/// Whose records a mapping reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The platform's own: most columns are likely to be absent.
    Mosaic,
    /// A log that the mapping was written for: it has the columns that the mapping names.
    Log,
}

/// Where a column's value may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Candidate {
    /// A field, or a member of an object: names joined by dots.
    Path(String),
    /// A value that stands in the mapping.
    Constant(String),
}

impl Mapping {
    /// The built-in mapping of the platform's own events.
    ///
    /// # Errors
    /// `Internal` when the embedded text is broken, which a test rules out.
    pub fn mosaic() -> Result<Self> {
        parse::mosaic(MOSAIC)
    }

    /// Whether the platform itself wrote the records, and not whoever wrote the mapping.
    pub(crate) fn is_of_the_platform(&self) -> bool {
        self.kind == Kind::Mosaic
    }

    /// Reads a mapping of another event log. It has only the columns that the text names.
    ///
    /// # Errors
    /// `Invalid` with file and line: text that is no TOML, an unknown name, a value of the wrong type, a mapping
    /// without `activity` or `timestamp`.
    pub fn parse(toml_text: &str, file_name: &str) -> Result<Self> {
        parse::log(toml_text, file_name)
    }

    /// Puts the paths of the `[columns]` table of a settings text before the mapping's own. Other tables of
    /// the text are not looked at.
    ///
    /// # Errors
    /// `Invalid` with file and line, as for [`Mapping::parse`].
    pub fn override_columns(mut self, toml_text: &str, file_name: &str) -> Result<Self> {
        for (column, mut candidates) in parse::columns_table(toml_text, file_name)? {
            let own = self.columns.entry(column).or_default();
            own.retain(|candidate| !candidates.contains(candidate));
            candidates.append(own);
            *own = candidates;
        }
        Ok(self)
    }

    /// Takes timestamps without a zone as ones of `zone`, unless the mapping names one itself.
    ///
    /// # Errors
    /// `Invalid` when the zone is none.
    pub fn or_zone(mut self, zone: Option<&str>) -> Result<Self> {
        if let (None, Some(zone)) = (self.zone_s, zone) {
            self.zone_s = Some(crate::time::parse_zone(zone).ok_or_else(|| {
                crate::Error::invalid(format!(
                    "expected \"UTC\" or an offset such as \"+02:00\", saw {zone:?}"
                ))
                .with("setting", "zone")
            })?);
        }
        Ok(self)
    }

    /// Prepares the mapping for an input whose events are of `source`, unless they say so themselves.
    pub fn compile(&self, source: Option<Source>) -> Mapper {
        Mapper::new(self, source)
    }

    /// The longest time between the first and the last event of one run.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// A digest of all that the mapping says; comments and layout of the text do not count.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut part = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        part(match self.kind {
            Kind::Mosaic => "mosaic",
            Kind::Log => "log",
        });
        part(&self.lifetime.to_string());
        part(&self.zone_s.map_or_else(String::new, |zone_s| zone_s.to_string()));
        for (column, candidates) in &self.columns {
            part(column.name());
            for candidate in candidates {
                let (kind, text) = match candidate {
                    Candidate::Path(path) => ("path", path),
                    Candidate::Constant(value) => ("constant", value),
                };
                part(kind);
                part(text);
            }
        }
        if let Some(activities) = &self.activities {
            activities.parts(&mut part);
        }
        self.outcomes.parts(&mut part);
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests;
