//! From plain data to OpenTelemetry's, and out by OTLP. It refuses nothing that it is given, and repeats nothing by itself:
//! the thread that calls it decides when to try again.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{self, Link, SpanContext, TraceFlags, TraceState},
};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkError,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};

use crate::{SpanId, SpanKind, SpanRecord, Status, TraceContext, Value, names};

/// An endpoint that spans cannot be sent to.
#[derive(Debug, thiserror::Error)]
#[error("{endpoint:?} is no OTLP endpoint (http://host:port, as in OTEL_EXPORTER_OTLP_ENDPOINT): {reason}")]
pub struct EndpointError {
    /// What was offered.
    pub endpoint: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Sends batches to one collector.
#[derive(Debug)]
pub(crate) struct Exporter {
    otlp: SpanExporter,
    scope: InstrumentationScope,
}

impl Exporter {
    /// `endpoint` is the base that the convention names; spans go to `/v1/traces` below it.
    pub(crate) fn new(service: &str, instance: &str, endpoint: &str, timeout: Duration) -> Result<Self, EndpointError> {
        let wrong = |reason: String| EndpointError { endpoint: endpoint.to_owned(), reason };
        let host = endpoint.strip_prefix("http://").ok_or_else(|| wrong("only http:// is spoken".to_owned()))?;
        if host.is_empty() || host.starts_with(['/', ':']) {
            return Err(wrong("no host".to_owned()));
        }
        let mut otlp = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(timeout)
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        otlp.set_resource(
            &Resource::builder()
                .with_service_name(service.to_owned())
                .with_attributes([
                    KeyValue::new(names::SERVICE_INSTANCE_ID, instance.to_owned()),
                    KeyValue::new(names::SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
                ])
                .build(),
        );
        let scope = InstrumentationScope::builder("nuan").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Self { otlp, scope })
    }

    /// Sends the batch and waits for the answer. Not to be called where a runtime of tokio is entered: the HTTP client
    /// blocks.
    pub(crate) fn export(&self, batch: &[SpanRecord]) -> Result<(), OTelSdkError> {
        block_on(self.otlp.export(batch.iter().map(|record| self.data(record)).collect()))
    }

    fn data(&self, record: &SpanRecord) -> SpanData {
        let here = |parent: &TraceContext| parent.trace_id == record.context.trace_id;
        let parent = record.parent.filter(here);
        let elsewhere = record.parent.filter(|parent| !here(parent));
        let mut links = SpanLinks::default();
        links.links = elsewhere.iter().chain(&record.links).map(|to| Link::with_context(context(*to, true))).collect();
        SpanData {
            span_context: context(record.context, false),
            parent_span_id: parent.map_or(trace::SpanId::INVALID, |parent| span(parent.span_id)),
            // What a server or a consumer does was caused by another process.
            parent_span_is_remote: parent.is_some() && matches!(record.kind, SpanKind::Server | SpanKind::Consumer),
            span_kind: match record.kind {
                SpanKind::Server => trace::SpanKind::Server,
                SpanKind::Internal => trace::SpanKind::Internal,
                SpanKind::Producer => trace::SpanKind::Producer,
                SpanKind::Consumer => trace::SpanKind::Consumer,
                SpanKind::Client => trace::SpanKind::Client,
            },
            name: record.name.clone(),
            start_time: UNIX_EPOCH + Duration::from_nanos(record.start_ns),
            end_time: UNIX_EPOCH + Duration::from_nanos(record.end_ns),
            attributes: record
                .attributes
                .iter()
                .map(|(name, value)| {
                    let value = match value {
                        Value::Text(text) => text.clone().into(),
                        Value::Int(number) => opentelemetry::Value::I64(*number),
                        Value::Bool(yes) => opentelemetry::Value::Bool(*yes),
                    };
                    KeyValue::new(name.clone(), value)
                })
                .collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: match &record.status {
                Status::Ok => trace::Status::Ok,
                Status::Error(what) => trace::Status::error(what.clone()),
            },
            instrumentation_scope: self.scope.clone(),
        }
    }
}

fn context(of: TraceContext, is_remote: bool) -> SpanContext {
    let trace_id = trace::TraceId::from_bytes(of.trace_id);
    SpanContext::new(trace_id, span(of.span_id), TraceFlags::SAMPLED, is_remote, TraceState::NONE)
}

fn span(id: SpanId) -> trace::SpanId {
    trace::SpanId::from_bytes(id)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread. The exporter's does its work in the first poll, blocking; a runtime would be in its way.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_future_that_is_woken_by_another_thread_comes_to_its_end() {
        let ready = Arc::new(AtomicBool::new(false));
        let future = std::future::poll_fn(|context| {
            if ready.load(Ordering::SeqCst) {
                return Poll::Ready(7);
            }
            let (ready, waker) = (Arc::clone(&ready), context.waker().clone());
            thread::spawn(move || {
                ready.store(true, Ordering::SeqCst);
                waker.wake();
            });
            Poll::Pending
        });
        assert_eq!(block_on(future), 7);
    }
}
