//! The union's interface: its document, its table, its configuration.

use crate::service::{Service, check_document};
use domain::{Charter, Charters};
use party::config::Config;
use std::{collections::BTreeSet, sync::Arc};
use tokio_util::sync::CancellationToken;
use union_core::{Role, Union};

pub const AT: &str = "2018-08-13T10:00:00+08:00";

pub async fn start(automatic: &[Role]) -> Service<Union> {
    let mut charters = Charters::default();
    charters.accept(Charter::programme_2017()).unwrap();
    let automatic: BTreeSet<Role> = automatic.iter().copied().collect();
    let union = Union { charters: Arc::new(charters), automatic };
    let roles = ["applicant", "intake_officer", "fund_manager", "approver", "operator", "auditor", "hotline_agent"];
    Service::start(union, AT, &roles, union_service::router).await
}

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    check_document(path, "union-service", &party::http::document(&union_service::edge()));
}

#[tokio::test]
async fn own_routes_let_in_exactly_their_roles() {
    let mut service = start(&[]).await;
    let rows: &[(&str, &[&str])] = &[
        ("/api/v1/applications", &["applicant", "intake_officer"]),
        ("/api/v1/applications/NCD-2018-0001/withdrawal", &["applicant", "intake_officer"]),
        ("/api/v1/applications/NCD-2018-0001/repair", &["fund_manager", "operator"]),
        ("/api/v1/members", &["operator"]),
        ("/api/v1/books", &["operator"]),
        ("/api/v1/programme/top-ups", &["fund_manager", "approver"]),
        ("/api/v1/programme/suspension", &["fund_manager", "approver"]),
        ("/api/v1/programme/resumption", &["fund_manager", "approver"]),
        ("/api/v1/programme/proposal/withdrawal", &["fund_manager", "approver"]),
        ("/api/v1/tickets", &["hotline_agent"]),
        ("/api/v1/consultations", &["hotline_agent"]),
    ];
    let roles = ["applicant", "intake_officer", "fund_manager", "approver", "operator", "auditor", "hotline_agent"];
    for (path, allowed) in rows {
        for role in roles {
            let answer = service.post(role, path, &serde_json::json!({})).await;
            assert_eq!(answer.status != 403, allowed.contains(&role), "{role} {path}: {}", answer.body);
        }
    }
    for role in roles {
        for path in ["/api/v1/fund", "/api/v1/members", "/api/v1/programme"] {
            let answer = service.get(role, path).await;
            let may = ["intake_officer", "fund_manager", "approver", "auditor"].contains(&role);
            assert_eq!(answer.status != 403, may, "{role} {path}");
        }
        let path = "/api/v1/applications/NCD-2018-0001/status";
        assert_eq!(service.get(role, path).await.status != 403, !["applicant", "operator"].contains(&role), "{role}");
        for path in ["/api/v1/applications", "/api/v1/applications/NCD-2018-0001", "/api/v1/applications/x/timeline"] {
            let answer = service.get(role, path).await;
            assert!(role != "hotline_agent" || answer.status == 403, "the hotline looks at no application: {path}");
        }
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_before_anything_is_opened() {
    let config = |party: &str, automatic: &str| {
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
        Config::from_table(table.parse().unwrap(), std::iter::empty()).unwrap()
    };
    for (party, automatic, says) in [
        ("bank", "", "party is bank"),
        ("union", "\"credit_approver\"", "no deciding role `credit_approver`"),
        ("union", "\"operator\"", "no deciding role `operator`"),
    ] {
        let error = union_service::run(config(party, automatic), CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}
