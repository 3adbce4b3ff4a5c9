//! `wayfare sql QUERY`.

use std::io::{self, Read};

use clap::Args;
use wayfare_query::spec::{QUERY_BYTES_MAX, Spec};
use wayfare_query::{Error, Result};

const EXAMPLES: &str = "\
Examples:
  wayfare sql --store shop \"SELECT activity, count(*) AS events FROM events GROUP BY activity ORDER BY events DESC\"
  wayfare sql --store shop --format csv \"SELECT journey_id, state, count(*) FROM invocations GROUP BY ALL\"
  wayfare sql --store shop - < query.sql";

/// Ask in SQL, read-only, over the tables `events`, `invocations` and `quarantine`
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Sql {
    /// The query, or `-` to read it from stdin
    #[arg(value_name = "QUERY")]
    query: String,
}

impl Sql {
    pub(crate) fn spec(self) -> Result<Spec> {
        let query = if self.query == "-" { read(io::stdin().lock())? } else { self.query };
        Ok(Spec::Sql { query })
    }
}

fn read(input: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    let read = input.take(QUERY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|cause| Error::io("cannot read the query from stdin", cause))?;
    if bytes.len() > QUERY_BYTES_MAX {
        return Err(Error::limit("the query is longer than 64 KiB"));
    }
    String::from_utf8(bytes).map_err(|cause| Error::invalid("expected a query in UTF-8").because(cause))
}

#[cfg(test)]
mod tests {
    use wayfare_query::ErrorKind;

    use super::*;

    #[test]
    fn a_query_is_text_of_bounded_length() {
        assert_eq!(read(&b"SELECT 1"[..]).unwrap(), "SELECT 1");
        assert_eq!(read(&[0xff][..]).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(read(io::repeat(b' ')).unwrap_err().kind(), ErrorKind::Limit);
    }
}
