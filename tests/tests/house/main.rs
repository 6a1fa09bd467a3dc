//! Checks of the house itself: which crate may import which, what pure code must not mention, and what lies where.
//!
//! Every rule is a function from text to findings, run on the real tree by one test and on bad examples by others, so that
//! a rule that has stopped finding anything is noticed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where a step fails")]

mod floors;
mod layout;
mod purity;
mod tree;
