//! Loans that are paid out: receipts, overdue sums, relief and early repayment, to the golden values.

use domain::loan::{ChangeError, Loan, Part, ReceiptError};
use domain::schedule::{End, Terms};
use domain::{Amount, Date, Fen, Method, Mode, Ppm};
use jiff::ToSpan;
use proptest::prelude::*;

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
