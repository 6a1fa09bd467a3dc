//! Deciding a task: the case, the form, a page to confirm, and the answer.
//!
//! What is decided is the version that was shown: if the case has changed since, nothing is decided and the person reads
//! it again. The key of the request is made when the form is shown, so a double click decides once.

use crate::{
    Shared, State,
    api::{Order, Refusal, encoded},
    estimate,
    form::{self, Choice, Kind, Sent, Shown, TaskForm, Wrong},
    lang::{fill, filters},
    live, matters,
    page::{Frame, Html, Trouble, again, html},
    papers,
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
use serde_json::{Map, Value, json};

/// A task of an application, or of a ticket.
struct Task {
    id: String,
    /// Where its page is, and its answer below `/api/v1/`.
    place: &'static str,
    name: String,
    title: String,
    due: String,
    form: TaskForm,
}

impl Task {
    fn path(&self) -> String {
        format!("{}/{}", self.id, self.name)
    }

    /// Whether it is an application's.
    fn is_of_application(&self) -> bool {
        self.place == "applications"
    }
}

struct ShownChoice {
    code: &'static str,
    label: &'static str,
    is_chosen: bool,
    fields: Vec<Shown>,
}

#[derive(Template)]
#[template(path = "decision.html")]
struct DecisionPage {
    frame: Frame,
    id: String,
    place: &'static str,
    is_of_application: bool,
    path: String,
    title: String,
    due: String,
    facts: Vec<Fact>,
    /// The papers that are here, and the kinds of which there is none.
    papers: Vec<papers::Row>,
    missing: String,
    state: String,
    version: String,
    key: String,
    choices: Vec<ShownChoice>,
    /// Whether terms of a loan are among what is decided.
    has_estimate: bool,
    has_choice: bool,
    trouble: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    frame: Frame,
    path: String,
    title: String,
    id: String,
    choice: &'static str,
    fields: Vec<(&'static str, String)>,
    hidden: Vec<(String, String)>,
    /// What the loan would cost on these terms.
    facts: Vec<Fact>,
}

pub(crate) async fn show(
    Extract(state): Shared,
    session: Session,
    Path((id, name)): Path<(String, String)>,
) -> Result<Html, Trouble> {
    let task = find(&state, &session, encoded(&id), name).await?;
    page(&state, &session, &task, &Sent::new(), &Wrong::new(), "").await
}

pub(crate) async fn decide(
    Extract(state): Shared,
    session: Session,
    Path((id, name)): Path<(String, String)>,
    Form(sent): Form<Sent>,
) -> Result<Response, Trouble> {
    session.check(sent.get("csrf").map(String::as_str))?;
    let id = encoded(&id);
    let of = |name: &str| sent.get(name).map_or("", String::as_str);
    let form = task_form(&state, &name)?;
    let chosen = form.choices.iter().find(|choice| choice.code == of("choice") || form.tag.is_empty());
    let Some(choice) = chosen else {
        let task = find(&state, &session, id, name).await?;
        return Ok(again(page(&state, &session, &task, &sent, &Wrong::new(), "请选择一项决定。").await?));
    };
    let (body, wrong) = body(&form, choice, &sent);
    if !wrong.is_empty() {
        let task = find(&state, &session, id, name).await?;
        return Ok(again(page(&state, &session, &task, &sent, &wrong, "请更正标出的内容。").await?));
    }
    if of("confirmed").is_empty() {
        let task = find(&state, &session, id, name).await?;
        return Ok(confirm(&state, &session, &task, choice, &sent, &body).await?.into_response());
    }
    // Whether the task is still open is the interface's to say: what is sent twice is answered as the first time.
    let order = Order { key: of("key"), version: Some(of("version")), body: &body };
    match state.api.post(&session.access, &format!("tasks/{id}/{name}/decision"), &order).await {
        Ok(_) => Ok(Redirect::to(&format!("/{}/{id}?done={name}", matters::place(&state, &id))).into_response()),
        Err(refusal) => {
            let task = find(&state, &session, id, name).await;
            refused(&state, &session, task?, &sent, refusal).await
        }
    }
}

/// What the loan would cost on the terms typed so far; nothing as long as they make none.
pub(crate) async fn estimate(
    Extract(state): Shared,
    session: Session,
    Path((id, name)): Path<(String, String)>,
    Form(sent): Form<Sent>,
) -> Result<Html, Trouble> {
    session.check(sent.get("csrf").map(String::as_str))?;
    let form = task_form(&state, &name)?;
    let code = sent.get("choice").map_or("", String::as_str);
    let Some(choice) = form.choices.iter().find(|choice| choice.code == code) else {
        return live::estimate(Vec::new());
    };
    let (body, wrong) = body(&form, choice, &sent);
    if !wrong.is_empty() {
        return live::estimate(Vec::new());
    }
    let case = state.api.get(&session.access, &format!("applications/{}", encoded(&id))).await?.body;
    live::estimate(estimate::of(&body, &case["wish"]["term_months"], state.now(&session).await?.date()))
}

/// The form again, with what is wrong; anything that another try cannot mend is a page of its own.
async fn refused(
    state: &State,
    session: &Session,
    task: Task,
    sent: &Sent,
    refusal: Refusal,
) -> Result<Response, Trouble> {
    let stale = refusal.status == StatusCode::PRECONDITION_FAILED;
    if !stale && !refusal.can_be_mended() {
        return Err(refusal.into());
    }
    let trouble = if stale {
        "此案在您打开之后已有变化，没有作出决定。下面是最新内容，请核对后重新决定。".to_owned()
    } else {
        refusal.line()
    };
    let wrong: Wrong = refusal.errors.into_iter().collect();
    Ok(again(page(state, session, &task, sent, &wrong, &trouble).await?))
}

fn task_form(state: &State, name: &str) -> Result<TaskForm, Trouble> {
    let form = state.desk.tasks.iter().find(|(own, _)| *own == name).map(|(_, form)| *form);
    Ok(form.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "没有找到", "没有这种任务。"))?)
}

/// The task, if it is open and one of this person's.
async fn find(state: &State, session: &Session, id: String, name: String) -> Result<Task, Trouble> {
    let form = task_form(state, &name)?;
    let tasks = state.api.get(&session.access, &format!("tasks?matter={id}&limit=200")).await?.body;
    let wanted = json!(format!("{id}/{name}"));
    let found = tasks["items"].as_array().into_iter().flatten().find(|task| task["task_id"] == wanted);
    let task = found.ok_or_else(|| {
        let detail = "此任务已办结，或不属于您的岗位。请从待办列表重新打开。";
        Refusal::new(StatusCode::NOT_FOUND, "没有这项待办", detail)
    })?;
    let text = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
    let place = matters::place(state, &id);
    Ok(Task { id, place, name, title: text("title"), due: words::minute(&text("due_at")), form })
}

/// The decision as the interface takes it.
fn body(form: &TaskForm, choice: &Choice, sent: &Sent) -> (Value, Wrong) {
    let mut body = Map::new();
    if !form.tag.is_empty() {
        body.insert(form.tag.to_owned(), json!(choice.code));
    }
    let mut wrong = Wrong::new();
    form::read(choice.fields, &format!("{}.", choice.code), sent, &mut body, &mut wrong);
    let body = Value::Object(body);
    (if form.inside.is_empty() { body } else { json!({ form.inside: body }) }, wrong)
}

async fn page(
    state: &State,
    session: &Session,
    task: &Task,
    sent: &Sent,
    wrong: &Wrong,
    trouble: &str,
) -> Result<Html, Trouble> {
    let case = state.api.get(&session.access, &format!("{}/{}", task.place, task.id)).await?;
    let papers = match task.is_of_application() {
        true => papers::Section::of(state, session, &task.id, case.body["ended"] == true).await?,
        false => papers::Section::default(),
    };
    let standing = matters::standing(matters::of(state, &task.id), &case.body);
    let chosen = sent.get("choice").map_or("", String::as_str);
    let none = Wrong::new();
    // No decision is for more than was applied for.
    let asked = case.body["wish"]["amount_fen"].as_i64();
    let choices = task.form.choices.iter().map(|choice| {
        let is_chosen = choice.code == chosen || task.form.tag.is_empty();
        let prefix = format!("{}.", choice.code);
        let wrong = if is_chosen { wrong } else { &none };
        let fields = choice.fields.iter().map(|field| {
            let mut shown = Shown::of(field, &prefix, sent, wrong);
            if let Some(most) = asked.filter(|_| field.name == "amount_fen") {
                shown.most = fill("至多 {} 元。", &[&words::yuan(most)]);
            }
            shown
        });
        let fields = fields.collect();
        ShownChoice { code: choice.code, label: choice.label, is_chosen, fields }
    });
    html(&DecisionPage {
        frame: Frame::new(state, session),
        id: task.id.clone(),
        place: task.place,
        is_of_application: task.is_of_application(),
        path: task.path(),
        title: task.title.clone(),
        due: task.due.clone(),
        facts: words::facts(&case.body),
        missing: if task.is_of_application() { papers.missing(state) } else { String::new() },
        papers: papers.rows,
        state: standing.to_owned(),
        version: case.version,
        // A new key: what was refused was no decision, and what comes now is another request.
        key: random(),
        has_estimate: task.form.choices.iter().flat_map(|choice| choice.fields).any(|field| field.name == "rate_ppm"),
        has_choice: !task.form.tag.is_empty(),
        choices: choices.collect(),
        trouble: trouble.to_owned(),
    })
}

async fn confirm(
    state: &State,
    session: &Session,
    task: &Task,
    choice: &Choice,
    sent: &Sent,
    body: &Value,
) -> Result<Html, Trouble> {
    let case = state.api.get(&session.access, &format!("{}/{}", task.place, task.id)).await?.body;
    let months = &case["wish"]["term_months"];
    let prefix = format!("{}.", choice.code);
    let none = Wrong::new();
    let fields = choice.fields.iter().map(|field| (field.label, Shown::of(field, &prefix, sent, &none).confirmed()));
    let is_kept = |name: &str| ["key", "version", "choice"].contains(&name) || name.starts_with(&prefix);
    html(&ConfirmPage {
        frame: Frame::new(state, session),
        path: task.path(),
        title: task.title.clone(),
        id: task.id.clone(),
        choice: choice.label,
        fields: fields.collect(),
        hidden: sent
            .iter()
            .filter(|(name, _)| is_kept(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        facts: estimate::of(body, months, state.now(session).await?.date()),
    })
}
