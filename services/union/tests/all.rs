//! The union's service: its interface as it is committed, the form of an application, the register, its own routes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "all/filing.rs"]
mod filing;
#[path = "all/hotline.rs"]
mod hotline;
#[path = "all/interface.rs"]
mod interface;
#[path = "all/register.rs"]
mod register;
#[path = "../../../shared/party/tests/support/service.rs"]
mod service;
#[path = "all/statistics.rs"]
mod statistics;
