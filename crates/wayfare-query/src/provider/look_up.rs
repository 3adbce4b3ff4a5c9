//! Look-ups of few rows: which row groups may hold them, as far as bloom filters tell, before a file is opened.
//!
//! Of all files of a table one or two hold the rows. Opening the others to find that out is dear: the query engine
//! sets up schema, predicates and readers file by file, and unpacks the filters each time.

use std::sync::Arc;

use datafusion::catalog::TableProvider as _;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DFSchema, DataFusionError, Result as DataFusionResult};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::parquet::bloom_filter::Sbbf;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::{Guarantee, LiteralGuarantee};
use datafusion::physical_optimizer::PhysicalOptimizerRule as _;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;

use super::SnapshotTable;
use super::kept::Readers;

/// The columns of which one value has few rows.
const LOOKED_UP: [&str; 8] = [
    "event_id",
    "invocation_id",
    "parent_invocation_id",
    "user_id",
    "correlation_id",
    "session_id",
    "device_id",
    "terminal",
];

/// Whether a filter leaves so few rows that reading its column first, and then only the pages with these rows, pays. Elsewhere
/// it costs more than it saves.
pub(super) fn is_look_up(filter: &Expr) -> bool {
    let is_id = |expr: &Expr| matches!(expr, Expr::Column(column) if is_looked_up(&column.name));
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => is_id(left) || is_id(right),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            is_look_up(left) || is_look_up(right)
        }
        Expr::InList(list) => !list.negated && is_id(&list.expr),
        _ => false,
    }
}

fn is_looked_up(column: &str) -> bool {
    LOOKED_UP.contains(&column)
}

/// The values that the wanted rows have: of each column one of some.
#[derive(Debug)]
pub(super) struct LookUp(Vec<LiteralGuarantee>);

impl LookUp {
    /// What a filter says of the columns that are looked up.
    pub(super) fn of(filter: &Arc<dyn PhysicalExpr>) -> Self {
        let mut wanted = LiteralGuarantee::analyze(filter);
        wanted.retain(|wanted| wanted.guarantee == Guarantee::In && is_looked_up(&wanted.column.name));
        Self(wanted)
    }

    /// The files with wanted rows and what else was known of them, on several threads: each file that is not known yet has to
    /// be read.
    pub(super) async fn narrowed<T: Send + 'static>(
        self,
        files: Vec<(PartitionedFile, T)>,
        readers: &Arc<Readers>,
        threads: usize,
    ) -> DataFusionResult<Vec<(PartitionedFile, T)>> {
        let (look_up, share) = (Arc::new(self), files.len().div_ceil(threads).max(1));
        let (mut files, mut tasks) = (files.into_iter().peekable(), Vec::new());
        while files.peek().is_some() {
            let share: Vec<_> = files.by_ref().take(share).collect();
            let (look_up, readers) = (Arc::clone(&look_up), Arc::clone(readers));
            tasks.push(SpawnedTask::spawn(async move {
                let mut left = Vec::new();
                for (file, known) in share {
                    left.extend(look_up.in_file(file, &readers).await.map(|file| (file, known)));
                }
                left
            }));
        }
        let mut left = Vec::new();
        for task in tasks {
            left.extend(
                task.join_unwind().await.map_err(|cause| DataFusionError::ExecutionJoin(Box::new(cause)))?,
            );
        }
        Ok(left)
    }

    /// The file with the row groups that may hold wanted rows; `None` when there are none of these. A filter that cannot be
    /// read leaves nothing out: what is wrong with the file is said by whoever reads its rows.
    async fn in_file(&self, file: PartitionedFile, readers: &Readers) -> Option<PartitionedFile> {
        let mut access: Option<Vec<bool>> = None;
        for wanted in &self.0 {
            let Ok(filters) = readers.filters(&file, &wanted.column.name).await else { continue };
            let may_hold = filters.iter().map(|filter| filter.as_ref().is_none_or(|f| may_hold(f, wanted)));
            access = Some(match access {
                Some(access) => access.into_iter().zip(may_hold).map(|(left, right)| left && right).collect(),
                None => may_hold.collect(),
            });
        }
        let Some(access) = access else { return Some(file) };
        if !access.contains(&true) {
            return None;
        }
        let access =
            access.into_iter().map(|scan| if scan { RowGroupAccess::Scan } else { RowGroupAccess::Skip });
        Some(file.with_extension(ParquetAccessPlan::new(access.collect())))
    }
}

fn may_hold(filter: &Sbbf, wanted: &LiteralGuarantee) -> bool {
    // a value that is no text is not looked for: there may be such
    wanted.literals.iter().any(|value| value.try_as_str().flatten().is_none_or(|text| filter.check(text)))
}

impl SnapshotTable {
    /// Plans the rows for which a filter holds: `columns`, and behind them what else the filter compares. Its literals have the
    /// types of the columns.
    ///
    /// Nothing but the scan is to be decided, and the optimizer of the query engine would take longer for that than the rows do.
    pub(crate) async fn plan_where(
        &self,
        state: &SessionState,
        filter: Expr,
        columns: &[&str],
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let mut places = columns.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>()?;
        let compared = filter.column_refs().into_iter().map(|column| schema.index_of(column.name()));
        let mut compared = compared.collect::<Result<Vec<_>, _>>()?;
        compared.sort_unstable();
        compared.retain(|place| !places.contains(place));
        places.extend(compared);
        let rows = self.scan(state, Some(&places), std::slice::from_ref(&filter), None).await?;
        let holds = state.create_physical_expr(filter, &DFSchema::try_from(rows.schema())?)?;
        let wanted = Arc::new(FilterExec::try_new(holds, rows)?);
        FilterPushdown::new().optimize(wanted, state.config_options())
    }
}
