//! Working days, from the yearly notices of the State Council.
//!
//! Data, not arithmetic: holidays and make-up working days are announced each autumn for the next year. A year that is not
//! in the data is an error, never a guess; a year ahead that is missing is a warning.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};

use crate::time::{Date, Moment, Term};

/// Which days are working days, year by year.
///
/// As JSON an object of years, each with `holidays` (all days off of the notice, weekend days inside them too) and
/// `make_up_working_days`. Checked when it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, CalendarYear>", into = "BTreeMap<i16, CalendarYear>")]
pub struct Calendar {
    years: BTreeMap<i16, CalendarYear>,
}

/// One year's notice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarYear {
    /// All days off, weekend days inside them too.
    pub holidays: BTreeSet<Date>,
    /// Saturdays and Sundays that are worked.
    pub make_up_working_days: BTreeSet<Date>,
}

impl Calendar {
    /// The calendar of the programme, 2017 to 2026.
    #[expect(clippy::expect_used, reason = "the text is part of the build, and a test reads it")]
    pub fn programme() -> Self {
        serde_json::from_str(include_str!("../data/calendar_2017_2026.json")).expect("the embedded calendar is valid")
    }

    /// A calendar of these years.
    ///
    /// # Errors
    /// When a day lies outside its year, a make-up day is no Saturday or Sunday, or a day is both.
    pub fn new(years: BTreeMap<i16, CalendarYear>) -> Result<Self, CalendarError> {
        for (&year, notice) in &years {
            if let Some(&day) =
                notice.holidays.iter().chain(&notice.make_up_working_days).find(|day| day.year() != year)
            {
                return Err(CalendarError::OutsideItsYear { year, day });
            }
            if let Some(&day) = notice.make_up_working_days.intersection(&notice.holidays).next() {
                return Err(CalendarError::WorkedAndOff { day });
            }
            if let Some(&day) = notice.make_up_working_days.iter().find(|day| !is_weekend(**day)) {
                return Err(CalendarError::MakeUpOnWeekday { day });
            }
        }
        Ok(Self { years })
    }

    /// The years that are in it, ascending.
    pub fn years(&self) -> impl Iterator<Item = i16> {
        self.years.keys().copied()
    }

    /// Whether the day is worked: a make-up day, or Monday to Friday and no holiday.
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`].
    pub fn is_working_day(&self, day: Date) -> Result<bool, CalendarError> {
        let notice = self.years.get(&day.year()).ok_or(CalendarError::MissingYear(day.year()))?;
        Ok(notice.make_up_working_days.contains(&day) || !(is_weekend(day) || notice.holidays.contains(&day)))
    }

    /// The n-th working day after `day`, which need not be one itself. For `n` = 0 the day itself.
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`] when the count runs into one.
    pub fn add_working_days(&self, day: Date, n: u16) -> Result<Date, CalendarError> {
        let mut day = day;
        for _ in 0..n {
            day = self.working_day_on_or_after(next(day)?)?;
        }
        Ok(day)
    }

    /// How many working days lie after `from` up to and including `to`; 0 when `to` is not after `from`. So the n-th
    /// working day after `from` is n working days away.
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`] when the count runs into one.
    pub fn working_days_between(&self, from: Date, to: Date) -> Result<u32, CalendarError> {
        let (mut day, mut count) = (from, 0);
        while day < to {
            day = next(day)?;
            count += u32::from(self.is_working_day(day)?);
        }
        Ok(count)
    }

    /// The day itself if it is worked, else the next working day.
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`].
    pub fn working_day_on_or_after(&self, day: Date) -> Result<Date, CalendarError> {
        let mut day = day;
        while !self.is_working_day(day)? {
            day = next(day)?;
        }
        Ok(day)
    }

    /// The day itself if it is worked, else the last working day before it.
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`].
    pub fn working_day_on_or_before(&self, day: Date) -> Result<Date, CalendarError> {
        let mut day = day;
        while !self.is_working_day(day)? {
            day = day.checked_sub(1.day()).map_err(|_| CalendarError::EndOfTime)?;
        }
        Ok(day)
    }

    /// When a term that begins at `from` is over. A term in days counts from the day of `from` (not that day itself) and
    /// ends with its last day; hours and minutes are exact.
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`] when working days run into one.
    pub fn due(&self, term: Term, from: Moment) -> Result<Moment, CalendarError> {
        Ok(match term {
            Term::SameDay => Moment::end_of(from.date()),
            Term::WorkingDays(n) => Moment::end_of(self.add_working_days(from.date(), n)?),
            Term::Days(n) => {
                let day = from.date().checked_add(i64::from(n).days()).map_err(|_| CalendarError::EndOfTime)?;
                Moment::end_of(day)
            }
            Term::Hours(n) => from.plus_hours(i64::from(n)),
            Term::Minutes(n) => from.plus_minutes(i64::from(n)),
        })
    }

    /// A warning when the year of `today` or the one after it is missing: from then on terms will begin to fail.
    pub fn warning(&self, today: Date) -> Option<CalendarWarning> {
        let year = today.year();
        [year, year.saturating_add(1)]
            .into_iter()
            .find(|year| !self.years.contains_key(year))
            .map(|missing_year| CalendarWarning { missing_year })
    }
}

// By their names as JSON has them: inside of a tagged enum serde reads no number out of a key.
impl TryFrom<BTreeMap<String, CalendarYear>> for Calendar {
    type Error = CalendarError;

    fn try_from(years: BTreeMap<String, CalendarYear>) -> Result<Self, CalendarError> {
        let year = |name: String| match name.parse() {
            Ok(year) if (1000..=9999).contains(&year) && name.len() == 4 => Ok(year),
            _ => Err(CalendarError::NoYear),
        };
        let years = years.into_iter().map(|(name, notice)| Ok((year(name)?, notice)));
        Self::new(years.collect::<Result<_, _>>()?)
    }
}

impl From<Calendar> for BTreeMap<i16, CalendarYear> {
    fn from(calendar: Calendar) -> Self {
        calendar.years
    }
}

fn is_weekend(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn next(day: Date) -> Result<Date, CalendarError> {
    day.tomorrow().map_err(|_| CalendarError::EndOfTime)
}

/// Why a calendar has no answer, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The holidays of that year are not known here.
    #[error("the calendar has no holidays of {0}: a charter with that year must be accepted first")]
    MissingYear(i16),
    /// What notices stand under is no year.
    #[error("a notice has to stand under a year of four digits")]
    NoYear,
    /// Past the last day there is.
    #[error("the day lies outside the years -9999 to 9999")]
    EndOfTime,
    /// A day stands under another year.
    #[error("{day} stands under the year {year}")]
    OutsideItsYear {
        /// The year it stands under.
        year: i16,
        /// The day.
        day: Date,
    },
    /// A day is a holiday and a make-up working day.
    #[error("{day} is both a holiday and a make-up working day")]
    WorkedAndOff {
        /// The day.
        day: Date,
    },
    /// A make-up day would be worked anyway.
    #[error("the make-up working day {day} is no Saturday or Sunday")]
    MakeUpOnWeekday {
        /// The day.
        day: Date,
    },
}

/// A year is missing that will soon be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarWarning {
    /// The year without data.
    pub missing_year: i16,
}

impl std::fmt::Display for CalendarWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the calendar has no holidays of {}: propose a charter with them before terms run into it",
            self.missing_year
        )
    }
}
