//! The five classes at each of their edges, before and after July 2023.

use crate::day;
use domain::class::{LoanClass::*, class};
use jiff::ToSpan;

#[test]
fn each_class_begins_on_its_day_overdue_under_the_table_of_that_day() {
    let (before, after) = (day("2020-06-01"), day("2024-06-03"));
    let rows = [
        (0, Normal, Normal),
        (1, Normal, SpecialMention),
        (30, Normal, SpecialMention),
        (31, SpecialMention, SpecialMention),
        (90, SpecialMention, SpecialMention),
        (91, Substandard, Substandard),
        (180, Substandard, Substandard),
        (181, Doubtful, Substandard),
        (270, Doubtful, Substandard),
        (271, Doubtful, Doubtful),
        (360, Doubtful, Doubtful),
        (361, Loss, Loss),
        (2_000, Loss, Loss),
    ];
    for (days, old, new) in rows {
        for (on, expected) in [(before, old), (after, new)] {
            let since = on.checked_sub(i64::from(days).days()).unwrap();
            assert_eq!(class(Some(since), on, false), expected, "{days} days on {on}");
            assert_eq!(class(Some(since), on, true), Normal, "held");
        }
    }
    assert_eq!(class(None, before, false), Normal);
    assert_eq!(class(Some(after), before, false), Normal, "not overdue yet");
}

#[test]
fn the_later_table_holds_from_its_first_day_on() {
    assert_eq!(class(Some(day("2023-06-20")), day("2023-06-30"), false), Normal);
    assert_eq!(class(Some(day("2023-06-20")), day("2023-07-01"), false), SpecialMention);
}
