//! Applications: the list, and one with all that this organisation knows of it.

use crate::form::Kind;
use crate::{
    Shared, actions,
    api::{Order, encoded, filtered},
    lang::{self, fill, filters},
    page::{FILES, Frame, Html, Trouble, html},
    papers,
    session::Session,
    tasks, tickets,
    words::{self, Fact},
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State as Extract},
};
use serde::Deserialize;
use serde_json::Value;

/// The three lanes of a timeline.
const LANES: [&str; 3] = ["union", "guarantor", "bank"];

pub(crate) struct Row {
    pub id: String,
    pub firm: String,
    pub amount: String,
    pub state: String,
    pub ended: bool,
    pub waits: String,
}

#[derive(Default, Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    status: String,
    #[serde(default)]
    uscc: String,
    #[serde(default)]
    ended: String,
    #[serde(default)]
    cursor: String,
}

#[derive(Template)]
#[template(path = "applications.html")]
struct ListPage {
    frame: Frame,
    filter: Filter,
    rows: Vec<Row>,
    next: Option<String>,
}

pub(crate) async fn list(
    Extract(state): Shared,
    session: Session,
    Query(filter): Query<Filter>,
) -> Result<Html, Trouble> {
    let filters =
        [("status", &filter.status), ("uscc", &filter.uscc), ("ended", &filter.ended), ("cursor", &filter.cursor)];
    let path = filtered("applications?limit=50", filters);
    let body = state.api.get(&session.access, &path).await?.body;
    html(&ListPage {
        frame: Frame::new(&state, &session),
        rows: rows(&body),
        next: body["next_cursor"].as_str().map(encoded),
        filter,
    })
}

/// The rows of a list that the interface gave.
pub(crate) fn rows(body: &Value) -> Vec<Row> {
    let row = |case: &Value| {
        let firm = if case["firm"].is_object() { &case["firm"] } else { &case["file"]["firm"] };
        let wish = if case["wish"].is_object() { &case["wish"] } else { &case["file"]["wish"] };
        Row {
            id: case["application_id"].as_str().unwrap_or_default().to_owned(),
            firm: firm["enterprise_name"].as_str().unwrap_or_default().to_owned(),
            amount: words::written("amount_fen", &wish["amount_fen"]),
            state: words::word(case["state"].as_str().unwrap_or_default()).to_owned(),
            ended: case["ended"] == true,
            waits: waiting(case).into_iter().next().unwrap_or_default(),
        }
    };
    body["items"].as_array().into_iter().flatten().map(row).collect()
}

/// Who acts next, at which step and until when.
pub(crate) fn waiting(case: &Value) -> Vec<String> {
    let line = |waiting: &Value| {
        let text = |name: &str| waiting[name].as_str().unwrap_or_default();
        let until =
            waiting["until"].as_str().map(|until| fill("，期限 {}", &[&words::minute(until)])).unwrap_or_default();
        let step = words::word(text("step"));
        match text("who") {
            "queue" => fill("{}：等待担保金，排队中{}", &[step, &until]),
            "contradiction" => fill("{}：说法矛盾，查明后继续{}", &[step, &until]),
            "old_loan" => fill("{}：待旧贷结清，次日起放款{}", &[step, &until]),
            "programme" => fill("{}：项目暂停，恢复后继续{}", &[step, &until]),
            who => fill("{}：由{}办理{}", &[step, words::word(who), &until]),
        }
    };
    case["waiting_for"].as_array().into_iter().flatten().map(line).collect()
}

/// One line of the timeline: the text in the lane of whoever it is about.
struct Line {
    at: String,
    /// In English, what kind of thing happened: the sentence itself is Chinese.
    kind: String,
    event: String,
    lanes: [String; 3],
}

#[derive(Template)]
#[template(path = "application.html")]
struct CasePage {
    frame: Frame,
    id: String,
    state: String,
    ended: bool,
    notice: String,
    waiting: Vec<String>,
    facts: Vec<Fact>,
    /// Personal data, masked.
    persons: Vec<Fact>,
    may_unmask: bool,
    lanes: [&'static str; 3],
    lines: Vec<Line>,
    tasks: Vec<tasks::Row>,
    withdrawals: &'static [(&'static str, &'static str)],
    offers: Vec<actions::Offer>,
    key: String,
    version: String,
    papers: papers::Section,
    /// What the applicant was told, the last first: when, and what.
    told: Vec<(String, String)>,
    /// The hotline's tickets that are about it.
    tickets: Vec<tickets::Row>,
    /// Whether who reads may open them.
    linked: bool,
    /// Whether there is a repayment schedule to show.
    has_schedule: bool,
    /// Whether there is a loan's account to show.
    has_account: bool,
    done: &'static str,
}

#[derive(Default, Deserialize)]
pub(crate) struct Done {
    #[serde(default)]
    done: String,
}

pub(crate) async fn one(
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
    Query(Done { done }): Query<Done>,
) -> Result<Html, Trouble> {
    let id = encoded(&id);
    let crate::api::Answer { body: case, version } =
        state.api.get(&session.access, &format!("applications/{id}")).await?;
    let (mut lines, mut tasks, mut persons) = (Vec::new(), Vec::new(), Vec::new());
    if !session.is_applicant() {
        let timeline = state.api.get(&session.access, &format!("applications/{id}/timeline")).await?.body;
        lines = timeline["items"].as_array().into_iter().flatten().map(|entry| line(state.desk.party, entry)).collect();
        let now = state.now(&session).await?;
        tasks = tasks::open(&state, &session, now, &format!("tasks?application_id={id}&limit=200")).await?.tasks;
        // Not everybody who may open a case may look at persons, and not every organisation keeps any.
        if let Ok(masked) = state.api.get(&session.access, &format!("applications/{id}/personal-data")).await {
            persons = records(&masked.body);
        }
    }
    let papers = papers::Section::of(&state, &session, &id, case["ended"] == true).await?;
    // Only where applicants are told anything.
    let mut told = Vec::new();
    if state.desk.application.is_some() {
        let notices = state.api.get(&session.access, &format!("applications/{id}/notices")).await?.body;
        let line = |notice: &Value| {
            let text = |name: &str| notice[name].as_str().unwrap_or_default();
            (words::minute(text("at")), text("text").to_owned())
        };
        told = notices["items"].as_array().into_iter().flatten().map(line).collect();
    }
    let mut tickets = Vec::new();
    if case["tickets"].as_array().is_some_and(|tickets| !tickets.is_empty()) {
        tickets = tickets::rows(&state.api.get(&session.access, &format!("applications/{id}/tickets")).await?.body);
    }
    let may_withdraw = case["ended"] == false && session.has_any(FILES);
    let mut facts = words::facts(&case);
    facts.retain(|fact| ![words::word("notice"), words::word("tickets")].contains(&fact.name.as_str()));
    html(&CasePage {
        frame: Frame::new(&state, &session),
        state: words::word(case["state"].as_str().unwrap_or_default()).to_owned(),
        ended: case["ended"] == true,
        notice: case["notice"].as_str().unwrap_or_default().to_owned(),
        waiting: waiting(&case),
        facts,
        may_unmask: !persons.is_empty() && session.has_any(state.desk.unmasked),
        persons,
        lanes: LANES.map(words::word),
        lines,
        tasks,
        withdrawals: state.desk.application.filter(|_| may_withdraw).map_or(&[], |application| application.withdrawals),
        offers: actions::offers(&state, &session, &case),
        key: crate::session::random(),
        version,
        papers,
        told,
        tickets,
        linked: !session.is_applicant(),
        has_account: state.desk.keeps_loans && !case["paid_out"].is_null(),
        has_schedule: state.desk.application.is_some() && case["receipt"].is_object() && case["reversed_on"].is_null(),
        done: match done.as_str() {
            "" => "",
            "paper" => "材料已收到。",
            "papers" => "已向工会调取，材料到达后列在下面。",
            "proposed" => "已提议删除，须由另一人确认。",
            "erased" => "个人信息与材料已删除。",
            _ => "已办理。",
        },
        id,
    })
}

/// The records of a list as a page shows them.
fn records(body: &Value) -> Vec<Fact> {
    body["items"].as_array().into_iter().flatten().flat_map(words::facts).collect()
}

#[derive(Template)]
#[template(path = "personal.html")]
struct PersonalPage {
    frame: Frame,
    id: String,
    facts: Vec<Fact>,
}

#[derive(Deserialize)]
pub(crate) struct Unmasking {
    csrf: Option<String>,
    key: String,
    because: String,
}

/// Personal data unmasked, once the reason is kept. The page is an answer to a form: nothing of it is kept, and its address
/// alone shows nothing.
pub(crate) async fn unmask(
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
    Form(form): Form<Unmasking>,
) -> Result<Html, Trouble> {
    session.check(form.csrf.as_deref())?;
    let id = encoded(&id);
    let body = serde_json::json!({ "because": form.because });
    let order = Order { key: &form.key, version: None, body: &body };
    let shown = state.api.post(&session.access, &format!("applications/{id}/personal-data/disclosure"), &order).await?;
    html(&PersonalPage { frame: Frame::new(&state, &session), id, facts: records(&shown.body) })
}

/// A line that a partner caused stands in the partner's lane; all others in our own.
fn line(own: &str, entry: &Value) -> Line {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let whose = LANES.iter().position(|lane| *lane == text("source"));
    let lane = whose.or_else(|| LANES.iter().position(|lane| *lane == own)).unwrap_or(0);
    let mut lanes: [String; 3] = Default::default();
    if let Some(place) = lanes.get_mut(lane) {
        *place = text("text").replace("person:", "");
    }
    let kind =
        if lang::is_english() { format!("{} {}", words::word(text("step")), text("event")) } else { String::new() };
    Line { at: words::minute(text("at")), kind, event: text("event").to_owned(), lanes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whoever_is_waited_for_is_named_and_until_when_where_there_is_a_day() {
        let check = |who: &str, until: Value, said: &str| {
            let case = json!({ "waiting_for": [{ "step": "reserve fund", "who": who, "until": until }] });
            assert_eq!(waiting(&case), [said], "{who}");
        };
        check("queue", Value::Null, "预留担保金：等待担保金，排队中");
        check("programme", Value::Null, "预留担保金：项目暂停，恢复后继续");
        check("old_loan", Value::Null, "预留担保金：待旧贷结清，次日起放款");
        check("contradiction", Value::Null, "预留担保金：说法矛盾，查明后继续");
        for (who, name) in [
            ("applicant", "申请人"),
            ("union", "工会"),
            ("guarantor", "担保公司"),
            ("bank", "银行"),
            ("child", "子流程"),
            ("intake_officer", "受理岗"),
            ("risk_manager", "风险经理"),
            ("contract_officer", "合同岗"),
            ("letter_maker", "保函经办"),
            ("letter_checker", "保函复核"),
            ("credit_investigator", "贷前调查岗"),
            ("credit_approver", "信贷审批岗"),
            ("payment_maker", "放款经办"),
            ("payment_checker", "放款复核"),
            ("operations", "运营岗"),
            ("operator", "运维"),
            ("fund_manager", "担保金管理岗"),
            ("approver", "复核岗"),
        ] {
            check(who, Value::Null, &format!("预留担保金：由{name}办理"));
            let until = json!("2019-03-01T18:00:00.000+08:00");
            check(who, until, &format!("预留担保金：由{name}办理，期限 2019-03-01 18:00"));
        }
        assert!(waiting(&json!({ "waiting_for": [] })).is_empty());
    }
}
