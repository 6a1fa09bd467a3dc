//! A task changes hands: claimed, given back, or handed to somebody else by a supervisor.

use crate::{
    Shared,
    api::{Order, Refusal, encoded},
    lang::filters,
    page::{Frame, Html, Trouble, html},
    session::{Session, random},
    words,
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State as Extract},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::json;

/// Hands tasks over.
pub(crate) const SUPERVISOR: &str = "supervisor";

#[derive(Template)]
#[template(path = "handover.html")]
struct HandoverPage {
    frame: Frame,
    id: String,
    path: String,
    title: String,
    role: String,
    claimed_by: String,
    may_claim: bool,
    may_release: bool,
    may_reassign: bool,
    key: String,
}

pub(crate) async fn show(
    Extract(state): Shared,
    session: Session,
    Path((id, name)): Path<(String, String)>,
) -> Result<Html, Trouble> {
    let (id, name) = (encoded(&id), encoded(&name));
    let list = state.api.get(&session.access, &format!("tasks?application_id={id}&limit=200")).await?.body;
    let path = format!("{id}/{name}");
    let task = list["items"].as_array().into_iter().flatten().find(|task| task["task_id"] == path.as_str());
    let task = task.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "没有找到", "没有这项待办，或已办理。"))?;
    let role = task["role"].as_str().unwrap_or_default();
    let claimed_by = task["claimed_by"].as_str().unwrap_or_default();
    let supervises = session.has(SUPERVISOR);
    html(&HandoverPage {
        frame: Frame::new(&state, &session),
        title: task["title"].as_str().unwrap_or_default().to_owned(),
        role: words::word(role).to_owned(),
        may_claim: claimed_by.is_empty() && session.has(role),
        may_release: !claimed_by.is_empty() && (supervises || session.is_also(claimed_by)),
        may_reassign: supervises,
        claimed_by: words::person(claimed_by),
        key: random(),
        id,
        path,
    })
}

/// What is done with the task.
#[derive(Deserialize)]
pub(crate) struct Handing {
    csrf: Option<String>,
    key: String,
    verb: String,
    #[serde(default)]
    person: String,
    #[serde(default)]
    because: String,
}

pub(crate) async fn hand(
    Extract(state): Shared,
    session: Session,
    Path((id, name)): Path<(String, String)>,
    Form(form): Form<Handing>,
) -> Result<Response, Trouble> {
    session.check(form.csrf.as_deref())?;
    let (id, name) = (encoded(&id), encoded(&name));
    let (verb, body) = match form.verb.as_str() {
        "claim" => ("claim", json!({})),
        "release" => ("release", json!({})),
        _ => {
            let person = form.person.trim();
            let person = if person.contains(':') { person.to_owned() } else { format!("person:{person}") };
            ("reassignment", json!({ "person": person, "because": form.because.trim() }))
        }
    };
    let order = Order { key: &form.key, version: None, body: &body };
    state.api.post(&session.access, &format!("tasks/{id}/{name}/{verb}"), &order).await?;
    let next = if verb == "claim" { format!("/tasks/{id}/{name}") } else { "/tasks".to_owned() };
    Ok(Redirect::to(&next).into_response())
}
