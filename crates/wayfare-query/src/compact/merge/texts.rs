//! The texts of one column of all files, one dictionary behind the other, and the rows of files as keys into them.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, NullBufferBuilder, StringArray, UInt32Array};
use arrow::compute::concat;
use arrow::error::ArrowError;

use super::Piece;
use crate::keyed::{Keyed, is_one, texts_of};

/// The texts that some batches have keys into. They stay as they are as long as no batch brings others.
#[derive(Debug, Default)]
pub(super) struct TextsOfAll {
    /// Each dictionary, and the number that its first text has.
    parts: Vec<(StringArray, u32)>,
    all: Option<ArrayRef>,
}

impl TextsOfAll {
    /// The rows of pieces of `held` batches.
    ///
    /// # Errors
    /// When the texts are more than an array can hold.
    pub(super) fn rows(
        &mut self,
        held: &[&Keyed],
        pieces: &[Piece],
        rows: usize,
    ) -> Result<ArrayRef, ArrowError> {
        let (texts, starts) = self.take_in(held)?;
        let mut keys = Vec::with_capacity(rows);
        for piece in pieces {
            let (Some(batch), Some(start)) = (held.get(piece.batch), starts.get(piece.batch)) else {
                continue;
            };
            let of_file = batch.keys().values().get(piece.rows.clone()).unwrap_or_default();
            keys.extend(of_file.iter().map(|key| key + start));
        }
        let keys = UInt32Array::try_new(keys.into(), nulls(held, pieces, rows).finish())?;
        Ok(Arc::new(Keyed::try_new(keys, texts)?))
    }

    /// All texts, and for each batch where its own begin.
    fn take_in(&mut self, held: &[&Keyed]) -> Result<(ArrayRef, Vec<u32>), ArrowError> {
        if let (Some(all), Some(starts)) = (&self.all, self.starts(held)) {
            return Ok((Arc::clone(all), starts));
        }
        self.parts.clear();
        let mut end = 0;
        for texts in held.iter().filter_map(|batch| texts_of(batch)) {
            if self.start(texts).is_none() {
                self.parts.push((texts.clone(), end));
                end += u32::try_from(texts.len()).unwrap_or(u32::MAX);
            }
        }
        let parts: Vec<_> = self.parts.iter().map(|(texts, _)| texts as _).collect();
        let all = Arc::clone(self.all.insert(concat(&parts)?));
        Ok((all, self.starts(held).unwrap_or_default()))
    }

    fn starts(&self, held: &[&Keyed]) -> Option<Vec<u32>> {
        held.iter().map(|batch| self.start(texts_of(batch)?)).collect()
    }

    fn start(&self, texts: &StringArray) -> Option<u32> {
        self.parts.iter().find(|(part, _)| is_one(part, texts)).map(|&(_, start)| start)
    }
}

fn nulls(held: &[&Keyed], pieces: &[Piece], rows: usize) -> NullBufferBuilder {
    let mut nulls = NullBufferBuilder::new(rows);
    for piece in pieces {
        let length = piece.rows.len();
        match held.get(piece.batch).and_then(|batch| batch.keys().nulls()) {
            Some(valid) => nulls.append_buffer(&valid.slice(piece.rows.start, length)),
            None => nulls.append_n_non_nulls(length),
        }
    }
    nulls
}
