//! The log of a table: no version between the newest checkpoint and the newest entry is missing, and none was changed.

use object_store::ObjectStoreExt as _;

use super::{Finding, found_in_log};
use crate::store::{Store, Table, damage, version_of, walk};
use crate::{Error, ErrorKind, Result};

pub(super) async fn check(store: &Store, table: &Table) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let folder = store.root().join(table.name()).join("_delta_log");
    let (mut entries, mut checkpoints) = (Vec::new(), Vec::new());
    for path in walk(&folder)? {
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        let Some(version) = version_of(&name) else { continue };
        let kind = match name.split_once('.') {
            Some((_, "json")) => &mut entries,
            Some((_, "checkpoint.parquet")) => &mut checkpoints,
            _ => continue,
        };
        kind.push(version);
        let location = table.folder().clone().join("_delta_log").join(name.as_str());
        let read = async { store.access().get(&location).await?.bytes().await };
        if let Err(cause) = read.await {
            let Some(flaw) = damage(&cause) else {
                return Err(Error::new(ErrorKind::Unavailable, "cannot read the log")
                    .with("file", path.display())
                    .because(cause));
            };
            findings.push(found_in_log(table, format!("_delta_log/{name}"), flaw.message()));
        }
    }
    let (Some(&newest), first) = (entries.iter().max(), checkpoints.iter().max().map_or(0, |at| at + 1))
    else {
        return Ok(findings);
    };
    for version in first..newest {
        if !entries.contains(&version) {
            findings.push(found_in_log(
                table,
                format!("_delta_log/{version:020}.json"),
                "the entry is missing",
            ));
        }
    }
    Ok(findings)
}
