//! When an interest subsidy (贴息) is claimed, listed and paid, and how much of the interest it is (DOMAIN sections 1 and 2, S6).
//!
//! A claim is for a loan and a period. By the programme's trigger that is the quarter of the loan's settlement; by the others the quarter
//! or the year in which interest was paid. It knows no claim; it refuses a period that is none.

use crate::{
    calendar::{Calendar, CalendarError},
    charter::{SubsidyRules, SubsidyTrigger},
    money::Fen,
    schedule::add_months,
    time::Date,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A quarter or a year, as `2020Q2` or `2020`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    year: i16,
    /// 1 to 4; none: the whole year.
    quarter: Option<i8>,
}

/// A text that is no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a period is a quarter like 2020Q2 or a year like 2020")]
pub struct PeriodError;

impl Period {
    /// The period of a day under this trigger.
    pub fn of(trigger: SubsidyTrigger, day: Date) -> Self {
        let quarter = (day.month() - 1) / 3 + 1;
        let quarter = Some(quarter).filter(|_| trigger != SubsidyTrigger::Annual);
        Period { year: day.year(), quarter }
    }

    /// Its last day.
    pub fn last_day(self) -> Date {
        let month = self.quarter.map_or(12, |quarter| quarter * 3);
        Date::new(self.year, month, 1).unwrap_or(Date::MAX).last_of_month()
    }

    /// Whether a day lies in it.
    pub fn holds(self, day: Date) -> bool {
        day.year() == self.year && self.quarter.is_none_or(|quarter| (day.month() - 1) / 3 + 1 == quarter)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quarter {
            Some(quarter) => write!(f, "{}Q{quarter}", self.year),
            None => write!(f, "{}", self.year),
        }
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let (year, quarter) = match text.split_once('Q') {
            Some((year, quarter)) => (year, Some(quarter.parse::<i8>().map_err(|_| PeriodError)?)),
            None => (text, None),
        };
        let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
        let year: i16 = year.parse().map_err(|_| PeriodError)?;
        let period = Period { year, quarter };
        let fits = is_year && year >= 1900 && quarter.is_none_or(|quarter| (1..=4).contains(&quarter));
        if fits && period.to_string() == text { Ok(period) } else { Err(PeriodError) }
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A quarter or a year", "type": "string", "pattern": "^[0-9]{4}(Q[1-4])?$",
        })
    }
}

impl SubsidyRules {
    /// The last day for claims of a period: the last working day up to a day of the month after it.
    ///
    /// # Errors
    /// The calendar does not know the year.
    pub fn cut_off(&self, period: Period, calendar: &Calendar) -> Result<Date, CalendarError> {
        calendar.working_day_on_or_before(day_of_month_after(period, 1, self.terms.cut_off_day))
    }

    /// The day on which claims of a period are paid: a day of some month after it, or the next working day.
    ///
    /// # Errors
    /// The calendar does not know the year.
    pub fn pay_on(&self, period: Period, calendar: &Calendar) -> Result<Date, CalendarError> {
        calendar.working_day_on_or_after(day_of_month_after(period, self.terms.pay_month, self.terms.pay_day))
    }

    /// The subsidy on so much contract interest, floor. `None`: it does not fit.
    pub fn of(&self, interest: Fen) -> Option<Fen> {
        interest.floor_share(self.share)
    }
}

/// A day of the n-th month after a period; of a month that is shorter, its last one.
fn day_of_month_after(period: Period, months: u8, day: i8) -> Date {
    let last = period.last_day();
    let first = last.first_of_month();
    let month = add_months(first, u16::from(months)).unwrap_or(last);
    Date::new(month.year(), month.month(), day).unwrap_or_else(|_| month.last_of_month())
}
