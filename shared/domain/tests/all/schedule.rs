//! Schedules beyond the golden values: broken months, prepayment, terms that are no loan, and the splits' edges.

use domain::schedule::{
    End, ScheduleError, Terms, add_months, capacity, claim_split, days_between, deferral, interest, level_payment,
    lpr_share, penalty_rate, prepay, schedule,
};
use domain::{Amount, Date, Fen, Method, Mode, Ppm};

use crate::day;

fn fen(n: i64) -> Fen {
    Fen::new(n)
}

fn rate(ppm: u32) -> Ppm {
    Ppm::new(ppm).unwrap()
}

fn loan(method: Method, principal: i64, ppm: u32, from: &str, end: End) -> Terms {
    let principal = Amount::new(fen(principal)).unwrap();
    Terms { method, principal, rate: rate(ppm), from: day(from), end, mode: Mode::Month }
}

/// Rows as `to days principal interest balance`, one a line.
fn check(terms: &Terms, rows: &[(&str, u32, i64, i64, i64)]) {
    let found: Vec<_> = schedule(terms)
        .unwrap()
        .iter()
        .map(|row| {
            (row.to.to_string(), row.days, row.principal_fen.get(), row.interest_fen.get(), row.balance_fen.get())
        })
        .collect();
    let expected: Vec<_> = rows.iter().map(|&(to, days, p, i, b)| (to.to_owned(), days, p, i, b)).collect();
    assert_eq!(found, expected, "{terms:?}");
}

#[test]
fn a_bullet_loan_is_charged_on_the_21st_even_when_it_begins_or_ends_there() {
    let terms = loan(Method::Bullet, 36_000_000, 10_000, "2020-03-21", End::On(day("2020-06-21")));
    check(&terms, &[("2020-06-21", 92, 36_000_000, 92_000, 0)]);
    let terms = loan(Method::Bullet, 36_000_000, 10_000, "2020-03-20", End::On(day("2020-06-22")));
    check(
        &terms,
        &[
            ("2020-03-21", 1, 0, 1_000, 36_000_000),
            ("2020-06-21", 92, 0, 92_000, 36_000_000),
            ("2020-06-22", 1, 36_000_000, 1_000, 0),
        ],
    );
}

#[test]
fn a_bullet_loan_of_whole_months_is_counted_in_days_in_mode_month_too() {
    let terms = loan(Method::Bullet, 36_000_000, 10_000, "2020-01-10", End::Months(1));
    check(&terms, &[("2020-02-10", 31, 36_000_000, 31_000, 0)]);
}

#[test]
fn a_bullet_loan_crosses_the_year() {
    let terms = loan(Method::Bullet, 36_000_000, 10_000, "2019-12-21", End::Months(4));
    check(&terms, &[("2020-03-21", 91, 0, 91_000, 36_000_000), ("2020-04-21", 31, 36_000_000, 31_000, 0)]);
}

#[test]
fn broken_days_at_the_end_are_counted_as_days_in_mode_month() {
    let terms = loan(Method::EqualPrincipal, 3_600_000, 100_000, "2020-01-10", End::On(day("2020-03-20")));
    check(
        &terms,
        &[
            ("2020-02-10", 31, 1_200_000, 30_000, 2_400_000),
            ("2020-03-10", 29, 1_200_000, 20_000, 1_200_000),
            ("2020-03-20", 10, 1_200_000, 3_333, 0),
        ],
    );
}

#[test]
fn due_dates_count_from_the_start_and_do_not_drift() {
    let terms = loan(Method::EqualPrincipal, 600_000, 0, "2019-10-31", End::Months(6));
    let dates: Vec<_> = schedule(&terms).unwrap().iter().map(|row| row.to.to_string()).collect();
    assert_eq!(dates, ["2019-11-30", "2019-12-31", "2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]);
}

#[test]
fn whole_months_are_the_same_loan_by_number_or_by_day() {
    for method in [Method::Bullet, Method::EqualPayment, Method::EqualPrincipal] {
        let by_number = loan(method, 50_000_000, 47_500, "2019-01-31", End::Months(25));
        let by_day = loan(method, 50_000_000, 47_500, "2019-01-31", End::On(day("2021-02-28")));
        assert_eq!(schedule(&by_number), schedule(&by_day));
    }
}

#[test]
fn a_loan_without_interest_is_repaid_in_equal_parts() {
    let terms = loan(Method::EqualPayment, 1_000, 0, "2020-01-01", End::Months(3));
    assert_eq!(level_payment(&terms), Ok(fen(333)));
    check(&terms, &[("2020-02-01", 31, 333, 0, 667), ("2020-03-01", 29, 333, 0, 334), ("2020-04-01", 31, 334, 0, 0)]);
}

#[test]
fn a_payment_rounded_up_never_repays_more_than_is_owed() {
    let terms = loan(Method::EqualPayment, 3, 0, "2020-01-01", End::Months(5));
    let principal: Vec<_> = schedule(&terms).unwrap().iter().map(|row| row.principal_fen.get()).collect();
    assert_eq!(principal, [1, 1, 1, 0, 0]);
}

#[test]
fn a_payment_that_does_not_cover_the_interest_leaves_the_principal_alone() {
    // 100 % a year over 50 years: the payment hardly exceeds a twelfth, and 31 days of 360 are more than that.
    let mut terms = loan(Method::EqualPayment, 1_000_000, 1_000_000, "2020-01-01", End::Months(600));
    terms.mode = Mode::Act;
    let rows = schedule(&terms).unwrap();
    assert_eq!((rows[0].principal_fen, rows[0].balance_fen), (Fen::ZERO, fen(1_000_000)));
    assert!(rows.iter().all(|row| !row.principal_fen.is_negative()));
}

#[test]
fn the_largest_loan_has_a_schedule() {
    for method in [Method::Bullet, Method::EqualPayment, Method::EqualPrincipal] {
        let terms = loan(method, Amount::MAX.get(), 1_000_000, "2020-01-01", End::Months(600));
        let rows = schedule(&terms).unwrap();
        assert_eq!(Fen::sum(rows.iter().map(|row| row.principal_fen)), Some(Amount::MAX));
    }
}

#[test]
fn terms_that_are_no_loan_are_refused() {
    let from = day("2020-01-31");
    for (end, error) in [
        (End::Months(0), ScheduleError::NoDays { from, end: from }),
        (End::On(from), ScheduleError::NoDays { from, end: from }),
        (End::On(day("2020-01-30")), ScheduleError::NoDays { from, end: day("2020-01-30") }),
        (End::Months(601), ScheduleError::TooLong),
        (End::On(day("2070-02-01")), ScheduleError::TooLong),
    ] {
        for method in [Method::Bullet, Method::EqualPayment, Method::EqualPrincipal] {
            assert_eq!(schedule(&loan(method, 100, 1, "2020-01-31", end)), Err(error));
        }
    }
    let late = loan(Method::Bullet, 100, 1, "9999-11-30", End::Months(2));
    assert_eq!(schedule(&late), Err(ScheduleError::EndOfTime));
    let last = loan(Method::Bullet, 100, 1, "9999-12-30", End::On(Date::MAX));
    assert_eq!(schedule(&last), Err(ScheduleError::EndOfTime), "the next interest day is past the calendar");
}

#[test]
fn prepayment_on_a_due_date_keeps_that_row_whole() {
    let terms = loan(Method::EqualPrincipal, 1_200_000, 120_000, "2020-01-10", End::Months(12));
    let planned = schedule(&terms).unwrap();
    let paid = prepay(&terms, day("2020-03-10")).unwrap();
    assert_eq!(paid[0], planned[0]);
    assert_eq!(paid.len(), 2);
    assert_eq!((paid[1].principal_fen, paid[1].interest_fen), (fen(1_100_000), planned[1].interest_fen));
    assert_eq!(paid[1].balance_fen, Fen::ZERO);
}

#[test]
fn prepayment_between_due_dates_bears_the_days_gone_by() {
    let terms = loan(Method::EqualPrincipal, 1_200_000, 120_000, "2020-01-10", End::Months(12));
    let paid = prepay(&terms, day("2020-02-20")).unwrap();
    let last = paid.last().unwrap();
    assert_eq!((last.no, last.from, last.to, last.days), (2, day("2020-02-10"), day("2020-02-20"), 10));
    assert_eq!(
        (last.principal_fen, last.interest_fen),
        (fen(1_100_000), interest(fen(1_100_000), rate(120_000), 10).unwrap())
    );
    let at_once = prepay(&terms, day("2020-01-11")).unwrap();
    assert_eq!((at_once.len(), at_once[0].days, at_once[0].interest_fen), (1, 1, fen(400)));
}

#[test]
fn prepayment_outside_the_loans_life_is_refused() {
    let terms = loan(Method::Bullet, 1_200_000, 120_000, "2020-01-10", End::Months(12));
    for on in ["2020-01-09", "2020-01-10", "2021-01-10", "2021-01-11"] {
        let error = ScheduleError::OutsideLife { on: day(on), from: day("2020-01-10"), end: day("2021-01-10") };
        assert_eq!(prepay(&terms, day(on)), Err(error));
    }
}

#[test]
fn interest_rounds_half_up_once() {
    for (balance, ppm, days, fen) in [
        (1_000, 180_000, 1, 1),
        (999, 180_000, 1, 0),
        (3_000, 180_000, 1, 2),
        (0, 43_500, 365, 0),
        (20_000_000, 43_500, 0, 0),
        (20_000_000, 65_250, 37, 134_125),
    ] {
        assert_eq!(interest(Fen::new(balance), rate(ppm), days).map(Fen::get), Some(fen), "{balance} × {ppm} × {days}");
    }
    assert_eq!(interest(fen(-1), rate(1), 1), None);
    assert_eq!(interest(fen(i64::MAX), Ppm::WHOLE, u32::MAX), None);
}

#[test]
fn splits_give_the_rest_to_the_last() {
    let parts = |sum, n| deferral(fen(sum), n).map(|parts| parts.iter().map(|part| part.get()).collect::<Vec<_>>());
    assert_eq!(parts(100, 3), Some(vec![33, 33, 34]));
    assert_eq!(parts(2, 3), Some(vec![0, 0, 2]));
    assert_eq!(parts(7, 1), Some(vec![7]));
    assert_eq!(parts(7, 0), None);
    assert_eq!(parts(-7, 2), None);
    let split = claim_split(fen(1), rate(500_000)).unwrap();
    assert_eq!((split.union, split.guarantor), (fen(1), Fen::ZERO));
}

#[test]
fn the_borrower_never_bears_more_than_all_or_less_than_nothing() {
    let borne = |contract, lpr| lpr_share(fen(36_000_000), rate(contract), rate(lpr), rate(15_000), 10).unwrap();
    assert_eq!((borne(20_000, 38_500).borrower, borne(20_000, 38_500).subsidy), (fen(20_000), Fen::ZERO));
    assert_eq!((borne(20_000, 10_000).borrower, borne(20_000, 10_000).subsidy), (Fen::ZERO, fen(20_000)));
}

#[test]
fn rates_and_capacities_beyond_bounds_answer_none() {
    assert_eq!(penalty_rate(rate(43_501), 150), Some(rate(65_252)), "half-up");
    assert_eq!(penalty_rate(rate(700_000), 150), None);
    assert_eq!(capacity(fen(i64::MAX), 2), None);
    assert_eq!(capacity(fen(-1), 2), None);
}

#[test]
fn months_are_clipped_and_days_count_the_first_only() {
    assert_eq!(add_months(day("2020-01-31"), 1), Ok(day("2020-02-29")));
    assert_eq!(add_months(day("2020-02-29"), 12), Ok(day("2021-02-28")));
    assert_eq!(days_between(day("2019-03-15"), day("2019-03-21")), 6);
    assert_eq!(days_between(day("2018-09-05"), day("2020-06-16")), 650);
    assert_eq!(days_between(day("2020-01-02"), day("2020-01-01")), 0);
}

#[test]
fn a_row_has_the_names_of_the_command_line() {
    let terms = loan(Method::Bullet, 36_000_000, 10_000, "2020-03-21", End::On(day("2020-06-21")));
    let text = serde_json::to_string(&schedule(&terms).unwrap()).unwrap();
    assert_eq!(
        text,
        r#"[{"no":1,"from":"2020-03-21","to":"2020-06-21","days":92,"principal_fen":36000000,"interest_fen":92000,"balance_fen":0}]"#
    );
    assert_eq!(
        serde_json::to_string(&[Method::Bullet, Method::EqualPayment, Method::EqualPrincipal]).unwrap(),
        r#"["BULLET","EQUAL_PAYMENT","EQUAL_PRINCIPAL"]"#
    );
}
