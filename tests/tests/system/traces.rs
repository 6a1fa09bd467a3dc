//! One saga as an operator sees it in a trace viewer: every step, every organisation, and nothing that hangs in the air.

use crate::{
    house::{House, ROUTE, Setup},
    rotel::{PrintedSpan, Rotel},
};
use std::{collections::BTreeSet, time::Duration};
use telemetry::{
    SpanKind, names,
    receiver::{ReceivedSpan, Receiver, dangling},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// The steps of the definition that a list of spans says are done.
fn done(spans: &[ReceivedSpan], saga_id: &str) -> BTreeSet<String> {
    let spans =
        spans.iter().filter(|span| span.saga_id() == Some(saga_id) && span.text(names::SAGA_EVENT) == Some("done"));
    spans.filter_map(|span| span.text(names::SAGA_STEP).map(str::to_owned)).collect()
}

/// The steps of an origination.
fn steps() -> BTreeSet<String> {
    union_core::origination::definition().unwrap().steps().iter().map(|step| step.name.to_owned()).collect()
}

#[tokio::test]
async fn the_spans_of_one_saga_name_every_step_and_hang_together_over_three_services() {
    let receiver = Receiver::start().await.unwrap();
    let house = House::with(Setup { otlp_endpoint: Some(receiver.endpoint()), ..Setup::default() }).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.idle().await;
    let saga_id = organisation::saga_id(&id);

    let steps = steps();
    let whole = |spans: &[ReceivedSpan]| done(spans, &saga_id).is_superset(&steps) && dangling(spans).is_empty();
    let spans = match receiver.until(PATIENCE, whole).await {
        Ok(spans) => spans,
        Err(spans) => {
            let missing: Vec<_> = steps.difference(&done(&spans, &saga_id)).cloned().collect();
            panic!("missing steps {missing:?}, dangling {:?}", dangling(&spans));
        }
    };
    let of_saga: Vec<&ReceivedSpan> = spans.iter().filter(|span| span.saga_id() == Some(&saga_id)).collect();
    let services: BTreeSet<&str> = of_saga.iter().map(|span| span.service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(["nuan-bank", "nuan-guarantor", "nuan-union"]));
    // Everything was decided by rule, so the whole saga is one automatic leg: one trace.
    let traces: BTreeSet<_> = of_saga.iter().map(|span| span.context.trace_id).collect();
    assert_eq!(traces.len(), 1);
    // It began with a request, whose span begins when it arrived.
    let servers: Vec<_> = of_saga.iter().filter(|span| span.kind == Some(SpanKind::Server)).collect();
    assert_eq!(servers.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), [format!("POST {ROUTE}")]);
    let decided = of_saga.iter().filter(|span| span.parent == Some(servers[0].context.span_id));
    let first_ns = decided.map(|span| span.start_ns).min().unwrap();
    assert!(servers[0].start_ns < first_ns, "deciding began later");
    // Every message that was processed is a consumer span under the producer span of its sender.
    let consumers: Vec<_> = of_saga.iter().filter(|span| span.kind == Some(SpanKind::Consumer)).collect();
    assert!(!consumers.is_empty());
    for consumer in consumers {
        let parent = consumer.parent.unwrap();
        let producer = of_saga.iter().find(|span| span.context.span_id == parent).unwrap();
        assert_eq!(producer.kind, Some(SpanKind::Producer), "{} under {}", consumer.name, producer.name);
        assert_ne!(producer.service, consumer.service);
    }
    house.close().await;
}

#[tokio::test]
async fn a_collector_that_is_not_ours_is_sent_every_step_of_three_services_in_one_trace() {
    let rotel = Rotel::start();
    let house = House::with(Setup { otlp_endpoint: Some(rotel.endpoint()), ..Setup::default() }).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.idle().await;
    let saga_id = organisation::saga_id(&id);
    let of_saga = |spans: &[PrintedSpan]| -> Vec<PrintedSpan> {
        spans.iter().filter(|span| span.attributes.get(names::SAGA_ID) == Some(&saga_id)).cloned().collect()
    };
    // Once no span waits for its parent and every step is done, nothing is missing.
    let whole = |spans: &[PrintedSpan]| {
        let spans = of_saga(spans);
        let ids: BTreeSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
        let done = |span: &&PrintedSpan| span.attributes.get(names::SAGA_EVENT).is_some_and(|event| event == "done");
        let done: BTreeSet<_> =
            spans.iter().filter(done).map(|span| span.attributes[names::SAGA_STEP].clone()).collect();
        done.is_superset(&steps()) && spans.iter().all(|span| span.parent.is_empty() || ids.contains(&*span.parent))
    };
    let spans = of_saga(&rotel.until(PATIENCE, whole).await);

    let services: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(["nuan-bank", "nuan-guarantor", "nuan-union"]));
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace_id.as_str()).collect();
    assert_eq!(traces.len(), 1, "{traces:?}");
    assert!(traces.iter().all(|trace| trace.len() == 32), "{traces:?}");
    let consumers: Vec<_> = spans.iter().filter(|span| span.kind == "SPAN_KIND_CONSUMER").collect();
    assert!(!consumers.is_empty());
    for consumer in consumers {
        let producer = spans.iter().find(|span| span.span_id == consumer.parent).unwrap();
        assert_eq!(producer.kind, "SPAN_KIND_PRODUCER", "{} under {}", consumer.name, producer.name);
        assert_ne!(producer.service, consumer.service);
    }
    house.close().await;
}

#[tokio::test]
async fn a_person_s_decision_begins_a_new_trace_linked_to_the_last() {
    let receiver = Receiver::start().await.unwrap();
    let setup = Setup { otlp_endpoint: Some(receiver.endpoint()), ..Setup::default() };
    let house = House::with(setup.by_hand(guarantor_core::Role::RiskManager)).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.guarantor.until(&format!("case/{id}"), "GUARANTEE_REVIEW").await;
    let verdict = guarantor_core::command::Assessment::Agree {
        amount_fen: domain::Amount::new(domain::Fen::new(20_000_000)).unwrap(),
        conditions: Vec::new(),
        counter_guarantee: guarantor_core::case::Demand::None,
    };
    let command = guarantor_core::Command::Assess { application_id: id.clone(), verdict };
    house.guarantor.tell("zhao", &["risk_manager"], command).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.idle().await;
    let saga_id = organisation::saga_id(&id);
    let enough =
        |spans: &[ReceivedSpan]| done(spans, &saga_id).contains("notify and archive") && dangling(spans).is_empty();
    let spans = receiver.until(PATIENCE, enough).await.unwrap();
    let decision = spans
        .iter()
        .find(|span| {
            span.service == "nuan-guarantor" && span.kind == Some(SpanKind::Server) && span.saga_id() == Some(&saga_id)
        })
        .unwrap();
    assert_eq!(decision.parent, None);
    assert_eq!(decision.links.len(), 1);
    assert_ne!(decision.links[0].trace_id, decision.context.trace_id);
    house.close().await;
}

#[tokio::test]
async fn nothing_breaks_when_nobody_takes_the_spans() {
    // A port of this machine on which nobody listens.
    let setup = Setup { otlp_endpoint: Some("http://127.0.0.1:1".into()), ..Setup::default() };
    let house = House::with(setup).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.close().await;
}
