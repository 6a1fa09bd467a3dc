//! The three organisations on a real nats-server and real databases, in this process: their writers, channels and cores
//! as the services run them, without HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod contradicting;
mod core_banking;
mod defective;
mod faults;
#[path = "../support/firms.rs"]
mod firms;
mod forge;
mod hostile;
mod house;
mod journey;
mod journeys;
mod key_change;
mod replaced;
mod rotel;
mod standing;
mod traces;
mod traces_again;
mod two_persons;
