//! JSON lines carry trace, span and saga ids in one place, wherever they were given.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use crate::{LogFormat, LoggingError, init_logging, json_lines};
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that were logged meanwhile.
fn logged(log: impl FnOnce()) -> Vec<Value> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::registry().with(json_lines(move || writer.clone()));
    tracing::subscriber::with_default(subscriber, log);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
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
