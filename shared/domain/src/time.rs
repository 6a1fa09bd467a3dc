//! Days and moments of business time.
//!
//! A moment is *given* (recorded with its input); nothing here reads a clock. Days are days in Asia/Shanghai, taken as a
//! fixed +08:00: China has kept no daylight saving time since 1991 and the programme begins in 2017, so a time-zone
//! database could only add a way for two organisations to disagree about the same day.

use std::fmt;

pub use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
const OFFSET_MS: i64 = 8 * 3_600_000;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// A moment of business time: milliseconds since 1970-01-01T00:00:00Z. On the wire that integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(description = "Business time, milliseconds since the Unix epoch")]
pub struct Moment(i64);

impl Moment {
    /// That many milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The day in Asia/Shanghai. Beyond the years -9999 to 9999 the first or last day there is.
    pub fn date(self) -> Date {
        let days = self.0.saturating_add(OFFSET_MS).div_euclid(DAY_MS);
        // Days of an i64 of milliseconds are about 1.1e11 at most: as hours they always fit.
        EPOCH.checked_add(SignedDuration::from_hours(days * 24)).unwrap_or(if days < 0 { Date::MIN } else { Date::MAX })
    }

    /// Midnight at the beginning of the day, Asia/Shanghai.
    pub fn start_of(date: Date) -> Self {
        let days = date.duration_since(EPOCH).as_hours() / 24;
        Self(days * DAY_MS - OFFSET_MS)
    }

    /// The last millisecond of the day, Asia/Shanghai.
    pub fn end_of(date: Date) -> Self {
        Self(Self::start_of(date).0 + DAY_MS - 1)
    }

    /// So many milliseconds later (earlier, if negative); saturates.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// So many minutes later (earlier, if negative); saturates.
    pub const fn plus_minutes(self, minutes: i64) -> Self {
        self.plus_millis(minutes.saturating_mul(60_000))
    }

    /// So many hours later (earlier, if negative); saturates.
    pub const fn plus_hours(self, hours: i64) -> Self {
        self.plus_millis(hours.saturating_mul(3_600_000))
    }

    /// Milliseconds from `earlier` to this moment (negative when it is later); saturates.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads ISO 8601 with an offset, such as `2020-02-24T09:05:00+08:00`; whole milliseconds at most.
    ///
    /// # Errors
    /// When it is no such text, lacks the offset, or is finer than a millisecond.
    pub fn parse(text: &str) -> Result<Self, MomentError> {
        let wrong = |reason: String| MomentError { text: text.to_owned(), reason };
        let at: Timestamp = text.parse().map_err(|error: jiff::Error| wrong(error.to_string()))?;
        if at.subsec_nanosecond() % 1_000_000 != 0 {
            return Err(wrong("finer than a millisecond".to_owned()));
        }
        Ok(Self(at.as_millisecond()))
    }
}

impl fmt::Display for Moment {
    /// ISO 8601 with milliseconds and `+08:00`, the form that [`Moment::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.saturating_add(OFFSET_MS).rem_euclid(DAY_MS);
        let (h, min, s, milli) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        f.pad(&format!("{}T{h:02}:{min:02}:{s:02}.{milli:03}+08:00", self.date()))
    }
}

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no moment (ISO 8601 with offset, such as 2020-02-24T09:05:00+08:00): {reason}")]
pub struct MomentError {
    /// What was offered.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// How long someone has (DOMAIN section 2). `Calendar::due` turns it into a moment.
///
/// Terms in days end with the last millisecond of their last day, terms in hours and minutes exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Until the end of the same day.
    SameDay,
    /// Until the end of the n-th working day after.
    WorkingDays(u16),
    /// Until the end of the n-th calendar day after.
    Days(u16),
    /// Exactly so many hours.
    Hours(u16),
    /// Exactly so many minutes.
    Minutes(u16),
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameDay => f.write_str("same day"),
            Self::WorkingDays(n) => write!(f, "{n} wd"),
            Self::Days(n) => write!(f, "{n} d"),
            Self::Hours(n) => write!(f, "{n} h"),
            Self::Minutes(n) => write!(f, "{n} min"),
        }
    }
}
