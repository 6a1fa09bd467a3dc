//! Integration tests of the command and of the broker it starts, one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where a step fails")]

#[path = "all/bench.rs"]
mod bench;
#[path = "all/broker.rs"]
mod broker;
#[path = "all/browser.rs"]
mod browser;
#[path = "all/canaries.rs"]
mod canaries;
#[path = "all/charters.rs"]
mod charters;
#[path = "all/deputies.rs"]
mod deputies;
#[path = "all/desk.rs"]
mod desk;
#[path = "all/history.rs"]
mod history;
#[path = "all/hotline.rs"]
mod hotline;
#[path = "all/loans.rs"]
mod loans;
#[path = "all/notices.rs"]
mod notices;
#[path = "all/papers.rs"]
mod papers;
#[path = "all/replay.rs"]
mod replay;
#[path = "all/replicas.rs"]
mod replicas;
#[path = "all/three.rs"]
mod three;
#[path = "all/torture.rs"]
mod torture;
