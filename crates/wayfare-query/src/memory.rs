//! The memory of a question: what its operators may hold together.
//!
//! `DataFusion` exchanges rows between threads by `RepartitionExec`, which writes a batch that finds no room to disk; two of its
//! inputs that do so at once may wait for each other for ever (apache/datafusion 24883, mended after the 55 line). Its
//! channels hold a few batches, and of each piece of one it counts all that the pieces share, so that large states of groups
//! count many times. So it is never refused, and what it says is left out of the sum.

use std::fmt;

use datafusion::common::Result as DataFusionResult;
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
};

/// Consumers that an out-of-memory error names.
const CONSUMERS_NAMED: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(4);

/// Whether a reservation is that of the operator that exchanges rows.
fn is_exchange(reservation: &MemoryReservation) -> bool {
    reservation.consumer().name().starts_with("RepartitionExec")
}

/// A pool of so many bytes, for who asks first.
#[derive(Debug)]
pub(crate) struct Memory(TrackConsumersPool<GreedyMemoryPool>);

impl Memory {
    pub(crate) fn of(bytes: usize) -> Self {
        Self(TrackConsumersPool::new(GreedyMemoryPool::new(bytes), CONSUMERS_NAMED))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl MemoryPool for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.0.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.0.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if !is_exchange(reservation) {
            self.0.grow(reservation, additional);
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if !is_exchange(reservation) {
            self.0.shrink(reservation, shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DataFusionResult<()> {
        if is_exchange(reservation) { Ok(()) } else { self.0.try_grow(reservation, additional) }
    }

    fn reserved(&self) -> usize {
        self.0.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.0.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    /// Questions asked; one that waits for ever is one of the first few.
    const ASKED: usize = 12;

    /// More than enough for one of them.
    const LONGEST: Duration = Duration::from_mins(1);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_question_that_is_short_of_memory_ends() {
        let config = SessionConfig::new().with_target_partitions(2).with_batch_size(64);
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(Memory::of(2 << 20))).build_arc();
        let context = SessionContext::new_with_config_rt(config, runtime.unwrap());
        let rows = "SELECT v % 13 AS g, 'the id of one among many: ' || CAST(v % 337 AS VARCHAR) AS id FROM generate_series(1, 40000) AS s(v)";
        let question = format!("SELECT g, count(DISTINCT id) AS n FROM ({rows}) GROUP BY g");
        for _ in 0..ASKED {
            let answer = context.sql(&question).await.unwrap().collect();
            let answer = tokio::time::timeout(LONGEST, answer).await.expect("it ends");
            match answer {
                Ok(rows) => {
                    assert_eq!(rows.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 13);
                }
                Err(refused) => assert!(refused.to_string().contains("Resources exhausted"), "{refused}"),
            }
        }
    }
}
