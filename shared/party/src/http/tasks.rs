//! What waits for a person, and what the person decides.

use super::{AUDITOR, App, Caller, OPERATOR, Page, Writing, application_id, page_limit, unreadable};
use crate::handle::Seen;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::Response,
};
use domain::{ApplicationId, Moment};
use organisation::{
    Key, Organisation, Person,
    people::{Handover, SUPERVISOR, To},
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use web::{IfMatch, Problem, Query, utoipa};

/// Which tasks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TasksQuery {
    role: Option<String>,
    application_id: Option<String>,
    matter: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/v1/tasks`.
pub(super) async fn list<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<TasksQuery>,
) -> Result<Response, Problem> {
    let limit = page_limit(query.limit)?;
    let application = query.application_id.as_deref().map(application_id).transpose()?.map(|id| id.to_string());
    let matter = application.or(query.matter);
    let after = query.cursor.as_deref().map(place).transpose()?.unwrap_or((i64::MIN, String::new()));
    let mut found = Vec::new();
    for role in roles(&caller, query.role)? {
        let tasks = app
            .handle
            .readers
            .tasks(role.as_deref(), matter.as_deref(), (after.0, &after.1), limit + 1)
            .await
            .map_err(|error| unreadable(&error))?;
        for task in tasks {
            found.push(Task::read(&task)?);
        }
    }
    found.sort_by(|a, b| (a.due_at, &a.task_id).cmp(&(b.due_at, &b.task_id)));
    let page = Page::cut(found, limit, |last| format!("{} {}", last.due_at, last.task_id));
    let items: Vec<Value> = page.items.iter().map(|task| task.view.clone()).collect();
    page.with(items).respond(&uri)
}

/// The roles whose tasks are wanted, `None` for every role: an officer's own, or any for whoever oversees them.
fn roles(caller: &Caller, wanted: Option<String>) -> Result<Vec<Option<String>>, Problem> {
    let oversees = [OPERATOR, AUDITOR, SUPERVISOR].iter().any(|role| caller.has(role));
    match wanted {
        Some(role) if oversees || caller.has(&role) => Ok(vec![Some(role)]),
        Some(role) => Err(Problem::forbidden(format!("只能查看本人角色的任务，您没有角色 {role}。"))),
        None if oversees => Ok(vec![None]),
        None => Ok(caller.roles.iter().cloned().map(Some).collect()),
    }
}

/// The place after which a page begins: due time and task.
fn place(cursor: &str) -> Result<(i64, String), Problem> {
    let place = web::decode_cursor(cursor)?;
    let read = || {
        let (due_at, task_id) = place.split_once(' ')?;
        Some((due_at.parse().ok()?, task_id.to_owned()))
    };
    read().ok_or_else(|| Problem::bad_request("INVALID_CURSOR", "cursor 应为上一页给出的值。"))
}

struct Task {
    due_at: i64,
    task_id: String,
    view: Value,
}

impl Task {
    /// A task as the store keeps it, its times as people read them.
    fn read(body: &str) -> Result<Self, Problem> {
        let view: Value = serde_json::from_str(body).map_err(|error| Problem::internal(&error))?;
        let due_at = view["due_at"].as_i64().unwrap_or_default();
        let task_id = view["task_id"].as_str().unwrap_or_default().to_owned();
        Ok(Task { due_at, task_id, view: for_people(view) })
    }
}

/// An open task as people read it.
fn for_people(mut view: Value) -> Value {
    for time in ["opened_at", "due_at"] {
        if let Some(at) = view[time].as_i64() {
            view[time] = Moment::from_millis(at).to_string().into();
        }
    }
    if let Some(decision) = view["task_id"].as_str().map(|id| format!("/api/v1/tasks/{id}/decision")) {
        view["decision"] = decision.into();
    }
    view
}

/// `POST /api/v1/tasks/{task_id}/decision`, and what else is done with a task.
///
/// Whether the task is open is the core's to say, not the task list's: a decision that is sent again under its key finds
/// its task closed by itself.
pub(super) async fn decide<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(path): Path<String>,
    caller: Caller,
    seen: Result<IfMatch, Problem>,
    writing: Result<Writing, Problem>,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("没有此任务，任务编号见 GET /api/v1/tasks。");
    let (task_id, verb) = path.rsplit_once('/').ok_or_else(unknown)?;
    let (id, task) = task_id.split_once('/').ok_or_else(unknown)?;
    app.policy.at_task(verb, &caller)?;
    let matter = (app.edge.matter)(id);
    if verb != "decision" {
        if matter.is_some() {
            return Err(Problem::not_found("此任务不认领也不改派：该岗位的任何人都可以办理。"));
        }
        return hand(&app, application_id(id)?, task, verb, writing?).await;
    }
    let key = match matter {
        Some(key) => key,
        None => app.key(&application_id(id)?),
    };
    let IfMatch(version) = seen?;
    let writing = writing?;
    let decision = (app.edge.decide)(&app.vault, task, id, writing.json_bytes()?)?;
    let shown = shown(&app, &key, version).await?;
    let expected = Some(Seen { key, version, shown });
    app.command(writing, decision.command, expected, decision.sealed).await
}

/// The hash of what reading the application, or what else it is, is answered with for this version, if that is still the version:
/// whoever decides on it was shown exactly these bytes.
async fn shown<O: Organisation>(app: &App<O>, key: &Key, version: u64) -> Result<Option<String>, Problem> {
    let row = app.handle.readers.state(&key.to_string()).await.map_err(|error| unreadable(&error))?;
    let Some(row) = row.filter(|row| row.version == version) else { return Ok(None) };
    let view = serde_json::to_vec(&app.view(&row)?).map_err(|error| Problem::internal(&error))?;
    Ok(Some(hex::encode(Sha256::digest(&view))))
}

/// To whom a supervisor hands a task, and why.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reassignment {
    /// 承办人
    person: String,
    /// 理由，2 至 500 字
    because: String,
}

/// `POST /api/v1/tasks/{task_id}/claim`, `…/release`, `…/reassignment`: who has it in hand. The version does not matter: nothing
/// is decided.
async fn hand<O: Organisation>(
    app: &App<O>,
    application_id: ApplicationId,
    task: &str,
    verb: &str,
    writing: Writing,
) -> Result<Response, Problem> {
    let to = match verb {
        "claim" => To::Me,
        "release" => To::Nobody,
        "reassignment" => {
            let Reassignment { person, because } = writing.json()?;
            let task_id = organisation::task_id(&application_id, task);
            let open = app.handle.readers.task(&task_id).await.map_err(|error| unreadable(&error))?;
            let role = open.and_then(|body| serde_json::from_str::<Value>(&body).ok());
            let role = role.as_ref().and_then(|task| task["role"].as_str());
            let holds = match role {
                Some(role) => app.handle.readers.holds(&person, role).await.map_err(|error| unreadable(&error))?,
                // Whether there is such a task is the core's to say.
                None => true,
            };
            if !holds {
                let detail = format!("{person} 不具有办理此任务的角色，请改派给具有该角色的人。");
                return Err(Problem::conflict("NO_SUCH_OFFICER", detail).title("不能改派"));
            }
            To::Other { person: Person::new(person), because }
        }
        _ => return Err(Problem::not_found("没有此操作；任务可以 decision、claim、release、reassignment。")),
    };
    let handover = Handover { application_id, task: task.to_owned(), to };
    app.command(writing, (app.edge.hand)(handover), None, None).await
}
