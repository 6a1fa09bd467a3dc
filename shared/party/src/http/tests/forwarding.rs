//! What a replica that stands by answers itself, and what the writer answers for it.

use super::*;
use crate::handle::Role;

const DECISION: &str = "/api/v1/tasks/NCD-2020-0001/look/decision";

/// A writer, and a replica with the same accounts that stands by for it.
async fn pair() -> (Service, Service) {
    let (writer, stand_by) = (Service::start().await, Service::start().await);
    stand_by.stands_by_for(Some(writer.base.clone()));
    (writer, stand_by)
}

impl Service {
    fn stands_by_for(&self, writer: Option<String>) {
        self.ends.as_ref().unwrap().role.send_replace(Role::StandBy { writer });
    }
}

#[tokio::test]
async fn a_replica_that_stands_by_looks_up_itself_and_hands_decisions_to_the_writer() {
    let (mut writer, mut stand_by) = pair().await;
    stand_by.case(1, 3, "as committed").await;
    let read = stand_by.get("looker", "/api/v1/applications/NCD-2020-0001").await;
    read.is(200, "");
    assert_eq!(read.body["note"], "as committed");

    let decided = Reply::Decided { status: 200, body: Ok(json!({ "by": "writer" })), version: Some(4), replayed: true };
    let seen = writer.play(decided);
    let answer = stand_by.send(stand_by.decision("looker", DECISION, &json!({ "yes": true }))).await;
    answer.is(200, "");
    assert_eq!(answer.body["by"], "writer");
    assert_eq!((answer.header("etag"), answer.header("idempotency-replayed")), (Some("\"4\""), Some("true")));
    let work = seen.await.unwrap().pop().unwrap();
    assert_eq!((work.actor.person.0.as_str(), work.idempotency.unwrap().key.as_str()), ("person:looker", "key-1"));
    assert_eq!(work.expected.unwrap().version, 3);
}

#[tokio::test]
async fn what_the_writer_refuses_comes_back_byte_for_byte_and_strangers_are_not_carried_on() {
    let (writer, stand_by) = pair().await;
    let yes = json!({ "yes": true });
    stand_by.send(stand_by.decision("stranger", DECISION, &yes)).await.is(401, "INVALID_TOKEN");
    stand_by.send(stand_by.decision("nobody", DECISION, &yes)).await.is(403, "FORBIDDEN");
    assert_eq!(stand_by.handle.metrics.forwarded.get(), 0);
    let raw = async |service: &Service, body: &str| {
        let request = service.post("looker", DECISION, &yes).header("If-Match", "\"3\"").body(body.to_owned());
        let response = request.send().await.unwrap();
        let (status, mut headers) = (response.status(), response.headers().clone());
        headers.remove("date");
        (status, headers, response.bytes().await.unwrap())
    };
    for body in ["{", "{\"no\": 1}", &format!("\"{}\"", "x".repeat(web::BODY_LIMIT))] {
        let direct = raw(&writer, body).await;
        assert!(direct.0.is_client_error());
        assert_eq!(raw(&stand_by, body).await, direct);
    }
    assert_eq!(stand_by.handle.metrics.forwarded.get(), 3);
    assert!(writer.ends.as_ref().unwrap().commands.is_empty());
}

#[tokio::test]
async fn whoever_waits_for_a_change_waits_where_it_is_committed() {
    let (mut writer, stand_by) = pair().await;
    let id = writer.case(1, 3, "before").await;
    let path = "/api/v1/applications/NCD-2020-0001?wait_ms=60000";
    let request = stand_by.client.get(format!("{}{path}", stand_by.base)).bearer_auth("looker");
    let waiting = stand_by.send(request.header("If-None-Match", "\"3\""));
    let key = format!("case/{id}");
    let committed = async {
        while !writer.handle.changes.is_awaited(&key, false) {
            tokio::task::yield_now().await;
        }
        writer.case(1, 4, "after").await;
        writer.committed(&key, false);
    };
    let (answer, ()) = tokio::join!(waiting, committed);
    answer.is(200, "");
    assert_eq!(answer.body["note"], "after");
}

#[tokio::test]
async fn the_backlog_is_the_writers() {
    let (writer, stand_by) = pair().await;
    let backlog = crate::handle::Backlog { position: 77, ..Default::default() };
    writer.ends.as_ref().unwrap().backlog.send_replace(backlog);
    assert_eq!(stand_by.get("operator", "/api/v1/backlog").await.body["position"], 77);
}

#[tokio::test]
async fn without_a_writer_nothing_is_done_and_that_is_said() {
    let stand_by = Service::start().await;
    let decide = || stand_by.send(stand_by.decision("looker", DECISION, &json!({ "yes": true })));
    stand_by.stands_by_for(None);
    let answer = decide().await;
    answer.is(503, "NO_WRITER");
    assert_eq!((answer.header("retry-after"), answer.body["title"].as_str()), (Some("1"), Some("服务暂不可用")));
    // Nobody listens there any more.
    stand_by.stands_by_for(Some("http://127.0.0.1:1".into()));
    decide().await.is(503, "NO_WRITER");
    // One that stands by itself does not forward what was forwarded to it, not even to itself.
    stand_by.stands_by_for(Some(stand_by.base.clone()));
    decide().await.is(503, "NO_WRITER");
    assert!(stand_by.ends.as_ref().unwrap().commands.is_empty());
}

#[tokio::test]
async fn what_the_writer_did_not_answer_before_another_took_over_is_unknown() {
    let (writer, stand_by) = pair().await;
    let asked = stand_by.send(stand_by.decision("looker", DECISION, &json!({ "yes": true })));
    let taken_over = async {
        // The writer has it and answers no more.
        while writer.ends.as_ref().unwrap().commands.is_empty() {
            tokio::task::yield_now().await;
        }
        stand_by.ends.as_ref().unwrap().role.send_replace(Role::Writer { until: None });
    };
    let (answer, ()) = tokio::join!(asked, taken_over);
    answer.is(503, "OUTCOME_UNKNOWN");
}

#[tokio::test]
async fn a_replica_that_knows_its_writer_is_ready_and_one_that_does_not_is_not() {
    let stand_by = Service::start().await;
    stand_by.stands_by_for(None);
    stand_by.get("nobody", "/readyz").await.is(503, "NO_WRITER");
    stand_by.stands_by_for(Some("http://127.0.0.1:1".into()));
    let ready = stand_by.get("nobody", "/readyz").await;
    assert_eq!((ready.status, ready.body), (200, json!("ready, stands by for the writer at http://127.0.0.1:1\n")));
    let ends = stand_by.ends.as_ref().unwrap();
    ends.role.send_replace(Role::Writer { until: None });
    stand_by.get("nobody", "/readyz").await.is(503, "NOT_READY");
    ends.ready.send_replace(true);
    assert_eq!(stand_by.get("nobody", "/readyz").await.body, json!("ready, writes\n"));
}

#[tokio::test]
async fn a_writer_whose_lease_ran_out_while_it_was_frozen_reads_and_tells_nothing_from_memory() {
    let mut service = Service::start().await;
    let id = service.case(1, 3, "as committed").await;
    let ends = service.ends.as_ref().unwrap();
    ends.ready.send_replace(true);
    let lease = |until| drop(ends.role.send_replace(Role::Writer { until: Some(until) }));
    let now = tokio::time::Instant::now();
    lease(now + std::time::Duration::from_secs(3600));
    assert_eq!(service.get("operator", "/api/v1/backlog").await.status, 200);
    lease(now);
    let one = format!("/api/v1/applications/{id}");
    let read = service.get("looker", &one).await;
    assert_eq!((read.status, &read.body["note"]), (200, &json!("as committed")));
    for path in ["/api/v1/backlog", "/api/v1/clock", "/readyz"] {
        service.get("operator", path).await.is(503, "NO_WRITER");
    }
    service.get("looker", &format!("{one}?wait_ms=60000")).await.is(503, "NO_WRITER");
    service.send(service.decision("looker", DECISION, &json!({ "yes": true }))).await.is(503, "NO_WRITER");
    assert!(ends.commands.is_empty());
}

#[tokio::test]
async fn whoever_waits_at_a_writer_that_steps_down_is_answered_with_what_is_there() {
    let mut service = Service::start().await;
    let id = service.case(1, 3, "before").await;
    let request = service.client.get(format!("{}/api/v1/applications/{id}?wait_ms=60000", service.base));
    let waiting = service.send(request.bearer_auth("looker").header("If-None-Match", "\"3\""));
    let stepped_down = async {
        while service.handle.changes.awaited() == 0 {
            tokio::task::yield_now().await;
        }
        service.stands_by_for(None);
        service.handle.changes.look();
    };
    let (answer, ()) = tokio::join!(waiting, stepped_down);
    assert_eq!((answer.status, answer.header("etag")), (304, Some("\"3\"")));
}
