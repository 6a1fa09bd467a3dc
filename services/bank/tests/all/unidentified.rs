//! Money whose loan is not known, over HTTP: entered, listed, given back by two persons; what is refused.

use crate::interface::start;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/unidentified-receipts";

fn money(reference: &str) -> Value {
    json!({ "reference": reference, "value_date": "2018-08-13", "amount_fen": 60_667, "note": "附言不清" })
}

#[tokio::test]
async fn it_is_entered_listed_and_given_back() {
    let mut service = start().await;
    let entered = service.post("operations", PATH, &money("M-1")).await;
    assert_eq!((entered.status, &entered.headers["etag"]), (201, &"\"1\"".parse().unwrap()), "{}", entered.body);
    assert_eq!((&entered.body["money_id"], &entered.body["money_state"]), (&json!("UM-M-1"), &json!("UNIDENTIFIED")));
    assert_eq!(entered.body["due_at"], "2018-08-20T23:59:59.999+08:00");
    let read = service.get("auditor", &format!("{PATH}/UM-M-1")).await;
    assert_eq!((&read.body, &read.headers["etag"]), (&entered.body, &"\"1\"".parse().unwrap()));

    let body = json!({ "verdict": "give_back", "because": "付款人要求退回" });
    let proposed = service.post("operations", "/api/v1/tasks/UM-M-1/identify-money/decision", &body).await;
    assert_eq!((proposed.status, &proposed.body["money_state"]), (200, &json!("IDENTIFICATION_PREPARED")));
    let check = "/api/v1/tasks/UM-M-1/check-identification/decision";
    let booked = service.post("payment_checker", check, &json!({ "verdict": "release" })).await;
    assert_eq!((booked.status, &booked.body["money_state"]), (200, &json!("GIVEN_BACK")), "{}", booked.body);
    assert_eq!(booked.body["checker"], "person:payment_checker");
    let listed = async |query: &str| {
        let list = service.get("operations", &format!("{PATH}{query}")).await.body;
        list["items"].as_array().unwrap().iter().map(|one| one["money_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed("?status=GIVEN_BACK").await, [json!("UM-M-1")]);
    assert!(listed("?status=UNIDENTIFIED").await.is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nobody_else_may() {
    let mut service = start().await;
    let wrong = json!({ "reference": "M/1", "value_date": "13.8.", "amount_fen": 0, "note": "?" });
    let answer = service.post("operations", PATH, &wrong).await;
    let mut pointers: Vec<&str> = answer.errors().into_iter().map(|(pointer, _)| pointer).collect();
    pointers.sort_unstable();
    assert_eq!((answer.status, pointers), (422, vec!["/amount_fen", "/note", "/reference", "/value_date"]));
    service.post("payment_maker", PATH, &money("M-1")).await.is(403, "FORBIDDEN");
    let mut ahead = money("M-1");
    ahead["value_date"] = json!("2018-08-14");
    service.post("operations", PATH, &ahead).await.is(422, "VALUE_DATE");
    assert_eq!(service.post("operations", PATH, &money("M-1")).await.status, 201);
    service.post("operations", PATH, &money("M-1")).await.is(409, "REFERENCE_USED");

    let identify = "/api/v1/tasks/UM-M-1/identify-money/decision";
    service.post("operations", identify, &json!({ "verdict": "release" })).await.is(400, "NOT_THIS_TASK");
    let nobody = json!({ "verdict": "assign", "application_id": "NCD-2018-0001" });
    service.post("operations", identify, &nobody).await.is(409, "NO_LOAN");
    let other = "/api/v1/tasks/UM-M-1/investigate/decision";
    service.post("operations", other, &json!({ "verdict": "release" })).await.is(404, "NOT_FOUND");
    let claim = "/api/v1/tasks/UM-M-1/identify-money/claim";
    service.post("operations", claim, &json!({})).await.is(404, "NOT_FOUND");
    for number in ["UM-M-2", "M-1", "UM-"] {
        service.get("operations", &format!("{PATH}/{number}")).await.is(404, "NOT_FOUND");
    }
}
