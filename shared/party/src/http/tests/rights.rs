//! Who is let in where.

use super::*;

#[tokio::test]
async fn without_a_known_token_nothing_under_api_is_answered() {
    let service = Service::start().await;
    for route in policy::routes(&edge()).iter().filter(|route| route.who != Who::Public) {
        let path = route.operation.path.replace(['{', '}'], "");
        let url = format!("{}{path}", service.base);
        let request =
            || if route.operation.method == "post" { service.client.post(&url) } else { service.client.get(&url) };
        let answer = service.send(request()).await;
        answer.is(401, "UNAUTHENTICATED");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"nuan\""), "{path}");
        assert_eq!(answer.body["instance"], path.as_str());
        service.send(request().bearer_auth("guess")).await.is(401, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn every_route_lets_in_exactly_the_roles_of_its_line() {
    let service = Service::start().await;
    const ACCOUNTS: [&str; 7] = ["applicant", "looker", "other", "operator", "auditor", "supervisor", "nobody"];
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "get",
            "/api/v1/applications?uscc=91350100M000100Y43",
            &["applicant", "looker", "other", "auditor", "supervisor"],
        ),
        ("get", "/api/v1/applications/NCD-2020-0001", &["applicant", "looker", "other", "auditor", "supervisor"]),
        (
            "get",
            "/api/v1/applications/NCD-2020-0001/timeline",
            &["looker", "other", "operator", "auditor", "supervisor"],
        ),
        ("get", "/api/v1/tasks", &["looker", "other", "operator", "auditor", "supervisor"]),
        ("post", "/api/v1/tasks/NCD-2020-0001/look/decision", &["looker", "other"]),
        ("post", "/api/v1/tasks/NCD-2020-0001/look/claim", &["looker", "other"]),
        ("post", "/api/v1/tasks/NCD-2020-0001/look/release", &["looker", "other", "supervisor"]),
        ("post", "/api/v1/tasks/NCD-2020-0001/look/reassignment", &["supervisor"]),
        ("get", "/api/v1/incidents", &["looker", "other", "operator", "auditor", "supervisor"]),
        ("get", "/api/v1/parked", &["operator", "auditor"]),
        ("post", "/api/v1/parked/7/retry", &["operator"]),
        ("post", "/api/v1/parked/7/drop", &["operator"]),
        ("post", "/api/v1/channels/bank/resolution", &["operator"]),
        ("post", "/api/v1/signing-key", &["operator"]),
        ("get", "/api/v1/balances", &["looker", "other", "auditor"]),
        ("get", "/api/v1/transfers", &["looker", "other", "auditor"]),
        ("get", "/api/v1/backlog", &["operator", "auditor"]),
        ("get", "/api/v1/clock", &ACCOUNTS),
        ("post", "/api/v1/clock", &["operator"]),
        ("get", "/api/v1/account", &ACCOUNTS),
        ("post", "/api/v1/tokens", &["operator"]),
        ("post", "/api/v1/sessions/end", &ACCOUNTS),
        ("post", "/api/v1/account/password", &ACCOUNTS),
        ("post", "/api/v1/accounts/closure", &["operator"]),
        ("get", "/api/v1/absences", &["looker", "other", "auditor", "supervisor"]),
        ("post", "/api/v1/absences", &["supervisor"]),
        ("post", "/api/v1/absences/7/end", &["supervisor"]),
        ("get", "/api/v1/openapi.json", &ACCOUNTS),
        ("get", "/api/v1/applications/NCD-2020-0001/personal-data", &["looker", "other", "auditor"]),
        ("post", "/api/v1/applications/NCD-2020-0001/personal-data/disclosure", &["looker"]),
        ("get", "/api/v1/disclosures", &["auditor"]),
        ("get", "/api/v1/own", &["looker"]),
        ("get", "/api/v1/forgotten", &[]),
    ];
    for (method, path, allowed) in rows {
        for account in ACCOUNTS {
            let url = format!("{}{path}", service.base);
            let request = if *method == "post" { service.client.post(&url) } else { service.client.get(&url) };
            let answer = service.send(request.bearer_auth(account)).await;
            assert_eq!(
                answer.code() != "FORBIDDEN",
                allowed.contains(&account),
                "{account} {method} {path}: {answer:?}"
            );
            assert_ne!(answer.status, 401);
        }
    }
    // The table has no line that is not tested here; the last row above is the route that has none.
    let guarded = policy::routes(&edge()).iter().filter(|route| route.who != Who::Public).count();
    assert_eq!(guarded, rows.len() - 1);
}

#[tokio::test]
async fn a_holder_is_remembered_but_a_stranger_is_not() {
    let mut service = Service::start().await;
    service.get("newcomer", "/api/v1/clock").await.is(401, "INVALID_TOKEN");
    service.account("newcomer", "looker").await;
    assert_eq!(service.get("newcomer", "/api/v1/clock").await.status, 200);
    assert_eq!(service.get("newcomer", "/api/v1/own").await.status, 200);
    // Within the time of memory the database is not asked again.
    service.account("newcomer", "").await;
    assert_eq!(service.get("newcomer", "/api/v1/own").await.status, 200);
}

#[tokio::test]
async fn health_and_metrics_need_no_token() {
    let service = Service::start().await;
    let get = async |path: &str| service.send(service.client.get(format!("{}{path}", service.base))).await;
    assert_eq!(get("/livez").await.status, 200);
    let answer = get("/readyz").await;
    answer.is(503, "NOT_READY");
    assert_eq!(answer.header("retry-after"), Some("1"));
    service.ends.as_ref().unwrap().ready.send(true).unwrap();
    assert_eq!(get("/readyz").await.status, 200);
    let metrics = get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.as_str().unwrap().contains("nuan_commands_rejected"), "{}", metrics.body);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let service = Service::start().await;
    service.get("looker", "/api/v1/nothing").await.is(404, "NOT_FOUND");
    let answer =
        service.send(service.client.delete(format!("{}/api/v1/tasks", service.base)).bearer_auth("looker")).await;
    answer.is(405, "METHOD_NOT_ALLOWED");
    assert!(answer.header("allow").unwrap().contains("GET"), "{:?}", answer.headers);
}

#[tokio::test]
async fn the_document_is_served_and_names_every_line_of_the_table() {
    let service = Service::start().await;
    let answer = service.get("looker", "/api/v1/openapi.json").await;
    assert_eq!(answer.body, serde_json::from_str::<Value>(&crate::http::document(&edge())).unwrap());
    for route in policy::routes(&edge()) {
        let operation = &answer.body["paths"][route.operation.path][route.operation.method];
        assert!(operation["summary"].is_string(), "{} is not in the document", route.operation.path);
        assert_eq!(operation["security"].is_array(), route.who != Who::Public);
    }
}

#[tokio::test]
async fn an_account_is_told_who_it_is_and_nobody_else() {
    let service = Service::start().await;
    let own = service.get("looker", "/api/v1/account").await;
    assert_eq!(
        own.body,
        serde_json::json!({ "account": "looker", "person": "person:looker", "roles": ["looker"], "deputy_for": {} }),
        "{own:?}"
    );
}

#[test]
fn every_part_of_a_path_that_varies_is_described() {
    let document: serde_json::Value = serde_json::from_str(&crate::http::document(&edge())).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let described: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let varies: Vec<&str> = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
            assert_eq!(described, varies, "{method} {path}");
        }
    }
}
