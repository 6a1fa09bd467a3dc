//! Spans of rows that were committed and not taken by a collector before the process died: the next start emits them, under
//! the same ids, and those only.

use crate::{
    forge::database,
    house::{House, Setup},
};
use domain::Party;
use std::{collections::BTreeMap, time::Duration};
use telemetry::{
    TraceContext, names,
    receiver::{ReceivedSpan, Receiver, dangling},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Each span by its id; each came once.
fn by_id(spans: Vec<ReceivedSpan>) -> BTreeMap<TraceContext, ReceivedSpan> {
    let count = spans.len();
    let spans: BTreeMap<_, _> = spans.into_iter().map(|span| (span.context, span)).collect();
    assert_eq!(spans.len(), count, "a span came twice");
    spans
}

/// How many applications are paid out, by these spans, with nothing missing in between.
fn paid_out(spans: &[ReceivedSpan]) -> usize {
    let last = |span: &&ReceivedSpan| {
        (span.text(names::SAGA_STEP), span.text(names::SAGA_EVENT)) == (Some("notify and archive"), Some("done"))
    };
    if dangling(spans).is_empty() { spans.iter().filter(last).count() } else { 0 }
}

async fn disbursed(house: &House, n: u32) {
    let id = house.file(n, 20_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.idle().await;
}

#[tokio::test]
async fn every_span_is_built_again_from_its_row_as_it_was_emitted_after_the_commit() {
    let first = Receiver::start().await.unwrap();
    let setup = Setup { otlp_endpoint: Some(first.endpoint()), ..Setup::default() };
    let mut house = House::with(setup.by_hand(guarantor_core::Role::RiskManager)).await;
    // A message, a step and a refusal of each kind: a firm files twice, one application is agreed to, one is declined.
    let mut ids = Vec::new();
    for n in [1, 2] {
        ids.push(house.file(n, 20_000_000, 0).await.unwrap());
    }
    house.file(1, 20_000_000, 0).await.unwrap_err();
    for (id, verdict) in ids.iter().zip([
        guarantor_core::command::Assessment::Agree {
            amount_fen: domain::Amount::new(domain::Fen::new(20_000_000)).unwrap(),
            conditions: Vec::new(),
            counter_guarantee: guarantor_core::case::Demand::None,
        },
        guarantor_core::command::Assessment::Decline { reason: contracts::GuaranteeDecline::CashFlow },
    ]) {
        house.guarantor.until(&format!("case/{id}"), "GUARANTEE_REVIEW").await;
        let command = guarantor_core::Command::Assess { application_id: id.clone(), verdict };
        house.guarantor.tell("zhao", &["risk_manager"], command).await.unwrap();
    }
    house.union.until(&format!("application/{}", ids[0]), "DISBURSED").await;
    house.union.until(&format!("application/{}", ids[1]), "GUARANTEE_DECLINED").await;
    house.idle().await;
    // An orderly end sends what waits.
    house.stop().await;
    let emitted = by_id(first.spans());

    for party in Party::ALL {
        sqlx::query("UPDATE writer SET exported = 0").execute(&mut database(&house, party).await).await.unwrap();
    }
    let second = Receiver::start().await.unwrap();
    house.trace_to(&second.endpoint());
    house.start().await;
    let again = second.until(PATIENCE, |spans| spans.len() >= emitted.len()).await.unwrap();
    house.stop().await;
    assert_eq!(second.spans().len(), emitted.len());
    for (id, mut again) in by_id(again) {
        let before = &emitted[&id];
        // How long the commit took is not in the row; and it was another process.
        assert!(again.start_ns <= again.end_ns && again.end_ns <= before.end_ns, "{} ends at another time", again.name);
        again.end_ns = before.end_ns;
        again.resource = before.resource.clone();
        assert_eq!(again, *before);
    }
    let linked = emitted.values().filter(|span| !span.links.is_empty()).count();
    let refused = emitted.values().filter(|span| span.error.is_some()).count();
    assert!(linked > 0 && refused > 0, "{linked} linked, {refused} refused");
}

#[tokio::test]
async fn spans_that_nobody_took_before_a_crash_are_emitted_at_the_next_start_once_and_in_one_piece() {
    // A port of this machine on which nobody listens.
    let setup = Setup { otlp_endpoint: Some("http://127.0.0.1:1".into()), ..Setup::default() };
    let mut house = House::with(setup).await;
    disbursed(&house, 1).await;
    tokio::join!(house.union.crash(), house.guarantor.crash(), house.bank.crash());
    let receiver = Receiver::start().await.unwrap();
    house.trace_to(&receiver.endpoint());
    house.start().await;
    receiver.until(PATIENCE, |spans| paid_out(spans) == 1).await.unwrap();
    // With what comes after the start they are one whole, and what was taken is not emitted again after an orderly end.
    disbursed(&house, 2).await;
    house.stop().await;
    house.start().await;
    disbursed(&house, 3).await;
    house.stop().await;
    let spans = receiver.spans();
    assert_eq!(paid_out(&spans), 3);
    by_id(spans);
}
