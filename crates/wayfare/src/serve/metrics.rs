//! Counters for Prometheus, in its text format (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the duration's buckets, in seconds.
const BUCKETS_S: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// All counters of a server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(String, &'static str, u16), u64>>,
    durations: Mutex<BTreeMap<String, Durations>>,
    /// Open connections.
    pub(crate) connections: AtomicUsize,
    /// Batches of events that were stored.
    pub(crate) batches: AtomicU64,
    /// Events stored.
    pub(crate) accepted: AtomicU64,
    /// Events that were there already.
    pub(crate) duplicates: AtomicU64,
    /// Records in quarantine.
    pub(crate) rejected: AtomicU64,
    /// Questions whose asker went away before the answer.
    pub(crate) given_up: AtomicU64,
}

#[derive(Debug, Default)]
struct Durations {
    buckets: [u64; BUCKETS_S.len()],
    count: u64,
    sum_us: u64,
}

/// What is true at the moment of asking.
#[derive(Debug)]
pub(crate) struct Now {
    /// Questions that compute.
    pub(crate) running: usize,
    /// Requests that wait for their turn.
    pub(crate) waiting: usize,
    /// Version of the store; absent when it cannot be read.
    pub(crate) snapshot: Option<i64>,
}

impl Metrics {
    /// Counts an answer.
    pub(crate) fn answered(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), method, status)).or_default() += 1;
        drop(requests);
        let mut durations = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = durations.entry(route.to_owned()).or_default();
        let seconds = took.as_secs_f64();
        for (bucket, bound) in durations.buckets.iter_mut().zip(BUCKETS_S) {
            *bucket += u64::from(seconds <= bound);
        }
        durations.count += 1;
        durations.sum_us += u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self, now: &Now) -> String {
        let mut page = Page(String::new());
        page.head("wayfare_build_info", "gauge", "The program.");
        page.line("wayfare_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.head("wayfare_http_requests_total", "counter", "Requests answered.");
        for ((route, method, status), count) in
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            let status = status.to_string();
            let labels = [("route", route.as_str()), ("method", method), ("status", &status)];
            page.line("wayfare_http_requests_total", &labels, count);
        }
        let name = "wayfare_http_request_duration_seconds";
        page.head(name, "histogram", "Time from a request's head to the head of its answer.");
        for (route, durations) in self.durations.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for (count, bound) in durations.buckets.iter().zip(BUCKETS_S) {
                let bound = bound.to_string();
                page.line(&format!("{name}_bucket"), &[("route", route), ("le", &bound)], count);
            }
            page.line(&format!("{name}_bucket"), &[("route", route), ("le", "+Inf")], durations.count);
            let sum = Duration::from_micros(durations.sum_us).as_secs_f64();
            page.line(&format!("{name}_sum"), &[("route", route)], sum);
            page.line(&format!("{name}_count"), &[("route", route)], durations.count);
        }
        page.one("wayfare_questions_running", "gauge", "Questions that compute.", now.running);
        page.one("wayfare_questions_waiting", "gauge", "Requests that wait for their turn.", now.waiting);
        let given_up = self.given_up.load(Ordering::Relaxed);
        page.one("wayfare_questions_given_up_total", "counter", "Questions whose asker went away.", given_up);
        let connections = self.connections.load(Ordering::Relaxed);
        page.one("wayfare_connections", "gauge", "Open connections.", connections);
        let batches = self.batches.load(Ordering::Relaxed);
        page.one("wayfare_ingest_batches_total", "counter", "Batches of events stored.", batches);
        page.head("wayfare_ingest_records_total", "counter", "Records sent, by what became of them.");
        for (outcome, counter) in
            [("accepted", &self.accepted), ("duplicate", &self.duplicates), ("rejected", &self.rejected)]
        {
            let labels = [("outcome", outcome)];
            page.line("wayfare_ingest_records_total", &labels, counter.load(Ordering::Relaxed));
        }
        if let Some(snapshot) = now.snapshot {
            page.one("wayfare_store_snapshot", "gauge", "Version of the store.", snapshot);
        }
        page.0
    }
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // writing to a text cannot fail
        write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n").unwrap_or_default();
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| {
                let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
                format!("{name}=\"{value}\"")
            })
            .collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        writeln!(self.0, "{name}{labels} {value}").unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_help_and_type_and_buckets_add_up() {
        let metrics = Metrics::default();
        metrics.answered("/a\"b", "GET", 200, Duration::from_millis(50));
        metrics.answered("/a\"b", "GET", 200, Duration::from_secs(3));
        let text = metrics.text(&Now { running: 1, waiting: 2, snapshot: Some(7) });
        assert!(
            text.contains("wayfare_http_requests_total{route=\"/a\\\"b\",method=\"GET\",status=\"200\"} 2\n")
        );
        assert!(text.contains("_bucket{route=\"/a\\\"b\",le=\"0.1\"} 1\n"), "{text}");
        assert!(text.contains("_bucket{route=\"/a\\\"b\",le=\"+Inf\"} 2\n"));
        assert!(text.contains("wayfare_store_snapshot 7\n"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let typed = |name: &str| text.contains(&format!("# TYPE {name} "));
            assert!(typed(name) || family.is_some_and(typed), "{line}");
        }
    }
}
