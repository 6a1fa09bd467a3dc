//! What was emitted arrives: fields, parents, links, and the same ids when it is emitted again.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    Guard, Settings, SpanKind, SpanRecord, Spans, Status, TraceContext, Value, names,
    receiver::{ReceivedSpan, Receiver, dangling},
    span_id, trace_id,
};

pub const WAIT: Duration = Duration::from_secs(20);
const SAGA: &str = "0b7e1c2a-5c9d-8f00-9a1b-2c3d4e5f6071";
const START: u64 = 1_582_506_300_000_000_000;

pub fn spans_to(endpoint: &str, settings: Settings) -> (Spans, Guard) {
    Spans::with_settings("bank", "bank-1", Some(endpoint), settings).unwrap()
}

/// Ends the export without holding up the receiver, which runs on this very thread.
pub async fn end(guard: Guard) -> bool {
    tokio::task::spawn_blocking(move || guard.shutdown(WAIT)).await.unwrap()
}

fn at(party: &str, position: u64, index: u32) -> TraceContext {
    TraceContext { trace_id: trace_id(SAGA, 1), span_id: span_id(party, position, index) }
}

/// What a bank would build from journal row 7: a message of the union processed, a step decided, an answer sent.
fn row_7() -> Vec<SpanRecord> {
    let process = SpanRecord {
        parent: Some(at("union", 41, 2)),
        ..SpanRecord::new(at("bank", 7, 0), "process approve credit", SpanKind::Consumer, START, START + 5_000_001)
    }
    .with(names::MESSAGING_SYSTEM, names::NATS)
    .with(names::MESSAGING_OPERATION_TYPE, names::PROCESS)
    .with(names::MESSAGING_MESSAGE_CONVERSATION_ID, SAGA.to_owned());
    let decide = SpanRecord {
        parent: Some(process.context),
        links: vec![at("guarantor", 3, 0), at("union", 40, 0)],
        status: Status::Error("core banking does not answer".into()),
        ..SpanRecord::new(at("bank", 7, 1), "decide approve credit", SpanKind::Internal, START + 1, START + 2)
    }
    .with(names::JOURNAL_POSITION, 7_u64)
    .with("nuan.first", true);
    let send = SpanRecord {
        parent: Some(decide.context),
        ..SpanRecord::new(at("bank", 7, 2), "send x.bank.union", SpanKind::Producer, START + 2, START + 3)
    };
    [process, decide, send].into_iter().map(|span| span.with(names::SAGA_ID, SAGA.to_owned())).collect()
}

fn named<'a>(spans: &'a [ReceivedSpan], name: &str) -> &'a ReceivedSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name}: {spans:#?}"))
}

#[tokio::test]
async fn what_is_emitted_is_received_with_every_field() {
    let receiver = Receiver::start().await.unwrap();
    let (spans, guard) = spans_to(&receiver.endpoint(), Settings::default());
    assert!(spans.enabled());
    spans.emit(row_7());
    let received = receiver.until(WAIT, |spans| spans.len() == 3).await.unwrap();

    let process = named(&received, "process approve credit");
    assert_eq!(process.service, "bank");
    assert_eq!(process.resource.get(names::SERVICE_INSTANCE_ID), Some(&"bank-1".into()));
    assert_eq!(process.resource.get(names::SERVICE_VERSION), Some(&env!("CARGO_PKG_VERSION").into()));
    assert_eq!(process.context, at("bank", 7, 0));
    assert_eq!(process.parent, Some(span_id("union", 41, 2)));
    assert_eq!((process.kind, process.parent_is_remote), (Some(SpanKind::Consumer), true));
    assert_eq!((process.start_ns, process.end_ns), (START, START + 5_000_001));
    assert_eq!(process.error, None);
    assert_eq!(process.links, []);
    assert_eq!(process.text("messaging.system"), Some("nats"));
    assert_eq!(process.text("messaging.operation.type"), Some("process"));
    assert_eq!(process.text("messaging.message.conversation_id"), Some(SAGA));

    let decide = named(&received, "decide approve credit");
    assert_eq!(decide.parent, Some(process.context.span_id));
    assert_eq!((decide.kind, decide.parent_is_remote), (Some(SpanKind::Internal), false));
    assert_eq!(decide.links, [at("guarantor", 3, 0), at("union", 40, 0)]);
    assert_eq!(decide.error.as_deref(), Some("core banking does not answer"));
    assert_eq!(decide.attributes.get("nuan.journal.position"), Some(&Value::Int(7)));
    assert_eq!(decide.attributes.get("nuan.first"), Some(&Value::Bool(true)));

    let send = named(&received, "send x.bank.union");
    assert_eq!((send.parent, send.kind), (Some(decide.context.span_id), Some(SpanKind::Producer)));
    assert!(received.iter().all(|span| span.saga_id() == Some(SAGA) && span.context.trace_id == trace_id(SAGA, 1)));

    assert!(end(guard).await);
    assert_eq!((spans.exported(), spans.dropped(), spans.waiting()), (3, 0, 0));
}

#[tokio::test]
async fn emitting_again_after_a_crash_repeats_the_same_spans() {
    let receiver = Receiver::start().await.unwrap();
    for _ in 0..2 {
        // A new handle, as of a process that knows nothing of the one before.
        let (spans, guard) = spans_to(&receiver.endpoint(), Settings::default());
        spans.emit(row_7());
        assert!(end(guard).await);
    }
    let received = receiver.until(WAIT, |spans| spans.len() == 6).await.unwrap();
    let contexts: BTreeSet<TraceContext> = received.iter().map(|span| span.context).collect();
    assert_eq!(contexts.len(), 3);
    assert_eq!(received[..3], received[3..], "not only the ids: everything");
}

#[tokio::test]
async fn spans_of_three_services_hang_together_and_a_missing_one_is_named() {
    let receiver = Receiver::start().await.unwrap();
    let (spans, guard) = spans_to(&receiver.endpoint(), Settings::default());
    spans.emit(row_7());
    let received = receiver.until(WAIT, |spans| spans.len() == 3).await.unwrap();
    let missing: BTreeSet<TraceContext> = dangling(&received).into_iter().map(|(_, to)| to).collect();
    assert_eq!(missing, BTreeSet::from([at("union", 41, 2), at("guarantor", 3, 0), at("union", 40, 0)]));

    let of = |context| SpanRecord::new(context, "step", SpanKind::Internal, START, START);
    let (union, union_guard) = Spans::new("union", "union-1", Some(&receiver.endpoint())).unwrap();
    let (guarantor, guarantor_guard) = Spans::new("guarantor", "guarantor-1", Some(&receiver.endpoint())).unwrap();
    union.emit(vec![of(at("union", 41, 2)), of(at("union", 40, 0))]);
    guarantor.emit(vec![of(at("guarantor", 3, 0))]);
    let received = receiver.until(WAIT, |spans| spans.len() == 6).await.unwrap();
    assert_eq!(dangling(&received), []);
    let services: BTreeSet<&str> = received.iter().map(|span| span.service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(["bank", "guarantor", "union"]));
    for guard in [guard, union_guard, guarantor_guard] {
        assert!(end(guard).await);
    }
}

#[tokio::test]
async fn a_parent_in_another_trace_becomes_a_link() {
    let receiver = Receiver::start().await.unwrap();
    let (spans, guard) = spans_to(&receiver.endpoint(), Settings::default());
    let last_leg = TraceContext { trace_id: trace_id(SAGA, 1), span_id: span_id("union", 9, 0) };
    let here = TraceContext { trace_id: trace_id(SAGA, 2), span_id: span_id("bank", 9, 0) };
    spans.emit(vec![SpanRecord {
        parent: Some(last_leg),
        ..SpanRecord::new(here, "decide", SpanKind::Internal, START, START)
    }]);
    assert!(end(guard).await);
    let received = receiver.spans();
    assert_eq!((received[0].parent, &received[0].links[..]), (None, &[last_leg][..]));
}

#[tokio::test]
async fn many_spans_share_few_requests() {
    let receiver = Receiver::start().await.unwrap();
    let settings = Settings { batch: 100, linger: Duration::from_millis(50), ..Settings::default() };
    let (spans, guard) = spans_to(&receiver.endpoint(), settings);
    for position in 0..250 {
        let context = TraceContext { trace_id: trace_id(SAGA, 1), span_id: span_id("bank", position, 0) };
        spans.emit(vec![SpanRecord::new(context, "step", SpanKind::Internal, START, START)]);
    }
    let received = receiver.until(WAIT, |spans| spans.len() == 250).await.unwrap();
    let distinct: BTreeSet<TraceContext> = received.iter().map(|span| span.context).collect();
    assert_eq!(distinct.len(), 250);
    // 3 when the queue is filled before the thread first looks; more when this machine is busy, but nothing like 250.
    assert!((3..=25).contains(&receiver.requests()), "{} requests", receiver.requests());
    assert!(end(guard).await);
}

#[tokio::test]
async fn a_full_batch_does_not_wait_for_its_time() {
    let receiver = Receiver::start().await.unwrap();
    let settings = Settings { batch: 6, linger: Duration::from_secs(3600), ..Settings::default() };
    let (spans, guard) = spans_to(&receiver.endpoint(), settings);
    spans.emit(row_7());
    // The thread has seen the first three and waits for the rest of the hour.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(receiver.requests(), 0);
    spans.emit(row_7());
    receiver.until(WAIT, |spans| spans.len() == 6).await.unwrap();
    assert!(end(guard).await);
}

#[tokio::test]
async fn a_dropped_guard_still_lets_out_what_waits() {
    let receiver = Receiver::start().await.unwrap();
    let settings = Settings { linger: Duration::from_secs(3600), ..Settings::default() };
    let (spans, guard) = spans_to(&receiver.endpoint(), settings);
    spans.emit(row_7());
    drop(guard);
    receiver.until(WAIT, |spans| spans.len() == 3).await.unwrap();
    spans.emit(row_7());
    assert_eq!(spans.dropped(), 3, "after the end nothing is taken");
}
