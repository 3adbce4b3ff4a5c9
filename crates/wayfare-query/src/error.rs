//! Errors of `DataFusion` as ours: what the caller can do about them.

use datafusion::error::DataFusionError;

use wayfare_ingest::damage;

use crate::{Error, ErrorKind};

/// Turns an error of the query engine into ours; one that we raised inside a function comes back as it was.
pub(crate) fn of_datafusion(what: &str, cause: DataFusionError) -> Error {
    let cause = match cause {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => return *ours,
            Err(inner) => DataFusionError::External(inner),
        },
        other => other,
    };
    if let Some(damage) = damage(&cause) {
        return damage;
    }
    let kind = match cause.find_root() {
        DataFusionError::ResourcesExhausted(_) => ErrorKind::Limit,
        DataFusionError::SQL(..)
        | DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::NotImplemented(_) => ErrorKind::Invalid,
        DataFusionError::ParquetError(_) | DataFusionError::ArrowError(..) => ErrorKind::Corrupt,
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    };
    let error = Error::new(kind, what).because(cause);
    match kind {
        ErrorKind::Limit => error.hint("ask for a shorter range or one journey, or raise --memory"),
        _ => error,
    }
}
