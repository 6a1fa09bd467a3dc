//! Spans as a collector receives them, collectors that do not, and log lines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod export;
mod logs;
mod trouble;
