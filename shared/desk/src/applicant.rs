//! Applying in steps, and withdrawing.
//!
//! The draft stays with the applicant: sealed, in the browser that it is typed in, for thirty days (DOMAIN.md S1-1). The
//! service keeps nothing of it until it is filed.

use crate::{
    Shared, State,
    api::{Order, Refusal, encoded},
    form::{self, Application, Kind, Sent, Shown, Wrong},
    lang::filters,
    page::{Frame, Html, Trouble, again, html},
    session::{Session, cookie, random},
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State as Extract},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is filled in so far.
#[derive(Default, Serialize, Deserialize)]
struct Draft {
    /// Whose it is: another account at the same browser does not see it.
    account: String,
    /// The key that it is filed under, however often.
    key: String,
    fields: Sent,
}

impl Draft {
    /// Whether the applicant has given this consent.
    fn has_given(&self, code: &str) -> bool {
        self.fields.get(&format!("consent.{code}")).is_some_and(|given| given == "yes")
    }
}

#[derive(Template)]
#[template(path = "apply.html")]
struct ApplyPage {
    frame: Frame,
    step: usize,
    steps: Vec<(usize, &'static str)>,
    title: &'static str,
    is_last: bool,
    fields: Vec<Shown>,
    consents: Vec<(&'static str, &'static str, bool, bool)>,
    trouble: String,
    others: Vec<String>,
}

pub(crate) async fn step(
    Extract(state): Shared,
    session: Session,
    headers: HeaderMap,
    Path(step): Path<usize>,
) -> Result<Html, Trouble> {
    let draft = draft(&state, &session, &headers);
    page(&state, &session, step, &draft, &Wrong::new(), "")
}

/// Keeps what was typed and goes on to the next step; the last one files.
pub(crate) async fn keep(
    Extract(state): Shared,
    session: Session,
    headers: HeaderMap,
    Path(step): Path<usize>,
    Form(sent): Form<Sent>,
) -> Result<Response, Trouble> {
    session.check(sent.get("csrf").map(String::as_str))?;
    let application = application(&state)?;
    let mut draft = draft(&state, &session, &headers);
    let (_, fields) = *application.steps.get(step.wrapping_sub(1)).ok_or_else(no_such_step)?;
    for field in fields {
        draft.fields.insert(field.name.to_owned(), sent.get(field.name).cloned().unwrap_or_default());
    }
    let is_last = step == application.steps.len();
    if is_last {
        for (code, _, _) in application.consents {
            draft
                .fields
                .insert(format!("consent.{code}"), sent.get(&format!("consent.{code}")).cloned().unwrap_or_default());
        }
    }
    let mut body = Map::new();
    let mut wrong = Wrong::new();
    form::read(fields, "", &draft.fields, &mut body, &mut wrong);
    let response = if !wrong.is_empty() {
        again(page(&state, &session, step, &draft, &wrong, "请更正标出的内容。")?)
    } else if is_last {
        match file(&state, &session, application, &draft).await {
            Ok(id) => {
                let filed = Redirect::to(&format!("/applications/{id}?done=filed")).into_response();
                return Ok(state.sealer.kept_by(filed, "draft", None, KEPT, &headers));
            }
            Err(refusal) if refusal.can_be_mended() => {
                // What comes next is another request.
                draft.key = random();
                let trouble = refusal.line();
                let wrong: Wrong = refusal.errors.into_iter().collect();
                // The first step with something wrong in it is shown; what belongs to no field stands above.
                let first = application
                    .steps
                    .iter()
                    .position(|(_, fields)| fields.iter().any(|field| wrong.contains_key(field.name)));
                again(page(&state, &session, first.map_or(step, |at| at + 1), &draft, &wrong, &trouble)?)
            }
            Err(refusal) => return Err(refusal.into()),
        }
    } else {
        Redirect::to(&format!("/apply/{}", step + 1)).into_response()
    };
    let sealed = state.sealer.seal("draft", &draft)?;
    Ok(state.sealer.kept_by(response, "draft", Some(&sealed), KEPT, &headers))
}

fn no_such_step() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "没有找到", "没有这一步。")
}

fn application(state: &State) -> Result<&'static Application, Refusal> {
    state.desk.application.ok_or_else(no_such_step)
}

fn draft(state: &State, session: &Session, headers: &HeaderMap) -> Draft {
    let kept =
        cookie(headers, &state.sealer.name("draft")).and_then(|sealed| state.sealer.open::<Draft>("draft", sealed));
    kept.filter(|draft| draft.account == session.account).unwrap_or_else(|| Draft {
        account: session.account.clone(),
        key: random(),
        fields: Sent::new(),
    })
}

/// Files the draft; its number.
async fn file(state: &State, session: &Session, application: &Application, draft: &Draft) -> Result<String, Refusal> {
    let mut body = Map::new();
    let mut wrong = Wrong::new();
    for (_, fields) in application.steps {
        form::read(fields, "", &draft.fields, &mut body, &mut wrong);
    }
    if !wrong.is_empty() {
        let mut refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "内容不符合要求", "请更正标出的内容。");
        refusal.errors = wrong.into_iter().collect();
        return Err(refusal);
    }
    for (name, value) in application.constant {
        body.insert((*name).to_owned(), json!(value));
    }
    let now = state.now(session).await?.to_string();
    let consents = application
        .consents
        .iter()
        .filter(|(code, _, _)| draft.has_given(code))
        .map(|(code, _, _)| json!({ "type": code, "text_version": application.consents_version, "given_at": now }));
    body.insert("consents".to_owned(), consents.collect());
    let order = Order { key: &draft.key, version: None, body: &Value::Object(body) };
    let filed = state.api.post(&session.access, "applications", &order).await?;
    Ok(filed.body["application_id"].as_str().unwrap_or_default().to_owned())
}

fn page(
    state: &State,
    session: &Session,
    step: usize,
    draft: &Draft,
    wrong: &Wrong,
    trouble: &str,
) -> Result<Html, Trouble> {
    let application = application(state)?;
    let (title, fields) = *application.steps.get(step.wrapping_sub(1)).ok_or_else(no_such_step)?;
    let is_last = step == application.steps.len();
    let own = |name: &str| fields.iter().any(|field| field.name == name);
    let consents =
        application.consents.iter().map(|(code, text, required)| (*code, *text, *required, draft.has_given(code)));
    html(&ApplyPage {
        frame: Frame::new(state, session),
        step,
        steps: application.steps.iter().enumerate().map(|(at, (title, _))| (at + 1, *title)).collect(),
        title,
        is_last,
        fields: fields.iter().map(|field| Shown::of(field, "", &draft.fields, wrong)).collect(),
        consents: if is_last { consents.collect() } else { Vec::new() },
        trouble: trouble.to_owned(),
        others: wrong.iter().filter(|(name, _)| !own(name)).map(|(_, why)| why.clone()).collect(),
    })
}

#[derive(Deserialize)]
pub(crate) struct Withdrawal {
    csrf: Option<String>,
    key: String,
    reason: String,
}

pub(crate) async fn withdraw(
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
    Form(form): Form<Withdrawal>,
) -> Result<Redirect, Trouble> {
    session.check(form.csrf.as_deref())?;
    let id = encoded(&id);
    let order = Order { key: &form.key, version: None, body: &json!({ "reason": form.reason }) };
    state.api.post(&session.access, &format!("applications/{id}/withdrawal"), &order).await?;
    Ok(Redirect::to(&format!("/applications/{id}?done=withdrawn")))
}
