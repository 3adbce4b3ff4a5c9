//! `ndjson`: a row a line and nothing else.

use std::io::{self, Write};

use arrow::array::RecordBatch;

use super::Encoder;
use super::machine::json_row;

/// Writes the lines.
pub(super) struct Ndjson<'a> {
    pub(super) out: &'a mut (dyn Write + Send),
}

impl Encoder for Ndjson<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            json_row(batch, row, self.out)?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn end(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
