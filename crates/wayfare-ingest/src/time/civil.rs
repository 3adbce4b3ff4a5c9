//! Dates of the proleptic Gregorian calendar as microseconds since 1970.

/// A date and a time of day, not yet checked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) micros: i64,
}

/// Microseconds since 1970-01-01T00:00:00 of a date and time; `None` when there is no such one.
/// A leap second (`:60`) counts as the first second of the next minute.
pub(super) fn micros_of(civil: &Civil) -> Option<i64> {
    let exists = (1..=12).contains(&civil.month)
        && (1..=days_in_month(civil.year, civil.month)).contains(&civil.day)
        && civil.hour < 24
        && civil.minute < 60
        && civil.second <= 60;
    if !exists {
        return None;
    }
    let seconds = days_from_epoch(civil.year, civil.month, civil.day) * 86_400
        + civil.hour * 3600
        + civil.minute * 60
        + civil.second;
    Some(seconds * 1_000_000 + civil.micros)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, by counting years from March in eras of 400 years
/// (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`). For years from 0 on.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
