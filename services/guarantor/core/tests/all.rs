//! The guarantor's core from outside: messages, commands and timers in, facts, rows and messages out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that fails says so by panicking, and its helpers are named, not documented"
)]

mod all {
    mod answers;
    mod commands;
    mod golden;
    mod journey;
    mod letter_states;
    mod letters;
    mod limits;
    mod living;
    mod loans;
    mod office;
    mod random;
    mod relief;
    mod rights;
    mod timers;
}

#[path = "../../../../shared/organisation/tests/tables/rights.rs"]
mod tables;
