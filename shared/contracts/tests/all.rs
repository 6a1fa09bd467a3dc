//! The contracts as partners see them: pinned bytes, pinned schemas, and everything that is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "all/documents.rs"]
mod documents;
#[path = "all/followed.rs"]
mod followed;
#[path = "all/samples.rs"]
mod samples;
#[path = "all/wire.rs"]
mod wire;
