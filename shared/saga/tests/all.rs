//! The saga engine's tests: a toy order process with toy partners, run through every fault that its definition allows.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod all {
    mod build;
    mod golden;
    mod matrix;
    mod participants;
    mod people;
    mod pivot;
    mod printed;
    mod random;
    mod table;
    mod theatre;
    mod toy;
    mod unwinding;
}
