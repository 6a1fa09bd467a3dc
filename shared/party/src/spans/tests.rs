//! How far a collector has taken the spans, as the exporter knows it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use organisation::Key;
use std::time::{Duration, Instant};
use telemetry::{Settings, receiver::Receiver};

/// How long anything may take that has no reason to wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// An exporter that tries everything once, at once.
fn hasty(receiver: &Receiver) -> (Exporter, Guard) {
    let settings = Settings { linger: Duration::from_millis(1), attempts: 1, ..Settings::default() };
    let (spans, guard) = Spans::with_settings("nuan-bank", "bank-1", Some(&receiver.endpoint()), settings).unwrap();
    (Exporter { spans, ..Exporter::default() }, guard)
}

fn row(position: u64) -> Spanned {
    let due = Input::<()>::Due(Key::Row("case/NCD-2018-0052".into()));
    Spanned::new(Party::Bank, "saga", position, "due", &due, None, None, None, 1)
}

async fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it never came true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_mark_follows_what_is_taken_and_stops_before_what_was_lost() {
    let receiver = Receiver::start().await.unwrap();
    let (mut exporter, _guard) = hasty(&receiver);
    exporter.begin(3);
    assert_eq!(exporter.exported(), 3);
    exporter.emit(vec![row(4), row(5)], 2);
    exporter.emit(Vec::new(), 2);
    until(|| exporter.exported() == 5).await;
    exporter.emit(vec![row(7)], 2);
    until(|| exporter.exported() == 7).await;

    receiver.refuse(400);
    exporter.emit(vec![row(8)], 2);
    until(|| exporter.dropped() == 1).await;
    receiver.take();
    exporter.emit(vec![row(9)], 2);
    receiver.until(PATIENCE, |spans| spans.len() == 4).await.unwrap();
    until(|| exporter.spans.exported() == 4).await;
    assert_eq!(exporter.exported(), 7, "row 8 is to be emitted again");
}

#[tokio::test]
async fn while_nobody_answers_the_mark_stands() {
    let receiver = Receiver::start().await.unwrap();
    receiver.fall_silent();
    let (mut exporter, _guard) = hasty(&receiver);
    exporter.emit(vec![row(1)], 2);
    until(|| receiver.requests() == 1).await;
    assert_eq!(exporter.exported(), 0);
}

#[test]
fn without_a_collector_the_mark_stays_where_it_was() {
    let (mut exporter, _, _guards) = exporter("bank", None);
    exporter.begin(3);
    exporter.emit(vec![row(4)], 2);
    assert_eq!((exporter.exported(), exporter.under_way.len()), (3, 0));
}
