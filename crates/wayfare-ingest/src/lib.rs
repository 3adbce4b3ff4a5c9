//! Takes activity events in and keeps them as committed, partitioned Parquet.

pub mod catalogue;
pub mod columns;
mod decode;
mod error;
mod event;
mod generate;
mod input;
mod limits;
mod mapping;
mod record;
mod time;

pub use decode::{Block, Decoder};
pub use error::{Error, ErrorKind, Result};
pub use generate::{GenerateSpec, Generated, Generator};
pub use event::{Event, EventBuilder, Identity, event_batch_schema};
pub use input::{Input, Origin, expand};
pub use limits::Limits;
pub use mapping::{Lifetime, Mapper, Mapping, MissingColumn};
pub use record::{Reason, Record, Reject, Value};
