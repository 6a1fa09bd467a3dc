//! The live shell around an organisation's core: database, journal, channels on NATS, batch loop, timers, vault, HTTP.
//!
//! It decides nothing of business. It takes what is there, lets the core decide, commits everything in one transaction,
//! and only then answers, publishes, acknowledges and emits spans. Start reading at [`writer`].

mod about;
pub mod build_id;
mod calendar_watch;
mod charters;
pub mod clock;
pub mod config;
pub mod fault;
pub mod handle;
pub mod http;
pub mod journal;
pub mod key_change;
pub mod keys;
pub mod metrics;
pub mod nats;
pub mod notifier;
pub mod pairing;
pub mod papers;
pub mod person;
pub mod ports;
pub mod process;
mod replica;
pub mod run;
pub mod sandbox;
pub mod spans;
pub mod store;
pub mod vault;
pub mod writer;
