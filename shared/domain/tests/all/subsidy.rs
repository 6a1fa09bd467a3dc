//! Periods, cut-offs and payment days, against the batches of the programme's history.

use crate::day;
use domain::{
    Calendar, Charter, Fen, Ppm,
    charter::{SubsidyRules, SubsidyTrigger},
    subsidy::Period,
};

#[test]
fn claims_are_cut_off_and_paid_on_the_days_of_the_history() {
    let (rules, calendar) = (Charter::programme_2017().subsidy, Calendar::programme());
    for (period, cut_off, pay_on) in [
        ("2018Q3", "2018-10-19", "2018-11-19"),
        ("2018Q4", "2019-01-18", "2019-02-18"),
        ("2019Q1", "2019-04-19", "2019-05-20"),
        ("2019Q2", "2019-07-19", "2019-08-19"),
        ("2019Q3", "2019-10-18", "2019-11-18"),
        ("2019Q4", "2020-01-20", "2020-02-18"),
        ("2020Q1", "2020-04-20", "2020-05-18"),
        ("2020Q2", "2020-07-20", "2020-08-18"),
        ("2020Q3", "2020-10-20", "2020-11-18"),
        ("2019", "2020-01-20", "2020-02-18"),
    ] {
        let period: Period = period.parse().unwrap();
        assert_eq!(rules.cut_off(period, &calendar), Ok(day(cut_off)), "{period}");
        assert_eq!(rules.pay_on(period, &calendar), Ok(day(pay_on)), "{period}");
    }
    let unknown: Period = "2030Q1".parse().unwrap();
    assert!(rules.cut_off(unknown, &calendar).is_err(), "a year that is missing is never guessed");
}

#[test]
fn a_period_is_a_quarter_or_a_year_and_nothing_else() {
    for (trigger, on, period) in [
        (SubsidyTrigger::OnSettlement, "2020-06-30", "2020Q2"),
        (SubsidyTrigger::Quarterly, "2020-07-01", "2020Q3"),
        (SubsidyTrigger::Annual, "2020-07-01", "2020"),
    ] {
        let found = Period::of(trigger, day(on));
        assert_eq!((found.to_string().as_str(), found.to_string().parse()), (period, Ok(found)));
        assert!(found.holds(day(on)) && !found.holds(day("2021-01-01")));
    }
    for wrong in ["", "2020Q0", "2020Q5", "2020q1", "20Q1", "2020Q", "2020Q01", "+020", "Q1", "2020 Q1", "二〇二〇"]
    {
        assert!(wrong.parse::<Period>().is_err(), "{wrong}");
    }
}

#[test]
fn a_share_of_the_interest_is_rounded_down() {
    let rules = SubsidyRules { share: Ppm::new(666_666).unwrap(), ..Charter::programme_2017().subsidy };
    assert_eq!(rules.of(Fen::new(884_500)), Some(Fen::new(589_666)));
    assert_eq!(Charter::programme_2017().subsidy.of(Fen::new(3_900_000)), Some(Fen::new(3_900_000)));
}
