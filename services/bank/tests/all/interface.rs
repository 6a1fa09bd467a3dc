//! The bank's interface: its document, its table, its own routes, its configuration.

use crate::service::{Service, check_document};
use bank_core::{
    Bank, Command, CoreBanking, Row,
    rows::{Loan, LoanState},
};
use contracts::{About, ApproveCredit, Firm, Message, Wish};
use domain::{Amount, ApplicationId, Charter, Charters, Date, Fen, Method, Ppm, Uscc};
use party::config::Config;
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use tokio_util::sync::CancellationToken;

const ROLES: [&str; 7] =
    ["credit_investigator", "credit_approver", "operations", "payment_maker", "payment_checker", "operator", "auditor"];

pub async fn start() -> Service<Bank> {
    let mut charters = Charters::default();
    charters.accept(Charter::programme_2017()).unwrap();
    let bank = Bank { charters: Arc::new(charters), automatic: BTreeSet::new(), core_banking: CoreBanking::OwnLedger };
    Service::start(bank, "2018-08-13T10:00:00+08:00", &ROLES, bank_service::router).await
}

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    check_document(path, "bank-service", &party::http::document(&bank_service::edge()));
}

#[tokio::test]
async fn own_routes_let_in_exactly_their_roles() {
    let mut service = start().await;
    let officers = &ROLES[..5];
    for role in ROLES {
        let allowed = |answer: crate::service::Answer| answer.status != 403;
        assert_eq!(allowed(service.post(role, "/api/v1/books", &json!({})).await), role == "operator", "{role}");
        let loans = allowed(service.get(role, "/api/v1/loans").await);
        assert_eq!(loans, officers.contains(&role) || role == "auditor", "{role}");
        let path = "/api/v1/applications/NCD-2018-0001/incidents/1/resolution";
        let resolution = allowed(service.post(role, path, &json!({})).await);
        assert_eq!(resolution, bank_core::rights::INCIDENTS.contains(&role), "{role}");
    }
}

#[tokio::test]
async fn the_books_are_opened_once_with_the_unions_deposit() {
    let mut service = start().await;
    let open = json!({ "deposit_fen": 900_000_000 });
    assert_eq!(service.post("operator", "/api/v1/books", &open).await.status, 204);
    service.post("operator", "/api/v1/books", &open).await.is(409, "BOOKS_OPEN");
}

#[tokio::test]
async fn loans_are_listed_by_state_and_firm_in_pages() {
    let mut service = start().await;
    for number in 1..=3 {
        let application_id = ApplicationId::new(2018, number).unwrap();
        let loan = Loan {
            application_id: application_id.clone(),
            uscc: if number == 3 { "91350100M000100Y43" } else { "91119900XN0000012A" }.into(),
            contract_no: format!("JK-{application_id}-1"),
            letter_no: format!("BH-{application_id}-1"),
            amount_fen: Amount::new(Fen::new(48_000_000)).unwrap(),
            rate_ppm: Ppm::new(45_000).unwrap(),
            method: Method::Bullet,
            term_months: 18,
            state: if number == 2 { LoanState::Active } else { LoanState::Pending },
            receipt: None,
            life: None,
        };
        service.row(&format!("loan/{application_id}"), &Row::Loan(Box::new(loan))).await;
    }
    let ids = async |query: &str| -> Vec<String> {
        let answer = service.get("auditor", &format!("/api/v1/loans{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let items = answer.body["items"].as_array().unwrap();
        items.iter().map(|loan| loan["application_id"].as_str().unwrap()[9..].to_owned()).collect()
    };
    assert_eq!(ids("").await, ["0001", "0002", "0003"]);
    assert_eq!(ids("?state=ACTIVE").await, ["0002"]);
    assert_eq!(ids("?uscc=91350100m000100y43").await, ["0003"]);
    let first = service.get("auditor", "/api/v1/loans?limit=2").await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    assert_eq!(ids(&format!("?limit=2&cursor={cursor}")).await, ["0003"]);
    let link = first.headers["link"].to_str().unwrap();
    assert_eq!(link, format!("</api/v1/loans?limit=2&cursor={cursor}>; rel=\"next\""));
}

fn firm() -> Firm {
    Firm {
        enterprise_name: "北京样例0001号有限公司".into(),
        uscc: Uscc::parse("91350100M000100Y43").unwrap(),
        industry_code: "I65".into(),
        district: "海淀".into(),
        registered_on: Date::constant(2015, 1, 28),
        employees: 12,
        turnover_fen: Fen::new(218_000_000),
        tax_fen: Fen::new(4_360_000),
        debt_fen: Fen::new(0),
    }
}

fn wish() -> Wish {
    Wish {
        amount_fen: Amount::new(Fen::new(48_000_000)).unwrap(),
        term_months: 12,
        method: Method::Bullet,
        purpose: "支付房屋租金".into(),
    }
}

#[tokio::test]
async fn a_case_is_read_and_listed_as_a_decision_on_it_was_answered() {
    let mut service = start().await;
    let application_id = ApplicationId::new(2018, 1).unwrap();
    let charter = Charters::default().accept(Charter::programme_2017()).unwrap();
    let about = About { application_id, charter, key: "approve credit:NCD-2018-0001:1".into() };
    let ask = ApproveCredit {
        about,
        firm: firm(),
        wish: wish(),
        conditions: Vec::new(),
        credit_query_consent: "1".into(),
        reservation_id: Some("YL-NCD-2018-0001".into()),
    };
    service.hear(Message::ApproveCredit(ask)).await;
    let path = "/api/v1/applications/NCD-2018-0001";
    let asked = service.get("auditor", path).await;
    assert_eq!((asked.status, &asked.headers["etag"]), (200, &"\"1\"".parse().unwrap()), "{}", asked.body);
    let answer = service
        .post(
            "credit_investigator",
            "/api/v1/tasks/NCD-2018-0001/investigate/decision",
            &json!({ "finding": "advise", "decline": "CREDIT_RECORD" }),
        )
        .await;
    assert_eq!((answer.status, &answer.headers["etag"]), (200, &"\"2\"".parse().unwrap()), "{}", answer.body);
    let read = service.get("auditor", path).await;
    assert_eq!(read.headers["etag"], "\"2\"");
    assert_eq!(read.body, answer.body);
    let listed = service.get("auditor", "/api/v1/applications").await;
    assert_eq!(listed.body["items"], json!([answer.body]));

    // One shape, whatever the state; how the row is kept is nobody's business.
    let names = |body: &serde_json::Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&asked.body), names(&read.body));
    assert_eq!(asked.body["tasks"][0]["opened_at"], "2018-08-13T10:00:00.000+08:00");
    assert_eq!(asked.body.get("requests"), None);
}

#[tokio::test]
async fn an_incident_is_resolved_with_a_reason() {
    let mut service = start().await;
    let path = "/api/v1/applications/NCD-2018-0001/incidents/2/resolution";
    let body = json!({ "because": "核心系统已更正" }).to_string();
    let (answer, work) = service.post_as("operations", path, "application/json", body).await;
    answer.is(404, "NOT_FOUND");
    let Command::ResolveIncident { number, because, .. } = work.unwrap().command else { panic!() };
    assert_eq!((number, because.as_str()), (2, "核心系统已更正"));
    service.post("operations", path, &json!({})).await.is(422, "INVALID");
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_before_anything_is_opened() {
    for (party, automatic, says) in
        [("union", "", "party is union"), ("bank", "\"risk_manager\"", "no deciding role `risk_manager`")]
    {
        let table = format!(
            r#"
            party = "{party}"
            programme = "warm-venture"
            environment = "test"
            data_dir = "/nowhere"
            http_listen = "127.0.0.1:0"
            nats_url = "nats://127.0.0.1:1"
            nats_app_seed = "SU"
            nats_admin_seed = "SU"
            signing_key_file = "/nowhere/key"
            pairing_file = "/nowhere/pairing"
            vault_key_file = "/nowhere/vault"
            operator_token_file = "/nowhere/token"
            automatic = [{automatic}]
            "#
        );
        let config = Config::from_table(table.parse().unwrap(), std::iter::empty()).unwrap();
        let error = bank_service::run(config, CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn what_the_union_pays_in_is_booked_once_a_reference() {
    let mut service = start().await;
    let receipt = json!({ "reference": "PZ-2020-17", "amount_fen": 100_000_000 });
    service.post("operations", "/api/v1/deposit-receipts", &receipt).await.is(409, "BOOKS_NOT_OPEN");
    service.post("operator", "/api/v1/deposit-receipts", &receipt).await.is(403, "FORBIDDEN");
    assert_eq!(service.post("operator", "/api/v1/books", &json!({ "deposit_fen": 900_000_000 })).await.status, 204);
    for wrong in [
        json!({ "reference": "", "amount_fen": 1 }),
        json!({ "reference": "x".repeat(41), "amount_fen": 1 }),
        json!({ "reference": "PZ-1", "amount_fen": 0 }),
        json!({ "reference": "PZ-1" }),
    ] {
        service.post("operations", "/api/v1/deposit-receipts", &wrong).await.is(422, "INVALID");
    }
    assert_eq!(service.post("operations", "/api/v1/deposit-receipts", &receipt).await.status, 204);
    service.post("operations", "/api/v1/deposit-receipts", &receipt).await.is(409, "REFERENCE_USED");
}
