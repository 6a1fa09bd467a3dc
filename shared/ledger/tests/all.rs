//! The ledger's tests: tables that an accountant can read, and random vouchers against what must always hold.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod all {
    mod events;
    mod limits;
    mod random;
    mod refusals;
    mod rows;
    mod table;
    mod two_phase;
}
