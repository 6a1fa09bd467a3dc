//! The member register, the books and the fund.

use crate::{
    interface::start,
    service::{Answer, Service},
};
use domain::Fen;
use party::store::tables::{ACCOUNT, Value as Cell};
use serde_json::json;
use union_core::{Command, Row, Union, rows::FundRow};

pub const MEMBERS: &str = "\
member_no,name,legal_rep_id,union_org_id,union_name,valid_from,valid_to
199000000001,样例零零一,119900198207120018,GH000001,北京样例0001号有限公司工会委员会,2012-10-18,
199000000128,样例一二八,11990019870611128X,GH000128,\"北京样例0128号有限公司,工会委员会\",2015-01-28,2019-01-28
";

pub async fn load(service: &mut Service<Union>, media_type: &str, body: String) -> Answer {
    service.post_as("operator", "/api/v1/members", media_type, body).await.0
}

#[tokio::test]
async fn csv_and_json_load_the_same_members_and_no_names() {
    let mut service = start(&[]).await;
    let (answer, from_csv) =
        service.post_as("operator", "/api/v1/members", "text/csv; charset=utf-8", MEMBERS.into()).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    let rows = json!({ "members": [
        {
            "member_no": "199000000001", "name": "样例零零一", "legal_rep_id": "119900198207120018",
            "union_org_id": "GH000001", "union_name": "北京样例0001号有限公司工会委员会", "valid_from": "2012-10-18",
            "valid_to": null,
        },
        {
            "member_no": "199000000128", "name": "样例一二八", "legal_rep_id": "11990019870611128x",
            "union_org_id": "GH000128", "union_name": "北京样例0128号有限公司,工会委员会", "valid_from": "2015-01-28",
            "valid_to": "2019-01-28",
        },
    ] });
    let (_, from_json) = service.post_as("operator", "/api/v1/members", "application/json", rows.to_string()).await;
    let (from_csv, from_json) = (from_csv.unwrap().command, from_json.unwrap().command);
    assert_eq!(from_csv, from_json);
    let Command::LoadMembers { members } = &from_csv else { panic!() };
    assert_eq!(members[1].to.unwrap().to_string(), "2019-01-28");
    assert_ne!(members[0].member, members[1].member);
    let text = serde_json::to_string(&from_csv).unwrap();
    assert!(!text.contains("样例") && !text.contains("1199") && !text.contains("1990000"), "{text}");
}

#[tokio::test]
async fn a_faulty_register_is_refused_row_by_row() {
    let mut service = start(&[]).await;
    let faulty = MEMBERS.replace("119900198207120018", "119900198207120019").replace("2019-01-28", "2014-01-28");
    let answer = load(&mut service, "text/csv", faulty).await;
    assert_eq!(answer.errors(), [("/members/0/legal_rep_id", "IDENTIFIER"), ("/members/1/valid_to", "ORDER")]);
    assert!(!answer.body.to_string().contains("119900198207120019"));
    let unknown = MEMBERS.replace("valid_to\n", "until\n");
    assert_eq!(load(&mut service, "text/csv", unknown).await.errors()[0], ("/members/1/until", "UNKNOWN_FIELD"));
    load(&mut service, "text/csv", "a,b\n1\n".into()).await.is(400, "MALFORMED_CSV");
    load(&mut service, "text/csv", "member_no\n".into()).await.is(422, "INVALID");
    load(&mut service, "application/json", MEMBERS.into()).await.is(400, "MALFORMED_JSON");
    load(&mut service, "text/plain", MEMBERS.into()).await.is(415, "UNSUPPORTED_MEDIA_TYPE");
    load(&mut service, "text/csv", "x".repeat(4 * 1024 * 1024 + 1)).await.is(413, "TOO_LARGE");
}

#[tokio::test]
async fn a_register_may_be_larger_than_other_bodies() {
    let mut service = start(&[]).await;
    let mut csv = MEMBERS.lines().take(1).collect::<Vec<_>>().join("") + "\n";
    for number in 0..2000 {
        csv.push_str(&format!("1990{number:08},样例,119900198207120018,GH000001,样例工会委员会,2012-10-18,\n"));
    }
    assert!(csv.len() > web::BODY_LIMIT);
    let (answer, work) = service.post_as("operator", "/api/v1/members", "text/csv", csv).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    let Command::LoadMembers { members } = work.unwrap().command else { panic!() };
    assert_eq!(members.len(), 2000);
}

#[tokio::test]
async fn the_books_are_opened_once_with_a_deposit() {
    let mut service = start(&[]).await;
    let open = json!({ "deposit_fen": 900_000_000 });
    service.post("operator", "/api/v1/books", &json!({ "deposit_fen": 1e3 })).await.is(422, "INVALID");
    service.post("operator", "/api/v1/books", &json!({ "deposit_fen": 0 })).await.is(422, "AMOUNT");
    assert_eq!(service.post("operator", "/api/v1/books", &open).await.status, 204);
    service.post("operator", "/api/v1/books", &open).await.is(409, "BOOKS_OPEN");
}

#[tokio::test]
async fn the_fund_shows_what_it_holds_and_who_waits() {
    let mut service = start(&[]).await;
    service.get("fund_manager", "/api/v1/fund").await.is(409, "BOOKS_NOT_OPEN");
    for (code, fen) in [("U1001", 900_000_000), ("U9000", 9_600_000), ("U9001", 9_600_000), ("U9002", 0)] {
        service.put(&ACCOUNT, [code.into(), Cell::Int(1), Cell::Int(fen), "{}".into()]).await;
    }
    let queue = vec!["NCD-2018-0002".parse().unwrap()];
    service
        .row("fund", &Row::Fund(FundRow { guaranteed_fen: Fen::new(48_000_000), queue, ..FundRow::default() }))
        .await;
    let expected = json!({
        "deposit_fen": 900_000_000,
        "held_fen": 9_600_000,
        "committed_fen": 0,
        "guaranteed_fen": 48_000_000,
        "capacity_fen": 4_500_000_000_i64,
        "queue": ["NCD-2018-0002"], "subsidies_fen": 0, "encumbered_fen": 0, "subsidies_paid_fen": 0,
    });
    assert_eq!(service.get("auditor", "/api/v1/fund").await.body, expected);
    service.get("auditor", "/api/v1/fund?x=1").await.is(400, "INVALID_QUERY");
}

#[tokio::test]
async fn the_programme_is_suspended_by_two_and_shows_who_and_why() {
    let mut service = start(&[]).await;
    let because = json!({ "because": "代偿率超过规定" });
    assert_eq!(service.get("auditor", "/api/v1/programme").await.body["status"], "OPEN");
    service.post("fund_manager", "/api/v1/programme/suspension", &because).await.is(409, "BOOKS_NOT_OPEN");
    assert_eq!(service.post("operator", "/api/v1/books", &json!({ "deposit_fen": 900_000_000 })).await.status, 204);
    for wrong in [json!({}), json!({ "because": "" }), json!({ "because": "x".repeat(501) })] {
        service.post("fund_manager", "/api/v1/programme/suspension", &wrong).await.is(422, "INVALID");
    }
    let first = service.post("fund_manager", "/api/v1/programme/suspension", &because).await;
    assert_eq!((first.status, &first.body["proposal"]["by"]), (202, &json!("person:fund_manager")), "{}", first.body);
    service.post("fund_manager", "/api/v1/programme/suspension", &because).await.is(409, "FOUR_EYES");
    service.post("approver", "/api/v1/programme/resumption", &because).await.is(409, "NOT_SUSPENDED");
    let second = service.post("approver", "/api/v1/programme/suspension", &json!({ "because": "同意暂停" })).await;
    assert_eq!((second.status, &second.body["status"]), (200, &json!("SUSPENDED")), "{}", second.body);
    let shown = service.get("auditor", "/api/v1/programme").await.body;
    let decided = &shown["decided"][0];
    assert_eq!((&shown["proposal"], &decided["control"]), (&json!(null), &json!("suspend")));
    assert_eq!((&decided["because"], &decided["confirmed_because"]), (&json!("代偿率超过规定"), &json!("同意暂停")));
    assert_eq!(decided["confirmed_by"], "person:approver");
}

#[tokio::test]
async fn a_top_up_wants_an_amount_above_zero_and_two_persons_who_agree_on_it() {
    let mut service = start(&[]).await;
    assert_eq!(service.post("operator", "/api/v1/books", &json!({ "deposit_fen": 900_000_000 })).await.status, 204);
    for amount in [json!(0), json!(-1), json!("100"), json!(1.5), json!(1_000_000_000_000_001_i64), json!(null)] {
        let body = json!({ "amount_fen": amount, "because": "理事会决定" });
        service.post("fund_manager", "/api/v1/programme/top-ups", &body).await.is(422, "INVALID");
    }
    let body = |fen: i64| json!({ "amount_fen": fen, "because": "理事会决定" });
    assert_eq!(service.post("fund_manager", "/api/v1/programme/top-ups", &body(100_000_000)).await.status, 202);
    service.post("approver", "/api/v1/programme/top-ups", &body(100_000_001)).await.is(409, "PROPOSAL_OPEN");
    let done = service.post("approver", "/api/v1/programme/top-ups", &body(100_000_000)).await;
    assert_eq!((done.status, &done.body["decided"][0]["amount_fen"]), (200, &json!(100_000_000)), "{}", done.body);
    service
        .post("approver", "/api/v1/programme/proposal/withdrawal", &json!({ "because": "有误" }))
        .await
        .is(409, "NO_PROPOSAL");
}

#[tokio::test]
async fn how_large_the_register_is_can_be_read_but_not_who_is_in_it() {
    let mut service = start(&[]).await;
    let empty = service.get("auditor", "/api/v1/members").await;
    assert_eq!((empty.status, &empty.body), (200, &json!({ "members": 0, "rows": 0 })));
    let again =
        "199000000001,样例零零一,119900198207120018,GH000001,北京样例0001号有限公司工会委员会,2010-01-01,2011-01-01\n";
    load(&mut service, "text/csv", format!("{MEMBERS}{again}")).await;
    let answer = service.get("auditor", "/api/v1/members").await;
    assert_eq!(answer.body, json!({ "members": 2, "rows": 3 }));
    assert_eq!(service.get("auditor", "/api/v1/members?name=x").await.status, 400);
}
