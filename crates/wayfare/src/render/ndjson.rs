//! `ndjson`: a row a line and nothing else.

use std::io::{self, Write};

use wayfare_query::Report;

use super::machine::json_row;

pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for row in 0..report.batch.num_rows() {
        json_row(&report.batch, row, out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
