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
    assert_eq!(work.expected.unwrap().1, 3);
}

#[tokio::test]
async fn the_writer_says_who_may_and_its_refusals_come_back_as_they_are() {
    let (writer, stand_by) = pair().await;
    let yes = json!({ "yes": true });
    stand_by.send(stand_by.decision("stranger", DECISION, &yes)).await.is(401, "UNAUTHENTICATED");
    stand_by.send(stand_by.decision("nobody", DECISION, &yes)).await.is(403, "FORBIDDEN");
    let no_version = stand_by.send(stand_by.post("looker", DECISION, &yes)).await;
    assert_eq!(no_version.status, 428, "{}", no_version.body);
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
    decide().await.is(503, "NO_WRITER");
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
        stand_by.ends.as_ref().unwrap().role.send_replace(Role::Writer);
    };
    let (answer, ()) = tokio::join!(asked, taken_over);
    answer.is(503, "OUTCOME_UNKNOWN");
}

#[tokio::test]
async fn a_replica_that_knows_its_writer_is_ready_and_one_that_does_not_is_not() {
    let stand_by = Service::start().await;
    stand_by.stands_by_for(None);
    stand_by.get("nobody", "/readyz").await.is(503, "NOT_READY");
    stand_by.stands_by_for(Some("http://127.0.0.1:1".into()));
    let ready = stand_by.get("nobody", "/readyz").await;
    assert_eq!((ready.status, ready.body), (200, json!("standing by\n")));
}
