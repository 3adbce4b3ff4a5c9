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

pub use error::{Error, ErrorKind, Result};
pub use generate::{GenerateSpec, Generated, Generator};
