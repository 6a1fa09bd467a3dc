//! Matters beside applications that have tasks: the page of one, with what was done with it. What is done next is a task, as everywhere.

use crate::{
    Matter, Shared, State,
    api::encoded,
    lang::{fill, filters, t},
    page::{Frame, Html, Trouble, html},
    session::Session,
    tasks,
    words::{self, Fact},
};
use askama::Template;
use axum::extract::{Path, Query, State as Extract};
use serde::Deserialize;
use serde_json::Value;

/// The kind of matter that has this number; none: it is an application's.
pub(crate) fn of(state: &State, number: &str) -> Option<&'static Matter> {
    state.desk.matters.iter().find(|matter| number.starts_with(matter.prefix))
}

/// Where the page of this number is, and the interface's answer below `/api/v1/`: `applications`, `tickets` …
pub(crate) fn place(state: &State, number: &str) -> &'static str {
    of(state, number).map_or("applications", |matter| matter.path)
}

/// The state as people read it: what is returned here is no money.
pub(crate) fn state_zh(code: &str) -> &str {
    if code == "RETURNED" { t("已退单") } else { words::word(code) }
}

/// The state of a matter or an application, as the interface shows it.
pub(crate) fn standing<'v>(of: Option<&Matter>, shown: &'v Value) -> &'v str {
    match of {
        Some(matter) => state_zh(shown[matter.state].as_str().unwrap_or_default()),
        None => words::word(shown["state"].as_str().unwrap_or_default()),
    }
}

/// What was done: when, by whom, what.
struct Act {
    at: String,
    by: String,
    what: String,
    said: String,
    state: String,
}

#[derive(Template)]
#[template(path = "matter.html")]
struct MatterPage {
    frame: Frame,
    id: String,
    state: String,
    ended: bool,
    /// The application that it is about.
    about: String,
    facts: Vec<Fact>,
    acts: Vec<Act>,
    tasks: Vec<tasks::Row>,
    done: bool,
}

#[derive(Default, Deserialize)]
pub(crate) struct Done {
    #[serde(default)]
    done: String,
}

pub(crate) async fn one(
    matter: &'static Matter,
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
    Query(Done { done }): Query<Done>,
) -> Result<Html, Trouble> {
    let id = encoded(&id);
    let mut shown = state.api.get(&session.access, &format!("{}/{id}", matter.path)).await?.body;
    let acts = shown["acts"].take();
    let about = ["about_application", "assigned_to"].into_iter().find_map(|name| shown[name].as_str());
    let now = state.now(&session).await?;
    let tasks = tasks::open(&state, &session, now, &format!("tasks?matter={id}&limit=200")).await?.tasks;
    html(&MatterPage {
        frame: Frame::new(&state, &session),
        state: standing(Some(matter), &shown).to_owned(),
        ended: shown["ended"] == true,
        about: about.unwrap_or_default().to_owned(),
        facts: words::facts(&shown),
        acts: acts.as_array().into_iter().flatten().map(act).collect(),
        tasks,
        done: !done.is_empty(),
        id,
    })
}

fn act(done: &Value) -> Act {
    let text = |name: &str| done[name].as_str().unwrap_or_default();
    let name = match (text("act"), &done["granted"]) {
        ("decide_extension", Value::Bool(true)) => "grant",
        ("decide_extension", _) => "refuse",
        (name, _) => name,
    };
    let said = ["reply", "unit", "because", "reason", "application_id", "satisfaction"].into_iter();
    let said = said.map(|name| words::word(text(name)).to_owned()).filter(|said| !said.is_empty());
    Act {
        at: words::minute(text("at")),
        by: words::person(text("by")),
        what: words::word(name).to_owned(),
        said: said.fold(String::new(), |all, one| if all.is_empty() { one } else { fill("{}；{}", &[&all, &one]) }),
        state: state_zh(text("ticket_state")).to_owned(),
    }
}
