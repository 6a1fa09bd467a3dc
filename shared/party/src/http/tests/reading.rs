//! What people look up.

use super::*;
use crate::store::tables::{ACCOUNT, INCIDENT, JOURNAL, PARKED, TASK, TRANSFER};
use organisation::Recorded;
use std::time::{Duration, Instant};

impl Service {
    async fn journal(
        &mut self,
        position: i64,
        id: &ApplicationId,
        kind: &str,
        source: &str,
        facts: &[Fact],
        refusal: Option<&str>,
    ) {
        let recorded: Vec<Recorded<Fact>> = facts.iter().cloned().map(Recorded::Fact).collect();
        let cells = [
            Cell::Int(position),
            Cell::Int(1_582_506_000_000),
            id.to_string().into(),
            kind.into(),
            source.into(),
            "{}".into(),
            serde_json::to_string(&recorded).unwrap().into(),
            refusal.map(str::to_owned).into(),
            "".into(),
            Cell::Null,
            Cell::Null,
            Cell::Blob(vec![0; 32]),
        ];
        self.put(&JOURNAL, cells).await;
    }

    async fn task(&mut self, number: u32, name: &str, role: &str, due_at: i64) {
        let id = ApplicationId::new(2020, number).unwrap();
        let task = task(&id, name, role, due_at);
        let body = serde_json::to_string(&task).unwrap();
        self.put(&TASK, [task.task_id.into(), id.to_string().into(), role.into(), Cell::Int(due_at), body.into()])
            .await;
    }
}

#[tokio::test]
async fn an_application_is_read_as_its_organisation_shows_it_with_its_version() {
    let mut service = Service::start().await;
    service.case(1, 3, "new").await;
    let answer = service.get("looker", "/api/v1/applications/NCD-2020-0001").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("etag"), Some("\"3\""));
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    assert_eq!(answer.body, json!({ "application_id": "NCD-2020-0001", "note": "new", "version": 3 }));

    service.get("looker", "/api/v1/applications/NCD-2020-0002").await.is(404, "NOT_FOUND");
    service.get("looker", "/api/v1/applications/1").await.is(404, "NOT_FOUND");
    service.get("looker", "/api/v1/applications/NCD-2020-0001?x=1").await.is(400, "INVALID_QUERY");
    service.get("looker", "/api/v1/applications/NCD-2020-0001?wait_ms=60001").await.is(400, "INVALID_QUERY");
    service.get("looker", "/api/v1/applications/NCD-2020-0001?until=never").await.is(400, "INVALID_QUERY");
}

#[tokio::test]
async fn applicants_see_what_they_filed_and_nothing_else() {
    let mut service = Service::start().await;
    let own = service.case(1, 1, "own").await;
    let other = service.case(2, 1, "another's").await;
    let told = service.case(3, 1, "came from a partner").await;
    // A partner spoke of it before it was filed.
    service.journal(0, &own, "refused", "bank", &[], Some("{}")).await;
    service.journal(1, &own, "command", "person:applicant", &[], None).await;
    service.journal(2, &other, "command", "person:looker", &[], None).await;
    service.journal(3, &told, "message", "person:applicant", &[], None).await;
    assert_eq!(service.get("applicant", &format!("/api/v1/applications/{own}")).await.status, 200);
    service.get("applicant", &format!("/api/v1/applications/{other}")).await.is(404, "NOT_FOUND");
    service.get("applicant", &format!("/api/v1/applications/{told}")).await.is(404, "NOT_FOUND");
    service.get("applicant", "/api/v1/applications").await.is(400, "USCC_MISSING");
    let listed = service.get("applicant", "/api/v1/applications?uscc=91350100m000100y43").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed.body["items"][0]["note"], "own");
}

#[tokio::test]
async fn a_list_is_filtered_and_comes_in_pages_that_lead_to_each_other() {
    let mut service = Service::start().await;
    for number in 1..=5 {
        service.case(number, 1, if number == 3 { "over" } else { "open" }).await;
    }
    let mut path = "/api/v1/applications?limit=2&ended=false".to_owned();
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let answer = service.get("looker", &path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        for item in answer.body["items"].as_array().unwrap() {
            seen.push(item["application_id"].as_str().unwrap().to_owned());
        }
        pages += 1;
        let Some(link) = answer.header("link") else { break };
        path = link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
        assert!(path.contains(answer.body["next_cursor"].as_str().unwrap()));
    }
    assert_eq!(seen, ["NCD-2020-0001", "NCD-2020-0002", "NCD-2020-0004", "NCD-2020-0005"]);
    assert_eq!(pages, 2);

    let count = async |query: &str| {
        service.get("looker", &format!("/api/v1/applications{query}")).await.body["items"].as_array().unwrap().len()
    };
    assert_eq!(count("?ended=true").await, 1);
    assert_eq!(count("?status=GUARANTEE_REVIEW").await, 5);
    assert_eq!(count("?status=EFFECTIVE").await, 0);
    for query in ["?limit=0", "?limit=201", "?colour=red", "?ended=maybe", "?uscc=1"] {
        service.get("looker", &format!("/api/v1/applications{query}")).await.is(400, "INVALID_QUERY");
    }
    service.get("looker", "/api/v1/applications?cursor=***").await.is(400, "INVALID_CURSOR");
}

#[tokio::test]
async fn whoever_has_the_version_gets_304_at_once_or_when_the_wait_is_over() {
    let mut service = Service::start().await;
    let id = service.case(1, 3, "open").await;
    let url = format!("{}/api/v1/applications/{id}", service.base);
    let get = |query: &str, version: &str| {
        service.client.get(format!("{url}{query}")).bearer_auth("looker").header("If-None-Match", version.to_owned())
    };
    let answer = service.send(get("", "\"3\"")).await;
    assert_eq!((answer.status, answer.header("etag")), (304, Some("\"3\"")));
    assert_eq!(service.send(get("", "\"2\"")).await.status, 200);
    service.send(get("", "3")).await.is(400, "ETAG_MALFORMED");

    let began = Instant::now();
    assert_eq!(service.send(get("?wait_ms=300", "\"3\"")).await.status, 304);
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    // An older version has changed already.
    let began = Instant::now();
    assert_eq!(service.send(get("?wait_ms=20000", "\"2\"")).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_wait_ends_with_the_change_it_waits_for() {
    let mut service = Service::start().await;
    let id = service.case(1, 3, "open").await;
    let url = format!("{}/api/v1/applications/{id}", service.base);
    let wait = |query: &str, version: Option<&str>| {
        let mut request = service.client.get(format!("{url}?wait_ms=20000{query}")).bearer_auth("looker");
        if let Some(version) = version {
            request = request.header("If-None-Match", version);
        }
        tokio::spawn(request.send())
    };
    let changed = wait("", Some("\"3\""));
    let any_change = wait("", None);
    let ended = wait("&until=end", None);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!changed.is_finished() && !any_change.is_finished() && !ended.is_finished());

    // Somebody else's change wakes nobody.
    service.case(2, 1, "open").await;
    service.committed("case/NCD-2020-0002", false);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!changed.is_finished());

    let began = Instant::now();
    service.case(1, 4, "open").await;
    service.committed(&format!("case/{id}"), false);
    for waiting in [changed, any_change] {
        let response = waiting.await.unwrap().unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["etag"].to_str().unwrap()), (200, "\"4\""));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!ended.is_finished(), "it has changed but not ended");
    service.case(1, 5, "over").await;
    service.committed(&format!("case/{id}"), true);
    let body: Value = ended.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!((&body["note"], &body["version"]), (&json!("over"), &json!(5)));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // What has ended is not waited for, nor what does not exist; nothing is kept of those who asked.
    assert_eq!(service.get("looker", &format!("/api/v1/applications/{id}?wait_ms=20000")).await.status, 200);
    assert_eq!(service.get("looker", "/api/v1/applications/NCD-2020-0077?wait_ms=20000").await.status, 404);
    assert_eq!(service.handle.changes.awaited(), 0);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_timeline_tells_facts_and_refusals_in_the_order_of_the_journal() {
    let mut service = Service::start().await;
    let id = service.case(1, 3, "open").await;
    service
        .journal(4, &id, "message", "union", &[Fact::Noted("一".into()), Fact::Silent, Fact::Noted("二".into())], None)
        .await;
    let refusal = r#"{"kind": "conflict", "code": "TASK", "title": "不能办理此任务", "detail": "x"}"#;
    service.journal(9, &id, "refused", "person:looker", &[], Some(refusal)).await;
    let answer = service.get("operator", &format!("/api/v1/applications/{id}/timeline")).await;
    let line = |position: u64, source: &str, step: &str, event: &str, text: &str| {
        json!({
            "position": position, "at": "2020-02-24T09:00:00.000+08:00", "party": "guarantor",
            "source": source, "step": step, "event": event, "text": text,
        })
    };
    let expected = json!([
        line(4, "union", "look", "noted", "一"),
        line(4, "union", "look", "noted", "二"),
        line(9, "person:looker", "", "refused", "不能办理此任务（TASK）"),
    ]);
    assert_eq!(answer.body["items"], expected);
    service.get("operator", "/api/v1/applications/NCD-2020-0009/timeline").await.is(404, "NOT_FOUND");
}

#[tokio::test]
async fn officers_see_the_tasks_of_their_roles_and_overseers_all() {
    let mut service = Service::start().await;
    service.task(1, "a", "looker", 30).await;
    service.task(2, "b", "other", 10).await;
    service.task(3, "c", "looker", 20).await;
    service.task(4, "d", "looker", 20).await;
    let ids = |answer: &Answer| -> Vec<String> {
        let items = answer.body["items"].as_array().unwrap();
        items.iter().map(|task| task["task_id"].as_str().unwrap().split_once('/').unwrap().1.to_owned()).collect()
    };
    for (account, query, expected) in [
        ("looker", "", "c d a"),
        ("looker", "?role=looker", "c d a"),
        ("looker", "?application_id=NCD-2020-0003", "c"),
        ("other", "", "b"),
        ("operator", "", "b c d a"),
        ("auditor", "?role=other", "b"),
    ] {
        let answer = service.get(account, &format!("/api/v1/tasks{query}")).await;
        assert_eq!(ids(&answer), expected.split(' ').collect::<Vec<_>>(), "{account} {query}");
    }
    service.get("looker", "/api/v1/tasks?role=other").await.is(403, "FORBIDDEN");

    // Both roles in one account, page by page.
    service.account("both", "looker other").await;
    let mut path = "/api/v1/tasks?limit=3".to_owned();
    let first = service.get("both", &path).await;
    assert_eq!(ids(&first), ["b", "c", "d"]);
    path.push_str(&format!("&cursor={}", first.body["next_cursor"].as_str().unwrap()));
    let second = service.get("both", &path).await;
    assert_eq!(ids(&second), ["a"]);
    assert!(second.body.get("next_cursor").is_none());
    service.get("both", "/api/v1/tasks?cursor=eHg").await.is(400, "INVALID_CURSOR");
}

#[tokio::test]
async fn operators_see_incidents_parked_inputs_and_the_backlog() {
    let mut service = Service::start().await;
    let incident = json!({ "incident_id": "NCD-2020-0001/1", "owner": "operator" });
    service
        .put(
            &INCIDENT,
            ["NCD-2020-0001/1".into(), "NCD-2020-0001".into(), "operator".into(), incident.to_string().into()],
        )
        .await;
    let cells =
        [Cell::Int(7), "NCD-2020-0001".into(), "union".into(), "毒".into(), "{}".into(), Cell::Int(0), "parked".into()];
    service.put(&PARKED, cells).await;
    assert_eq!(service.get("operator", "/api/v1/incidents").await.body, json!({ "items": [incident] }));
    let parked = json!({
        "position": 7, "application_id": "NCD-2020-0001", "source": "union", "why": "毒", "state": "parked",
        "at": "1970-01-01T08:00:00.000+08:00",
    });
    assert_eq!(service.get("operator", "/api/v1/parked").await.body, json!({ "items": [parked] }));
    // Of long lists a page.
    service.put(&INCIDENT, ["NCD-2020-0002/1".into(), "NCD-2020-0002".into(), "operator".into(), "{}".into()]).await;
    let cells = [Cell::Int(9), Cell::Null, "union".into(), "毒".into(), "{}".into(), Cell::Int(0), "held".into()];
    service.put(&PARKED, cells).await;
    for (list, last) in [("incidents", json!({})), ("parked", json!(9))] {
        let first = service.get("operator", &format!("/api/v1/{list}?limit=1")).await;
        let cursor = first.body["next_cursor"].as_str().unwrap();
        let rest = service.get("operator", &format!("/api/v1/{list}?cursor={cursor}")).await.body;
        let item = &rest["items"].as_array().unwrap()[0];
        assert_eq!(*item.get("position").unwrap_or(item), last, "{rest}");
        assert!(rest.get("next_cursor").is_none());
        service.get("operator", &format!("/api/v1/{list}?limit=201")).await.is(400, "INVALID_QUERY");
    }
    service.get("operator", "/api/v1/parked?cursor=eHg").await.is(400, "INVALID_CURSOR");
    let sent = std::collections::BTreeMap::from([(domain::Party::Union, 7)]);
    let backlog = crate::handle::Backlog { queued: 2, unreceipted: 3, sent, ..Default::default() };
    service.ends.as_ref().unwrap().backlog.send(backlog).unwrap();
    let expected = json!({ "queued": 2, "unreceipted": 3, "sent": { "union": 7 }, "taken": {}, "frozen": 0, "position": 0, "next_wake_ms": null });
    assert_eq!(service.get("operator", "/api/v1/backlog").await.body, expected);
}

#[tokio::test]
async fn the_books_are_read_by_account_and_by_whole_decisions() {
    let mut service = Service::start().await;
    for (code, fen) in [("G1002", 5), ("G9001/NCD-2020-0001", 7), ("U1001", 9)] {
        service.put(&ACCOUNT, [code.into(), Cell::Int(1), Cell::Int(fen), "{}".into()]).await;
    }
    let balances = service.get("auditor", "/api/v1/balances?prefix=G").await;
    let expected = json!({ "items": [
        { "code": "G1002", "balance_fen": 5 }, { "code": "G9001/NCD-2020-0001", "balance_fen": 7 },
    ] });
    assert_eq!(balances.body, expected);
    assert_eq!(service.get("auditor", "/api/v1/balances").await.body["items"].as_array().unwrap().len(), 3);
    let first = service.get("auditor", "/api/v1/balances?limit=2").await.body;
    let path = format!("/api/v1/balances?cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(service.get("auditor", &path).await.body, json!({ "items": [{ "code": "U1001", "balance_fen": 9 }] }));

    for (id, position) in [("a", 1), ("b", 2), ("c", 2), ("d", 2), ("e", 3)] {
        let cells =
            [id.into(), Cell::Int(1), Cell::Int(position), "G1002".into(), "G3001".into(), Cell::Int(1), "{}".into()];
        service.put(&TRANSFER, cells).await;
    }
    let mut path = "/api/v1/transfers?limit=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let answer = service.get("auditor", &path).await;
        let ids: String =
            answer.body["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
        pages.push(ids);
        let Some(cursor) = answer.body["next_cursor"].as_str() else { break };
        path = format!("/api/v1/transfers?limit=2&cursor={cursor}");
    }
    assert_eq!(pages, ["abcd", "e"], "a decision's transfers stay together");
}
