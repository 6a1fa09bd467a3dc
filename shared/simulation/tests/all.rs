//! The simulation shell, with two toy organisations: what happens in which order, and what is lost in a crash.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "all/toy.rs"]
mod toy;
#[path = "all/world.rs"]
mod world;
