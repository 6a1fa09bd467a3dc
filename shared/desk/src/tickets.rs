//! Work orders of the hotline as a list; one of them is a page of [`crate::matters`].

use crate::{
    Shared,
    api::{encoded, filtered},
    lang::filters,
    matters::state_zh,
    page::{Frame, Html, Trouble, html},
    session::Session,
    words,
};
use askama::Template;
use axum::extract::{Query, State as Extract};
use serde::Deserialize;
use serde_json::Value;

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
