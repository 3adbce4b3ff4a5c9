//! Runs folded for a question: once, however many queries it consists of.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_plan::{ExecutionPlan, collect_partitioned};
use datafusion::prelude::DataFrame;
use tokio::sync::OnceCell;

use crate::Result;

/// The folds of a question, by the marks that they carry.
#[derive(Debug, Default)]
pub(crate) struct Folds {
    made: Mutex<Vec<(Vec<Expr>, Arc<Folded>)>>,
}

impl Folds {
    /// The rows of the fold with these marks; `plan` plans it when it is asked for the first time.
    pub(crate) fn once(
        &self,
        marks: &[Expr],
        plan: impl FnOnce() -> Result<DataFrame>,
    ) -> Result<Arc<Folded>> {
        // A thread that panicked while it held the lock left whole entries behind.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, folded)) = made.iter().find(|(others, _)| others == marks) {
            return Ok(Arc::clone(folded));
        }
        let folded = Arc::new(Folded::new(plan()?));
        made.push((marks.to_vec(), Arc::clone(&folded)));
        Ok(folded)
    }
}

/// A plan that is executed at its first scan and then kept as rows. It holds no session: one that knew of it by a view
/// would never end.
pub(crate) struct Folded {
    schema: SchemaRef,
    plan: LogicalPlan,
    rows: OnceCell<MemTable>,
}

impl Folded {
    fn new(plan: DataFrame) -> Self {
        let schema = Arc::new(plan.schema().as_arrow().clone());
        Self { schema, plan: plan.into_unoptimized_plan(), rows: OnceCell::new() }
    }
}

impl fmt::Debug for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folded").field("folded", &self.rows.initialized()).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Folded {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let fold = || async {
            let plan = state.create_physical_plan(&self.plan).await?;
            let rows = collect_partitioned(plan, state.task_ctx()).await?;
            MemTable::try_new(Arc::clone(&self.schema), rows)
        };
        self.rows.get_or_try_init(fold).await?.scan(state, projection, filters, limit).await
    }
}
