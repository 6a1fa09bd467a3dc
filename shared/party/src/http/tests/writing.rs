//! What people want changed: on its way to the writer, and the answers back.

use super::*;
use crate::handle::{Maintenance, MaintenanceWork, Said, Seen, Told};
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
    assert_eq!(work.expected, Some(Seen { key: Key::row("case", id), version: 3, shown: None }));
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

/// Answers the orders in turn, and says which they were.
fn play_orders(service: &mut Service, answers: Vec<Told>) -> tokio::task::JoinHandle<Vec<String>> {
    let mut ends = service.ends.take().unwrap();
    tokio::spawn(async move {
        let mut said = Vec::new();
        for told in answers {
            let MaintenanceWork { order, idempotency, reply } = ends.maintenance.recv().await.unwrap();
            said.push(format!("{order:?} under {}", idempotency.unwrap().scope));
            reply.send(told).unwrap();
        }
        said
    })
}

fn proposed(body: Value, before: bool) -> Told {
    Told::Done { said: Said { status: 202, body }, before }
}

#[tokio::test]
async fn what_takes_two_persons_is_proposed_by_the_first_and_answered_as_the_writer_says() {
    let mut service = Service::start().await;
    let no = Refusal::new(RefusalKind::Conflict, "SIGNING_KEY", "冲突", "the channel to bank is not open");
    let wants = json!({ "state": "proposed", "by": "person:operator" });
    let answers = vec![proposed(wants.clone(), false), proposed(wants.clone(), true), Told::done(), Told::Refused(no)];
    let writer = play_orders(&mut service, answers);
    let channel = "/api/v1/channels/bank/resolution";
    let keep = json!({ "resolution": "keep_our_heads", "because": "对方已更正" });
    for before in [None, Some("true")] {
        let answer = service.send(service.post("operator", channel, &keep)).await;
        assert_eq!((answer.status, &answer.body, answer.header("idempotency-replayed")), (202, &wants, before));
    }
    assert_eq!(service.send(service.post("operator2", channel, &keep)).await.status, 204);
    let key = *channel::SigningKey::from_seed([1; 32]).public();
    let change = json!({ "key": key, "because": "到期更换" });
    service.send(service.post("operator", "/api/v1/signing-key", &change)).await.is(409, "SIGNING_KEY");
    let said = writer.await.unwrap();
    let unfreeze = |person: &str| {
        format!(
            "Together {{ wish: Unfreeze {{ partner: Bank, resolution: KeepOurHeads }}, person: \"{person}\", because: \"对方已更正\" }} \
             under {person} POST {channel}"
        )
    };
    let (first, second) = (unfreeze("person:operator"), unfreeze("person:operator2"));
    assert_eq!(said[..3], [first.clone(), first, second]);
    assert!(said[3].starts_with("Together { wish: ChangeKey { key: "), "{said:?}");

    let post = |path: &str, body: &Value| service.post("operator", path, body);
    service.send(post("/api/v1/channels/stranger/resolution", &keep)).await.is(404, "NOT_FOUND");
    service.send(post(channel, &json!({ "resolution": "melt", "because": "x" }))).await.is(422, "INVALID");
    for wrong in [json!({ "key": "no key", "because": "x" }), json!({ "key": key })] {
        service.send(post("/api/v1/signing-key", &wrong)).await.is(422, "INVALID");
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
                        7 => Told::done(),
                        5 => Told::TooEarly,
                        8 => Told::StillParked { position: 9, why: "no calendar of 2027".into() },
                        _ => Told::NotParked,
                    };
                    reply.send(told).unwrap();
                }
                Maintenance::Drop { position, because } => {
                    said.push(format!("drop {position} {because}"));
                    reply.send(if position == 7 { Told::done() } else { Told::NotParked }).unwrap();
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
async fn an_applicants_account_is_made_at_once_with_a_token_that_is_kept_only_as_its_hash() {
    let mut service = Service::start().await;
    let mut ends = service.ends.take().unwrap();
    let writer = tokio::spawn(async move {
        let mut seen = Vec::new();
        for before in [false, true] {
            let MaintenanceWork { order, reply, .. } = ends.maintenance.recv().await.unwrap();
            let Maintenance::Account { account, by } = order else { panic!("{order:?}") };
            assert_eq!(by, "person:operator");
            let body = json!({ "account": account.account, "person": account.person, "roles": account.roles });
            reply.send(Told::Done { said: Said { status: 201, body }, before }).unwrap();
            seen.push(account);
        }
        seen
    });
    let new = json!({ "account": "zhang", "person": "person:zhang", "roles": ["applicant"] });
    let answer = service.send(service.post("operator", "/api/v1/tokens", &new)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")));
    let token = answer.body["token"].as_str().unwrap();
    assert_eq!(token.len(), 43, "32 bytes in base64url");
    let again = service.send(service.post("operator", "/api/v1/tokens", &new)).await;
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&answer.body, Some("true")));
    let accounts = writer.await.unwrap();
    assert_eq!(BearerToken::of(token), BearerToken(accounts[0].hash));
    assert_eq!((accounts[0].account.as_str(), accounts[0].person.as_str()), ("zhang", "person:zhang"));
}

#[tokio::test]
async fn any_other_account_takes_two_persons_and_only_the_second_sees_a_token() {
    for roles in [json!(["operator"]), json!(["looker"]), json!(["auditor"]), json!(["looker", "applicant"])] {
        let mut service = Service::start().await;
        let new = json!({ "account": "zhang", "person": "person:zhang", "roles": roles });
        let made = Told::Done { said: Said { status: 201, body: new.clone() }, before: false };
        let writer = play_orders(&mut service, vec![proposed(new.clone(), false), made]);
        let first = service.send(service.post("operator", "/api/v1/tokens", &new)).await;
        assert_eq!((first.status, &first.body), (202, &new), "{roles}");
        let second = service.send(service.post("operator2", "/api/v1/tokens", &new)).await;
        assert_eq!((second.status, second.body["token"].as_str().unwrap().len()), (201, 43), "{roles}");
        for (order, person) in writer.await.unwrap().iter().zip(["person:operator", "person:operator2"]) {
            assert!(order.starts_with("Together { wish: Account(") && order.contains(person), "{order}");
        }
    }
}

#[tokio::test]
async fn a_malformed_account_never_reaches_the_writer() {
    let service = Service::start().await;
    let new = json!({ "account": "zhang", "person": "person:zhang", "roles": ["looker"] });
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
async fn the_clock_is_shown_and_driven_by_the_writer() {
    let mut service = Service::start().await;
    let view = service.get("nobody", "/api/v1/clock").await;
    assert_eq!(view.body["now"], "2020-02-24T09:00:00.000+08:00");
    assert_eq!(view.body["driven"], true);
    let body = json!({ "now": "2020-02-25T00:00:00.000+08:00", "now_ms": 1_582_560_000_000_i64, "driven": true });
    let back = Refusal::new(RefusalKind::Conflict, "CLOCK_BACK", "冲突", "业务时间不能倒退。");
    let driven = Told::Done { said: Said { status: 200, body: body.clone() }, before: false };
    let writer = play_orders(&mut service, vec![driven, Told::Refused(back)]);
    let drive = |service: &Service, at: &str| service.post("operator", "/api/v1/clock", &json!({ "at": at }));
    let answer = service.send(drive(&service, "2020-02-25T00:00:00+08:00")).await;
    assert_eq!((answer.status, &answer.body), (200, &body));
    service.send(drive(&service, "2020-02-24T10:00:00+08:00")).await.is(409, "CLOCK_BACK");
    service.send(drive(&service, "tomorrow")).await.is(422, "INVALID");
    let said = writer.await.unwrap();
    assert!(
        said.iter().all(|order| order.starts_with("Drive { to: ") && order.contains("person:operator")),
        "{said:?}"
    );

    let service = Service::with(BusinessClock::system(), 1).await;
    assert_eq!(service.get("nobody", "/api/v1/clock").await.body["driven"], false);
}

#[tokio::test]
async fn a_decision_carries_the_hash_of_what_its_giver_was_shown() {
    let mut service = Service::start().await;
    let id = service.case(1, 3, "x").await;
    let shown = service.client.get(format!("{}/api/v1/applications/{id}", service.base)).bearer_auth("looker");
    let shown = shown.send().await.unwrap().bytes().await.unwrap();
    let writer = service.play(decided(200, Ok(json!({})), false));
    service.send(service.decision("looker", DECISION, &json!({ "yes": true }))).await.is(200, "");
    let seen = writer.await.unwrap().pop().unwrap().expected.unwrap();
    assert_eq!((seen.version, seen.shown), (3, Some(hex::encode(Sha256::digest(&shown)))));
}
