//! What the protocol refuses, what it notices, and that nothing is lost or said twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may stop at the first surprise, and its numbers are small"
)]

#[path = "all/freezing.rs"]
mod freezing;
#[path = "all/keys.rs"]
mod keys;
#[path = "all/network.rs"]
mod network;
#[path = "all/protocol.rs"]
mod protocol;
#[path = "all/support.rs"]
mod support;
#[path = "all/wire.rs"]
mod wire;
