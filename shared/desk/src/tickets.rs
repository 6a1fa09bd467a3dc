//! Work orders of the hotline: the list, and one with what was done with it. What is done next is a task, as everywhere.

use crate::{
    Shared, State,
    api::{encoded, filtered},
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

/// What numbers of tickets begin with.
const PREFIX: &str = "GD-";

/// Where the page of this number is, and the interface's answer below `/api/v1/`: `applications` or `tickets`.
pub(crate) fn place(state: &State, number: &str) -> &'static str {
    if state.desk.keeps_tickets && number.starts_with(PREFIX) { "tickets" } else { "applications" }
}

/// A ticket's state as people read it: what is returned here is no money.
pub(crate) fn state_zh(code: &str) -> &str {
    if code == "RETURNED" { t("已退单") } else { words::word(code) }
}

/// A ticket as a line of a list.
pub(crate) struct Row {
    pub id: String,
    pub category: String,
    pub state: String,
    pub ended: bool,
    pub received: String,
    pub due: String,
    pub replied: String,
    pub reply: String,
}

/// The tickets of a list that the interface gave.
pub(crate) fn rows(body: &Value) -> Vec<Row> {
    let row = |ticket: &Value| {
        let text = |name: &str| ticket[name].as_str().unwrap_or_default().to_owned();
        Row {
            id: text("ticket_id"),
            category: words::word(&text("category")).to_owned(),
            ended: ticket["closed_at"].is_string() || ticket["ended"] == true,
            state: state_zh(&text("ticket_state")).to_owned(),
            received: words::minute(&text("received_at")),
            due: words::minute(&text("due_at")),
            replied: words::minute(&text("replied_at")),
            reply: text("reply"),
        }
    };
    body["items"].as_array().into_iter().flatten().map(row).collect()
}

#[derive(Default, Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    status: String,
    #[serde(default)]
    ended: String,
    #[serde(default)]
    cursor: String,
}

#[derive(Template)]
#[template(path = "tickets.html")]
struct ListPage {
    frame: Frame,
    filter: Filter,
    states: Vec<(&'static str, &'static str)>,
    tickets: Vec<Row>,
    next: Option<String>,
}

const STATES: [&str; 12] = [
    "RECEIVED",
    "DISPATCHED",
    "RETURNED",
    "SIGNED_FOR",
    "HANDLING",
    "EXTENDED",
    "REPLIED",
    "VISITED",
    "REOPENED",
    "SUPERVISED",
    "ANSWERED_AT_ONCE",
    "CLOSED",
];

pub(crate) async fn list(
    Extract(state): Shared,
    session: Session,
    Query(filter): Query<Filter>,
) -> Result<Html, Trouble> {
    let filters = [("status", &filter.status), ("ended", &filter.ended), ("cursor", &filter.cursor)];
    let body = state.api.get(&session.access, &filtered("tickets?limit=50", filters)).await?.body;
    html(&ListPage {
        frame: Frame::new(&state, &session),
        states: STATES.map(|code| (code, state_zh(code))).into(),
        tickets: rows(&body),
        next: body["next_cursor"].as_str().map(encoded),
        filter,
    })
}

/// What was done with a ticket: when, by whom, what.
struct Act {
    at: String,
    by: String,
    what: String,
    said: String,
    state: String,
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketPage {
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
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
    Query(Done { done }): Query<Done>,
) -> Result<Html, Trouble> {
    let id = encoded(&id);
    let mut ticket = state.api.get(&session.access, &format!("tickets/{id}")).await?.body;
    let acts = ticket["acts"].take();
    let now = state.now(&session).await?;
    let tasks = tasks::open(&state, &session, now, &format!("tasks?matter={id}&limit=200")).await?.tasks;
    html(&TicketPage {
        frame: Frame::new(&state, &session),
        state: state_zh(ticket["ticket_state"].as_str().unwrap_or_default()).to_owned(),
        ended: ticket["ended"] == true,
        about: ticket["about_application"].as_str().unwrap_or_default().to_owned(),
        facts: words::facts(&ticket),
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
