//! Loans that are paid out: receipts, overdue sums, relief and early repayment, to the golden values.

use domain::charter::{DeferralWindow, ReliefPolicy};
use domain::loan::{ChangeError, Loan, Measure, Part, ReceiptError, ReliefError};
use domain::schedule::{End, Terms};
use domain::{Amount, Date, Fen, Method, Mode, Ppm};
use jiff::ToSpan;
use proptest::prelude::*;
use std::collections::BTreeSet;

use crate::day;

fn fen(fen: i64) -> Amount {
    Amount::new(Fen::new(fen)).unwrap()
}

fn loan(method: Method, principal: i64, rate: u32, from: &str, to: &str) -> Loan {
    let terms = Terms {
        method,
        principal: fen(principal),
        rate: Ppm::new(rate).unwrap(),
        from: day(from),
        end: End::On(day(to)),
        mode: Mode::Month,
    };
    let penalty_rate = domain::schedule::penalty_rate(terms.rate, 150).unwrap();
    Loan::paid_out(terms, penalty_rate).unwrap()
}

/// 200,000 yuan at 4.35 % from 2019-03-15 to 2020-03-15 (golden G1).
fn g1() -> Loan {
    loan(Method::Bullet, 20_000_000, 43_500, "2019-03-15", "2020-03-15")
}

/// What is owed, in all and by part.
fn owed(loan: &Loan, on: &str) -> Vec<(Part, i64)> {
    let mut sums = Vec::new();
    for part in Part::ALL {
        let lines = loan.owed(day(on)).unwrap().into_iter().filter(|line| line.part == part);
        let sum: i64 = lines.map(|line| line.amount_fen.get()).sum();
        if sum > 0 {
            sums.push((part, sum));
        }
    }
    sums
}

/// Pays everything that is owed on the day.
fn pay(loan: &mut Loan, on: Date) -> i64 {
    let sum: i64 = loan.owed(on).unwrap().iter().map(|line| line.amount_fen.get()).sum();
    if sum > 0 {
        loan.receive(on, fen(sum)).unwrap();
    }
    sum
}

fn pay_on_every_day(loan: &mut Loan) -> Vec<(String, i64)> {
    let mut days: Vec<Date> = loan.dues().iter().filter(|due| due.replaced_in.is_none()).map(|due| due.on).collect();
    days.sort_unstable();
    days.dedup();
    days.into_iter().map(|on| (on.to_string(), pay(loan, on))).collect()
}

#[test]
fn a_loan_that_is_paid_on_its_days_settles_with_the_interest_of_its_schedule() {
    let mut loan = g1();
    let paid = pay_on_every_day(&mut loan);
    let sums: Vec<i64> = paid.iter().map(|(_, sum)| *sum).collect();
    assert_eq!(sums, [14_500, 222_333, 222_333, 219_917, 20_205_417]);
    assert!(loan.is_settled());
    assert_eq!((loan.interest_received(), loan.outstanding()), (Some(Fen::new(884_500)), Some(Fen::ZERO)));
}

#[test]
fn what_is_not_paid_at_maturity_bears_penalty_and_compound() {
    // Golden G6 and G7: 37 days at 6.525 %.
    let mut loan = g1();
    for on in ["2019-03-21", "2019-06-21", "2019-09-21", "2019-12-21"] {
        pay(&mut loan, day(on));
    }
    assert_eq!(owed(&loan, "2020-03-14"), []);
    assert_eq!(owed(&loan, "2020-03-15"), [(Part::Interest, 205_417), (Part::Principal, 20_000_000)]);
    assert_eq!(loan.overdue_since(day("2020-03-15")), None, "on its day nothing is overdue");
    let late = [
        (Part::OverdueInterest, 205_417),
        (Part::OverduePrincipal, 20_000_000),
        (Part::Penalty, 134_125),
        (Part::Compound, 1_378),
    ];
    assert_eq!(owed(&loan, "2020-04-21"), late);
    assert_eq!(loan.overdue_since(day("2020-04-21")), Some(day("2020-03-15")));

    // Interest first, then principal, penalty, compound: what is left goes on bearing penalty on what is left.
    let receipt = loan.receive(day("2020-04-21"), fen(10_205_417)).unwrap();
    let split: Vec<(Part, i64)> = receipt.lines.iter().map(|line| (line.part, line.amount_fen.get())).collect();
    assert_eq!(split, [(Part::OverdueInterest, 205_417), (Part::OverduePrincipal, 10_000_000)]);
    let later = [(Part::OverduePrincipal, 10_000_000), (Part::Penalty, 134_125 + 18_125), (Part::Compound, 1_378)];
    assert_eq!(owed(&loan, "2020-05-01"), later);
    pay(&mut loan, day("2020-05-01"));
    assert!(loan.is_settled());
    assert_eq!(loan.interest_received(), Some(Fen::new(884_500)), "penalty and compound are no contract interest");
}

#[test]
fn a_receipt_that_is_reversed_counts_as_if_it_had_not_come() {
    let mut loan = g1();
    pay(&mut loan, day("2019-03-21"));
    loan.reverse(1).unwrap();
    assert_eq!(owed(&loan, "2019-03-21"), [(Part::Interest, 14_500)]);
    assert_eq!(loan.reverse(1), Err(ReceiptError::Reversed { seq: 1 }));
    assert_eq!(loan.reverse(2), Err(ReceiptError::NoReceipt { seq: 2 }));
    let receipt = loan.receive(day("2019-03-21"), fen(14_500)).unwrap();
    assert_eq!(receipt.seq, 2, "a number is given once");
    assert_eq!(loan.receipts().len(), 2, "nothing is deleted");
    assert_eq!(owed(&loan, "2019-03-22"), []);
}

#[test]
fn money_that_is_not_owed_or_comes_too_early_is_not_taken() {
    let mut loan = g1();
    for (on, amount, why) in [
        ("2019-03-14", 1, ReceiptError::TooEarly { on: day("2019-03-14"), earliest: day("2019-03-15") }),
        ("2019-03-20", 1, ReceiptError::MoreThanOwed { owed: Fen::ZERO }),
        ("2019-03-21", 14_501, ReceiptError::MoreThanOwed { owed: Fen::new(14_500) }),
    ] {
        let before = loan.clone();
        assert_eq!(loan.receive(day(on), fen(amount)), Err(why));
        assert_eq!(loan, before);
    }
    pay(&mut loan, day("2019-06-21"));
    let early = loan.receive(day("2019-06-20"), fen(1));
    assert_eq!(early, Err(ReceiptError::TooEarly { on: day("2019-06-20"), earliest: day("2019-06-21") }));
}

#[test]
fn the_software_firms_loan_is_deferred_and_extended_and_its_interest_stays_the_same() {
    // Golden G2.
    let mut loan = loan(Method::Bullet, 48_000_000, 45_000, "2018-09-05", "2020-03-05");
    for on in ["2018-09-21", "2018-12-21", "2019-03-21", "2019-06-21", "2019-09-21", "2019-12-21"] {
        pay(&mut loan, day(on));
    }
    let today = day("2020-02-28");
    loan.extend(today, day("2020-06-16")).unwrap();
    let parts = ["2020-04-16", "2020-05-16", "2020-06-16"].map(|on| (day(on), Fen::new(182_000)));
    loan.defer(today, day("2020-03-21"), &parts).unwrap();
    assert_eq!(loan.version(), 3);
    assert_eq!(owed(&loan, "2020-03-21"), [], "deferred");
    let rest = pay_on_every_day(&mut loan);
    let rest: Vec<_> = rest.into_iter().filter(|(_, sum)| *sum > 0).collect();
    assert_eq!(
        rest,
        [("2020-04-16", 182_000), ("2020-05-16", 182_000), ("2020-06-16", 182_000 + 522_000 + 48_000_000)]
            .map(|(on, sum)| (on.to_owned(), sum))
    );
    assert!(loan.is_settled());
    assert_eq!(loan.interest_received(), Some(Fen::new(3_900_000)));
}

#[test]
fn a_loan_that_is_repaid_early_bears_interest_until_that_day() {
    // Golden G13.
    let mut loan = g1();
    for on in ["2019-03-21", "2019-06-21", "2019-09-21"] {
        pay(&mut loan, day(on));
    }
    loan.fall_due(day("2019-11-08")).unwrap();
    assert_eq!(owed(&loan, "2019-11-08"), [(Part::Interest, 116_000), (Part::Principal, 20_000_000)]);
    pay(&mut loan, day("2019-11-08"));
    assert!(loan.is_settled());
    assert_eq!(loan.interest_received(), Some(Fen::new(575_166)));
    assert_eq!(owed(&loan, "2020-03-15"), []);
}

#[test]
fn a_loan_settles_only_with_every_part_that_was_deferred() {
    let mut loan = g1();
    let parts = [(day("2019-08-21"), Fen::new(111_166)), (day("2019-12-30"), Fen::new(111_167))];
    loan.defer(day("2019-06-01"), day("2019-06-21"), &parts).unwrap();
    pay(&mut loan, day("2019-03-21"));
    pay(&mut loan, day("2019-08-21"));
    loan.fall_due(day("2019-09-01")).unwrap();
    let due = owed(&loan, "2019-09-01");
    assert_eq!(due, [(Part::Interest, 174_000 + 111_167), (Part::Principal, 20_000_000)]);
    loan.receive(day("2019-09-01"), fen(20_000_000)).unwrap();
    assert!(!loan.is_settled());
    pay(&mut loan, day("2019-09-01"));
    assert!(loan.is_settled());
}

#[test]
fn what_cannot_be_changed_stays_as_it_is() {
    let mut paid = g1();
    pay(&mut paid, day("2019-03-21"));
    let third = |last: &str| [(day("2019-07-21"), Fen::new(111_166)), (day(last), Fen::new(111_167))];
    let (june, early) = (day("2019-06-21"), day("2019-05-01"));
    type Change<'a> = &'a dyn Fn(&mut Loan) -> Result<(), ChangeError>;
    let changes: &[(Change<'_>, ChangeError)] = &[
        (&|loan| loan.defer(june, june, &third("2020-01-01")), ChangeError::TooLate { on: june }),
        (
            &|loan| loan.defer(early, day("2019-06-22"), &third("2020-01-01")),
            ChangeError::NothingToDefer { on: day("2019-06-22") },
        ),
        (
            &|loan| loan.defer(early, day("2020-03-15"), &third("2020-01-01")),
            ChangeError::NothingToDefer { on: day("2020-03-15") },
        ),
        (&|loan| loan.defer(early, june, &third("2020-03-16")), ChangeError::WrongParts),
        (&|loan| loan.defer(early, june, &third("2019-06-21")), ChangeError::WrongParts),
        (&|loan| loan.defer(early, june, &[(day("2019-07-21"), Fen::new(222_332))]), ChangeError::WrongParts),
        (&|loan| loan.extend(early, day("2020-03-15")), ChangeError::CannotExtend { to: day("2020-03-15") }),
        (&|loan| loan.extend(day("2020-03-15"), day("2020-06-15")), ChangeError::TooLate { on: day("2020-03-15") }),
        (&|loan| loan.fall_due(day("2019-03-21")), ChangeError::TooLate { on: day("2019-03-21") }),
    ];
    for (change, why) in changes {
        let mut loan = paid.clone();
        assert_eq!(change(&mut loan), Err(*why));
        assert_eq!(loan, paid, "{why}");
    }
    assert!(matches!(paid.fall_due(day("2020-03-15")), Err(ChangeError::Schedule(_))));
}

proptest! {
    /// Whatever comes and is reversed: what is owed, what was paid and what will fall due make up the loan, and nothing is below zero.
    #[test]
    fn every_fen_is_paid_or_owed_or_falls_due(
        method in prop_oneof![Just(Method::Bullet), Just(Method::EqualPayment), Just(Method::EqualPrincipal)],
        events in prop::collection::vec((1i32..60, 1u8..=100, prop::bool::weighted(0.2)), 1..25),
    ) {
        let mut loan = loan(method, 30_000_000, 47_500, "2019-01-31", "2020-07-31");
        let contract = Fen::sum(loan.dues().iter().map(|due| due.interest_fen)).unwrap();
        let mut on = day("2019-01-31");
        for (days, percent, reverses) in events {
            on = on.checked_add(days.days()).unwrap();
            if reverses {
                let seq = loan.receipts().iter().rev().find(|receipt| !receipt.reversed).map(|receipt| receipt.seq);
                if let Some(seq) = seq {
                    loan.reverse(seq).unwrap();
                }
            }
            let owed = loan.owed(on).unwrap();
            prop_assert!(owed.iter().all(|line| line.amount_fen > Fen::ZERO));
            let sum = Fen::sum(owed.iter().map(|line| line.amount_fen)).unwrap();
            let part = Fen::new(sum.get() * i64::from(percent) / 100);
            if part > Fen::ZERO {
                let receipt = loan.receive(on, Amount::new(part).unwrap()).unwrap();
                prop_assert_eq!(receipt.sum(|_| true), Some(part));
            }
            let outstanding = loan.outstanding().unwrap();
            prop_assert!(Fen::ZERO <= outstanding && outstanding <= Fen::new(30_000_000));
            prop_assert!(loan.interest_received().unwrap() <= contract);
        }
        while !loan.is_settled() {
            on = on.checked_add(31.days()).unwrap();
            pay(&mut loan, on);
        }
        prop_assert_eq!(loan.outstanding(), Some(Fen::ZERO));
        prop_assert_eq!(loan.interest_received(), Some(contract));
    }
}

/// The rows that fall due: day, principal, interest.
fn falls_due(loan: &Loan) -> Vec<(String, i64, i64)> {
    let current = loan.dues().iter().filter(|due| due.replaced_in.is_none());
    let mut rows: Vec<_> =
        current.map(|due| (due.on.to_string(), due.principal_fen.get(), due.interest_fen.get())).collect();
    rows.sort();
    rows
}

#[test]
fn a_part_repaid_early_bears_its_interest_until_then_and_the_rest_falls_due_on_the_same_days() {
    let mut loan = g1();
    pay_on_every_day_until(&mut loan, "2019-09-21");
    loan.part_falls_due(day("2019-11-08"), fen(5_000_000)).unwrap();
    // 48 days on 50,000 yuan; then a quarter on 150,000.
    assert_eq!(owed(&loan, "2019-11-08"), [(Part::Interest, 29_000), (Part::Principal, 5_000_000)]);
    loan.receive(day("2019-11-08"), fen(5_029_000)).unwrap();
    assert_eq!(loan.outstanding(), Some(Fen::new(15_000_000)));
    assert_eq!(falls_due(&loan)[4..], [("2019-12-21".into(), 0, 164_938), ("2020-03-15".into(), 15_000_000, 154_063)]);
    // Once more on a due date, after what was due; then all of it.
    pay(&mut loan, day("2019-12-21"));
    loan.part_falls_due(day("2019-12-21"), fen(5_000_000)).unwrap();
    assert_eq!(owed(&loan, "2019-12-21"), [(Part::Principal, 5_000_000)]);
    pay(&mut loan, day("2019-12-21"));
    let mut early = loan.clone();
    early.fall_due(day("2020-01-20")).unwrap();
    assert_eq!(owed(&early, "2020-01-20"), [(Part::Interest, 36_250), (Part::Principal, 10_000_000)]);
    pay_on_every_day(&mut loan);
    assert!(loan.is_settled());
}

#[test]
fn the_reversal_of_a_part_brings_back_what_fell_due_before_unless_more_was_built_on_it() {
    let mut loan = g1();
    pay_on_every_day_until(&mut loan, "2019-09-21");
    let before = falls_due(&loan);
    loan.part_falls_due(day("2019-11-08"), fen(5_000_000)).unwrap();
    pay(&mut loan, day("2019-11-08"));
    let with_part = loan.clone();
    loan.reverse(4).unwrap();
    assert_eq!((falls_due(&loan), loan.outstanding()), (before, Some(Fen::new(20_000_000))));
    assert_eq!(owed(&loan, "2019-12-20"), [], "nothing of it is owed");
    pay_on_every_day(&mut loan);
    assert!(loan.is_settled());

    let mut paid_on = with_part.clone();
    pay(&mut paid_on, day("2019-12-21"));
    assert_eq!(paid_on.reverse(4), Err(ReceiptError::Superseded { seq: 4 }));
    let mut changed = with_part;
    changed.extend(day("2019-12-01"), day("2020-06-15")).unwrap();
    assert_eq!(changed.reverse(4), Err(ReceiptError::Superseded { seq: 4 }));
}

fn pay_on_every_day_until(loan: &mut Loan, last: &str) {
    let days: Vec<Date> = loan.dues().iter().map(|due| due.on).filter(|on| *on <= day(last)).collect();
    for on in days {
        pay(loan, on);
    }
}

#[test]
fn instalments_are_computed_anew_from_what_is_left_over_the_rows_that_are_left() {
    let mut level = loan(Method::EqualPayment, 12_000_000, 48_000, "2019-01-31", "2020-01-31");
    pay_on_every_day_until(&mut level, "2019-06-30");
    let left = level.outstanding().unwrap().get();
    level.part_falls_due(day("2019-06-30"), fen(left - 6_000_000)).unwrap();
    pay(&mut level, day("2019-06-30"));
    let rows = falls_due(&level);
    let after: Vec<_> = rows.iter().filter(|(on, ..)| on.as_str() > "2019-06-30").collect();
    assert_eq!(after.len(), 7);
    assert_eq!(after[0].0, "2019-07-31", "days are counted from the start and do not drift");
    let payments: Vec<i64> = after.iter().map(|(_, principal, interest)| principal + interest).collect();
    let anew = loan(Method::EqualPayment, 6_000_000, 48_000, "2019-06-30", "2020-01-30");
    let (_, principal, interest) = &falls_due(&anew)[0];
    assert_eq!(payments[0], principal + interest, "the payment is that of the rest over seven months");
    assert!(payments[..6].iter().all(|payment| *payment == payments[0]));

    let mut even = loan(Method::EqualPrincipal, 12_000_000, 48_000, "2019-01-31", "2020-01-31");
    pay_on_every_day_until(&mut even, "2019-06-30");
    even.part_falls_due(day("2019-07-10"), fen(1_000_000)).unwrap();
    pay(&mut even, day("2019-07-10"));
    let rows = falls_due(&even);
    let after: Vec<i64> = rows.iter().filter(|(on, ..)| on.as_str() > "2019-07-10").map(|row| row.1).collect();
    assert_eq!(after, [857_142, 857_142, 857_142, 857_142, 857_142, 857_142, 857_148]);
}

#[test]
fn a_part_is_less_than_what_is_left_inside_the_loans_life_and_never_beside_deferred_interest() {
    let refused = |change: &dyn Fn(&mut Loan) -> Result<(), ChangeError>| {
        let mut loan = g1();
        pay_on_every_day_until(&mut loan, "2019-06-21");
        let before = loan.clone();
        let error = change(&mut loan).unwrap_err();
        assert_eq!(loan, before);
        error
    };
    let part = |on: &'static str, sum: i64| move |loan: &mut Loan| loan.part_falls_due(day(on), fen(sum));
    use domain::schedule::ScheduleError as S;
    for sum in [20_000_000, 20_000_001] {
        let error = refused(&part("2019-07-10", sum));
        assert_eq!(error, ChangeError::Schedule(S::NoPart { on: day("2019-07-10"), left: Fen::new(20_000_000) }));
    }
    for on in ["2019-03-15", "2020-03-15", "2020-03-16"] {
        assert!(matches!(refused(&part(on, 1)), ChangeError::Schedule(S::OutsideLife { .. })), "{on}");
    }
    let deferred = |loan: &mut Loan| {
        let mut other = loan.clone();
        other.defer(day("2019-07-01"), day("2019-09-21"), &[(day("2019-10-21"), Fen::new(222_333))]).unwrap();
        other.part_falls_due(day("2019-10-01"), fen(1))
    };
    assert_eq!(refused(&deferred), ChangeError::Deferred);
}

proptest! {
    #[test]
    fn whatever_is_repaid_early_and_when_the_whole_is_lent_once_and_paid_once(
        method in prop::sample::select(vec![Method::Bullet, Method::EqualPayment, Method::EqualPrincipal]),
        parts in prop::collection::vec((1..700_i64, 1..4_000_000_i64), 0..6),
    ) {
        let mut loan = loan(method, 20_000_000, 47_500, "2019-01-31", "2021-01-31");
        let mut parts = parts;
        parts.sort_unstable();
        for (after, sum) in parts {
            let on = day("2019-01-31").checked_add(after.days()).unwrap();
            for due in loan.dues().to_vec().into_iter().filter(|due| due.replaced_in.is_none() && due.on <= on) {
                if loan.receipts().last().is_none_or(|last| last.on <= due.on) {
                    pay(&mut loan, due.on);
                }
            }
            pay(&mut loan, on);
            if loan.part_falls_due(on, fen(sum)).is_ok() {
                pay(&mut loan, on);
            }
            let left: i64 = loan.dues().iter().filter(|due| due.replaced_in.is_none()).map(|due| due.principal_fen.get()).sum();
            prop_assert_eq!(left, 20_000_000, "what falls due is what was lent");
        }
        pay_on_every_day_from_last(&mut loan);
        prop_assert!(loan.is_settled());
        prop_assert_eq!(loan.outstanding(), Some(Fen::ZERO));
    }
}

fn pay_on_every_day_from_last(loan: &mut Loan) {
    let last = loan.receipts().last().map(|receipt| receipt.on);
    let mut days: Vec<Date> = loan.dues().iter().filter(|due| due.replaced_in.is_none()).map(|due| due.on).collect();
    days.sort_unstable();
    days.dedup();
    for on in days.into_iter().filter(|on| last.is_none_or(|last| *on >= last)) {
        pay(loan, on);
    }
}

fn policy() -> ReliefPolicy {
    let window = |due_to, moved_to| DeferralWindow { due_to: day(due_to), moved_to: day(moved_to) };
    ReliefPolicy {
        from: day("2020-01-25"),
        to: day("2020-12-31"),
        windows: vec![window("2020-05-31", "2020-06-30"), window("2020-12-31", "2021-03-31")],
        hit_industries: BTreeSet::new(),
    }
}

fn defer(due_on: &str, parts_on: &[&str]) -> Measure {
    Measure::DeferInterest { due_on: day(due_on), parts_on: parts_on.iter().copied().map(day).collect() }
}

#[test]
fn a_plan_takes_its_measures_in_order_and_leaves_the_interest_as_it_was() {
    // Golden G2: extended first, so that the interest of March becomes a row of its own that can be deferred.
    let mut loan = loan(Method::Bullet, 48_000_000, 45_000, "2018-09-05", "2020-03-05");
    let extend = Measure::Extend { to: day("2020-06-16") };
    let parts = ["2020-04-21", "2020-05-21", "2020-06-16"];
    let today = day("2020-02-28");
    let backwards = [defer("2020-03-21", &parts), extend.clone()];
    let march = ChangeError::NothingToDefer { on: day("2020-03-21") };
    assert_eq!(loan.clone().relieve(today, &backwards, &policy()), Err(march.into()));
    loan.relieve(today, &[extend, defer("2020-03-21", &parts)], &policy()).unwrap();
    let sums: Vec<(String, i64)> =
        pay_on_every_day(&mut loan).into_iter().filter(|(on, _)| on.as_str() > "2020-01").collect();
    let expected = [("2020-04-21", 182_000), ("2020-05-21", 182_000), ("2020-06-16", 182_000 + 522_000 + 48_000_000)];
    assert_eq!(sums, expected.map(|(on, fen)| (on.to_owned(), fen)));
    assert_eq!(loan.interest_received(), Some(Fen::new(3_900_000)));
}

#[test]
fn only_interest_falls_due_for_a_while_and_the_principal_of_that_time_on_its_day() {
    let start = || loan(Method::EqualPrincipal, 12_000_000, 48_000, "2020-01-10", "2021-01-10");
    let mut loan = start();
    let rest = Measure::InterestOnly { until: day("2020-05-10"), principal_on: day("2020-06-10") };
    loan.relieve(day("2020-02-28"), &[rest], &policy()).unwrap();
    let rows: Vec<(String, i64, i64)> = loan
        .current()
        .map(|(_, due)| (due.on.to_string(), due.principal_fen.get(), due.interest_fen.get()))
        .filter(|(on, ..)| on.as_str() < "2020-08")
        .collect();
    let expected = [
        ("2020-02-10", 1_000_000, 48_000),
        ("2020-03-10", 0, 44_000),
        ("2020-04-10", 0, 44_000),
        ("2020-05-10", 0, 44_000),
        ("2020-06-10", 4_000_000, 44_000),
        ("2020-07-10", 1_000_000, 28_000),
    ];
    assert_eq!(rows, expected.map(|(on, principal, interest)| (on.to_owned(), principal, interest)));
    let principal = Fen::sum(loan.current().map(|(_, due)| due.principal_fen));
    assert_eq!(principal, Some(Fen::new(12_000_000)), "every fen of it once");
    for (until, principal_on) in
        [("2020-05-10", "2020-06-11"), ("2020-05-10", "2020-05-10"), ("2021-01-10", "2021-01-10")]
    {
        let rest = Measure::InterestOnly { until: day(until), principal_on: day(principal_on) };
        let refused = start().relieve(day("2020-02-28"), &[rest], &policy());
        assert!(matches!(refused, Err(ReliefError::Change(ChangeError::CannotRest { .. }))), "{until} {principal_on}");
    }
}

#[test]
fn no_plan_moves_further_than_the_policy_and_the_longest_extension_allow() {
    let year = || loan(Method::Bullet, 20_000_000, 43_500, "2019-11-15", "2020-11-15");
    let longer = || loan(Method::Bullet, 20_000_000, 43_500, "2018-11-15", "2020-11-15");
    let extend = |to| Measure::Extend { to: day(to) };
    let today = day("2020-03-01");
    let (march, june) = (day("2020-03-21"), day("2020-06-30"));
    let late = ReliefError::TooFar { due_on: day("2020-11-15"), latest: day("2021-03-31") };
    let table = [
        (year(), extend("2021-03-31"), Ok(())),
        (year(), extend("2021-04-01"), Err(late)),
        (year(), defer("2020-03-21", &["2020-06-30"]), Ok(())),
        (year(), defer("2020-03-21", &["2020-07-01"]), Err(ReliefError::TooFar { due_on: march, latest: june })),
        (year(), defer("2020-03-21", &["2020-05-21", "2020-04-21"]), Err(ChangeError::WrongParts.into())),
        (longer(), extend("2021-03-31"), Ok(())),
    ];
    for (mut loan, measure, expected) in table {
        assert_eq!(loan.relieve(today, std::slice::from_ref(&measure), &policy()), expected, "{measure:?}");
    }
    // A short loan by at most its own days, whatever the policy says.
    let mut short = crate::living::loan(Method::Bullet, 20_000_000, 43_500, "2020-01-20", "2020-02-29");
    let days = ReliefError::ExtendedTooLong { days: 40 };
    assert_eq!(short.relieve(day("2020-02-01"), &[extend("2020-04-10")], &policy()), Err(days));
    assert_eq!(short.relieve(day("2020-02-01"), &[extend("2020-04-09")], &policy()), Ok(()));
    assert_eq!(short.relieve(day("2020-02-01"), &[extend("2020-04-10")], &policy()), Err(days), "in all");
    assert_eq!(short.relieve(day("2020-02-01"), &[], &policy()), Err(ReliefError::Empty));
}
