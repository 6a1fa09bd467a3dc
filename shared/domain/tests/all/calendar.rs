//! Working days of 2017 to 2026, and what a term comes to.

use std::collections::{BTreeMap, BTreeSet};

use domain::calendar::CalendarYear;
use domain::{Calendar, CalendarError, Moment, Term};
use jiff::ToSpan;
use proptest::prelude::*;

use crate::day;

#[test]
fn the_programmes_calendar_runs_from_2017_to_2026() {
    assert!(Calendar::programme().years().eq(2017..=2026));
}

#[test]
fn a_day_is_worked_by_the_notice_of_its_year() {
    let calendar = Calendar::programme();
    for (text, worked, why) in [
        ("2020-02-24", true, "a Monday"),
        ("2020-02-22", false, "a Saturday"),
        ("2020-02-23", false, "a Sunday"),
        ("2018-02-15", false, "spring festival, a Thursday"),
        ("2018-02-11", true, "a Sunday worked before spring festival"),
        ("2018-04-28", true, "a Saturday worked before May"),
        ("2017-01-02", false, "new year's Monday"),
        ("2018-12-31", false, "a Monday off, in the notice of 2018"),
        ("2018-12-29", true, "a Saturday worked for it"),
        ("2020-01-31", false, "spring festival was prolonged"),
        ("2020-10-08", false, "the eighth day of the national holiday"),
    ] {
        assert_eq!(calendar.is_working_day(day(text)), Ok(worked), "{text}: {why}");
    }
}

#[test]
fn a_year_has_some_250_working_days() {
    let calendar = Calendar::programme();
    for year in 2017..=2026i16 {
        let (last, end) = (day(&format!("{year}-01-01")).yesterday().unwrap(), day(&format!("{year}-12-31")));
        let count = calendar.working_days_between(last, end).unwrap();
        assert!((247..=252).contains(&count), "{year} has {count}");
    }
}

#[test]
fn the_nth_working_day_after_a_day_skips_holidays_and_counts_make_up_days() {
    let calendar = Calendar::programme();
    for (from, n, to) in [
        ("2020-02-24", 0, "2020-02-24"),
        ("2020-02-24", 1, "2020-02-25"),
        ("2020-02-21", 1, "2020-02-24"),
        ("2020-02-22", 1, "2020-02-24"),
        ("2018-02-09", 1, "2018-02-11"),
        ("2018-02-14", 1, "2018-02-22"),
        ("2018-02-14", 3, "2018-02-24"),
        ("2018-12-28", 2, "2019-01-02"),
    ] {
        assert_eq!(calendar.add_working_days(day(from), n), Ok(day(to)), "{n} wd after {from}");
        assert_eq!(calendar.working_days_between(day(from), day(to)), Ok(u32::from(n)), "{from} to {to}");
    }
    assert_eq!(calendar.working_days_between(day("2020-02-24"), day("2020-02-21")), Ok(0));
}

#[test]
fn a_day_off_moves_to_its_neighbours() {
    let calendar = Calendar::programme();
    for (from, after, before) in [
        ("2020-02-24", "2020-02-24", "2020-02-24"),
        ("2020-08-15", "2020-08-17", "2020-08-14"),
        ("2018-02-18", "2018-02-22", "2018-02-14"),
        ("2018-12-30", "2019-01-02", "2018-12-29"),
    ] {
        assert_eq!(calendar.working_day_on_or_after(day(from)), Ok(day(after)));
        assert_eq!(calendar.working_day_on_or_before(day(from)), Ok(day(before)));
    }
}

#[test]
fn a_term_in_days_ends_with_its_last_day_and_one_in_hours_exactly() {
    let calendar = Calendar::programme();
    let from = Moment::parse("2020-02-21T17:30:00+08:00").unwrap();
    for (term, due) in [
        (Term::SameDay, "2020-02-21T23:59:59.999+08:00"),
        (Term::WorkingDays(3), "2020-02-26T23:59:59.999+08:00"),
        (Term::Days(30), "2020-03-22T23:59:59.999+08:00"),
        (Term::Hours(4), "2020-02-21T21:30:00.000+08:00"),
        (Term::Hours(24), "2020-02-22T17:30:00.000+08:00"),
        (Term::Minutes(15), "2020-02-21T17:45:00.000+08:00"),
    ] {
        assert_eq!(calendar.due(term, from).unwrap().to_string(), due, "{term}");
    }
}

#[test]
fn a_missing_year_is_an_error_and_one_ahead_a_warning() {
    let calendar = Calendar::programme();
    let missing = Err(CalendarError::MissingYear(2027));
    assert_eq!(calendar.is_working_day(day("2027-01-01")), Err(CalendarError::MissingYear(2027)));
    assert_eq!(calendar.is_working_day(day("2016-12-31")), Err(CalendarError::MissingYear(2016)));
    assert_eq!(calendar.add_working_days(day("2026-12-30"), 2), missing);
    assert_eq!(calendar.working_day_on_or_before(day("2017-01-01")), Err(CalendarError::MissingYear(2016)));
    let from = Moment::start_of(day("2026-12-30"));
    assert_eq!(calendar.due(Term::WorkingDays(2), from), Err(CalendarError::MissingYear(2027)));
    assert!(calendar.due(Term::Days(30), from).is_ok(), "calendar days need no notice");
    for (today, year) in
        [("2025-12-31", None), ("2026-01-01", Some(2027)), ("2027-06-01", Some(2027)), ("2016-06-01", Some(2016))]
    {
        assert_eq!(calendar.warning(day(today)).map(|warning| warning.missing_year), year, "on {today}");
    }
}

#[test]
fn a_notice_that_contradicts_itself_is_refused() {
    let check = |off: &[&str], made_up: &[&str], error| {
        let set = |days: &[&str]| days.iter().map(|text| day(text)).collect::<BTreeSet<_>>();
        let notice = CalendarYear { holidays: set(off), make_up_working_days: set(made_up) };
        assert_eq!(Calendar::new(BTreeMap::from([(2020, notice)])), Err(error));
    };
    check(&["2021-01-01"], &[], CalendarError::OutsideItsYear { year: 2020, day: day("2021-01-01") });
    check(&[], &["2019-12-29"], CalendarError::OutsideItsYear { year: 2020, day: day("2019-12-29") });
    check(&["2020-01-19"], &["2020-01-19"], CalendarError::WorkedAndOff { day: day("2020-01-19") });
    check(&[], &["2020-01-20"], CalendarError::MakeUpOnWeekday { day: day("2020-01-20") });
}

#[test]
fn the_calendar_is_read_back_as_it_was_written_and_checked_again() {
    let calendar = Calendar::programme();
    let text = serde_json::to_string(&calendar).unwrap();
    assert_eq!(serde_json::from_str::<Calendar>(&text).unwrap(), calendar);
    for text in [
        r#"{"2020":{"holidays":["2021-01-01"],"make_up_working_days":[]}}"#,
        r#"{"2020":{"holidays":[],"make_up_working_days":[],"bridge_days":[]}}"#,
        r#"{"2020":{"holidays":["2020-02-30"],"make_up_working_days":[]}}"#,
        r#"{"twenty":{"holidays":[],"make_up_working_days":[]}}"#,
    ] {
        assert!(serde_json::from_str::<Calendar>(text).is_err(), "{text} became a calendar");
    }
}

proptest! {
    #[test]
    fn the_nth_working_day_is_worked_and_n_away(offset in 0i32..3500, n in 1u16..60) {
        let calendar = Calendar::programme();
        let from = day("2017-01-01").checked_add(offset.days()).unwrap();
        let to = calendar.add_working_days(from, n).unwrap();
        prop_assert!(calendar.is_working_day(to).unwrap());
        prop_assert_eq!(calendar.working_days_between(from, to), Ok(u32::from(n)));
    }
}

#[test]
fn a_notice_stands_under_a_year_of_four_digits() {
    for name in ["20", "year", "02018", "-2018", "10000"] {
        let text = format!(r#"{{"{name}": {{"holidays": [], "make_up_working_days": []}}}}"#);
        let error = serde_json::from_str::<Calendar>(&text).unwrap_err();
        assert!(error.to_string().contains(&CalendarError::NoYear.to_string()), "{name}: {error}");
    }
}
