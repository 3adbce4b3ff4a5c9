//! A tenant as a wall: a session that is bound to one sees nothing of the others, whatever is asked.
//!
//! The wall stands in the scan, where every plan and every SQL text has to pass, so that no report can forget it. It
//! costs one comparison a row, and files and row groups of others are left out by their statistics.

use std::sync::Arc;

use datafusion::catalog::{Session, TableProvider as _};
use datafusion::common::{DFSchema, Result as DataFusionResult};
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExecBuilder;

use crate::provider::SnapshotTable;

/// The column that says whose a row is.
const COLUMN: &str = "tenant_id";

/// The tenant that a session is bound to, kept among the session's extensions.
#[derive(Debug)]
pub(crate) struct Tenant(String);

impl Tenant {
    /// Makes a binding to a tenant's id.
    pub(crate) fn new(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The tenant that a session is bound to.
    pub(crate) fn of(state: &dyn Session) -> Option<Arc<Self>> {
        state.config().get_extension::<Self>()
    }

    fn owns(&self) -> Expr {
        col(COLUMN).eq(lit(self.0.as_str()))
    }

    /// Plans a scan of the tenant's own rows; a table that does not say whose its rows are has none.
    pub(crate) async fn scan(
        &self,
        table: &SnapshotTable,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = table.schema();
        let mut columns = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let wanted: Vec<usize> = (0..columns.len()).collect();
        let Ok(key) = schema.index_of(COLUMN) else {
            return Ok(Arc::new(EmptyExec::new(Arc::new(schema.project(&columns)?))));
        };
        if !columns.contains(&key) {
            columns.push(key);
        }
        let mut filters = filters.to_vec();
        filters.push(self.owns());
        // without the limit: it counts rows behind the wall
        let everyones = table.scan_files(state, Some(&columns), &filters, None).await?;
        let own = state.create_physical_expr(self.owns(), &DFSchema::try_from(everyones.schema())?)?;
        Ok(Arc::new(FilterExecBuilder::new(own, everyones).apply_projection(Some(wanted))?.build()?))
    }
}
