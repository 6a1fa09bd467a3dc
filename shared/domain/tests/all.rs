//! Claims about floor 0, one file per module.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "all/calendar.rs"]
mod calendar;
#[path = "all/charter.rs"]
mod charter;
#[path = "all/class.rs"]
mod class;
#[path = "all/golden.rs"]
mod golden;
#[path = "all/identifiers.rs"]
mod identifiers;
#[path = "all/living.rs"]
mod living;
#[path = "all/loans.rs"]
mod loans;
#[path = "all/money.rs"]
mod money;
#[path = "all/schedule.rs"]
mod schedule;
#[path = "all/subsidy.rs"]
mod subsidy;
#[path = "all/time.rs"]
mod time;

/// A day written as `2019-03-15`.
fn day(text: &str) -> domain::Date {
    text.parse().unwrap()
}
