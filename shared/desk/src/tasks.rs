//! The workbench and the list of tasks.

use crate::{
    Shared, State,
    api::encoded,
    lang::filters,
    live, matters,
    page::{Frame, Html, Trouble, html},
    session::Session,
    words::{self, Fact},
};
use askama::Template;
use axum::extract::{Query, State as Extract};
use domain::Moment;
use serde::Deserialize;
use serde_json::Value;

/// A task that is due within so long is nearly due.
const NEARLY_MS: i64 = 24 * 3_600_000;

pub(crate) struct Row {
    /// Number of the application, or of the ticket.
    pub id: String,
    /// Where its page is: `applications` or `tickets`.
    pub place: &'static str,
    pub path: String,
    pub title: String,
    pub role: String,
    pub opened: String,
    pub due: String,
    /// Who has it in hand.
    pub claimed_by: String,
    /// Whether whoever reads may decide it now: a supervisor only hands it over.
    pub decides: bool,
    pub urgency: &'static str,
    pub urgency_zh: &'static str,
}

#[derive(Template)]
#[template(path = "workbench.html")]
struct Workbench {
    frame: Frame,
    is_applicant: bool,
    uscc: String,
    found: Vec<crate::cases::Row>,
    trouble: String,
    /// Whether who reads looks at no application, and asks how far one is.
    is_clerk: bool,
    application_id: String,
    /// How far it is.
    progress: Vec<Fact>,
    waiting: Vec<String>,
    mine: usize,
    nearly: usize,
    overdue: usize,
    incidents: usize,
    tasks: Vec<Row>,
    /// Tells this list from a later one.
    seen: String,
    now: String,
}

#[derive(Default, Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    pub role: String,
    #[serde(default)]
    pub application_id: String,
    #[serde(default)]
    uscc: String,
    #[serde(default)]
    pub cursor: String,
}

pub(crate) async fn workbench(
    Extract(state): Shared,
    session: Session,
    Query(filter): Query<Filter>,
) -> Result<Html, Trouble> {
    let now = state.now(&session).await?;
    let mut page = Workbench {
        frame: Frame::new(&state, &session),
        is_applicant: session.is_applicant(),
        uscc: filter.uscc.trim().to_owned(),
        found: Vec::new(),
        trouble: String::new(),
        is_clerk: session.is_clerk(&state),
        application_id: filter.application_id.trim().to_owned(),
        progress: Vec::new(),
        waiting: Vec::new(),
        mine: 0,
        nearly: 0,
        overdue: 0,
        incidents: 0,
        tasks: Vec::new(),
        seen: String::new(),
        now: words::minute(&now.to_string()),
    };
    if page.is_applicant {
        if !page.uscc.is_empty() {
            match state.api.get(&session.access, &format!("applications?limit=200&uscc={}", encoded(&page.uscc))).await
            {
                Ok(found) => page.found = crate::cases::rows(&found.body),
                Err(refusal) if refusal.status == axum::http::StatusCode::BAD_REQUEST => {
                    page.trouble = "统一社会信用代码有误，应为营业执照上的 18 位代码。".to_owned()
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
        return html(&page);
    }
    let Open { tasks, .. } = open(&state, &session, now, "tasks?limit=200").await?;
    page.seen = live::digest(&state.api.get(&session.access, &live::path_of(&Filter::default())).await?.body);
    page.mine = tasks.len();
    page.nearly = tasks.iter().filter(|task| task.urgency == "nearly").count();
    page.overdue = tasks.iter().filter(|task| task.urgency == "overdue").count();
    page.tasks = tasks.into_iter().take(20).collect();
    if page.is_clerk {
        ask_progress(&state, &session, &mut page).await?;
        return html(&page);
    }
    let incidents = state.api.get(&session.access, "incidents?limit=200").await?.body;
    page.incidents = incidents["items"].as_array().map_or(0, Vec::len);
    html(&page)
}

/// How far an application is, for whoever looks at none.
async fn ask_progress(state: &State, session: &Session, page: &mut Workbench) -> Result<(), Trouble> {
    if page.application_id.is_empty() {
        return Ok(());
    }
    match state.api.get(&session.access, &format!("applications/{}/status", encoded(&page.application_id))).await {
        Ok(found) => {
            page.waiting = crate::cases::waiting(&found.body);
            let state = words::word(found.body["state"].as_str().unwrap_or_default()).to_owned();
            page.progress = vec![Fact { depth: 0, name: words::word("state").to_owned(), value: state }];
            page.progress.extend(words::facts(&found.body));
        }
        Err(refusal) if refusal.status == axum::http::StatusCode::NOT_FOUND => page.trouble = refusal.line(),
        Err(refusal) => return Err(refusal.into()),
    }
    Ok(())
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksPage {
    frame: Frame,
    filter: Filter,
    roles: Vec<(String, String)>,
    tasks: Vec<Row>,
    next: Option<String>,
    seen: String,
    /// The query of this list.
    query: String,
}

pub(crate) async fn list(
    Extract(state): Shared,
    session: Session,
    Query(filter): Query<Filter>,
) -> Result<Html, Trouble> {
    let path = live::path_of(&filter);
    let Open { tasks, next, seen } = open(&state, &session, state.now(&session).await?, &path).await?;
    let roles = session.roles.iter().filter(|role| *role != "auditor" && *role != "operator");
    html(&TasksPage {
        frame: Frame::new(&state, &session),
        roles: roles.map(|role| (role.clone(), words::word(role).to_owned())).collect(),
        tasks,
        next,
        seen,
        query: path.trim_start_matches("tasks?limit=50").to_owned(),
        filter,
    })
}

/// A page of open tasks.
pub(crate) struct Open {
    pub tasks: Vec<Row>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Tells this list from a later one.
    pub seen: String,
}

/// Reads a page of open tasks.
pub(crate) async fn open(state: &State, session: &Session, now: Moment, path: &str) -> Result<Open, Trouble> {
    let body = state.api.get(&session.access, path).await?.body;
    let rows = body["items"].as_array().into_iter().flatten().map(|task| row(state, task, now, session));
    Ok(Open { tasks: rows.collect(), next: body["next_cursor"].as_str().map(encoded), seen: live::digest(&body) })
}

fn row(state: &State, task: &Value, now: Moment, session: &Session) -> Row {
    let text = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
    let (due, claimed_by) = (text("due_at"), text("claimed_by"));
    let left = Moment::parse(&due).map_or(i64::MAX, |due| due.millis().saturating_sub(now.millis()));
    let (urgency, urgency_zh) = if left <= 0 || task["escalated"] == true {
        ("overdue", "已超期")
    } else if left <= NEARLY_MS {
        ("nearly", "将到期")
    } else {
        ("", "")
    };
    let path = text("task_id");
    let id = path.split_once('/').map_or(path.as_str(), |(id, _)| id).to_owned();
    Row {
        place: matters::place(state, &id),
        id,
        path,
        title: text("title"),
        role: words::word(&text("role")).to_owned(),
        opened: words::minute(&text("opened_at")),
        due: words::minute(&due),
        decides: session.has(&text("role")) && (claimed_by.is_empty() || session.is_also(&claimed_by)),
        claimed_by: words::person(&claimed_by),
        urgency,
        urgency_zh,
    }
}
