//! Nobody answers, somebody refuses, too much is emitted: the service goes on, and what was lost is counted.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use crate::{
    Settings, SpanKind, SpanRecord, Spans, TraceContext,
    receiver::{ReceivedSpan, Receiver},
    span_id, trace_id,
};

use super::export::{WAIT, end, spans_to};

fn records(positions: std::ops::Range<u64>) -> Vec<SpanRecord> {
    positions
        .map(|position| {
            let context = TraceContext { trace_id: trace_id("saga", 1), span_id: span_id("bank", position, 0) };
            SpanRecord::new(context, "step", SpanKind::Internal, 1, 2)
        })
        .collect()
}

fn quick() -> Settings {
    Settings {
        linger: Duration::from_millis(10),
        timeout: Duration::from_millis(300),
        pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(40),
        ..Settings::default()
    }
}

/// Waits for a counter of the exporting thread.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + WAIT;
    while !holds() {
        assert!(Instant::now() < until, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A port where nobody listens: bound a moment ago, and free again.
fn dead_endpoint() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn without_an_endpoint_nothing_is_taken_and_nothing_runs() {
    for endpoint in [None, Some("")] {
        let (spans, guard) = Spans::new("bank", "bank-1", endpoint).unwrap();
        assert!(!spans.enabled());
        spans.emit(records(0..3));
        assert_eq!((spans.dropped(), spans.exported(), spans.waiting()), (0, 0, 0));
        assert!(guard.shutdown(Duration::ZERO));
    }
    assert!(!Spans::disabled().enabled());
    assert!(!Spans::default().enabled());
}

#[test]
fn what_is_no_endpoint_is_refused_with_its_reason() {
    for (endpoint, reason) in [
        ("collector:4318", "only http:// is spoken"),
        ("https://collector:4318", "only http:// is spoken"),
        ("http://", "no host"),
        ("http:///v1", "no host"),
        ("http://:4318", "no host"),
        ("http://a b", "invalid"),
    ] {
        let error = Spans::new("bank", "bank-1", Some(endpoint)).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains(endpoint), "{endpoint}: {error}");
    }
}

#[tokio::test]
async fn a_trailing_slash_and_a_path_are_part_of_the_base() {
    let receiver = Receiver::start().await.unwrap();
    let (spans, guard) = spans_to(&format!("{}/", receiver.endpoint()), quick());
    spans.emit(records(0..1));
    receiver.until(WAIT, |spans| spans.len() == 1).await.unwrap();
    assert!(end(guard).await);
    let (spans, guard) = spans_to(&format!("{}/below", receiver.endpoint()), Settings { attempts: 1, ..quick() });
    spans.emit(records(1..2));
    eventually("a request below another path is refused and given up", || spans.dropped() == 1).await;
    assert!(end(guard).await);
}

#[test]
fn a_dead_endpoint_costs_spans_and_no_time() {
    let (spans, guard) = spans_to(&dead_endpoint(), Settings { queue: 100, batch: 10, attempts: 2, ..quick() });
    let started = Instant::now();
    for n in 0..2_000 {
        spans.emit(records(n..n + 1));
    }
    assert!(started.elapsed() < Duration::from_secs(1), "emitting took {:?}", started.elapsed());
    let before = spans.dropped();
    assert!(before >= 1_800, "only {before} dropped of 2000 with room for 100 and some batches");
    assert!(guard.shutdown(WAIT));
    assert_eq!((spans.dropped(), spans.exported(), spans.waiting()), (2_000, 0, 0));
}

#[tokio::test]
async fn a_full_queue_drops_what_does_not_fit_and_counts_it() {
    let receiver = Receiver::start().await.unwrap();
    // Nothing leaves before the end: the queue is smaller than a batch and time stands still.
    let settings = Settings { queue: 5, batch: 100, linger: Duration::from_secs(3600), ..quick() };
    let (spans, guard) = spans_to(&receiver.endpoint(), settings);
    spans.emit(records(0..3));
    assert_eq!((spans.waiting(), spans.dropped()), (3, 0));
    spans.emit(records(3..7));
    assert_eq!((spans.waiting(), spans.dropped()), (5, 2));
    spans.emit(records(7..8));
    assert_eq!((spans.waiting(), spans.dropped()), (5, 3));
    spans.emit(Vec::new());
    assert!(end(guard).await);
    let kept: Vec<_> = receiver.spans().iter().map(|span| span.context).collect();
    let first_five: Vec<_> = records(0..5).iter().map(|span| span.context).collect();
    assert_eq!(kept, first_five, "the first come are kept");
    assert_eq!((spans.waiting(), spans.dropped(), spans.exported()), (0, 3, 5));
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_what_waited() {
    let receiver = Receiver::start().await.unwrap();
    receiver.refuse(503);
    let (spans, guard) = spans_to(&receiver.endpoint(), Settings { attempts: u32::MAX, batch: 4, ..quick() });
    spans.emit(records(0..10));
    eventually("the first batch is tried several times", || receiver.requests() >= 4).await;
    assert_eq!((receiver.spans().len(), spans.exported(), spans.dropped()), (0, 0, 0));
    receiver.take();
    let received = receiver.until(WAIT, |spans: &[ReceivedSpan]| spans.len() == 10).await.unwrap();
    let order: Vec<_> = received.iter().map(|span| span.context).collect();
    assert_eq!(order, records(0..10).iter().map(|span| span.context).collect::<Vec<_>>());
    assert!(end(guard).await);
    assert_eq!((spans.exported(), spans.dropped()), (10, 0));
}

#[tokio::test]
async fn a_batch_that_is_always_refused_is_given_up_and_the_next_goes_on() {
    let receiver = Receiver::start().await.unwrap();
    receiver.refuse(400);
    let (spans, guard) = spans_to(&receiver.endpoint(), Settings { attempts: 3, batch: 2, ..quick() });
    spans.emit(records(0..2));
    eventually("the batch is given up", || spans.dropped() == 2).await;
    assert_eq!(receiver.requests(), 3);
    receiver.take();
    spans.emit(records(2..4));
    let received = receiver.until(WAIT, |spans| spans.len() == 2).await.unwrap();
    assert_eq!(received[0].context, records(2..3)[0].context);
    assert!(end(guard).await);
}

#[tokio::test]
async fn the_pause_between_attempts_doubles_up_to_its_bound() {
    let receiver = Receiver::start().await.unwrap();
    receiver.refuse(503);
    let settings = Settings {
        pause: Duration::from_millis(50),
        longest_pause: Duration::from_millis(200),
        attempts: 10,
        ..quick()
    };
    let (spans, guard) = spans_to(&receiver.endpoint(), settings);
    let started = Instant::now();
    spans.emit(records(0..1));
    eventually("the batch is given up", || spans.dropped() == 1).await;
    // 50 + 100 + 7 times 200 between ten attempts; without the bound it would be more than 25 s.
    let taken = started.elapsed();
    assert!((Duration::from_millis(1_550)..Duration::from_secs(10)).contains(&taken), "given up after {taken:?}");
    assert_eq!(receiver.requests(), 10);
    assert!(end(guard).await);
}

#[tokio::test]
async fn a_silent_collector_holds_up_neither_emitting_nor_the_end() {
    let receiver = Receiver::start().await.unwrap();
    receiver.fall_silent();
    let (spans, guard) = spans_to(&receiver.endpoint(), Settings { batch: 1, queue: 2, ..quick() });
    spans.emit(records(0..1));
    eventually("the thread waits for an answer", || receiver.requests() == 1).await;
    let started = Instant::now();
    spans.emit(records(1..1_000));
    assert!(started.elapsed() < Duration::from_millis(200), "emitting took {:?}", started.elapsed());
    assert_eq!(spans.dropped(), 997);
    // The end is bounded by what the caller gives, whatever the thread is at.
    let started = Instant::now();
    let done = tokio::task::spawn_blocking(move || guard.shutdown(Duration::from_millis(1))).await.unwrap();
    assert!(!done, "three silent answers of 300 ms do not fit into 1 ms");
    assert!(started.elapsed() < Duration::from_millis(250), "the end took {:?}", started.elapsed());
    // The thread itself comes to its end too: each batch that is left is tried once.
    eventually("everything is given up", || spans.dropped() == 1_000).await;
}

#[tokio::test]
async fn the_end_tries_each_batch_once_and_does_not_pause() {
    let receiver = Receiver::start().await.unwrap();
    receiver.refuse(503);
    let settings = Settings { pause: Duration::from_secs(3600), longest_pause: Duration::from_secs(3600), ..quick() };
    let (spans, guard) = spans_to(&receiver.endpoint(), Settings { batch: 2, ..settings });
    spans.emit(records(0..2));
    eventually("the first batch is refused", || receiver.requests() == 1).await;
    spans.emit(records(2..6));
    let ended = end(guard).await;
    assert!(ended, "a pause of an hour is cut short");
    assert_eq!((receiver.requests(), spans.dropped()), (3, 6));
}
