//! Runs that a question folds and keeps for the next one.
//!
//! What `compact` has not folded yet, each question folds anew. Where that is much and nothing has come for a while, a
//! question writes the runs into the cache as `compact` would and reads them from there.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use tokio::sync::Mutex;
use wayfare_ingest::Store;

use super::runs;
use crate::cache::Freshness;
use crate::session::KeepRuns;
use crate::{Error, Result};

/// Sees to it that of the questions of one engine only one folds at a time: the others find its runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keeping(Arc<Mutex<()>>);

impl Keeping {
    /// Folds and keeps what is worth it; tells whether the store has to be looked at anew. Whatever prevents it, such as
    /// a store that cannot be written, is no concern of the question, which then folds for itself.
    pub(crate) async fn keep(
        &self,
        when: &KeepRuns,
        store: &Store,
        fresh: &Freshness,
        session: impl FnOnce() -> Result<SessionContext>,
    ) -> bool {
        let written_before_ms = (when.clock)().saturating_sub(when.at_rest_ms);
        let settled = fresh.settled_dates(written_before_ms);
        let events = settled.iter().map(|&date| fresh.events_on(date)).sum::<u64>();
        if settled.is_empty() || events < when.events_min {
            return false;
        }
        let _alone = self.0.lock().await;
        let fold = async {
            let Some(_turn) = store.turn_with_others_now()? else { return Ok::<_, Error>(()) };
            runs::fold_settled(store, &session()?, written_before_ms, (when.clock)(), &*when.progress).await
        };
        // after an error, too: another process may have been faster
        let (Ok(()) | Err(_)) = fold.await;
        true
    }
}
