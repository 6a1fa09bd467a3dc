//! The programme's charters: which there are, what the next one changes, and an organisation's answer to it.

use crate::{
    Shared, State,
    api::{Order, Refusal, encoded},
    lang::{fill, filters, is_english, t},
    page::{Frame, Html, Trouble, html},
    session::{Session, random},
    words,
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Answers for the organisation, together with another one.
pub(crate) const SIGNATORY: &str = "charter_signatory";

/// Each rule: its name, the name in Chinese, and `ppm` if it is a share.
const RULES: &str = include_str!("rules.tsv");

struct Item {
    hash: String,
    short: String,
    version: String,
    from: String,
    standing: String,
    waiting: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "charters.html")]
struct ListPage {
    frame: Frame,
    items: Vec<Item>,
    may_propose: bool,
    key: String,
    trouble: String,
    text: String,
    because: String,
}

struct Answer {
    party: String,
    answer: String,
    at: String,
    by: String,
    because: String,
}

struct Change {
    rule: String,
    from: String,
    to: String,
}

#[derive(Template)]
#[template(path = "charter.html")]
struct OnePage {
    frame: Frame,
    item: Item,
    answers: Vec<Answer>,
    /// What one signatory here wants, and another one has not confirmed.
    proposal: Option<Answer>,
    changes: Vec<Change>,
    text: String,
    may_answer: bool,
    may_confirm: bool,
    key: String,
    done: String,
    trouble: String,
}

pub(crate) async fn list(Extract(state): Shared, session: Session) -> Result<Html, Trouble> {
    html(&list_page(&state, &session).await?)
}

async fn list_page(state: &State, session: &Session) -> Result<ListPage, Trouble> {
    let list = state.api.get(&session.access, "charters").await?.body;
    Ok(ListPage {
        frame: Frame::new(state, session),
        items: list["items"].as_array().into_iter().flatten().map(item).collect(),
        may_propose: session.has(SIGNATORY),
        key: random(),
        trouble: String::new(),
        text: String::new(),
        because: String::new(),
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn item(charter: &Value) -> Item {
    let hash = text(&charter["hash"]);
    let waiting = charter["waiting_for"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let waiting: Vec<&str> = waiting.map(words::word).collect();
    Item {
        short: hash.get(..12).unwrap_or(&hash).to_owned(),
        version: charter["version"].to_string(),
        from: text(&charter["effective_from"]),
        standing: words::word(charter["standing"].as_str().unwrap_or_default()).to_owned(),
        waiting: waiting.join(t("、")),
        current: charter["in_force"] == true,
        hash,
    }
}

#[derive(Default, Deserialize)]
pub(crate) struct At {
    #[serde(default)]
    done: String,
}

pub(crate) async fn one(
    Extract(state): Shared,
    session: Session,
    Path(hash): Path<String>,
    Query(at): Query<At>,
) -> Result<Html, Trouble> {
    let mut page = one_page(&state, &session, &hash).await?;
    page.done = match at.done.as_str() {
        "proposed" => t("已提议，待另一人确认。").to_owned(),
        "answered" => t("已答复，并告知另两方。").to_owned(),
        "dropped" => t("提议已撤回。").to_owned(),
        _ => String::new(),
    };
    html(&page)
}

async fn one_page(state: &State, session: &Session, hash: &str) -> Result<OnePage, Trouble> {
    let charter = state.api.get(&session.access, &format!("charters/{}", encoded(hash))).await?.body;
    let item = item(&charter);
    let answers = charter["answers"].as_object().into_iter().flatten();
    let proposal = Some(&charter["proposal"]).filter(|proposal| proposal.is_object());
    let ours = &charter["answers"][state.desk.party];
    let is_open = charter["standing"] == "PROPOSED" && ours.is_null();
    let is_mine = proposal.is_some_and(|proposal| proposal["by"] == session.person.as_str());
    Ok(OnePage {
        frame: Frame::new(state, session),
        answers: answers.map(|(party, given)| answer(party, given)).collect(),
        proposal: proposal.map(|proposal| answer(state.desk.party, proposal)),
        changes: charter["changes"].as_array().into_iter().flatten().map(change).collect(),
        text: serde_json::to_string_pretty(&charter["charter"]).unwrap_or_default(),
        may_answer: is_open && !is_mine && session.has(SIGNATORY),
        may_confirm: is_open && proposal.is_some() && session.has(SIGNATORY),
        item,
        key: random(),
        done: String::new(),
        trouble: String::new(),
    })
}

fn answer(party: &str, given: &Value) -> Answer {
    let by = match &given["by"] {
        Value::Array(by) => by.iter().filter_map(Value::as_str).map(words::person).collect::<Vec<_>>().join(t("、")),
        by => words::person(by.as_str().unwrap_or_default()),
    };
    let because = [&given["because"], &given["why"]].into_iter().find_map(Value::as_str).unwrap_or_default();
    Answer {
        party: words::word(party).to_owned(),
        answer: words::word(given["answer"].as_str().unwrap_or_default()).to_owned(),
        at: words::minute(given["at"].as_str().unwrap_or_default()),
        by,
        because: because.to_owned(),
    }
}

fn change(change: &Value) -> Change {
    let field = change["field"].as_str().unwrap_or_default();
    let last = field.rsplit('.').next().unwrap_or_default();
    let written = |value: &Value| match value {
        Value::Null => t("（无）").to_owned(),
        Value::Object(_) | Value::Array(_) => value.to_string(),
        Value::Number(ppm) if known(last).is_some_and(|(_, kind)| kind == "ppm") => {
            words::percent(ppm.as_i64().unwrap_or_default())
        }
        value => words::written(last, value),
    };
    let names: Vec<String> = field.split('.').map(rule).collect();
    Change { rule: names.join(" › "), from: written(&change["from"]), to: written(&change["to"]) }
}

/// Chinese name and kind of a rule, if it is known.
fn known(rule: &str) -> Option<(&'static str, &'static str)> {
    let rows = RULES.lines().filter_map(|line| line.split_once('\t'));
    rows.filter(|(name, _)| *name == rule).find_map(|(_, rest)| rest.split_once('\t'))
}

/// A rule's name. Whoever reads English reads the name that it has in the charter.
fn rule(name: &str) -> String {
    match known(name) {
        Some((chinese, _)) if !is_english() => chinese.to_owned(),
        _ => name.replace('_', " "),
    }
}

/// A charter that is brought forward.
#[derive(Deserialize)]
pub(crate) struct Proposed {
    csrf: Option<String>,
    key: String,
    charter: String,
    because: String,
}

pub(crate) async fn propose(
    Extract(state): Shared,
    session: Session,
    Form(form): Form<Proposed>,
) -> Result<Response, Trouble> {
    session.check(form.csrf.as_deref())?;
    let sent = match serde_json::from_str::<Value>(&form.charter) {
        Ok(charter) => {
            let body = json!({ "charter": charter, "because": form.because.trim() });
            state.api.post(&session.access, "charters", &Order { key: &form.key, version: None, body: &body }).await
        }
        Err(error) => {
            let detail = fill("章程全文不是 JSON（第 {} 行）。", &[&error.line().to_string()]);
            Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "内容有误", detail))
        }
    };
    match sent {
        Ok(answer) => Ok(Redirect::to(&went(&state, &answer.body)).into_response()),
        Err(refusal) if refusal.can_be_mended() => {
            let mut page = list_page(&state, &session).await?;
            page.trouble = refusal.whole();
            (page.text, page.because) = (form.charter, form.because);
            Ok((refusal.status, html(&page)?).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The page of a charter that was answered, or proposed to be.
fn went(state: &State, body: &Value) -> String {
    let hash = body["hash"].as_str().unwrap_or_default();
    let done = if body["answers"][state.desk.party].is_null() { "proposed" } else { "answered" };
    format!("/charters/{hash}?done={done}")
}

/// What is answered.
#[derive(Deserialize)]
pub(crate) struct Given {
    csrf: Option<String>,
    key: String,
    verb: String,
    because: String,
}

pub(crate) async fn give(
    Extract(state): Shared,
    session: Session,
    Path(hash): Path<String>,
    Form(form): Form<Given>,
) -> Result<Response, Trouble> {
    session.check(form.csrf.as_deref())?;
    let hash = encoded(&hash);
    let verb = match form.verb.as_str() {
        "accept" => "acceptance",
        "decline" => "refusal",
        _ => "proposal/withdrawal",
    };
    let body = json!({ "because": form.because.trim() });
    let order = Order { key: &form.key, version: None, body: &body };
    match state.api.post(&session.access, &format!("charters/{hash}/{verb}"), &order).await {
        Ok(_) if form.verb == "drop" => Ok(Redirect::to(&format!("/charters/{hash}?done=dropped")).into_response()),
        Ok(answer) => Ok(Redirect::to(&went(&state, &answer.body)).into_response()),
        Err(refusal) if refusal.can_be_mended() => {
            let mut page = one_page(&state, &session, &hash).await?;
            page.trouble = refusal.line();
            Ok((refusal.status, html(&page)?).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Charter;
    use std::collections::BTreeSet;

    fn names(value: &Value, found: &mut BTreeSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            found.insert(name.clone());
            names(value, found);
        }
    }

    #[test]
    fn every_rule_of_a_charter_has_a_name_and_no_other_has() {
        let mut charter = json!(Charter::programme_2017());
        charter["calendar"] = charter["calendar"]["2020"].take();
        let mut found = BTreeSet::from(["calendar", "days", "hours", "minutes", "working_days"].map(str::to_owned));
        names(&charter, &mut found);
        let named: BTreeSet<String> =
            RULES.lines().filter_map(|line| line.split_once('\t')).map(|(name, _)| name.to_owned()).collect();
        assert_eq!(named, found);
    }

    #[test]
    fn a_change_is_told_in_words() {
        let told = |field: &str, from: Value, to: Value| {
            let change = change(&json!({ "field": field, "from": from, "to": to }));
            format!("{}: {} → {}", change.rule, change.from, change.to)
        };
        assert_eq!(
            told("amount_max_fen", json!(50_000_000), json!(80_000_000)),
            "最高贷款额: 500,000.00 元 → 800,000.00 元"
        );
        assert_eq!(told("union_share", json!(200_000), json!(300_000)), "工会分担比例: 20% → 30%");
        assert_eq!(told("credit_deadline.working_days", json!(10), json!(15)), "信贷审批时限 › 个工作日: 10 → 15");
        assert_eq!(
            told("calendar.2027", Value::Null, json!({ "holidays": ["2027-01-01"] })),
            r#"工作日历 › 2027: （无） → {"holidays":["2027-01-01"]}"#
        );
    }
}
