//! The three cores as they are, in one thread and under virtual time: one application to its end, every fault that the
//! definition allows, and programmes drawn at random. No network, no sleep; in `databases` the same on real databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod acting;
mod cast;
mod charters;
mod core_banking;
mod databases;
#[path = "../support/firms.rs"]
mod firms;
mod happy;
mod invariants;
mod matrix;
mod play;
mod races;
mod random;
mod relief;
mod renewal;
mod repayment;
mod reversal;
mod subsidy;
mod years;
