//! How much goes on at once: questions that compute, requests that wait, requests and arriving bodies of one caller.
//!
//! A request beyond its caller's share is refused at once (429). A body that is still arriving has no place among its
//! caller's requests, so that slow senders keep nobody from asking; their number is bounded apart. A request beyond what the server can keep waiting, or that
//! waited for as long as a question may take, is refused too (503). Both say when to come again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// Seconds after which a refused caller is told to come again.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

/// Bodies of one caller that may be arriving for each request that it may have under way.
const BODIES_A_REQUEST: usize = 8;

/// The bounds of what goes on at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Questions that compute.
    pub(crate) running: usize,
    /// Requests that wait for their turn.
    pub(crate) waiting: usize,
    /// Requests of one caller, waiting or not.
    pub(crate) of_one_caller: usize,
    /// How long a request waits for its turn.
    pub(crate) patience: Duration,
}

/// Lets requests in.
#[derive(Debug)]
pub(crate) struct Gate {
    bounds: Bounds,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    callers: Callers,
    senders: Callers,
}

/// What is under way, by caller.
type Callers = Arc<Mutex<HashMap<Arc<str>, usize>>>;

/// The right to be answered, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    caller: Arc<str>,
    callers: Callers,
}

impl Gate {
    /// Makes a gate.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            turns: Arc::new(Semaphore::new(bounds.running)),
            waiting: AtomicUsize::new(0),
            callers: Callers::default(),
            senders: Callers::default(),
        }
    }

    /// Questions that compute now.
    pub(crate) fn running(&self) -> usize {
        self.bounds.running.saturating_sub(self.turns.available_permits())
    }

    /// Requests that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Counts a request of a caller.
    ///
    /// # Errors
    ///
    /// 429 when the caller has too many under way.
    pub(crate) fn enter(&self, caller: &Arc<str>) -> Result<Entry, Problem> {
        Entry::of(caller, &self.callers, self.bounds.of_one_caller, "requests")
    }

    /// Counts a body of a caller that is arriving.
    ///
    /// # Errors
    ///
    /// 429 when too many of the caller's are.
    pub(crate) fn receive(&self, caller: &Arc<str>) -> Result<Entry, Problem> {
        Entry::of(caller, &self.senders, self.bounds.of_one_caller * BODIES_A_REQUEST, "bodies")
    }

    /// Waits for a turn to compute; whoever goes away while waiting gives its place up.
    ///
    /// # Errors
    ///
    /// 503 when too many wait, or the turn did not come in time.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let place = Place::take(&self.waiting);
        if place.number > self.bounds.waiting {
            let detail = format!("{} requests are waiting already", self.bounds.waiting);
            return Err(later(StatusCode::SERVICE_UNAVAILABLE, detail));
        }
        match tokio::time::timeout(self.bounds.patience, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(later(StatusCode::SERVICE_UNAVAILABLE, "the turn to compute did not come in time")),
        }
    }
}

impl Entry {
    fn of(caller: &Arc<str>, callers: &Callers, most: usize, what: &str) -> Result<Self, Problem> {
        let mut counts = callers.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = counts.entry(Arc::clone(caller)).or_default();
        if *under_way >= most {
            let detail = format!("expected at most {most} {what} of one caller at once");
            return Err(later(StatusCode::TOO_MANY_REQUESTS, detail));
        }
        *under_way += 1;
        Ok(Self { caller: Arc::clone(caller), callers: Arc::clone(callers) })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = callers.get_mut(&self.caller) {
            *under_way -= 1;
            if *under_way == 0 {
                callers.remove(&self.caller);
            }
        }
    }
}

/// A place among those that wait.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    number: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        Self { waiting, number: waiting.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A refusal that says when to come again.
pub(crate) fn later(status: StatusCode, detail: impl Into<String>) -> Problem {
    Problem::new(status, detail).header(RETRY_AFTER, RETRY_AFTER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(running: usize, waiting: usize, of_one_caller: usize) -> Gate {
        Gate::new(Bounds { running, waiting, of_one_caller, patience: Duration::from_millis(20) })
    }

    #[tokio::test]
    async fn a_caller_has_a_share() {
        let gate = gate(9, 9, 2);
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let first = gate.enter(&one).unwrap();
        let _second = gate.enter(&one).unwrap();
        assert_eq!(gate.enter(&one).unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
        gate.enter(&other).unwrap();
        drop(first);
        gate.enter(&one).unwrap();
    }

    #[tokio::test]
    async fn bodies_that_arrive_take_no_place_of_requests() {
        let (gate, one): (Gate, Arc<str>) = (gate(9, 9, 2), "one".into());
        let bodies: Vec<Entry> = (0..2 * BODIES_A_REQUEST).map(|_| gate.receive(&one).unwrap()).collect();
        assert_eq!(gate.receive(&one).unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
        gate.enter(&one).unwrap();
        drop(bodies);
        gate.receive(&one).unwrap();
    }

    #[tokio::test]
    async fn turns_are_waited_for_but_not_for_ever() {
        let gate = gate(1, 1, 9);
        let turn = gate.turn().await.unwrap();
        assert_eq!((gate.running(), gate.waiting()), (1, 0));
        assert_eq!(gate.turn().await.unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(gate.waiting(), 0, "whoever gave up waits no more");
        drop(turn);
        drop(gate.turn().await.unwrap());
    }

    #[tokio::test]
    async fn too_many_do_not_wait_at_all() {
        let gate = Gate::new(Bounds { running: 1, waiting: 1, of_one_caller: 9, patience: Duration::MAX });
        let _turn = gate.turn().await.unwrap();
        let waiting = gate.turn();
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        assert_eq!(gate.turn().await.unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
