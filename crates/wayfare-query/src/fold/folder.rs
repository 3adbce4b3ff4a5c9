//! What folds runs, and remembers what came of others.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;

use super::courses::Courses;
use super::gathered::Gathered;
use super::output::RunsBuilder;
use super::vocabulary::Vocabulary;

/// Runs that one batch of the output has at most.
pub(super) const RUNS_OUT: usize = 4_096;

/// Bytes of what runs bring after which all is forgotten, where that is possible. Tests have few.
const VOCABULARY_MAX: usize = if cfg!(test) { 800 } else { 32 << 20 };

/// Folds runs whose events are packed with its vocabulary.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) vocabulary: Vocabulary,
    courses: Courses,
}

impl Folder {
    /// Whether it knows so much that it should be cleared when no packed event needs it.
    pub(super) fn is_full(&self) -> bool {
        self.vocabulary.size_of_runs() > VOCABULARY_MAX
    }

    /// Forgets all it knows.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Folds some of the runs into rows of `schema`.
    pub(super) fn fold(
        &mut self,
        runs: &mut Gathered,
        schema: &SchemaRef,
        is_wanted: impl Fn(usize) -> bool,
    ) -> DataFusionResult<Vec<RecordBatch>> {
        let mut wanted = runs.each_run().filter(|(run, ..)| is_wanted(*run)).peekable();
        let mut batches = Vec::new();
        while wanted.peek().is_some() {
            self.courses.begin_batch();
            let (mut keys, mut built) = (Vec::new(), RunsBuilder::default());
            for (_, key, pieces) in wanted.by_ref().take(RUNS_OUT) {
                keys.push(key);
                built.push(pieces, &mut self.vocabulary, &mut self.courses);
            }
            let tenants: StringViewArray = keys.iter().map(|(tenant, _)| tenant.as_deref()).collect();
            let invocations: StringViewArray =
                keys.iter().map(|(_, invocation)| Some(&**invocation)).collect();
            let mut columns: Vec<ArrayRef> = vec![Arc::new(tenants), Arc::new(invocations)];
            columns.extend(built.finish(self.courses.tokens(), &self.vocabulary.texts)?);
            batches.push(RecordBatch::try_new(Arc::clone(schema), columns)?);
        }
        Ok(batches)
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        self.vocabulary.size() + self.courses.size()
    }
}
