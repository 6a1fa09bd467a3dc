//! The cap on contract rates: one-year LPR on the day of pay-out, before it the benchmark, and a mark-up (DOMAIN section 1).

use serde::{Deserialize, Serialize};

use crate::money::Ppm;
use crate::time::Date;

/// From what a rate cap is computed. A loan's rate is fixed per contract; the cap is that of its pay-out day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateRules {
    /// Terms of at most so many months are short.
    pub short_months: u16,
    /// Benchmark for short terms, before the first LPR.
    pub benchmark_short: Ppm,
    /// Benchmark for longer terms, before the first LPR.
    pub benchmark_long: Ppm,
    /// One-year LPR by the day from which it is valid, ascending; the last one goes on.
    pub lpr: Vec<LprRow>,
    /// Added for short terms.
    pub markup_short: Ppm,
    /// Added for longer terms.
    pub markup_long: Ppm,
}

/// One-year LPR from a day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LprRow {
    /// First day on which it is valid.
    pub from: Date,
    /// The rate.
    pub rate: Ppm,
}

impl RateRules {
    /// One-year LPR on a day; `None` before the first.
    pub fn lpr_on(&self, day: Date) -> Option<Ppm> {
        self.lpr.iter().rev().find(|row| row.from <= day).map(|row| row.rate)
    }

    /// The cap on the rate of a loan of so many months that is paid out on that day. A cap above 100 %, which no valid
    /// charter yields, is 100 %.
    pub fn cap(&self, paid_out_on: Date, months: u16) -> Ppm {
        let short = months <= self.short_months;
        let benchmark = if short { self.benchmark_short } else { self.benchmark_long };
        let markup = if short { self.markup_short } else { self.markup_long };
        self.lpr_on(paid_out_on).unwrap_or(benchmark).checked_add(markup).unwrap_or(Ppm::WHOLE)
    }
}
