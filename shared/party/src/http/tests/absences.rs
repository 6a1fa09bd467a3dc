//! Who may act for whom, and what comes of it.

use super::*;
use crate::{
    handle::{Maintenance, MaintenanceWork, Said, Told},
    store::tables::{ABSENCE, LOGIN},
};
use organisation::Person;
use std::collections::BTreeSet;

const DECISION: &str = "/api/v1/tasks/NCD-2020-0001/look/decision";

/// A service of 2020-02-24 at which these are away: person, deputy, first and last day, whether ended.
async fn service(absences: &[(&str, &str, &str, &str, bool)]) -> Service {
    let mut service = Service::start().await;
    for (account, roles, closed) in [
        ("looker", "looker operator applicant", false),
        ("other", "other", false),
        ("gone", "looker", true),
        ("mere", APPLICANT, false),
        ("supervisor", "supervisor", false),
    ] {
        let person = format!("person:{account}");
        let closed = Cell::Int(i64::from(closed));
        let row = [account.into(), person.into(), roles.into(), Cell::Null, closed, Cell::Int(0), Cell::Int(0)];
        service.put(&LOGIN, row).await;
    }
    for (number, (person, deputy, from, to, ended)) in (1..).zip(absences) {
        let (person, deputy) = (format!("person:{person}"), format!("person:{deputy}"));
        let ended = Cell::Int(i64::from(*ended));
        let row = [Cell::Int(number), person.into(), deputy.into(), (*from).into(), (*to).into(), ended, "休假".into()];
        service.put(&ABSENCE, row).await;
    }
    service
}

#[tokio::test]
async fn a_deputy_acts_with_the_roles_of_who_is_away_and_under_both_names() {
    let mut service = service(&[("looker", "other", "2020-02-24", "2020-02-24", false)]).await;
    let own = service.get("other", "/api/v1/account").await;
    assert_eq!(own.body["deputy_for"], json!({ "person:looker": ["looker"] }), "neither operator nor applicant");
    assert_eq!(service.get("other", "/api/v1/own").await.code(), "FORBIDDEN", "not by mistake");
    let writer = service.play(Reply::Decided { status: 200, body: Ok(json!({})), version: None, replayed: false });
    let decision = service.decision("other", DECISION, &json!({ "yes": true }));
    service.send(decision.header("On-Behalf-Of", "person:looker")).await.is(200, "");
    let work = writer.await.unwrap().pop().unwrap();
    assert_eq!(work.actor.person, Person::new("person:other for person:looker"));
    assert_eq!(work.actor.roles, BTreeSet::from(["looker".to_owned()]), "and not with the deputy's own");
    assert!(work.idempotency.unwrap().scope.starts_with("person:other for person:looker POST "));
}

#[tokio::test]
async fn nobody_acts_for_another_but_a_deputy_in_the_days_of_the_absence() {
    let service = service(&[
        ("looker", "other", "2020-02-25", "2020-02-28", false),
        ("looker", "other", "2020-02-20", "2020-02-23", false),
        ("looker", "other", "2020-02-24", "2020-02-24", true),
        ("looker", "auditor", "2020-02-24", "2020-02-24", false),
        ("gone", "other", "2020-02-24", "2020-02-24", false),
    ])
    .await;
    let act = async |account: &str, absent: &str| {
        let request = service.client.get(format!("{}/api/v1/own", service.base));
        service.send(request.bearer_auth(account).header("On-Behalf-Of", absent)).await
    };
    for (account, absent) in [
        ("other", "person:looker"),
        ("auditor", "person:other"),
        ("looker", "person:looker"),
        ("looker", "person:auditor"),
        ("other", ""),
        ("other", "person:looker for person:looker"),
    ] {
        act(account, absent).await.is(403, "NOT_DEPUTY");
    }
    assert_eq!(act("auditor", "person:looker").await.status, 200);
    // Whoever has left has no roles to act with.
    act("other", "person:gone").await.is(403, "FORBIDDEN");
    // What concerns the own account stays one's own.
    let request = service.client.get(format!("{}/api/v1/account", service.base));
    let own = service.send(request.bearer_auth("auditor").header("On-Behalf-Of", "person:looker")).await;
    assert_eq!(own.body["person"], "person:auditor", "{own:?}");
}

#[tokio::test]
async fn a_supervisor_enters_an_absence_and_ends_it() {
    let mut service = service(&[("looker", "other", "2020-03-01", "2020-03-02", false)]).await;
    let mut ends = service.ends.take().unwrap();
    let writer = tokio::spawn(async move {
        let mut orders = Vec::new();
        while let Some(MaintenanceWork { order, reply, .. }) = ends.maintenance.recv().await {
            reply.send(Told::Done { said: Said::NOTHING, before: false }).unwrap();
            orders.push(order);
            if orders.len() == 2 {
                break;
            }
        }
        orders
    });
    let body = json!({
        "person": "person:looker", "deputy": "person:other", "from": "2020-02-24", "to": "2020-02-28", "because": "休假",
    });
    assert_eq!(service.send(service.post("supervisor", "/api/v1/absences", &body)).await.status, 204);
    let end = service.post("supervisor", "/api/v1/absences/1/end", &json!({ "because": "回岗" }));
    assert_eq!(service.send(end).await.status, 204);
    let orders = writer.await.unwrap();
    let [Maintenance::Absent { absence, by }, Maintenance::Returned { number: 1, because, .. }] = &orders[..] else {
        panic!("{orders:?}");
    };
    assert_eq!((absence.deputy.as_str(), by.as_str(), because.as_str()), ("person:other", "person:supervisor", "回岗"));
    let list = service.get("auditor", "/api/v1/absences").await;
    assert_eq!(list.body["items"][0]["person"], "person:looker", "{list:?}");
}

#[tokio::test]
async fn an_absence_that_cannot_be_is_refused_field_by_field() {
    let service = service(&[]).await;
    let good = json!({
        "person": "person:looker", "deputy": "person:other", "from": "2020-02-24", "to": "2020-02-28", "because": "休假",
    });
    for (field, value, pointer, code) in [
        ("from", json!("2020-02-23"), "/from", "PAST"),
        ("from", json!("24.2."), "/from", "DATE"),
        ("to", json!("2020-02-23"), "/to", "RANGE"),
        ("to", json!("2020-05-26"), "/to", "RANGE"),
        ("person", json!("person:gone"), "/person", "NO_ACCOUNT"),
        ("person", json!("person:mere"), "/person", "NO_ACCOUNT"),
        ("deputy", json!("person:stranger"), "/deputy", "NO_ACCOUNT"),
        ("deputy", json!("person:looker"), "/deputy", "SAME_PERSON"),
        ("deputy", json!("person:supervisor"), "/deputy", "OWN_DEPUTY"),
        ("because", json!("x"), "/because", "LENGTH"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = service.send(service.post("supervisor", "/api/v1/absences", &body)).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        let error = &answer.body["errors"][0];
        assert_eq!((error["pointer"].as_str(), error["code"].as_str()), (Some(pointer), Some(code)), "{answer:?}");
    }
    for number in ["9", "x", "-1"] {
        let end = service.post("supervisor", &format!("/api/v1/absences/{number}/end"), &json!({ "because": "回岗" }));
        service.send(end).await.is(404, "NOT_FOUND");
    }
}
