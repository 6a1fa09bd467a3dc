//! The hotline over HTTP: a call taken, dispatched, replied to and closed; who sees what of it; what is refused.

use crate::{
    filing::{form, with_books},
    service::{Answer, Service},
};
use serde_json::{Value, json};
use union_core::Union;

const TICKETS: &str = "/api/v1/tickets";

fn call() -> Value {
    json!({ "category": "HELP", "matter": "询问贴息进度", "about_application": null })
}

async fn does(service: &mut Service<Union>, role: &str, task: &str, body: Value) -> Answer {
    service.post(role, &format!("/api/v1/tasks/GD-2018-001/{task}/decision"), &body).await
}

#[tokio::test]
async fn a_call_is_taken_travels_and_is_closed() {
    let mut service = with_books().await;
    let taken = service.post("hotline_agent", TICKETS, &call()).await;
    assert_eq!((taken.status, &taken.headers["etag"]), (201, &"\"1\"".parse().unwrap()), "{}", taken.body);
    assert_eq!((&taken.body["ticket_id"], &taken.body["ticket_state"]), (&json!("GD-2018-001"), &json!("RECEIVED")));
    let read = service.get("hotline_agent", "/api/v1/tickets/GD-2018-001").await;
    assert_eq!((&read.body, &read.headers["etag"]), (&taken.body, &"\"1\"".parse().unwrap()));
    for (role, task, body, state) in [
        ("hotline_agent", "dispatch-ticket", json!({ "act": "dispatch", "unit": "海淀区代办处" }), "DISPATCHED"),
        ("intake_officer", "sign-for-ticket", json!({ "act": "sign_for" }), "SIGNED_FOR"),
        ("intake_officer", "begin-ticket", json!({ "act": "begin" }), "HANDLING"),
        ("intake_officer", "reply-to-ticket", json!({ "act": "ask_extension", "because": "须与银行核对" }), "HANDLING"),
        ("approver", "extend-ticket", json!({ "act": "grant", "because": "情况属实" }), "EXTENDED"),
        ("intake_officer", "reply-to-ticket", json!({ "act": "reply", "reply": "下月支付" }), "REPLIED"),
        (
            "hotline_agent",
            "visit-caller",
            json!({ "act": "visit", "satisfaction": "SATISFIED", "because": " " }),
            "VISITED",
        ),
        ("hotline_agent", "close-ticket", json!({ "act": "close" }), "CLOSED"),
    ] {
        let answer = does(&mut service, role, task, body).await;
        assert_eq!((answer.status, &answer.body["ticket_state"]), (200, &json!(state)), "{task}: {}", answer.body);
    }
    let read = service.get("auditor", "/api/v1/tickets/GD-2018-001").await.body;
    assert_eq!((&read["reply"], &read["satisfaction"]), (&json!("下月支付"), &json!("SATISFIED")));
    assert_eq!(read["due_at"], "2018-08-27T10:00:00.000+08:00", "seven days, and seven more");
    assert_eq!(read["acts"].as_array().unwrap().len(), 8);

    service.post("hotline_agent", TICKETS, &call()).await;
    let listed = async |query: &str| {
        let list = service.get("intake_officer", &format!("{TICKETS}{query}")).await.body;
        let items = list["items"].as_array().unwrap().iter().map(|one| one["ticket_id"].as_str().unwrap().to_owned());
        (items.collect::<Vec<_>>(), list["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(listed("?ended=true").await.0, ["GD-2018-001"]);
    assert_eq!(listed("?status=RECEIVED").await.0, ["GD-2018-002"]);
    let (first, next) = listed("?limit=1").await;
    assert_eq!(first, ["GD-2018-001"]);
    assert_eq!(listed(&format!("?limit=1&cursor={}", next.unwrap())).await.0, ["GD-2018-002"]);

    let figures = service.get("auditor", "/api/v1/statistics").await.body;
    let total = &figures["items"][0];
    assert_eq!(
        (&total["tickets"], &total["tickets_closed"], &total["tickets_late"]),
        (&json!(2), &json!(1), &json!(0))
    );
    assert_eq!(total["ticket_categories"], json!({ "HELP": 2 }));
    let published = service.get("auditor", "/api/v1/statistics?published=true").await.body;
    assert_eq!(published["items"][0]["tickets"], json!(null), "two calls could be recognised");
}

#[tokio::test]
async fn an_applicant_sees_of_its_own_tickets_how_far_they_are_and_the_hotline_of_applications_their_state() {
    let mut service = with_books().await;
    service.post("applicant", "/api/v1/applications", &form()).await;
    let mut about = call();
    about["about_application"] = json!("NCD-2018-0001");
    assert_eq!(service.post("hotline_agent", TICKETS, &about).await.status, 201);
    let answer = json!({ "act": "answer_at_once", "reply": "正在受理审核" });
    assert_eq!(does(&mut service, "hotline_agent", "dispatch-ticket", answer).await.status, 200);

    let path = "/api/v1/applications/NCD-2018-0001/tickets";
    let own = service.get("applicant", path).await.body;
    let ticket = &own["items"][0];
    assert_eq!((&ticket["ticket_state"], &ticket["reply"]), (&json!("ANSWERED_AT_ONCE"), &json!("正在受理审核")));
    assert_eq!((ticket.get("acts"), ticket.get("received_by")), (None, None), "no officer's name");
    assert!(service.get("intake_officer", path).await.body["items"][0]["acts"].is_array());
    service.account("other", "person:other", "applicant").await;
    service.get("other", path).await.is(404, "NOT_FOUND");
    assert_eq!(
        service.get("applicant", "/api/v1/applications/NCD-2018-0001").await.body["tickets"],
        json!(["GD-2018-001"])
    );

    let status = service.get("hotline_agent", "/api/v1/applications/NCD-2018-0001/status").await.body;
    let names: Vec<&String> = status.as_object().unwrap().keys().collect();
    assert_eq!(names, ["application_id", "ended", "filed_at", "state", "waiting_for"]);
    assert_eq!(status["state"], "INTAKE_REVIEW");
    service.get("hotline_agent", "/api/v1/applications/NCD-2018-0099/status").await.is(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_is_no_ticket_no_act_or_not_of_this_task_is_refused_and_changes_nothing() {
    let mut service = with_books().await;
    for (body, errors) in [
        (
            json!({ "category": "PRAISE", "matter": "x", "about_application": "NCD-1" }),
            vec![("/category", "CHOICE"), ("/matter", "LENGTH"), ("/about_application", "IDENTIFIER")],
        ),
        (json!({}), vec![("/category", "REQUIRED"), ("/matter", "REQUIRED")]),
    ] {
        let answer = service.post("hotline_agent", TICKETS, &body).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        let mut found = answer.errors();
        found.sort_unstable();
        let mut errors = errors;
        errors.sort_unstable();
        assert_eq!(found, errors);
    }
    let mut unknown = call();
    unknown["about_application"] = json!("NCD-2018-0001");
    service.post("hotline_agent", TICKETS, &unknown).await.is(404, "NOT_FOUND");
    for path in ["GD-2018-001", "GD-2018-1", "NCD-2018-0001"] {
        service.get("hotline_agent", &format!("{TICKETS}/{path}")).await.is(404, "NOT_FOUND");
    }
    does(&mut service, "hotline_agent", "dispatch-ticket", json!({ "act": "dispatch", "unit": "代办处" }))
        .await
        .is(404, "NOT_FOUND");

    service.post("hotline_agent", TICKETS, &call()).await;
    does(&mut service, "hotline_agent", "dispatch-ticket", json!({ "act": "close" })).await.is(400, "NOT_THIS_TASK");
    does(&mut service, "hotline_agent", "close-ticket", json!({ "act": "close" })).await.is(409, "NOT_NOW");
    does(&mut service, "intake_officer", "sign-for-ticket", json!({ "act": "sign_for" })).await.is(409, "NOT_NOW");
    does(&mut service, "intake_officer", "dispatch-ticket", json!({ "act": "dispatch", "unit": "代办处" }))
        .await
        .is(403, "FORBIDDEN");
    let short =
        does(&mut service, "hotline_agent", "dispatch-ticket", json!({ "act": "dispatch", "unit": " x " })).await;
    assert_eq!((short.status, short.errors()), (422, vec![("/unit", "LENGTH")]));
    for body in [
        json!({ "act": "sing" }),
        json!({ "act": "sign_for", "and": 1 }),
        json!({ "act": "visit", "satisfaction": "VERY" }),
    ] {
        let answer = does(&mut service, "hotline_agent", "dispatch-ticket", body).await;
        assert!([400, 422].contains(&answer.status), "{}", answer.body);
    }
    let claim = service.post("hotline_agent", "/api/v1/tasks/GD-2018-001/dispatch-ticket/claim", &json!({})).await;
    assert!([403, 404].contains(&claim.status), "{}", claim.body);
    let read = service.get("auditor", "/api/v1/tickets/GD-2018-001").await.body;
    assert_eq!((&read["ticket_state"], &read["acts"]), (&json!("RECEIVED"), &json!([])));
}

#[tokio::test]
async fn consultations_are_counted_by_month_and_nobody_who_asked_is_kept() {
    let mut service = with_books().await;
    let one = |on: &str| json!({ "on": on, "from": "PRIMARY_UNION", "channel": "PHONE", "topic": "RENEWAL" });
    for on in ["2018-08-13", "2018-08-01", "2018-07-31"] {
        assert_eq!(service.post("hotline_agent", "/api/v1/consultations", &one(on)).await.status, 200, "{on}");
    }
    service.post("hotline_agent", "/api/v1/consultations", &one("2018-08-14")).await.is(422, "CONSULTED_ON");
    let wrong = json!({ "on": "13.8.2018", "from": "BANK", "channel": "PHONE", "topic": "WEATHER" });
    let answer = service.post("hotline_agent", "/api/v1/consultations", &wrong).await;
    assert_eq!((answer.status, answer.errors().len()), (422, 3), "{}", answer.body);
    let months = service.get("hotline_agent", "/api/v1/consultations").await.body;
    assert_eq!(
        months["items"],
        json!([
            { "month": "2018-07", "consultations": 1, "topics": { "RENEWAL": 1 } },
            { "month": "2018-08", "consultations": 2, "topics": { "RENEWAL": 2 } },
        ])
    );
    let figures = service.get("auditor", "/api/v1/statistics?by=quarter").await.body;
    assert_eq!(figures["items"][1]["consultation_topics"], json!({ "RENEWAL": 3 }), "{figures:#}");
    let csv = service.get("auditor", "/api/v1/statistics?format=csv").await;
    let header = csv.body.as_str().unwrap().lines().next().unwrap().to_owned();
    assert!(header.ends_with("consultation RENEWAL"), "{header}");
}
