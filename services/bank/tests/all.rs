//! The bank's service: its interface as it is committed, its decisions and its own routes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "all/decisions.rs"]
mod decisions;
#[path = "all/interface.rs"]
mod interface;
#[path = "../../../shared/party/tests/support/service.rs"]
mod service;
#[path = "all/unidentified.rs"]
mod unidentified;
