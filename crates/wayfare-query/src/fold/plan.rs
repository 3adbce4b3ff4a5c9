//! The fold as a table: runs out of events, in bounded memory.
//!
//! 1. A survey reads only the keys of all events and finds the runs that lie scattered over several segments.
//! 2. The events are read once, those of dates before all wanted ones not at all. A run of one segment is folded where it ends; so only few are open at once.
//! 3. Scattered runs are gathered and folded at the end, those that lie in several streams after all others. Where they would
//!    not fit into the memory, it takes several passes, each for a share of them.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties as _, Partitioning, PhysicalExpr,
    PlanProperties,
};
use futures::StreamExt as _;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

use super::segments::{RunHasher, Scattered, Survey, of_runs};
use super::worker::{Asides, Pass, Worker};
use crate::provider::only_pieces;

/// Bytes that an event takes until it is folded, about.
const EVENT_BYTES: u64 = 96;

/// Passes over the events at most; beyond that memory may run out.
const PASSES_MAX: u64 = 64;

/// Batches of runs that wait to be taken.
const WAITING: usize = 4;

/// Runs folded from events, as a table of the columns of `invocations`.
pub(crate) struct FoldTable {
    keys: LogicalPlan,
    events: LogicalPlan,
    schema: SchemaRef,
}

impl FoldTable {
    /// Makes a table of `schema` from the plan of the keys of all events and the plan of keys and arguments of those that may belong
    /// to wanted runs.
    pub(crate) fn new(keys: LogicalPlan, events: LogicalPlan, schema: SchemaRef) -> Self {
        Self { keys, events, schema }
    }
}

impl fmt::Debug for FoldTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoldTable").finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for FoldTable {
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
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        // Not kept: the table is part of a view that the session knows.
        let mut planner = match state.as_any().downcast_ref::<SessionState>() {
            Some(state) => state.clone(),
            None => return Err(exec_datafusion_err!("the fold is planned by a session of its own kind")),
        };
        let optimizer = &mut planner.config_mut().options_mut().optimizer;
        // rows of a file stay together
        optimizer.enable_round_robin_repartition = false;
        optimizer.repartition_file_scans = false;
        let keys = planner.create_physical_plan(&self.keys).await?;
        let events = planner.create_physical_plan(&self.events).await?;
        let fold: Arc<dyn ExecutionPlan> = Arc::new(FoldExec::new(keys, events, self.schema()));
        let Some(columns) = projection else { return Ok(fold) };
        let column = |&index: &usize| {
            let name = self.schema.field(index).name().clone();
            (Arc::new(Column::new(&name, index)) as Arc<dyn PhysicalExpr>, name)
        };
        Ok(Arc::new(ProjectionExec::try_new(columns.iter().map(column).collect::<Vec<_>>(), fold)?))
    }
}

/// The fold as a step of a plan. The plans of its input are its own: what an optimizer does to other plans, such as handing
/// out rows in turn, would tear segments apart.
#[derive(Debug)]
struct FoldExec {
    keys: Arc<dyn ExecutionPlan>,
    events: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl FoldExec {
    fn new(keys: Arc<dyn ExecutionPlan>, events: Arc<dyn ExecutionPlan>, schema: SchemaRef) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Self { keys, events, schema, properties }
    }
}

impl DisplayAs for FoldExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FoldExec")
    }
}

impl ExecutionPlan for FoldExec {
    fn name(&self) -> &'static str {
        "FoldExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _each: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        _partition: usize,
        context: Arc<TaskContext>,
    ) -> DataFusionResult<SendableRecordBatchStream> {
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), WAITING);
        let fold = Fold {
            keys: Arc::clone(&self.keys),
            events: Arc::clone(&self.events),
            schema: Arc::clone(&self.schema),
            context,
            out: stream.tx(),
        };
        stream.spawn(fold.run());
        Ok(stream.build())
    }
}

/// One execution.
struct Fold {
    keys: Arc<dyn ExecutionPlan>,
    events: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    context: Arc<TaskContext>,
    out: Sender<DataFusionResult<RecordBatch>>,
}

impl Fold {
    async fn run(self) -> DataFusionResult<()> {
        let hasher = RunHasher::default();
        let scattered = Arc::new(self.survey(&hasher).await?);
        let passes = self.passes(&scattered);
        for number in 0..passes {
            let pass = Pass { number, passes };
            let mut tasks = JoinSet::new();
            for aside in self.read(&hasher, &scattered, pass).await?.into_parts() {
                let schema = Arc::clone(&self.schema);
                tasks.spawn(async move { aside.finish(&schema) });
            }
            for runs in joined(tasks).await? {
                if !send(&self.out, runs).await {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Finds the scattered runs.
    async fn survey(&self, hasher: &RunHasher) -> DataFusionResult<Scattered> {
        let keys = reset_plan_states(Arc::clone(&self.keys))?;
        let mut tasks = JoinSet::new();
        for partition in 0..keys.output_partitioning().partition_count() {
            let mut stream = keys.execute(partition, Arc::clone(&self.context))?;
            let mut survey = Survey::new(hasher.clone());
            tasks.spawn(async move {
                while let Some(batch) = stream.next().await {
                    survey.add(&of_runs(batch?)?)?;
                }
                Ok(survey)
            });
        }
        Ok(Scattered::of(joined(tasks).await?))
    }

    /// As many that the events put aside in one pass take no more than half of the memory.
    fn passes(&self, scattered: &Scattered) -> u64 {
        match self.context.memory_pool().memory_limit() {
            MemoryLimit::Finite(bytes) => {
                let half = u64::try_from(bytes / 2).unwrap_or(u64::MAX).max(1);
                scattered.events.saturating_mul(EVENT_BYTES).div_ceil(half).clamp(1, PASSES_MAX)
            }
            _ => 1,
        }
    }

    /// Reads all events: sends out what ends, gives what is not whole in any stream.
    async fn read(
        &self,
        hasher: &RunHasher,
        scattered: &Arc<Scattered>,
        pass: Pass,
    ) -> DataFusionResult<Asides> {
        let events = reset_plan_states(Arc::clone(&self.events))?;
        let events = only_pieces(events, |number| scattered.is_in(number))?;
        let partitions = events.output_partitioning().partition_count();
        let memory = || MemoryConsumer::new("fold").register(self.context.memory_pool());
        let asides = Arc::new(Asides::new(partitions, memory));
        let mut tasks = JoinSet::new();
        for partition in 0..partitions {
            let mut stream = events.execute(partition, Arc::clone(&self.context))?;
            let (schema, scattered) = (Arc::clone(&self.schema), Arc::clone(scattered));
            let mut worker =
                Worker::new(schema, hasher.clone(), scattered, pass, Arc::clone(&asides), memory());
            let out = self.out.clone();
            tasks.spawn(async move {
                while let Some(batch) = stream.next().await {
                    if !send(&out, worker.take(&of_runs(batch?)?)?).await {
                        return Ok(());
                    }
                }
                send(&out, worker.finish()?).await;
                Ok(())
            });
        }
        joined(tasks).await?;
        Arc::into_inner(asides).ok_or_else(|| exec_datafusion_err!("a thread of the fold goes on"))
    }
}

/// Sends batches out; `false` when nobody takes them any more.
async fn send(out: &Sender<DataFusionResult<RecordBatch>>, batches: Vec<RecordBatch>) -> bool {
    for batch in batches.into_iter().filter(|batch| batch.num_rows() > 0) {
        if out.send(Ok(batch)).await.is_err() {
            return false;
        }
    }
    true
}

/// What all tasks give.
async fn joined<T: 'static>(mut tasks: JoinSet<DataFusionResult<T>>) -> DataFusionResult<Vec<T>> {
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.push(done.map_err(|cause| exec_datafusion_err!("a thread of the fold broke off: {cause}"))??);
    }
    Ok(all)
}
