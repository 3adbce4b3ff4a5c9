//! The decoder as a whole, from bytes to records.

mod formats;
mod packing;
mod random;

use std::io::Cursor;

use super::Decoder;
use crate::{Error, Limits, Reason, Record, Result};

/// What came out of an input, in short.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// Line and fields of every record.
    records: Vec<(u64, Vec<(String, String)>)>,
    /// Line, reason and kept text of every reject.
    rejects: Vec<(u64, Reason, String)>,
    /// The message that ended it early.
    error: Option<String>,
}

impl Outcome {
    fn lines(&self) -> Vec<u64> {
        self.records.iter().map(|(line, _)| *line).collect()
    }

    fn reasons(&self) -> Vec<(u64, Reason)> {
        self.rejects.iter().map(|(line, reason, _)| (*line, *reason)).collect()
    }

    /// All values of a field.
    fn column(&self, name: &str) -> Vec<&str> {
        let fields = self.records.iter().flat_map(|(_, fields)| fields);
        fields.filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    }
}

fn read(bytes: &[u8]) -> Outcome {
    read_within(bytes, &Limits::default())
}

fn read_within(bytes: &[u8], limits: &Limits) -> Outcome {
    let mut outcome = Outcome::default();
    let ended = read_into(&mut outcome, bytes, limits);
    outcome.error = ended.err().map(|error| error.to_string());
    outcome
}

fn read_into(outcome: &mut Outcome, bytes: &[u8], limits: &Limits) -> Result<()> {
    for block in open(bytes, limits)? {
        let (records, rejects) = (&mut outcome.records, &mut outcome.rejects);
        block?.for_each(
            |line, Record { fields }| {
                let fields = fields.iter().map(|(name, value)| (name.to_string(), shown(value))).collect();
                records.push((line, fields));
                Ok(())
            },
            |reject| {
                assert_eq!(&*reject.file, "input");
                assert!(!reject.detail.is_empty());
                rejects.push((reject.line, reject.reason, reject.text));
            },
        );
    }
    Ok(())
}

fn open(bytes: &[u8], limits: &Limits) -> Result<Decoder, Error> {
    Decoder::open("input".into(), Box::new(Cursor::new(bytes.to_vec())), limits)
}

fn shown(value: &crate::Value<'_>) -> String {
    match value {
        crate::Value::Text(text) => text.to_string(),
        crate::Value::Json(raw) => format!("json {raw}"),
    }
}
