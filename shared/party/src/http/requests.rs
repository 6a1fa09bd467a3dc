//! When a request came, and its server span.
//!
//! A command that was decided has its span in the journal: it is built from the committed row, so that the trace goes on from
//! there across a crash. Every other request below `/api/` (a read, a refused or repeated one) has it from here. It names
//! route and application, never a path as it was typed: that could hold anything.

use crate::{about::named, clock::unix_ns, handle::Arrival};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use domain::Party;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use telemetry::{SpanKind, SpanRecord, Spans, Status, TraceContext, names};

/// Where the spans of an organisation's requests go.
#[derive(Clone)]
pub(super) struct Requests {
    party: Party,
    spans: Spans,
    /// Tells requests apart that arrive at once.
    count: Arc<AtomicU32>,
}

impl Requests {
    pub fn new(party: Party, spans: Spans) -> Self {
        Requests { party, spans, count: Arc::default() }
    }
}

/// In an answer: its request has its span from elsewhere.
#[derive(Clone)]
struct HasSpan;

/// The answer to a request that left a row in the journal, or that another replica answered: its span comes from there.
pub(super) fn has_span(mut response: Response) -> Response {
    response.extensions_mut().insert(HasSpan);
    response
}

/// Answers a request, with the time of its arrival put beside it.
pub(super) async fn traced(State(requests): State<Requests>, mut request: Request, next: Next) -> Response {
    let at_ns = unix_ns();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let caller = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let caller = caller.filter(|context| TraceContext::parse(context).is_ok()).map(str::to_owned);
    let arrival = Arrival { at_ns, route, caller };
    let is_wanted = requests.spans.enabled() && request.uri().path().starts_with("/api/");
    let seen = is_wanted.then(|| (request.method().clone(), named(request.uri().path())));
    request.extensions_mut().insert(arrival.clone());
    let response = next.run(request).await;
    if let Some((method, application)) = seen.filter(|_| response.extensions().get::<HasSpan>().is_none()) {
        let saga_id = application.as_ref().map(organisation::saga_id);
        requests.emit(&arrival, &method, response.status(), saga_id);
    }
    response
}

impl Requests {
    fn emit(&self, arrival: &Arrival, method: &Method, status: StatusCode, saga_id: Option<String>) {
        let parent = arrival.caller.as_deref().and_then(|caller| TraceContext::parse(caller).ok());
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let context = TraceContext {
            trace_id: parent.map_or_else(|| trace_of(self.party, arrival.at_ns), |parent| parent.trace_id),
            // The journal knows no position like this: it is a time.
            span_id: telemetry::span_id(self.party.as_str(), arrival.at_ns, number),
        };
        let name = format!("{method} {}", arrival.route);
        let mut span = SpanRecord::new(context, name, SpanKind::Server, arrival.at_ns, unix_ns())
            .with(names::PARTY, self.party.as_str())
            .with(names::HTTP_REQUEST_METHOD, method.as_str().to_owned())
            .with(names::HTTP_ROUTE, arrival.route.clone())
            .with(names::HTTP_RESPONSE_STATUS_CODE, u64::from(status.as_u16()));
        span.parent = parent;
        if let Some(saga_id) = saga_id {
            span = span.with(names::SAGA_ID, saga_id);
        }
        if status.is_server_error() {
            span.status = Status::Error(status.as_str().to_owned().into());
        }
        self.spans.emit(vec![span]);
    }
}

/// The trace of a request that continues none and leaves no row.
pub(crate) fn trace_of(party: Party, at_ns: u64) -> telemetry::TraceId {
    telemetry::trace_id(&format!("{party}/arrived/{at_ns}"), 0)
}
