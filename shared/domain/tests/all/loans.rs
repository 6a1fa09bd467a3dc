//! Properties of random loans.
#![allow(
    clippy::float_arithmetic,
    reason = "the level payment is compared with the textbook formula, computed another way"
)]

use domain::schedule::{End, Terms, add_months, interest, level_payment, prepay, schedule};
use domain::{Amount, Fen, Method, Mode, Ppm};
use jiff::ToSpan;
use proptest::prelude::*;

use crate::day;

fn loans() -> impl Strategy<Value = Terms> {
    let method = prop_oneof![Just(Method::Bullet), Just(Method::EqualPayment), Just(Method::EqualPrincipal)];
    let mode = prop_oneof![Just(Mode::Month), Just(Mode::Act)];
    let principal = prop_oneof![1i64..1_000, 5_000_000i64..=50_000_000, 1..=Amount::MAX.get()];
    let ppm = prop_oneof![Just(0), 1u32..100_000, 0..=1_000_000u32];
    let from = (0i32..3650).prop_map(|days| day("2017-01-01").checked_add(days.days()).unwrap());
    let end = prop_oneof![(1u16..=60).prop_map(Ok), (1i32..=1500).prop_map(Err)];
    (method, mode, principal, ppm, from, end).prop_map(|(method, mode, principal, ppm, from, end)| Terms {
        method,
        principal: Amount::new(Fen::new(principal)).unwrap(),
        rate: Ppm::new(ppm).unwrap(),
        from,
        end: match end {
            Ok(months) => End::Months(months),
            Err(days) => End::On(from.checked_add(days.days()).unwrap()),
        },
        mode,
    })
}

proptest! {
    #[test]
    fn the_principal_sums_up_and_the_last_row_clears(terms in loans()) {
        let rows = schedule(&terms).unwrap();
        prop_assert_eq!(Fen::sum(rows.iter().map(|row| row.principal_fen)), Some(terms.principal.fen()));
        prop_assert_eq!(rows.last().unwrap().balance_fen, Fen::ZERO);
        let mut balance = terms.principal.fen();
        for row in &rows {
            prop_assert!(!row.principal_fen.is_negative() && !row.interest_fen.is_negative());
            balance = balance.checked_sub(row.principal_fen).unwrap();
            prop_assert_eq!(row.balance_fen, balance);
        }
    }

    #[test]
    fn periods_join_without_gap_from_start_to_maturity(terms in loans()) {
        let rows = schedule(&terms).unwrap();
        prop_assert_eq!((rows[0].from, rows.last().unwrap().to), (terms.from, terms.maturity().unwrap()));
        for pair in rows.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
            prop_assert_eq!(pair[0].no + 1, pair[1].no);
        }
        for row in &rows {
            prop_assert!(row.from < row.to);
            prop_assert_eq!(row.from.checked_add(i64::from(row.days).days()).unwrap(), row.to);
        }
    }

    #[test]
    fn due_dates_do_not_drift(terms in loans()) {
        let rows = schedule(&terms).unwrap();
        for row in &rows[..rows.len() - 1] {
            if terms.method == Method::Bullet {
                prop_assert_eq!((row.to.day(), row.to.month() % 3), (21, 0));
            } else {
                prop_assert_eq!(row.to, add_months(terms.from, row.no).unwrap());
            }
        }
    }

    #[test]
    fn days_are_charged_on_the_balance_at_the_beginning(terms in loans()) {
        let whole_months = terms.method != Method::Bullet && terms.mode == Mode::Month;
        let mut balance = terms.principal.fen();
        for row in schedule(&terms).unwrap() {
            if !(whole_months && row.to == add_months(terms.from, row.no).unwrap()) {
                prop_assert_eq!(Some(row.interest_fen), interest(balance, terms.rate, row.days));
            } else {
                // A twelfth of a year, within half a fen: |12,000,000 × interest - balance × ppm| <= 6,000,000.
                let exact = i128::from(balance.get()) * i128::from(terms.rate.get());
                let error = i128::from(row.interest_fen.get()) * 12_000_000 - exact;
                prop_assert!(-6_000_000 < error && error <= 6_000_000);
            }
            balance = row.balance_fen;
        }
    }

    #[test]
    fn a_level_payment_is_the_textbooks(principal in 1i64..=50_000_000, ppm in 1u32..=300_000, months in 1u16..=48) {
        let terms = Terms {
            method: Method::EqualPayment,
            principal: Amount::new(Fen::new(principal)).unwrap(),
            rate: Ppm::new(ppm).unwrap(),
            from: day("2020-01-31"),
            end: End::Months(months),
            mode: Mode::Month,
        };
        let (r, n) = (f64::from(ppm) / 12e6, i32::from(months));
        let exact = principal as f64 * r / (1.0 - (1.0 + r).powi(-n));
        let payment = level_payment(&terms).unwrap().get() as f64;
        prop_assert!((payment - exact).abs() <= 0.5 + 1e-3, "{payment} instead of {exact}");
        for row in schedule(&terms).unwrap().iter().rev().skip(1) {
            let last_fen = row.balance_fen.is_zero();
            prop_assert!(last_fen || row.instalment().unwrap().get() as f64 == payment);
        }
    }

    #[test]
    fn the_split_of_a_prepaid_loan_sums_up_too(terms in loans(), at in 0u32..10_000) {
        let (from, end) = (terms.from, terms.maturity().unwrap());
        let life = i64::from(domain::schedule::days_between(from, end));
        prop_assume!(life > 1);
        let on = from.checked_add((1 + i64::from(at) % (life - 1)).days()).unwrap();
        let (paid, planned) = (prepay(&terms, on).unwrap(), schedule(&terms).unwrap());
        prop_assert_eq!(Fen::sum(paid.iter().map(|row| row.principal_fen)), Some(terms.principal.fen()));
        prop_assert_eq!(&paid[..paid.len() - 1], &planned[..paid.len() - 1]);
        let last = paid.last().unwrap();
        prop_assert_eq!((last.to, last.balance_fen), (on, Fen::ZERO));
        prop_assert!(last.interest_fen <= planned[paid.len() - 1].interest_fen || terms.mode == Mode::Month);
    }
}
