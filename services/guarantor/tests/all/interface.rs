//! The guarantor's interface: its document, its table, its own routes, its configuration.

use crate::service::{Service, check_document};
use contracts::{About, AssessGuarantee, Firm, Message, Wish};
use domain::{Amount, ApplicationId, Charter, Charters, Date, Fen, Method, Uscc};
use guarantor_core::{Command, Guarantor, Row, rows::ExposureRow};
use guarantor_service::NetAssets;
use party::config::Config;
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use tokio_util::sync::CancellationToken;

const ROLES: [&str; 6] = ["risk_manager", "contract_officer", "letter_maker", "letter_checker", "operator", "auditor"];

pub async fn start() -> Service<Guarantor> {
    let mut charters = Charters::default();
    charters.accept(Charter::programme_2017()).unwrap();
    let net_assets_fen = Fen::new(10_000_000_000);
    let guarantor = Guarantor { charters: Arc::new(charters), automatic: BTreeSet::new(), net_assets_fen };
    let router = move |handle, vault| guarantor_service::router(handle, vault, NetAssets(net_assets_fen));
    Service::start(guarantor, "2018-08-13T10:00:00+08:00", &ROLES, router).await
}

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    check_document(path, "guarantor-service", &party::http::document(&guarantor_service::edge()));
}

#[tokio::test]
async fn own_routes_let_in_exactly_their_roles() {
    let mut service = start().await;
    let officers = &ROLES[..4];
    for role in ROLES {
        let allowed = |answer: crate::service::Answer| answer.status != 403;
        assert_eq!(allowed(service.post(role, "/api/v1/books", &json!({})).await), role == "operator", "{role}");
        let limits = allowed(service.get(role, "/api/v1/limits").await);
        assert_eq!(limits, officers.contains(&role) || role == "auditor", "{role}");
        let path = "/api/v1/applications/NCD-2018-0001/incidents/1/resolution";
        let resolution = allowed(service.post(role, path, &json!({})).await);
        assert_eq!(resolution, guarantor_core::rights::INCIDENTS.contains(&role), "{role}");
    }
    // Applicants have no accounts here.
    let account = json!({ "account": "a", "person": "p", "roles": ["applicant"] });
    service.post("operator", "/api/v1/tokens", &account).await.is(422, "INVALID");
}

#[tokio::test]
async fn the_books_are_opened_once_with_the_capital() {
    let mut service = start().await;
    let open = json!({ "capital_fen": 10_000_000_000_i64 });
    assert_eq!(service.post("operator", "/api/v1/books", &open).await.status, 204);
    service.post("operator", "/api/v1/books", &open).await.is(409, "BOOKS_OPEN");
    service.post("operator", "/api/v1/books", &json!({ "deposit_fen": 1 })).await.is(422, "INVALID");
}

#[tokio::test]
async fn limits_show_what_is_taken_of_them() {
    let mut service = start().await;
    let answer = service.get("auditor", "/api/v1/limits").await;
    let charter = Charter::programme_2017();
    let expected = json!({
        "net_assets_fen": 10_000_000_000_i64,
        "liability_limit_fen": 10_000_000_000_i64 * i64::from(charter.guarantor_net_assets_multiple),
        "exposure_fen": 0,
        "one_client_limit_fen": Fen::new(10_000_000_000).floor_share(charter.guarantor_one_client).unwrap().get(),
    });
    assert_eq!(answer.body, expected);

    service.row("limits", &Row::Limits(ExposureRow { exposure_fen: Fen::new(68_000_000) })).await;
    service.row("client/91119900XN0000012A", &Row::Client(ExposureRow { exposure_fen: Fen::new(48_000_000) })).await;
    let answer = service.get("auditor", "/api/v1/limits?uscc=91119900xn0000012a").await;
    assert_eq!(
        (&answer.body["exposure_fen"], &answer.body["client_exposure_fen"]),
        (&json!(68_000_000), &json!(48_000_000))
    );
    service.get("auditor", "/api/v1/limits?uscc=1").await.is(400, "INVALID_QUERY");
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
    let about = About { application_id, charter, key: "assess guarantee:NCD-2018-0001:1".into() };
    let ask = AssessGuarantee {
        about,
        firm: firm(),
        wish: wish(),
        recommendation: "TJ-NCD-2018-0001".into(),
        reservation_id: "YL-NCD-2018-0001".into(),
        reserved_fen: Fen::new(9_600_000),
    };
    service.hear(Message::AssessGuarantee(ask)).await;
    let path = "/api/v1/applications/NCD-2018-0001";
    let asked = service.get("auditor", path).await;
    assert_eq!((asked.status, &asked.headers["etag"]), (200, &"\"1\"".parse().unwrap()), "{}", asked.body);
    let answer = service
        .post(
            "risk_manager",
            "/api/v1/tasks/NCD-2018-0001/due-diligence/decision",
            &json!({ "verdict": "decline", "reason": "CASH_FLOW" }),
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
    let body = json!({ "because": "已与银行核对" }).to_string();
    let (answer, work) = service.post_as("operator", path, "application/json", body).await;
    answer.is(404, "NOT_FOUND");
    let Command::ResolveIncident { number, because, .. } = work.unwrap().command else { panic!() };
    assert_eq!((number, because.as_str()), (2, "已与银行核对"));
    service.post("operator", path, &json!({ "because": "" })).await.is(422, "INVALID");
    let path = "/api/v1/applications/NCD-2018-0001/incidents/x/resolution";
    service.post("operator", path, &json!({ "because": "已与银行核对" })).await.is(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_before_anything_is_opened() {
    for (party, more, says) in [
        ("union", "net_assets_fen = 1", "party is union"),
        ("guarantor", "", "net_assets_fen"),
        ("guarantor", "net_assets_fen = 0", "net_assets_fen"),
        ("guarantor", "net_assets_fen = 1\nautomatic = [\"intake_officer\"]", "no deciding role `intake_officer`"),
    ] {
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
            {more}
            "#
        );
        let config = Config::from_table(table.parse().unwrap(), std::iter::empty()).unwrap();
        let error = guarantor_service::run(config, CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}
