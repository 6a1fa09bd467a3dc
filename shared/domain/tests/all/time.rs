//! Moments: the day in Asia/Shanghai, and the text form.

use domain::{Date, Moment, Term};
use proptest::prelude::*;

use crate::day;

#[test]
fn a_moment_belongs_to_the_day_in_shanghai() {
    for (text, date) in [
        ("2020-02-24T00:00:00.000+08:00", "2020-02-24"),
        ("2020-02-24T23:59:59.999+08:00", "2020-02-24"),
        ("2020-02-23T15:59:59.999Z", "2020-02-23"),
        ("2020-02-23T16:00:00Z", "2020-02-24"),
        ("1969-12-31T23:59:59+08:00", "1969-12-31"),
    ] {
        assert_eq!(Moment::parse(text).unwrap().date(), day(date), "{text}");
    }
}

#[test]
fn a_day_begins_at_midnight_and_ends_a_millisecond_before_the_next() {
    for date in
        ["2020-02-29", "1970-01-01", "1969-12-31", "2026-12-31"].map(day).into_iter().chain([Date::MIN, Date::MAX])
    {
        let (start, end) = (Moment::start_of(date), Moment::end_of(date));
        assert_eq!((start.date(), end.date()), (date, date));
        assert_eq!(end.millis_since(start), 86_399_999);
        if let Ok(tomorrow) = date.tomorrow() {
            assert_eq!(end.plus_millis(1), Moment::start_of(tomorrow));
        }
    }
    assert_eq!(Moment::start_of(day("1970-01-01")).millis(), -8 * 3_600_000);
}

#[test]
fn a_moment_shows_as_iso_8601_in_shanghai() {
    for (millis, shown) in [
        (0, "1970-01-01T08:00:00.000+08:00"),
        (-1, "1970-01-01T07:59:59.999+08:00"),
        (1_582_506_300_007, "2020-02-24T09:05:00.007+08:00"),
    ] {
        assert_eq!(Moment::from_millis(millis).to_string(), shown);
    }
}

#[test]
fn texts_without_offset_or_finer_than_a_millisecond_are_refused() {
    for text in [
        "2020-02-24T09:05:00",
        "2020-02-24",
        "",
        "9 o'clock",
        "2020-02-30T00:00:00+08:00",
        "2020-02-24T09:05:00.0001+08:00",
    ] {
        assert!(Moment::parse(text).is_err(), "{text:?} became a moment");
    }
}

#[test]
fn additions_saturate() {
    assert_eq!(Moment::from_millis(i64::MAX).plus_hours(1).millis(), i64::MAX);
    assert_eq!(Moment::from_millis(i64::MIN).plus_minutes(-1).millis(), i64::MIN);
    assert_eq!(Moment::from_millis(0).plus_hours(i64::MAX).millis(), i64::MAX);
    assert_eq!(Moment::from_millis(0).plus_minutes(2).plus_hours(1).plus_millis(5).millis(), 3_720_005);
}

#[test]
fn moments_beyond_the_calendar_have_its_first_or_last_day() {
    assert_eq!(Moment::from_millis(i64::MAX).date(), Date::MAX);
    assert_eq!(Moment::from_millis(i64::MIN).date(), Date::MIN);
}

#[test]
fn a_moment_is_an_integer_on_the_wire() {
    assert_eq!(serde_json::to_string(&Moment::from_millis(-5)).unwrap(), "-5");
    assert!(serde_json::from_str::<Moment>("1e3").is_err());
    assert!(serde_json::from_str::<Moment>("9223372036854775808").is_err());
}

#[test]
fn a_term_is_one_word_on_the_wire() {
    for (term, text) in [
        (Term::SameDay, r#""same_day""#),
        (Term::WorkingDays(3), r#"{"working_days":3}"#),
        (Term::Days(30), r#"{"days":30}"#),
        (Term::Hours(4), r#"{"hours":4}"#),
        (Term::Minutes(15), r#"{"minutes":15}"#),
    ] {
        assert_eq!(serde_json::to_string(&term).unwrap(), text);
        assert_eq!(serde_json::from_str::<Term>(text).unwrap(), term);
    }
}

proptest! {
    #[test]
    fn what_a_moment_shows_is_read_back(millis in -60_000_000_000_000i64..200_000_000_000_000) {
        let moment = Moment::from_millis(millis);
        prop_assert_eq!(Moment::parse(&moment.to_string()).unwrap(), moment);
        prop_assert!(Moment::start_of(moment.date()) <= moment && moment <= Moment::end_of(moment.date()));
    }
}
