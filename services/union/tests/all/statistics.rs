//! `GET /api/v1/statistics`: as JSON, as a table, as it may be published, and what is refused.

use crate::filing::{form, with_books};
use serde_json::json;

const PATH: &str = "/api/v1/statistics";

#[tokio::test]
async fn officers_read_the_figures_by_year_and_by_district() {
    let mut service = with_books().await;
    assert_eq!(service.post("applicant", "/api/v1/applications", &form()).await.status, 201);
    let answer = service.get("fund_manager", PATH).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["items"][0]["applications"], 1);
    assert_eq!(answer.body["items"][0]["disbursed_fen"], 0);
    assert_eq!(answer.body["items"][0]["overdue_ppm"], json!(null));
    let year = &answer.body["items"][1];
    assert_eq!((&year["group"], &year["enterprises_in_all"]), (&json!("2018"), &json!(1)));
    let by = service.get("auditor", &format!("{PATH}?by=district")).await;
    assert_eq!(by.body["items"][1]["group"], "海淀", "{}", by.body);

    let published = service.get("fund_manager", &format!("{PATH}?published=true")).await;
    assert_eq!(published.body["items"][0]["applications"], json!(null), "one firm could be recognised");
    assert_eq!(published.body["items"][0]["loans_paid_out"], 0);
}

#[tokio::test]
async fn the_same_is_a_table_of_one_line_for_all_and_one_for_each_group() {
    let mut service = with_books().await;
    service.post("applicant", "/api/v1/applications", &form()).await;
    let answer = service.get("auditor", &format!("{PATH}?by=industry&format=csv")).await;
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    let text = answer.body.as_str().unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0][..3], ["group", "applications", "renewal_applications"]);
    assert_eq!(lines[1..].iter().map(|line| (line[0], line[1])).collect::<Vec<_>>(), [("total", "1"), ("I", "1")]);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{text}");
}

#[tokio::test]
async fn whoever_is_no_officer_and_whatever_is_no_grouping_is_refused() {
    let mut service = with_books().await;
    for role in ["applicant", "operator"] {
        assert_eq!(service.get(role, PATH).await.status, 403, "{role}");
    }
    for query in ["by=month", "published=perhaps", "format=xlsx", "year=2020"] {
        let answer = service.get("auditor", &format!("{PATH}?{query}")).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("INVALID_QUERY")), "{query}: {}", answer.body);
    }
    assert_eq!(service.post("auditor", PATH, &json!({})).await.status, 405);
}
