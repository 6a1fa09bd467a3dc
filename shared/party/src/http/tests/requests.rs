//! The server spans of requests that leave no row in the journal.

use super::*;
use std::time::Duration;
use telemetry::{
    Settings, SpanKind, Spans, names,
    receiver::{ReceivedSpan, Receiver},
};

const PATIENCE: Duration = Duration::from_secs(20);
const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn route(span: &ReceivedSpan) -> (&str, Option<&telemetry::Value>, Option<&str>) {
    (&span.name, span.attributes.get(names::HTTP_RESPONSE_STATUS_CODE), span.saga_id())
}

#[tokio::test]
async fn reads_and_refused_requests_have_a_server_span_and_decided_commands_have_it_in_the_journal() {
    let receiver = Receiver::start().await.unwrap();
    let settings = Settings { linger: Duration::from_millis(1), ..Settings::default() };
    let (spans, _guard) = Spans::with_settings("nuan-toy", "toy-1", Some(&receiver.endpoint()), settings).unwrap();
    let mut service = Service::traced(spans).await;
    let id = service.case(1, 3, "x").await;
    let saga_id = organisation::saga_id(&id);

    let writer = service.play(Reply::Decided { status: 200, body: Ok(json!({})), version: None, replayed: false });
    let decide = "/api/v1/tasks/NCD-2020-0001/look/decision";
    service.send(service.decision("looker", decide, &json!({ "yes": true }))).await.is(200, "");
    writer.await.unwrap();
    let request = service.client.get(format!("{}/api/v1/applications/{id}", service.base)).bearer_auth("looker");
    service.send(request.header("traceparent", CALLER)).await.is(200, "");
    service.get("applicant", "/api/v1/parked").await.is(403, "FORBIDDEN");
    service.get("looker", "/api/v1/110105199003070010").await.is(404, "NOT_FOUND");
    service.get("looker", "/livez").await.is(200, "");
    service.send(service.client.post(format!("{}{decide}", service.base)).bearer_auth("looker")).await;

    let spans = receiver.until(PATIENCE, |spans| spans.len() >= 4).await.unwrap();
    let decide = "POST /api/v1/tasks/{*task}";
    assert_eq!(
        spans.iter().map(route).collect::<Vec<_>>(),
        [
            ("GET /api/v1/applications/{id}", Some(&telemetry::Value::Int(200)), Some(saga_id.as_str())),
            ("GET /api/v1/parked", Some(&telemetry::Value::Int(403)), None),
            ("GET ", Some(&telemetry::Value::Int(404)), None),
            (decide, Some(&telemetry::Value::Int(428)), Some(saga_id.as_str())),
        ]
    );
    assert!(spans.iter().all(|span| span.kind == Some(SpanKind::Server) && span.start_ns <= span.end_ns));
    let caller = telemetry::TraceContext::parse(CALLER).unwrap();
    assert_eq!((spans[0].context.trace_id, spans[0].parent), (caller.trace_id, Some(caller.span_id)));
    assert!(spans[1].parent.is_none());
    let ids: std::collections::BTreeSet<_> = spans.iter().map(|span| span.context.span_id).collect();
    assert_eq!(ids.len(), spans.len());
}
