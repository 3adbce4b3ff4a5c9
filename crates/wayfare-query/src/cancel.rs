//! Lets a question that nobody waits for any more end soon.
//!
//! A question ends when its future is dropped, which the runtime notices when the future gives way. Scans and exchanges do
//! so now and then by themselves; a join multiplies what it was given without reading on, and could go on for hours.

use std::sync::Arc;

use datafusion::common::Result as DataFusionResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Makes every join give way after some batches.
#[derive(Debug)]
pub(crate) struct YieldAtJoins;

impl PhysicalOptimizerRule for YieldAtJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(if node.name().ends_with("JoinExec") {
                Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>)
            } else {
                Transformed::no(node)
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "yield_at_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
