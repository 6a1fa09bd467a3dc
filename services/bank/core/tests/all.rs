//! The bank's rules, driven through `organisation::decide` as the shells drive them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "all/charter.rs"]
mod charter;
#[path = "all/commands.rs"]
mod commands;
#[path = "all/core_banking.rs"]
mod core_banking;
#[path = "all/credit.rs"]
mod credit;
#[path = "all/golden.rs"]
mod golden;
#[path = "all/hands.rs"]
mod hands;
#[path = "all/harness.rs"]
mod harness;
#[path = "all/letter_and_contract.rs"]
mod letter_and_contract;
#[path = "all/loan.rs"]
mod loan;
#[path = "all/matrix.rs"]
mod matrix;
#[path = "all/papers.rs"]
mod papers;
#[path = "all/payment.rs"]
mod payment;
#[path = "all/random.rs"]
mod random;
#[path = "all/relief.rs"]
mod relief;
#[path = "all/repayment.rs"]
mod repayment;
#[path = "all/rights.rs"]
mod rights;
#[path = "all/roll.rs"]
mod roll;
#[path = "all/subsidy.rs"]
mod subsidy;
#[path = "all/suspense.rs"]
mod suspense;
#[path = "../../../../shared/organisation/tests/tables/rights.rs"]
mod tables;
#[path = "all/timers.rs"]
mod timers;
#[path = "all/unidentified.rs"]
mod unidentified;
