//! What people want changed: on its way to the writer, and the answers back.

use super::*;
use crate::{
    handle::{Maintenance, MaintenanceWork, Told},
    store::tables::INCIDENT,
};
use organisation::{Refusal, RefusalKind};
use sha2::{Digest, Sha256};

const DECISION: &str = "/api/v1/tasks/NCD-2020-0001/look/decision";

fn decided(status: u16, body: Result<Value, Refusal>, replayed: bool) -> Reply {
    Reply::Decided { status, body, version: None, replayed }
}

#[tokio::test]
async fn a_decision_reaches_the_writer_with_all_that_it_needs() {
    let mut service = Service::start().await;
    let writer = service.play(decided(200, Ok(json!({ "application_id": "NCD-2020-0001" })), false));
    let body = json!({ "yes": true });
    let context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = service.send(service.decision("looker", DECISION, &body).header("traceparent", context)).await;
    answer.is(200, "");
    assert_eq!(answer.header("idempotency-replayed"), None);
    let work = writer.await.unwrap().pop().unwrap();
    let id = ApplicationId::new(2020, 1).unwrap();
    assert_eq!(work.command, Command::Decide { application_id: id.clone(), task: "look".into(), yes: true });
    assert_eq!(work.actor.person.0, "person:looker");
    assert!(work.actor.has("looker"));
    assert_eq!(work.expected, Some((Key::row("case", id), 3)));
    let idempotency = work.idempotency.unwrap();
    assert_eq!(idempotency.scope, format!("person:looker POST {DECISION}"));
    assert_eq!(idempotency.key, "key-1");
    assert_eq!(idempotency.body_hash, <[u8; 32]>::from(Sha256::digest(body.to_string())));
    assert_eq!(work.arrival.caller.as_deref(), Some(context));
    assert!(work.arrival.at_ns > 1_700_000_000_000_000_000);
}

#[tokio::test]
async fn a_task_may_be_named_with_its_slash_encoded() {
    let mut service = Service::start().await;
    let writer = service.play(decided(200, Ok(json!({})), false));
    let path = "/api/v1/tasks/NCD-2020-0001%2Flook/decision";
    service
        .send(service.decision("looker", path, &json!({ "yes": false })).header("traceparent", "forged"))
        .await
        .is(200, "");
    let work = writer.await.unwrap().pop().unwrap();
    let Command::Decide { task, .. } = work.command;
    assert_eq!(task, "look");
    assert_eq!(work.arrival.caller, None, "what is no trace context is dropped");
}

#[tokio::test]
async fn what_is_missing_or_malformed_never_reaches_the_writer() {
    let service = Service::start().await;
    let yes = json!({ "yes": true });
    let bare =
        |body: String| service.client.post(format!("{}{DECISION}", service.base)).bearer_auth("looker").body(body);
    let with_key = |body: &str| bare(body.to_owned()).header("Idempotency-Key", "k").header("If-Match", "\"3\"");
    let as_json = |body: &str| with_key(body).header("content-type", "application/json");
    let rows: Vec<(reqwest::RequestBuilder, u16, &str)> = vec![
        (service.post("looker", DECISION, &yes), 428, "IF_MATCH_MISSING"),
        (service.post("looker", DECISION, &yes).header("If-Match", "3"), 400, "ETAG_MALFORMED"),
        (service.post("looker", DECISION, &yes).header("If-Match", "*"), 400, "ETAG_MALFORMED"),
        (bare(yes.to_string()).header("If-Match", "\"3\""), 400, "IDEMPOTENCY_KEY_MISSING"),
        (
            bare(yes.to_string()).header("If-Match", "\"3\"").header("Idempotency-Key", "a b"),
            400,
            "IDEMPOTENCY_KEY_INVALID",
        ),
        (with_key(&yes.to_string()), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (with_key(&yes.to_string()).header("content-type", "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (as_json(&format!("{{\"yes\": \"{}\"}}", "x".repeat(web::BODY_LIMIT))), 413, "TOO_LARGE"),
        (as_json("{\"yes\": tru}"), 400, "MALFORMED_JSON"),
        (as_json("{\"yes\": 1}"), 422, "INVALID"),
        (as_json("{\"yes\": true, \"no\": true}"), 422, "INVALID"),
        (as_json("{}"), 422, "INVALID"),
        (service.decision("looker", "/api/v1/tasks/NCD-2020-0001/unknown/decision", &yes), 404, "NOT_FOUND"),
        (service.decision("looker", "/api/v1/tasks/NCD-2020-0001/look", &yes), 404, "NOT_FOUND"),
        (service.decision("looker", "/api/v1/tasks/look/decision", &yes), 404, "NOT_FOUND"),
        (service.decision("looker", "/api/v1/tasks/NCD-1/look/decision", &yes), 404, "NOT_FOUND"),
    ];
    for (request, status, code) in rows {
        service.send(request).await.is(status, code);
    }
    let commands = &service.ends.as_ref().unwrap().commands;
    assert!(commands.is_empty());
}

#[tokio::test]
async fn every_reply_of_the_writer_has_its_status() {
    let refusal = |kind| Err(Refusal::new(kind, "CODE", "标题", "说明"));
    let body = json!({ "application_id": "NCD-2020-0007", "state": "X" });
    type Headers = &'static [(&'static str, &'static str)];
    let created: Headers = &[("location", "/api/v1/applications/NCD-2020-0007")];
    let replayed: Headers = &[("idempotency-replayed", "true")];
    let retry: Headers = &[("retry-after", "1")];
    let rows: Vec<(Reply, u16, &str, Headers)> = vec![
        (decided(200, Ok(body.clone()), false), 200, "", &[]),
        (decided(201, Ok(body.clone()), false), 201, "", created),
        (decided(201, Ok(body.clone()), true), 201, "", replayed),
        (decided(200, Ok(Value::Null), false), 204, "", &[]),
        (decided(403, refusal(RefusalKind::Forbidden), false), 403, "CODE", &[]),
        (decided(404, refusal(RefusalKind::NotFound), false), 404, "CODE", &[]),
        (decided(409, refusal(RefusalKind::Conflict), false), 409, "CODE", &[]),
        (decided(409, refusal(RefusalKind::Conflict), true), 409, "CODE", replayed),
        (decided(412, refusal(RefusalKind::Stale), false), 412, "CODE", &[]),
        (decided(422, refusal(RefusalKind::Invalid), false), 422, "CODE", &[]),
        (Reply::KeyReused, 422, "IDEMPOTENCY_KEY_REUSED", &[]),
        (Reply::Parked, 409, "PARKED", &[]),
        (Reply::Undecidable { trace_id: "0af7".into() }, 500, "UNDECIDABLE", &[]),
        (Reply::Unavailable, 503, "OUTCOME_UNKNOWN", retry),
    ];
    for (reply, status, code, headers) in rows {
        let mut service = Service::start().await;
        let said = format!("{reply:?}");
        let writer = service.play(reply);
        let answer = service.send(service.decision("looker", DECISION, &json!({ "yes": true }))).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{said}");
        for (name, value) in headers {
            assert_eq!(answer.header(name), Some(*value), "{said}");
        }
        if code == "UNDECIDABLE" {
            assert!(answer.body["detail"].as_str().unwrap().contains("trace_id 为 0af7"), "{}", answer.body);
        }
        if code == "CODE" {
            assert_eq!((&answer.body["title"], &answer.body["detail"]), (&"标题".into(), &"说明".into()));
        }
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn an_application_is_answered_with_its_version_also_when_the_answer_is_given_again() {
    for replayed in [false, true] {
        let mut service = Service::start().await;
        let body = Ok(json!({ "application_id": "NCD-2020-0001" }));
        let writer = service.play(Reply::Decided { status: 200, body, version: Some(4), replayed });
        let answer = service.send(service.decision("looker", DECISION, &json!({ "yes": true }))).await;
        answer.is(200, "");
        assert_eq!(answer.header("etag"), Some("\"4\""));
        assert_eq!(answer.body, json!({ "application_id": "NCD-2020-0001", "version": 4 }));
        writer.await.unwrap();
    }
    // Books and registers are no application, and old answers were stored without a version.
    for body in [Value::Null, json!({ "application_id": "NCD-2020-0001" })] {
        let mut service = Service::start().await;
        let writer = service.play(decided(200, Ok(body.clone()), true));
        let answer = service.send(service.decision("looker", DECISION, &json!({ "yes": true }))).await;
        assert_eq!(answer.header("etag"), None, "{body}");
        assert_eq!(answer.body.get("version"), None, "{body}");
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_full_queue_and_a_stopped_writer_are_said_at_once() {
    let mut service = Service::with(BusinessClock::system(), 1).await;
    let yes = json!({ "yes": true });
    let waiting = tokio::spawn(service.decision("looker", DECISION, &yes).send());
    let ends = service.ends.as_ref().unwrap();
    while ends.commands.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let answer = service.send(service.decision("looker", DECISION, &yes)).await;
    answer.is(503, "QUEUE_FULL");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(service.handle.metrics.commands_rejected.get(), 1);

    // The writer goes away with a command in hand: nobody knows what became of it.
    drop(service.ends.take());
    assert_eq!(waiting.await.unwrap().unwrap().status().as_u16(), 503);
    service.send(service.decision("looker", DECISION, &yes)).await.is(503, "STOPPING");
}

#[tokio::test]
async fn a_freeze_ends_when_a_second_person_confirms_what_the_first_proposed() {
    let mut service = Service::start().await;
    let mut ends = service.ends.take().unwrap();
    let writer = tokio::spawn(async move {
        let MaintenanceWork { order, reply, .. } = ends.maintenance.recv().await.unwrap();
        reply.send(Told::Done).unwrap();
        match order {
            Maintenance::Unfreeze { partner, resolution, persons, because } => {
                format!("{partner} {resolution:?} {} {} {because}", persons.first(), persons.second())
            }
            other => panic!("{other:?}"),
        }
    });
    let freeze = |what: &str| -> [Cell; 4] {
        ["channel/bank".into(), "".into(), "operator".into(), json!({ "what": what }).to_string().into()]
    };
    let path = "/api/v1/channels/bank/resolution";
    let keep = json!({ "resolution": "keep_our_heads", "because": "对方已更正" });
    let adopt = json!({ "resolution": "adopt_their_receipt", "because": "对方已更正" });
    // There is nothing to end, so nothing is proposed that could end a later freeze.
    service.send(service.post("operator", path, &keep)).await.is(409, "CHANNEL");
    service.put(&INCIDENT, freeze("一")).await;
    assert_eq!(service.send(service.post("operator2", path, &keep)).await.status, 202);
    service.put(&INCIDENT, freeze("二")).await;
    // One person alone, however often, and two persons who want different things, end nothing.
    for (who, body) in [("operator", &keep), ("operator", &keep), ("operator2", &adopt), ("operator", &keep)] {
        assert_eq!(service.send(service.post(who, path, body)).await.status, 202);
    }
    let confirm = json!({ "resolution": "keep_our_heads", "because": "已核对" });
    assert_eq!(service.send(service.post("operator2", path, &confirm)).await.status, 204);
    assert_eq!(
        writer.await.unwrap(),
        "bank KeepOurHeads person:operator person:operator2 person:operator：对方已更正；person:operator2：已核对"
    );
    let post = |path: &str, body: &Value| service.post("operator", path, body);
    service.send(post("/api/v1/channels/stranger/resolution", &keep)).await.is(404, "NOT_FOUND");
    service.send(post(path, &json!({ "resolution": "melt", "because": "x" }))).await.is(422, "INVALID");
}

#[tokio::test]
async fn a_key_is_changed_when_a_second_person_confirms_the_key_that_the_first_proposed() {
    let mut service = Service::start().await;
    let mut ends = service.ends.take().unwrap();
    let writer = tokio::spawn(async move {
        let mut said = Vec::new();
        let not_open = Refusal::new(RefusalKind::Conflict, "SIGNING_KEY", "冲突", "the channel to bank is not open");
        for told in [Told::Refused(not_open), Told::Done] {
            let MaintenanceWork { order, reply, .. } = ends.maintenance.recv().await.unwrap();
            match order {
                Maintenance::ChangeKey { key, persons, because } => {
                    said.push(format!("{} {} {} {because}", key.id(), persons.first(), persons.second()));
                    reply.send(told).unwrap();
                }
                other => panic!("nobody asked for {other:?}"),
            }
        }
        said
    });
    let path = "/api/v1/signing-key";
    let [one, other] = [1, 2].map(|seed| *channel::SigningKey::from_seed([seed; 32]).public());
    let change = |key| json!({ "key": key, "because": "到期更换" });
    // One person alone, however often, and two persons who mean different keys, change nothing.
    for (who, key) in [("operator", one), ("operator", one), ("operator2", other), ("operator", one)] {
        let answer = service.send(service.post(who, path, &change(key))).await;
        assert_eq!((answer.status, answer.body["key"].as_str()), (202, Some(key.to_string().as_str())));
    }
    service.send(service.post("operator2", path, &change(one))).await.is(409, "SIGNING_KEY");
    // What was refused is proposed and confirmed anew.
    assert_eq!(service.send(service.post("operator2", path, &change(one))).await.status, 202);
    assert_eq!(service.send(service.post("operator", path, &change(one))).await.status, 204);
    let id = one.id();
    assert_eq!(
        writer.await.unwrap(),
        [
            format!("{id} person:operator person:operator2 person:operator：到期更换；person:operator2：到期更换"),
            format!("{id} person:operator2 person:operator person:operator2：到期更换；person:operator：到期更换"),
        ]
    );
    for wrong in [json!({ "key": "no key", "because": "x" }), json!({ "key": one })] {
        service.send(service.post("operator", path, &wrong)).await.is(422, "INVALID");
    }
}

#[tokio::test]
async fn operators_settle_parked_inputs_with_a_reason() {
    let mut service = Service::start().await;
    let mut ends = service.ends.take().unwrap();
    let writer = tokio::spawn(async move {
        let mut said = Vec::new();
        while said.len() < 6 {
            let MaintenanceWork { order, idempotency, reply } = ends.maintenance.recv().await.unwrap();
            assert!(idempotency.is_some());
            match order {
                Maintenance::Retry { position, because } => {
                    said.push(format!("retry {position} {because}"));
                    let told = match position {
                        7 => Told::Done,
                        5 => Told::TooEarly,
                        8 => Told::StillParked { position: 9, why: "no calendar of 2027".into() },
                        _ => Told::NotParked,
                    };
                    reply.send(told).unwrap();
                }
                Maintenance::Drop { position, because } => {
                    said.push(format!("drop {position} {because}"));
                    reply.send(if position == 7 { Told::Done } else { Told::NotParked }).unwrap();
                }
                other => panic!("nobody asked for {other:?}"),
            }
        }
        said
    });
    let because = json!({ "because": "对方已更正" });
    let answer = service.send(service.post("operator", "/api/v1/parked/7/retry", &because)).await;
    assert_eq!(answer.status, 204);
    let answer = service.send(service.post("operator", "/api/v1/parked/8/retry", &because)).await;
    answer.is(409, "STILL_PARKED");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("流水号 9 ") && detail.contains("no calendar of 2027"), "{detail}");
    service.send(service.post("operator", "/api/v1/parked/6/retry", &because)).await.is(404, "NOT_FOUND");
    service.send(service.post("operator", "/api/v1/parked/5/retry", &because)).await.is(503, "GREETING");
    assert_eq!(service.send(service.post("operator", "/api/v1/parked/7/drop", &because)).await.status, 204);
    service.send(service.post("operator", "/api/v1/parked/8/drop", &because)).await.is(404, "NOT_FOUND");
    assert_eq!(
        writer.await.unwrap(),
        [
            "retry 7 person:operator：对方已更正",
            "retry 8 person:operator：对方已更正",
            "retry 6 person:operator：对方已更正",
            "retry 5 person:operator：对方已更正",
            "drop 7 person:operator：对方已更正",
            "drop 8 person:operator：对方已更正"
        ]
    );
    service.send(service.post("operator", "/api/v1/parked/x/drop", &because)).await.is(404, "NOT_FOUND");
    service.send(service.post("operator", "/api/v1/parked/7/drop", &json!({}))).await.is(422, "INVALID");
}

#[tokio::test]
async fn an_account_is_made_with_a_token_that_is_kept_only_as_its_hash() {
    let mut service = Service::start().await;
    let mut ends = service.ends.take().unwrap();
    let writer = tokio::spawn(async move {
        let MaintenanceWork { order, reply, .. } = ends.maintenance.recv().await.unwrap();
        let Maintenance::Token { hash, account, person, roles, by } = order else { panic!() };
        reply.send(Told::Done).unwrap();
        assert_eq!(by, "person:operator");
        (hash, account, person, roles)
    });
    let new = json!({ "account": "zhang", "person": "person:zhang", "roles": ["looker", "applicant"] });
    let answer = service.send(service.post("operator", "/api/v1/tokens", &new)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")));
    let token = answer.body["token"].as_str().unwrap();
    assert_eq!(token.len(), 43, "32 bytes in base64url");
    let (hash, account, person, roles) = writer.await.unwrap();
    assert_eq!(BearerToken::of(token), BearerToken(hash));
    assert_eq!((account.as_str(), person.as_str()), ("zhang", "person:zhang"));
    assert_eq!(roles, ["applicant", "looker"]);

    for (field, value) in [
        ("person", json!("service:looker")),
        ("account", json!("a b")),
        ("account", json!("")),
        ("roles", json!([])),
        ("roles", json!(["king"])),
        ("colour", json!("red")),
    ] {
        let mut wrong = new.clone();
        wrong[field] = value;
        let answer = service.send(service.post("operator", "/api/v1/tokens", &wrong)).await;
        answer.is(422, "INVALID");
        assert_eq!(answer.body["errors"][0]["pointer"], format!("/{field}"));
    }
}

#[tokio::test]
async fn a_driven_clock_goes_forward_and_the_systems_goes_by_itself() {
    let service = Service::start().await;
    let view = service.get("nobody", "/api/v1/clock").await;
    assert_eq!(view.body["now"], "2020-02-24T09:00:00.000+08:00");
    assert_eq!(view.body["driven"], true);
    let drive = |service: &Service, at: &str| service.post("operator", "/api/v1/clock", &json!({ "at": at }));
    let answer = service.send(drive(&service, "2020-02-25T00:00:00+08:00")).await;
    assert_eq!((answer.status, &answer.body["now"]), (200, &json!("2020-02-25T00:00:00.000+08:00")));
    service.send(drive(&service, "2020-02-24T10:00:00+08:00")).await.is(409, "CLOCK_BACK");
    service.send(drive(&service, "tomorrow")).await.is(422, "INVALID");

    let service = Service::with(BusinessClock::system(), 1).await;
    assert_eq!(service.get("nobody", "/api/v1/clock").await.body["driven"], false);
    service.send(drive(&service, "2030-01-01T00:00:00+08:00")).await.is(409, "CLOCK_NOT_DRIVEN");
}
