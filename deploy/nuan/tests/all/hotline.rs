//! The hotline at the desk: an agent takes a call, the office replies, the caller is asked and the ticket closed; the applicant follows it.

use super::desk::{House, apply};
use domain::Party;
use reqwest::StatusCode;

#[tokio::test]
async fn a_call_is_taken_dispatched_replied_to_and_closed_at_the_desk_and_its_applicant_reads_the_reply() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let id = apply(&mut applicant, 0).await;
    let mut guo = house.officer(Party::Union, "guo", &["hotline_agent"]).await;
    let mut li = house.officer(Party::Union, "li", &["intake_officer"]).await;

    // Agents have their tasks, their tickets and what they record, and no application.
    let home = guo.open("/").await;
    assert!(home.says("href=\"/tickets\"") && home.says("href=\"/actions\""), "{}", home.text);
    assert!(!home.says("href=\"/applications\"") && !home.says("href=\"/books\""), "{}", home.text);
    assert_eq!(guo.open(&format!("/applications/{id}")).await.status, StatusCode::FORBIDDEN);
    let progress = guo.open(&format!("/?application_id={id}")).await;
    assert!(progress.says("受理审核中") && progress.says("受理审核：由受理岗办理"), "{}", progress.text);
    assert!(guo.open("/?application_id=NCD-2019-0999").await.says("没有编号为"));

    let action = "/actions/5";
    let form = guo.open(action).await;
    assert!(form.says("受理来电"), "{}", form.text);
    let wrong = [("category", "HELP"), ("matter", "?"), ("about_application", "NCD-1")];
    let refused = guo.fill(&form, action, &wrong).await;
    assert!(refused.says("应为 2 至 500 个字符") && refused.says("应为申请编号"), "{}", refused.text);
    let call = [("category", "HELP"), ("matter", "询问进度"), ("about_application", id.as_str())];
    let taken = guo.fill(&refused, action, &call).await;
    assert!(taken.says("GD-2019-001"), "{}", taken.text);

    let ticket = "GD-2019-001";
    guo.decide(ticket, "dispatch-ticket", &[("choice", "dispatch"), ("dispatch.unit", "海淀区代办处")]).await;
    li.decide(ticket, "sign-for-ticket", &[("choice", "sign_for")]).await;
    li.decide(ticket, "begin-ticket", &[("choice", "begin")]).await;
    // What is about no loan starts no relief, and says why.
    let task = format!("/tasks/{ticket}/reply-to-ticket");
    let page = li.open(&task).await;
    let relief = [
        ("choice", "start_relief"),
        ("start_relief.about_application", id.as_str()),
        ("start_relief.reason", "未能开工"),
    ];
    let confirm = li.fill(&page, &task, &relief).await;
    let refused = li.fill(&confirm, &task, &[]).await;
    assert!(refused.says("没有在贷"), "{}", refused.text);
    li.decide(ticket, "reply-to-ticket", &[("choice", "reply"), ("reply.reply", "本周内答复受理结果")]).await;

    let own = applicant.open(&format!("/applications/{id}")).await;
    assert!(own.says(ticket) && own.says("待回访") && own.says("本周内答复受理结果"), "{}", own.text);
    assert!(!own.says(&format!("/tickets/{ticket}")), "an applicant opens none");
    assert_eq!(applicant.open(&format!("/tickets/{ticket}")).await.status, StatusCode::FORBIDDEN);

    let visit = [("choice", "visit"), ("visit.satisfaction", "SATISFIED"), ("visit.because", "")];
    guo.decide(ticket, "visit-caller", &visit).await;
    guo.decide(ticket, "close-ticket", &[("choice", "close")]).await;
    let page = li.open(&format!("/tickets/{ticket}")).await;
    for words in ["已办结", "派单", "海淀区代办处", "签收", "回访", "满意", &format!("/applications/{id}")]
    {
        assert!(page.says(words), "{words}: {}", page.text);
    }
    assert!(guo.open("/tickets?ended=true").await.says(ticket));
    assert!(!guo.open("/tickets?ended=false").await.says(ticket));
    let history = li.open(&format!("/applications/{id}")).await;
    assert!(history.says("12351 工单 GD-2019-001：办结"), "{}", history.text);

    let form = guo.open("/actions/6").await;
    let asked = [("on", "2019-06-03"), ("from", "ENTERPRISE"), ("channel", "PHONE"), ("topic", "RENEWAL")];
    let done = guo.fill(&form, "/actions/6", &asked).await;
    assert!(done.says("本月咨询次数"), "{}", done.text);
}
