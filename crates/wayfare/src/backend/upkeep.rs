//! What keeps a store sound and lawful: checks, repair, removal.

use chrono::{DateTime, NaiveDate};
use wayfare_ingest::{Cutoff, Finding, Health, Receipt, Repair, Resolve, Retained, Source, Subject};
use wayfare_query::spec::parse_duration_ms;
use wayfare_query::{Error, Result};

use super::Store;
use crate::clock;
use crate::progress::Progress;

/// Looks at every file.
pub(crate) async fn verify(store: &Store, progress: &Progress) -> Result<Health> {
    let heard = progress.clone();
    store.engine.verify(&move |done, all| heard.files(done, all)).await
}

/// Takes damaged files out.
pub(crate) async fn repair(store: &Store, findings: &[Finding]) -> Result<Repair> {
    wayfare_ingest::repair(&store.files, findings).await
}

/// Removes all that names one of the subjects.
pub(crate) async fn erase(
    store: &Store,
    subjects: &[Subject],
    resolve: Resolve,
    progress: &Progress,
) -> Result<Receipt> {
    let heard = progress.clone();
    let hear = move |done, all| heard.files(done, all);
    wayfare_ingest::erase(&store.files, subjects, resolve, clock::now_ms(), threads(store), &hear).await
}

/// Removes what is older than `older_than`, a duration back from now or a day.
pub(crate) async fn retain(
    store: &Store,
    older_than: &str,
    sources: &[String],
    resolve: Resolve,
) -> Result<(NaiveDate, Retained)> {
    let sources = sources.iter().map(|source| source.parse::<Source>()).collect::<Result<_>>()?;
    let cutoff = Cutoff { before: first_day_kept(older_than, clock::now_ms())?, sources };
    let retained = wayfare_ingest::retain(&store.files, &cutoff, resolve).await?;
    Ok((cutoff.before, retained))
}

fn first_day_kept(older_than: &str, now_ms: i64) -> Result<NaiveDate> {
    if let Ok(day) = older_than.parse() {
        return Ok(day);
    }
    let age_ms = parse_duration_ms(older_than).map_err(|error| error.hint("or a day such as 2026-01-31"))?;
    let day = now_ms.checked_sub(age_ms).and_then(DateTime::from_timestamp_millis).map(|at| at.date_naive());
    day.ok_or_else(|| {
        Error::invalid(format!("expected a time that is not before history, saw {older_than:?}"))
    })
}

fn threads(store: &Store) -> usize {
    store.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, std::num::NonZeroUsize::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_or_a_day_gives_the_first_day_kept() {
        let now_ms = 1_772_409_600_000; // 2026-03-02T00:00:00Z
        let day = |text| first_day_kept(text, now_ms).map(|day| day.to_string());
        assert_eq!(day("1d").unwrap(), "2026-03-01");
        assert_eq!(day("1ms").unwrap(), "2026-03-01");
        assert_eq!(day("2026-01-31").unwrap(), "2026-01-31");
        assert!(day("soon").is_err());
    }
}
