//! Threads of their own for questions and batches, so that a heavy one never holds up the network.

use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use wayfare_query::{Error, Result};

/// Threads that compute.
#[derive(Debug)]
pub(crate) struct Compute(Option<Runtime>);

impl Compute {
    /// Starts `threads` threads.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the system gives none.
    pub(crate) fn start(threads: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("wayfare-compute")
            .enable_all()
            .build()
            .map_err(|cause| Error::io("cannot start threads", cause))?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> Result<&Handle> {
        self.0.as_ref().map(Runtime::handle).ok_or_else(|| Error::internal("the threads are gone"))
    }

    /// Computes for as long as somebody waits for it, and no longer than `limit`.
    ///
    /// # Errors
    ///
    /// The work's own; `Limit` when it takes too long, `Internal` when it panics.
    pub(crate) async fn while_wanted<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let mut task = Wanted(self.handle()?.spawn(work));
        match tokio::time::timeout(limit, &mut task.0).await {
            Ok(ended) => {
                ended.map_err(|defect| Error::internal("the question ended unexpectedly").because(defect))?
            }
            Err(_elapsed) => Err(too_long(limit)),
        }
    }

    /// Computes to the end, whether somebody waits for it or not.
    ///
    /// # Errors
    ///
    /// The work's own; `Internal` when it panics.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let task = self.handle()?.spawn(work);
        task.await.map_err(|defect| Error::internal("the work ended unexpectedly").because(defect))?
    }

    /// Runs something that blocks.
    ///
    /// # Errors
    ///
    /// `Internal` when the threads are gone.
    pub(crate) fn block<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>> {
        Ok(self.handle()?.spawn_blocking(work))
    }
}

/// A question that took longer than it may.
pub(crate) fn too_long(limit: Duration) -> Error {
    Error::limit(format!("the question took longer than {} s", limit.as_secs_f64()))
        .hint("ask for a shorter range or one journey")
}

impl Drop for Compute {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // a runtime must not be waited for inside another one
            runtime.shutdown_background();
        }
    }
}

/// A task that ends when nobody wants its result any more.
struct Wanted<T>(JoinHandle<T>);

impl<T> Drop for Wanted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use wayfare_query::ErrorKind;

    use super::*;

    /// Notes when it is dropped.
    struct Gone(Arc<AtomicBool>);

    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    async fn endless(gone: Gone) -> Result<()> {
        let () = std::future::pending().await;
        drop(gone);
        Ok(())
    }

    #[tokio::test]
    async fn work_ends_when_its_time_is_over_or_nobody_waits() {
        let compute = Compute::start(1).unwrap();
        let gone = Arc::new(AtomicBool::new(false));
        let error = compute
            .while_wanted(Duration::from_millis(10), endless(Gone(Arc::clone(&gone))))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        let given_up = Arc::new(AtomicBool::new(false));
        {
            let waiting = compute.while_wanted(Duration::MAX, endless(Gone(Arc::clone(&given_up))));
            tokio::pin!(waiting);
            assert!(futures::poll!(&mut waiting).is_pending());
        }
        for flag in [gone, given_up] {
            while !flag.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_defect_and_not_the_end() {
        let compute = Compute::start(1).unwrap();
        let error = compute.to_the_end::<()>(async { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(compute.to_the_end(async { Ok(7) }).await.unwrap(), 7);
    }
}
