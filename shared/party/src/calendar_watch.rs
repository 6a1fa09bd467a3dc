//! Warns while the working days of this year or the next are unknown, months before terms run into them.
//!
//! It only looks and says so. A term that does run into a missing year is the core's to refuse.

use crate::{charters::in_force, clock::BusinessClock, metrics::Metrics, store::read::Readers};
use domain::{Charter, Charters, Date};
use organisation::Organisation;
use std::{sync::Arc, time::Duration};

/// How often it looks whether another business day has come.
const EVERY: Duration = Duration::from_secs(60);

/// Looks at the start and once a business day, until it is dropped.
pub(crate) async fn watch<O: Organisation>(
    founding: Arc<Charters>,
    readers: Readers,
    clock: BusinessClock,
    metrics: Arc<Metrics>,
) {
    let mut watch = Watch { metrics, looked_on: None };
    loop {
        let today = clock.now().date();
        // A database that cannot be read is said elsewhere; it is looked at again.
        if let Ok(charter) = in_force::<O>(&readers, &founding, today).await {
            watch.look(charter.as_deref(), today);
        }
        // Not `BusinessClock::reached`: a drive wakes one waiter for sure, and that is the writer.
        tokio::time::sleep(EVERY).await;
    }
}

struct Watch {
    metrics: Arc<Metrics>,
    looked_on: Option<Date>,
}

impl Watch {
    fn look(&mut self, charter: Option<&Charter>, today: Date) {
        if self.looked_on.replace(today) == Some(today) {
            return;
        }
        let warning = charter.and_then(|charter| charter.calendar.warning(today));
        self.metrics.calendar_missing_year.set(warning.map_or(0, |warning| warning.missing_year.into()));
        if let Some(warning) = warning {
            tracing::warn!(missing_year = warning.missing_year, "{warning}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use domain::{Calendar, Charter};
    use telemetry::Captured;

    /// The years of which it warned, and the gauge after each day.
    fn looks(charter: &Charter, days: &[Date]) -> (Vec<u64>, Vec<i64>) {
        let captured = Captured::begin();
        let mut watch = Watch { metrics: Arc::default(), looked_on: None };
        let gauges = days.iter().map(|day| {
            watch.look(Some(charter), *day);
            watch.metrics.calendar_missing_year.get()
        });
        let gauges = gauges.collect();
        let warned = captured.lines().iter().map(|line| line["missing_year"].as_u64().unwrap()).collect();
        (warned, gauges)
    }

    #[test]
    fn a_missing_year_is_warned_of_once_a_business_day_from_a_year_ahead_on() {
        let day = Date::constant;
        let days =
            [day(2025, 12, 31), day(2026, 1, 1), day(2026, 1, 1), day(2026, 1, 2), day(2026, 12, 31), day(2027, 1, 1)];
        let expected = (vec![2027, 2027, 2027, 2027], vec![0, 2027, 2027, 2027, 2027, 2027]);
        assert_eq!(looks(&Charter::programme_2017(), &days), expected);
    }

    #[test]
    fn the_calendar_of_the_charter_in_force_is_the_one_that_counts() {
        let mut charter = Charter::programme_2017();
        let years: std::collections::BTreeMap<i16, domain::calendar::CalendarYear> = charter.calendar.into();
        charter.calendar = Calendar::new(years.into_iter().filter(|(year, _)| *year <= 2019).collect()).unwrap();
        assert_eq!(looks(&charter, &[Date::constant(2019, 3, 1)]), (vec![2020], vec![2020]));
    }
}
