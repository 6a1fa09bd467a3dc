//! Traces and logs of a service: spans built from committed rows, sent to a collector by OTLP over HTTP; logs as lines.
//!
//! A span here is plain data ([`SpanRecord`]): the caller builds it after the commit, with explicit times and with ids that
//! derive from saga, leg, party, journal position and index ([`TraceContext`]), so that emitting it again after a crash is
//! harmless (DESIGN.md "Traces"). [`Spans::emit`] puts it into a bounded queue and returns; a thread of its own exports.
//!
//! It refuses to slow or break a service: emitting never waits, never awaits and never fails. What a full queue or a dead
//! collector costs is spans, and [`Spans::dropped`] counts them. It reads no environment: the caller passes
//! `OTEL_EXPORTER_OTLP_ENDPOINT` (the exporter itself honours `OTEL_EXPORTER_OTLP_HEADERS` and, for the resource,
//! `OTEL_RESOURCE_ATTRIBUTES`). It opens no span by itself and knows no personal data; neither must what it is given.
//!
//! The collector is spoken to in plain HTTP, as to a local agent. Whoever builds this crate's exporter with TLS must install
//! the `ring` provider of rustls first, as every `main` of this system does anyway.

#[cfg(any(test, feature = "receiver"))]
mod captured;
mod context;
mod export;
mod logging;
pub mod names;
#[cfg(any(test, feature = "receiver"))]
pub mod receiver;
mod record;
mod spans;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "receiver"))]
pub use captured::Captured;
pub use context::{SpanId, TraceContext, TraceContextError, TraceId, span_id, trace_id};
pub use export::EndpointError;
pub use logging::{LogFormat, LoggingError, about, init_logging, json_lines};
pub use record::{SpanKind, SpanRecord, Status, Value};
pub use spans::{Guard, Settings, Spans};
