//! What the log says of a request that fails.

use super::*;
use telemetry::Captured;

#[tokio::test]
async fn whatever_is_logged_while_a_request_about_an_application_is_answered_names_it() {
    let mut service = Service::start().await;
    let id = service.case(1, 3, "open").await;
    service.case(2, 1, "open").await;
    // A row that this build cannot read.
    let broken = [
        Cell::Text("case/NCD-2020-0003".into()),
        Cell::Int(1),
        "GUARANTEE_REVIEW".into(),
        "".into(),
        Cell::Int(0),
        Cell::Null,
        Cell::Null,
        "{}".into(),
    ];
    service.put(&STATE, broken).await;
    let yes = json!({ "yes": true });

    let captured = Captured::begin();
    service.get("looker", "/api/v1/applications/NCD-2020-0003").await.is(500, "INTERNAL");
    for slash in ["/", "%2F", "%2f"] {
        let path = format!("/api/v1/tasks/{id}{slash}defective/decision");
        service.send(service.decision("looker", &path, &yes)).await.is(500, "INTERNAL");
    }
    service.get("looker", "/api/v1/applications").await.is(500, "INTERNAL");
    service.get("looker", "/api/v1/applications/NCD-2020-0002").await.is(200, "");

    let lines: Vec<Value> = captured.lines().into_iter().filter(|line| line["level"] == "ERROR").collect();
    let seen: Vec<_> = lines.iter().map(|line| (&line["message"], line["application_id"].as_str())).collect();
    let panicked = (&json!("a handler panicked"), Some("NCD-2020-0001"));
    assert_eq!(
        seen,
        [
            (&json!("a request failed"), Some("NCD-2020-0003")),
            panicked,
            panicked,
            panicked,
            // A list is about no single one.
            (&json!("a request failed"), None),
        ]
    );
    for line in &lines[..4] {
        let id = ApplicationId::parse(line["application_id"].as_str().unwrap()).unwrap();
        assert_eq!(line["saga_id"], organisation::saga_id(&id).as_str());
    }
    assert_eq!(lines[4].get("saga_id"), None);
}
