//! JSON lines carry trace, span and saga ids in one place, wherever they were given.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{Captured, LogFormat, LoggingError, about, init_logging};
use serde_json::Value;

/// The lines that were logged meanwhile.
fn logged(log: impl FnOnce()) -> Vec<Value> {
    let captured = Captured::begin();
    log();
    captured.lines()
}

#[test]
fn ids_given_to_the_event_or_to_a_span_around_it_are_found_in_the_same_place() {
    let lines = logged(|| {
        tracing::info!(trace_id = "t", span_id = "s", saga_id = "g", "of the event");
        let outer = tracing::info_span!("outer", trace_id = "t", saga_id = "g", leg = 2);
        let _outer = outer.enter();
        let inner = tracing::info_span!("inner", span_id = "s");
        let _inner = inner.enter();
        tracing::info!("of the spans");
    });
    for (line, message) in lines.iter().zip(["of the event", "of the spans"]) {
        assert_eq!(line["message"], message);
        assert_eq!((&line["trace_id"], &line["span_id"], &line["saga_id"]), (&"t".into(), &"s".into(), &"g".into()));
    }
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["leg"], 2);
}

#[test]
fn a_line_has_time_level_target_and_fields_of_their_types() {
    let error = io::Error::other("disk full");
    let lines =
        logged(|| tracing::warn!(target: "store", count = 3_u64, left = -1, good = false, %error, "no \"commit\"\n"));
    let line = &lines[0];
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], "store");
    assert_eq!(line["message"], "no \"commit\"\n");
    assert_eq!((&line["count"], &line["left"], &line["good"]), (&3.into(), &(-1).into(), &false.into()));
    assert_eq!(line["error"], "disk full");
    let time = line["timestamp"].as_str().unwrap();
    assert!(time.len() >= 20 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
}

#[test]
fn the_inner_value_wins_and_no_field_poses_as_the_level() {
    let lines = logged(|| {
        let span = tracing::info_span!("outer", saga_id = "outer", late = tracing::field::Empty);
        let _span = span.enter();
        span.record("late", "recorded");
        tracing::info!(saga_id = "inner", level = "FORGED", "x");
    });
    assert_eq!(lines[0]["saga_id"], "inner");
    assert_eq!(lines[0]["late"], "recorded");
    assert_eq!(lines[0]["level"], "INFO");
}

#[tokio::test]
async fn what_a_task_is_about_is_asked_for_only_when_it_logs_and_yields_to_what_is_nearer() {
    let captured = Captured::begin();
    let asked = Arc::new(AtomicU32::new(0));
    let fields = |saga: &'static str| {
        let asked = Arc::clone(&asked);
        move || {
            asked.fetch_add(1, Ordering::Relaxed);
            vec![("saga_id", saga.to_owned()), ("application_id", "NCD-2018-0052".to_owned())]
        }
    };
    about(fields("silent"), tokio::task::yield_now()).await;
    assert_eq!(asked.load(Ordering::Relaxed), 0);

    let both = async {
        tracing::info!("before");
        tokio::task::yield_now().await;
        tracing::info!(saga_id = "own", "after");
    };
    // Another task that runs in between is about something else, or about nothing.
    let between = tokio::spawn(async { tracing::info!("between") });
    about(fields("outer"), both).await;
    between.await.unwrap();
    let lines = captured.lines();
    let seen: Vec<_> = lines.iter().map(|line| (&line["message"], &line["saga_id"])).collect();
    assert_eq!(
        seen,
        [(&"before".into(), &"outer".into()), (&"between".into(), &Value::Null), (&"after".into(), &"own".into())]
    );
    assert_eq!(
        (&lines[0]["application_id"], &lines[2]["application_id"]),
        (&"NCD-2018-0052".into(), &"NCD-2018-0052".into())
    );
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn what_is_no_format_or_filter_is_refused_and_logging_is_set_up_once() {
    assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
    assert_eq!("text".parse::<LogFormat>().unwrap(), LogFormat::Text);
    assert!(matches!("xml".parse::<LogFormat>(), Err(LoggingError::Format(_))));
    assert!(matches!(init_logging(LogFormat::Json, "party=loud"), Err(LoggingError::Filter { .. })));
    // The only place in this binary that touches the process-wide subscriber.
    init_logging(LogFormat::Json, "off").unwrap();
    assert!(matches!(init_logging(LogFormat::Text, "info"), Err(LoggingError::Already(_))));
}
