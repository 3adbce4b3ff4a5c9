//! The settings file of a store, `wayfare.toml`: what must be the same for everyone who reads it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::Files;
use crate::mapping::Lifetime;
use crate::pseudonym::PseudonymSettings;
use crate::{Error, Result};

/// Name of the settings file in a store's folder.
pub(crate) const FILE_NAME: &str = "wayfare.toml";

/// The layout of the folder that this version writes.
const FORMAT: u32 = 1;

/// What must be the same for everyone who reads the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Version of the folder's layout.
    pub format: u32,
    /// The longest time between the first and the last event of one run; the fold reads that far.
    #[serde(default)]
    pub journey_lifetime: Lifetime,
    /// How long a run without an end may be silent before it counts as abandoned.
    #[serde(default = "default_idle_timeout")]
    pub idle_timeout: String,
    /// Idle timeouts of single journeys, by journey id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub idle_timeouts: BTreeMap<String, String>,
    /// The zone of timestamps that carry none, `UTC` or `+02:00`; without it they are rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What is kept under pseudonyms, and the key for them; plain values are kept when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonyms: Option<PseudonymSettings>,
    /// Paths to look for a column's value at before the built-in ones, by column.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub columns: toml::Table,
}

fn default_idle_timeout() -> String {
    "30m".to_owned()
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: FORMAT,
            journey_lifetime: Lifetime::default(),
            idle_timeout: default_idle_timeout(),
            idle_timeouts: BTreeMap::new(),
            zone: None,
            pseudonyms: None,
            columns: toml::Table::new(),
        }
    }
}

impl Settings {
    /// Reads the settings of the store at `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join(FILE_NAME);
        let text = std::fs::read_to_string(&path).map_err(|cause| {
            Error::io("cannot read the store's settings", cause).with("file", path.display())
        })?;
        let settings: Self = toml::from_str(&text).map_err(|cause| {
            Error::invalid(format!("the store's settings do not fit: {}", cause.message()))
                .with("file", path.display())
                .because(cause)
        })?;
        if settings.format > FORMAT {
            return Err(Error::invalid(format!(
                "expected a store of format {FORMAT} or older, saw format {}",
                settings.format
            ))
            .with("file", path.display())
            .hint("a newer version of wayfare wrote this store"));
        }
        Ok(settings)
    }

    /// The settings as the text of a settings file.
    ///
    /// # Errors
    /// `Internal` when they have no text.
    pub(crate) fn to_text(&self) -> Result<String> {
        toml::to_string(self).map_err(|cause| Error::internal("settings have no text").because(cause))
    }

    /// Writes the settings; the file is the old or the new one at any moment, never half.
    pub(super) fn write(&self, root: &Path, files: &Files) -> Result<()> {
        let path = root.join(FILE_NAME);
        let text = self.to_text()?;
        files.write_all(&[(path.clone(), text.into())]).map_err(|cause| {
            Error::io("cannot write the store's settings", cause).with("file", path.display())
        })
    }
}
