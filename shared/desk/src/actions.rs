//! What is done beside tasks: a form, the request that it becomes, and what was answered.

use crate::{
    Shared, State,
    api::{Order, Refusal, encoded},
    form::{self, Action, CaseAction, Kind, Sent, Shown, Wrong},
    lang::filters,
    page::{FILES, Frame, Html, Trouble, again, html},
    session::{Session, random},
    words::{self, Fact},
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State as Extract},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde_json::{Map, Value};

#[derive(Template)]
#[template(path = "actions.html")]
struct ListPage {
    frame: Frame,
    actions: Vec<(usize, &'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "action.html")]
struct ActionPage {
    frame: Frame,
    /// Where the form goes.
    to: String,
    /// Where one came from.
    back: String,
    title: &'static str,
    hint: &'static str,
    fields: Vec<Shown>,
    key: String,
    trouble: String,
    done: bool,
    facts: Vec<Fact>,
}

pub(crate) async fn list(Extract(state): Shared, session: Session) -> Result<Html, Trouble> {
    let actions = state.desk.actions.iter().enumerate().filter(|(_, action)| session.has_any(action.roles));
    html(&ListPage {
        frame: Frame::new(&state, &session),
        actions: actions.map(|(number, action)| (number, action.title, action.hint)).collect(),
    })
}

pub(crate) async fn show(Extract(state): Shared, session: Session, Path(number): Path<usize>) -> Result<Html, Trouble> {
    let action = find(&state, &session, number)?;
    html(&page(&state, &session, number, action, &Sent::new(), &Wrong::new()))
}

pub(crate) async fn act(
    Extract(state): Shared,
    session: Session,
    Path(number): Path<usize>,
    Form(sent): Form<Sent>,
) -> Result<Response, Trouble> {
    session.check(sent.get("csrf").map(String::as_str))?;
    let action = find(&state, &session, number)?;
    let (mut body, mut wrong) = (Map::new(), Wrong::new());
    form::read(action.fields, "", &sent, &mut body, &mut wrong);
    if !wrong.is_empty() {
        let mut page = page(&state, &session, number, action, &sent, &wrong);
        page.trouble = "请更正标出的内容。".to_owned();
        return Ok(again(html(&page)?));
    }
    let order = Order { key: sent.get("key").map_or("", String::as_str), version: None, body: &Value::Object(body) };
    match state.api.post(&session.access, action.path, &order).await {
        Ok(answer) => {
            let mut page = page(&state, &session, number, action, &sent, &Wrong::new());
            page.done = true;
            page.facts = words::facts(&answer.body);
            Ok(html(&page)?.into_response())
        }
        Err(refusal) if refusal.can_be_mended() => {
            let (status, trouble) = (refusal.status, refusal.line());
            let wrong: Wrong = refusal.errors.into_iter().collect();
            let mut page = page(&state, &session, number, action, &sent, &wrong);
            page.trouble = trouble;
            Ok((status, html(&page)?).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The action, if this person may do it; the interface checks that once more.
fn find(state: &State, session: &Session, number: usize) -> Result<&'static Action, Trouble> {
    let found = state.desk.actions.get(number).filter(|action| session.has_any(action.roles));
    Ok(found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "没有找到", "没有这项业务，或不属于您的岗位。"))?)
}

fn page(state: &State, session: &Session, number: usize, action: &Action, sent: &Sent, wrong: &Wrong) -> ActionPage {
    ActionPage {
        frame: Frame::new(state, session),
        to: format!("/actions/{number}"),
        back: "/actions".to_owned(),
        title: action.title,
        hint: action.hint,
        fields: action.fields.iter().map(|field| Shown::of(field, "", sent, wrong)).collect(),
        key: random(),
        trouble: String::new(),
        done: false,
        facts: Vec::new(),
    }
}

/// What a page of one application offers to do about it.
pub(crate) struct Offer {
    pub number: usize,
    pub title: &'static str,
    pub hint: &'static str,
    pub fields: Vec<Shown>,
    pub key: String,
}

/// What can be done about this application by this person.
pub(crate) fn offers(state: &State, session: &Session, case: &Value) -> Vec<Offer> {
    let actions = state.desk.case_actions.iter().enumerate();
    let offered = actions.filter(|(_, action)| session.has_any(FILES) && (action.when)(case));
    let offer = |(number, action): (usize, &'static CaseAction)| Offer {
        number,
        title: action.title,
        hint: action.hint,
        fields: action.fields.iter().map(|field| Shown::of(field, "", &Sent::new(), &Wrong::new())).collect(),
        key: random(),
    };
    offered.map(offer).collect()
}

/// Does it, and goes back to the application.
pub(crate) async fn act_on_case(
    Extract(state): Shared,
    session: Session,
    Path((id, number)): Path<(String, usize)>,
    Form(sent): Form<Sent>,
) -> Result<Response, Trouble> {
    session.check(sent.get("csrf").map(String::as_str))?;
    let id = encoded(&id);
    let found = state.desk.case_actions.get(number).filter(|_| session.has_any(FILES));
    let action =
        found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "没有找到", "没有这项业务，或不属于您的岗位。"))?;
    let (mut body, mut wrong) = (Map::new(), Wrong::new());
    form::read(action.fields, "", &sent, &mut body, &mut wrong);
    let again_with = |wrong: &Wrong, trouble: String| ActionPage {
        frame: Frame::new(&state, &session),
        to: format!("/applications/{id}/acts/{number}"),
        back: format!("/applications/{id}"),
        title: action.title,
        hint: action.hint,
        fields: action.fields.iter().map(|field| Shown::of(field, "", &sent, wrong)).collect(),
        key: random(),
        trouble,
        done: false,
        facts: Vec::new(),
    };
    if !wrong.is_empty() {
        return Ok(again(html(&again_with(&wrong, "请更正标出的内容。".to_owned()))?));
    }
    let order = Order { key: sent.get("key").map_or("", String::as_str), version: None, body: &Value::Object(body) };
    match state.api.post(&session.access, &format!("applications/{id}/{}", action.path), &order).await {
        Ok(_) => Ok(Redirect::to(&format!("/applications/{id}?done=done")).into_response()),
        Err(refusal) if refusal.can_be_mended() => {
            let (status, trouble) = (refusal.status, refusal.line());
            let wrong: Wrong = refusal.errors.into_iter().collect();
            Ok((status, html(&again_with(&wrong, trouble))?).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}
