//! Somebody is away, and another one acts: named by a supervisor, in both names, in the days that were said.

use crate::desk::{Browser, House, apply};
use domain::Party;
use nuan::api::Api;
use reqwest::StatusCode;
use serde_json::json;

async fn enter(browser: &mut Browser, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let page = browser.open("/absences").await;
    let answer = browser.fill(&page, "/absences", fields).await;
    (answer.status, answer.text)
}

async fn change_over(browser: &mut Browser, person: &str) -> StatusCode {
    let page = browser.open("/absences").await;
    let csrf = page.hidden("/acting")["csrf"].clone();
    browser.send("/acting", &[("csrf", csrf.as_str()), ("person", person)]).await.status
}

#[tokio::test]
async fn a_deputy_acts_for_who_is_away_until_the_supervisor_ends_it() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let id = apply(&mut applicant, 1).await;
    let task = format!("/tasks/{id}/check-eligibility");
    let mut sue = house.officer(Party::Union, "sue", &["supervisor"]).await;
    let _li = house.token(Party::Union, "li", &["intake_officer"]).await;
    let mut wang = house.officer(Party::Union, "wang", &["fund_manager"]).await;
    assert!(!wang.open("/tasks").await.says(&format!("href=\"{task}\"")), "no business of his");

    // Wrong input is told, and what was typed stays.
    let absence = [("person", "li"), ("from", "2019-06-03"), ("to", "2019-06-14"), ("because", "年休假")];
    for (deputy, why) in [("nobody", "没有此人"), ("sue", "不能指定自己为代理人"), ("li", "不能由本人代理")]
    {
        let (status, text) = enter(&mut sue, &[&absence[..], &[("deputy", deputy)]].concat()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
        assert!(text.contains(why) && text.contains("value=\"年休假\""), "{deputy}: {text}");
    }
    assert_eq!(enter(&mut sue, &[&absence[..], &[("deputy", "wang")]].concat()).await.0, StatusCode::SEE_OTHER);
    let (status, text) = enter(&mut sue, &[&absence[..], &[("deputy", "sue2")]].concat()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    let _ = house.token(Party::Union, "zhou", &["fund_manager"]).await;
    let (status, text) = enter(&mut sue, &[&absence[..], &[("deputy", "zhou")]].concat()).await;
    assert_eq!(status, StatusCode::CONFLICT, "one deputy at a time");
    assert!(text.contains("已登记由 person:wang 代理"), "{text}");

    // The deputy changes over, decides, and the case says for whom.
    assert!(wang.open("/absences").await.says("代其办理"));
    assert_eq!(change_over(&mut wang, "person:zhou").await, StatusCode::FORBIDDEN);
    assert_eq!(change_over(&mut wang, "person:li").await, StatusCode::SEE_OTHER);
    let list = wang.until("/tasks", &format!("href=\"{task}\"")).await;
    assert!(list.says("wang 代 li"), "{}", list.text);
    wang.decide(&id, "check-eligibility", &[("choice", "approve")]).await;
    let union = &house.services[&Party::Union];
    let token = house.token(Party::Union, "auditor", &["auditor"]).await;
    let auditor = Api::new(&union.url, &token).unwrap();
    let timeline = auditor.get(&format!("applications/{id}/timeline")).await.unwrap();
    assert!(timeline.to_string().contains("person:wang for person:li"), "{timeline:#}");

    // Back, and ended: from the next request on.
    assert_eq!(change_over(&mut wang, "").await, StatusCode::SEE_OTHER);
    assert!(!wang.open("/tasks").await.says("wang 代 li"));
    assert_eq!(change_over(&mut wang, "person:li").await, StatusCode::SEE_OTHER);
    let page = sue.open("/absences").await;
    let end = page.text.split("action=\"/absences/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let ended = sue.fill(&page, &format!("/absences/{end}"), &[("because", "提前回岗")]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.text);
    assert!(sue.open("/absences").await.says("已终止"));
    let page = wang.open("/tasks").await;
    assert_eq!(page.to, "/absences", "{}", page.text);
    assert_eq!(change_over(&mut wang, "").await, StatusCode::SEE_OTHER);
    assert_eq!(wang.open("/tasks").await.status, StatusCode::OK);
    let absences = auditor.get("absences").await.unwrap();
    assert_eq!(absences["items"][0]["ended"], json!(true), "{absences:#}");
}
