//! The union's core from outside: messages, commands and timers in, facts, rows and messages out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that fails says so by panicking, and its helpers are named, not documented"
)]

mod all {
    mod answers;
    mod contradictions;
    mod definition;
    mod eligibility;
    mod expiries;
    mod filing;
    mod fund;
    mod golden;
    mod green;
    mod hands;
    mod hotline;
    mod living;
    mod not_posted;
    mod office;
    mod papers;
    mod programme;
    mod relief;
    mod renewal;
    mod repairs;
    mod reservation;
    mod rights;
    mod states;
    mod statistics;
    mod subsidy;
}

#[path = "../../../../shared/organisation/tests/tables/rights.rs"]
mod tables;
